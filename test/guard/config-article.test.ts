/** The jails of examples/brute-force, as their article prints them. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ConfigFiles } from '../../src/guard/config/files.ts'
import { readGuardConfig } from '../../src/guard/config/read.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { absent, repositoryRoot, sharedPath } from '../shared.ts'
import { fail2banAbsent, judge, withFolders } from './fail2ban.ts'

describe.skipIf(!existsSync('/etc/fail2ban/action.d') || fail2banAbsent !== null)(
  `the article’s jails, with Debian’s filters and actions${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
  () => {
    const printed = readFileSync(join(repositoryRoot, 'examples/brute-force/fail2ban/jail.conf'), 'utf8')

    const withStock = (text: string): ConfigFiles => ({
      read: (path) =>
        path === '/etc/fail2ban/jail.conf'
          ? new TextEncoder().encode(text)
          : path.startsWith('/etc/fail2ban/jail.')
            ? null
            : machineFiles.read(path),
      list: (path) => (path.startsWith('/etc/fail2ban/jail.') ? null : machineFiles.list(path)),
      glob: (pattern) => [pattern],
    })

    it('work as printed, the actions that lost their indent included', () => {
      const { jails, diagnostics, fatal } = readGuardConfig(withStock(printed))
      expect(fatal).toBe(false)
      expect(diagnostics.map(({ code, span }) => `${code} ${span!.source.locate(span!.start).line}`)).toEqual(
        ['guard/lost-action 12', 'guard/lost-action 20'],
      )
      const summary = jails.map(({ settings }) => ({
        name: settings.name,
        filter: settings.filter.name,
        logs: settings.logPaths.map(({ glob }) => glob),
        rule: [settings.maxRetry, settings.findTimeSeconds, settings.banTimeSeconds],
        ignored: settings.ignoreAddresses,
        actions: settings.actions.map(({ action, options }) => [
          action,
          options.name,
          options.port ?? options.dest,
        ]),
      }))
      const ignored = ['127.0.0.1', '192.168.1.172']
      const logs = ['/var/log/secure']
      expect(summary).toEqual([
        {
          name: 'ssh-iptables',
          filter: 'sshd',
          logs,
          rule: [3, 1000, 1000],
          ignored,
          actions: [
            ['iptables', 'SSH', 'ssh'],
            ['sendmail-whois', 'SSH', 'root'],
          ],
        },
        {
          name: 'vsftpd-iptables',
          filter: 'vsftpd',
          logs,
          rule: [10, 1000, 1800],
          ignored,
          actions: [
            ['iptables', 'VSFTPD', 'ftp'],
            ['sendmail-whois', 'VSFTPD', 'root@localhost'],
          ],
        },
      ])
    })

    it('come down to fail2ban’s commands, once without and once with the indent', () => {
      const indented = printed.replace(/^sendmail/gm, '    sendmail')
      const stock = readStock()
      withFolders(
        [printed, indented].map((text) => ({ ...stock, 'jail.conf': text })),
        (folders) => {
          const theirs = judge(folders)
          for (const [at, folder] of folders.entries()) {
            const files = { ...machineFiles, glob: (pattern: string) => [pattern] }
            const ours = readGuardConfig(files, { folder, asFail2ban: true })
            expect(ours.commands.map(({ words }) => words)).toEqual(theirs[at]!.stream)
          }
          // Lost, fail2ban never mails; Postern does what was meant.
          const lengths = theirs.map(
            ({ stream }) => stream!.filter((words) => words[2] === 'addaction').length,
          )
          expect(lengths).toEqual([2, 4])
        },
      )
    })

    it('are what the seed prints', ({ skip }) => {
      const seed = sharedPath('seeds/004_73df1094d497f89f.txt')
      if (seed === null) return skip(absent('seeds'))
      const lines = readFileSync(seed, 'utf8')
        .split('\n')
        .map((line) => line.trim())
      const missing = printed.split('\n').filter((line) => line !== '' && !lines.includes(line))
      expect(missing).toEqual([])
    })

    function readStock(): Record<string, Uint8Array> {
      const table: Record<string, Uint8Array> = {}
      for (const folder of ['filter.d', 'action.d']) {
        for (const name of machineFiles.list(`/etc/fail2ban/${folder}`)!) {
          const content = name.endsWith('.conf') ? machineFiles.read(`/etc/fail2ban/${folder}/${name}`) : null
          if (content !== null) table[`${folder}/${name}`] = content
        }
      }
      return table
    }
  },
)
