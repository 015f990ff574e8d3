/** The counts of `postern guard test` are those of the real fail2ban-regex: lines, and hits of each expression. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FilterTally } from '../../src/cli/report/guard-tally.ts'
import { readFilter } from '../../src/guard/config/read-filter.ts'
import { createFilter } from '../../src/guard/filter/index.ts'
import { machineFiles } from '../../src/linux/config-files.ts'

const samples = '/usr/lib/python3/dist-packages/fail2ban/tests/files/logs'
const isThere = existsSync('/usr/bin/fail2ban-regex') && existsSync(samples)
const reason = isThere ? '' : ' (fail2ban is not installed)'

/** A log of one sshd after another, with harmless lines between. */
function sshdLog(): string[] {
  const lines: string[] = []
  for (let at = 0; at < 600; at++) {
    const stamp = `Nov ${String(1 + (at % 20)).padStart(2)} 18:${String(at % 60).padStart(2, '0')}:07 gate`
    const address = `198.51.${at % 7}.${1 + (at % 50)}`
    const pid = 1000 + (at % 90)
    const kinds = [
      `sshd[${pid}]: Failed password for invalid user eve from ${address} port 4000 ssh2`,
      `sshd[${pid}]: Connection closed by ${address} port 4000 [preauth]`,
      `CRON[${pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)`,
      `sshd[${pid}]: Accepted publickey for alice from ${address} port 4001 ssh2: ED25519 SHA256:abc`,
      `sshd[${pid}]: Failed publickey for root from ${address} port 4000 ssh2: RSA SHA256:abc`,
    ]
    lines.push(`${stamp} ${kinds[(at * 7) % kinds.length]}`)
  }
  return lines
}

const sampleLines = (name: string): string[] =>
  readFileSync(join(samples, name), 'utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#'))

describe.skipIf(!isThere)(`counts of fail2ban-regex${reason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'guard-counts-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const cases: readonly (readonly [string, () => string[]])[] = [
    ['sshd', sshdLog],
    ['sshd[mode=aggressive]', sshdLog],
    ['sshd', () => sampleLines('sshd')],
    ['dovecot[mode=aggressive]', () => sampleLines('dovecot')],
    ['postfix', () => sampleLines('postfix')],
    ['apache-auth', () => sampleLines('apache-auth')],
  ]

  it.each(
    cases.map(([reference, lines], at) => [reference, at, lines] as const),
  )('%s (%d)', (reference, at, lines) => {
    const log = join(folder, `${at}.log`)
    const text = lines()
    writeFileSync(log, `${text.join('\n')}\n`)
    const printed = execFileSync(
      'fail2ban-regex',
      ['--raw', '--print-no-missed', '--print-no-ignored', log, reference],
      { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } },
    )
    const [, count, ignored, matched, missed] =
      /Lines: (\d+) lines, (\d+) ignored, (\d+) matched, (\d+) missed/.exec(printed)!.map(Number)
    const theirs = [...printed.matchAll(/^\| +(\d+)\) \[(\d+)\]/gm)].map(
      ([, number, hits]) => `${number}: ${hits}`,
    )

    const { definition } = readFilter(machineFiles, reference)
    const filter = createFilter(definition!, { ids: 'raw', everyExpression: true })
    const tally = new FilterTally(filter, log)
    for (const line of text) tally.add(line, filter.explain(line, { nowMs: Date.now() }))
    const ours = tally.failHits.flatMap((hits, index) => (hits > 0 ? [`${index + 1}: ${hits}`] : []))
    expect({
      count: tally.lines,
      ignored: tally.ignored,
      matched: tally.matched,
      missed: tally.missed,
      expressions: ours,
    }).toEqual({ count, ignored, matched, missed, expressions: theirs })
  })
})
