/** Lines passed over as bytes change nothing: filters find the same with `sift` as with every line looked at. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryFiles } from '../../src/guard/config/files.ts'
import { readFilter } from '../../src/guard/config/read-filter.ts'
import { createFilter, type Filter } from '../../src/guard/filter/index.ts'
import { ownFilters } from '../../src/guard/filters/index.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { sharedPath } from '../shared.ts'

const installed = '/usr/lib/python3/dist-packages/fail2ban/tests/files/logs'
const logs = existsSync(installed) ? installed : sharedPath('conformance/fail2ban/logs')
const stock = existsSync('/etc/fail2ban/filter.d') ? '/etc/fail2ban' : sharedPath('conformance/fail2ban/etc')
const nowMs = Date.UTC(2026, 10, 21, 19)

/** Stock filters with the samples of each; our own sshd where there are none. */
const names =
  logs === null || stock === null
    ? ['sshd']
    : readdirSync(join(stock, 'filter.d'))
        .filter((file) => /(?<!common)\.conf$/.test(file))
        .map((file) => file.slice(0, -5))
        .filter((name) => existsSync(join(logs, name)))

const sshdSamples = [
  'Nov 21 18:30:00 gate sshd[7]: Failed password for root from 198.51.100.7 port 4000 ssh2',
  'Nov 21 18:30:01 gate sshd[7]: Accepted password for root from 198.51.100.8 port 4001 ssh2',
  'Nov 21 18:30:02 gate sshd[8]: Invalid user é from 198.51.100.7 port 4000',
]
const samplesOf = (name: string): string[] =>
  logs === null
    ? sshdSamples
    : readFileSync(join(logs, name), 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))

/** Lines that most filters have nothing to do with, in several forms of dates. */
const others = [
  'Nov 21 18:31:07 gate CRON[712]: pam_unix(cron:session): session closed for user root',
  'Nov 21 18:31:07 gate sudo: eve : TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/ls',
  'Nov  1 08:01:59 gate systemd[1]: Started Session 12 of user eve.',
  '2026-11-21T18:59:30.123456+01:00 gate kernel: [1.2] IN=eth0 SRC=198.51.100.9',
  '2026-11-21 18:59:31,5 gate app: é is not ASCII',
  'no date at all, and later lines take theirs from earlier ones',
  'Nov 21 18:31:08',
  '',
  'Feb 30 18:31:08 gate there is no such day',
  `Nov 21 18:59:50 gate app: ${'long '.repeat(2000)}`,
]

function found(filter: Filter, lines: readonly string[]): unknown[] {
  return lines.flatMap((line) => filter.process(line, { nowMs }))
}

function sifted(filter: Filter, lines: readonly string[], blockLines: number): [unknown[], number] {
  const all: unknown[] = []
  let looked = 0
  for (let at = 0; at < lines.length; at += blockLines) {
    const bytes = Buffer.from(`${lines.slice(at, at + blockLines).join('\n')}\n`)
    const textOf = (start: number, end: number) => bytes.toString('utf8', start, end)
    const source = filter.sift({ bytes, textOf }, nowMs)
    for (let line = source.next(); line !== null; line = source.next()) {
      looked++
      all.push(...filter.process(line, { nowMs }))
    }
  }
  return [all, looked]
}

describe('lines passed over', () => {
  it.each(names)('%s', (name) => {
    const { definition } = readFilter(machineFiles, name, { folder: stock ?? '', filters: ownFilters })
    const samples = samplesOf(name)
    const story = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...others) },
        { weight: 1, arbitrary: fc.constantFrom(...samples) },
        {
          weight: 1,
          arbitrary: fc
            .tuple(fc.constantFrom('Nov 21 18:59:55 ', '2026-11-21T18:59:56Z '), fc.constantFrom(...samples))
            .map(([date, sample]) => date + sample.slice(16)),
        },
      ),
      { minLength: 1, maxLength: 120 },
    )
    fc.assert(
      fc.property(story, fc.integer({ min: 1, max: 40 }), (lines, blockLines) => {
        // nothing is passed over, every date is found by the templates, every expression tried
        const [plain, fast] = [createFilter(definition!, { shortcuts: false }), createFilter(definition!)]
        const [failures] = sifted(fast, lines, blockLines)
        expect(failures).toEqual(found(plain, lines))
        expect(fast.dateHits).toEqual(plain.dateHits)
        expect(found(createFilter(definition!), lines)).toEqual(failures)
      }),
      {
        numRuns: 2 * Number(process.env.FUZZ_FACTOR ?? 1),
      },
    )
  })

  it('are most of a log', () => {
    const { definition } = readFilter(memoryFiles({}), 'sshd', { filters: ownFilters })
    const lines = Array.from({ length: 1000 }, (_, at) => (at % 10 === 5 ? sshdSamples[0]! : others[at % 3]!))
    const [failures, looked] = sifted(createFilter(definition!), lines, 100)
    expect(failures.length).toBe(100)
    expect(looked).toBeLessThan(300)
  })
})
