/** Debian's stock configuration with every jail enabled comes down to the very commands of `fail2ban-client -d`. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { repr } from '../../src/guard/config/python.ts'
import { readGuardConfig } from '../../src/guard/config/read.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { absent, sharedPath } from '../shared.ts'
import { fail2banAbsent, judge } from './fail2ban.ts'

const stock = existsSync('/etc/fail2ban/jail.conf') ? '/etc/fail2ban' : sharedPath('conformance/fail2ban/etc')
const everyPattern = { ...machineFiles, glob: (pattern: string) => [pattern] }

describe.skipIf(stock === null)(
  `the stock configuration${stock === null ? ` (${absent('conformance/fail2ban/etc')})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-stock-'))
    if (stock !== null) {
      cpSync(stock, folder, { recursive: true })
      const names = [...readFileSync(join(stock, 'jail.conf'), 'utf8').matchAll(/^\[([^\]]+)\]/gm)]
        .map(([, name]) => name!)
        .filter((name) => !['INCLUDES', 'DEFAULT'].includes(name))
      writeFileSync(join(folder, 'jail.local'), names.map((name) => `[${name}]\nenabled = true\n`).join(''))
    }
    afterAll(() => rmSync(folder, { recursive: true }))

    it('has 91 jails, all of which load without a complaint', () => {
      const { jails, fatal, diagnostics } = readGuardConfig(everyPattern, { folder })
      expect(fatal).toBe(false)
      expect(jails).toHaveLength(91)
      expect(diagnostics).toEqual([])
      const withoutRegex = jails.filter(({ settings }) => settings.filter.failregex.length === 0)
      expect(withoutRegex.map(({ settings }) => settings.name)).toEqual([])
      for (const { settings } of jails) expect(settings.actions.length, settings.name).toBeGreaterThan(0)
    })

    it.skipIf(fail2banAbsent !== null)(
      `comes down to fail2ban's 1,325 commands${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
      () => {
        const ours = readGuardConfig(everyPattern, { folder }).commands.map(({ words }) => words)
        const [theirs] = judge([folder])
        expect(theirs!.error).toBeNull()
        expect(ours).toHaveLength(theirs!.stream!.length)
        for (const [at, command] of ours.entries()) expect(command).toEqual(theirs!.stream![at])
        // Every jail reads a log or more here; on a machine that has few of them, fail2ban adds fewer.
        expect(ours.length).toBeGreaterThanOrEqual(1325)
      },
    )

    it.skipIf(fail2banAbsent !== null)('is printed as fail2ban-client prints it', () => {
      const printed = execFileSync('fail2ban-client', ['-c', folder, '-d'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        maxBuffer: 1 << 26,
      })
      const ours = readGuardConfig(machineFiles, { folder }).commands.map(({ words }) => repr(words))
      expect(ours).toEqual(printed.trimEnd().split('\n'))
    })
  },
)
