/** Jails without INI. */
import { describe, expect, it } from 'vitest'
import { memoryFiles } from '../../src/guard/config/files.ts'
import { readPosternGuard } from '../../src/guard/config/yaml/read.ts'
import { SourceText } from '../../src/lang/source.ts'
import { said } from './said.ts'

describe('postern.yaml', () => {
  const files = memoryFiles({
    '/f/filter.d/sshd.conf':
      '[Definition]\nfailregex = ^<mode> <HOST>\njournalmatch = A=b\n[Init]\nmode = normal\n',
    '/f/action.d/a.conf': '[Definition]\nactionban = ban <port> <ip>\n',
  })
  const readYaml = (text: string) => readPosternGuard(new SourceText('p.yaml', text), files, { folder: '/f' })

  it('declares the same jails', () => {
    const { jails, disabled, diagnostics, settings } = readYaml(`
guard:
  database: /var/lib/postern/guard.db
  keep: 2d
  defaults: { findtime: 1h, ignoreip: [ 192.0.2.1, 192.0.2.2 ], prefix: { ipv6: 64 } }
  jails:
    sshd:
      filter: { name: sshd, mode: hard }
      logs: [ /var/log/auth.log, { path: "/var/log/a b.log", from: tail } ]
      port: ssh
      maxretry: 3
      bantime: 30m
      increment: { multipliers: [1, 2, 4], maximum: 1w, random: 60 }
      actions: [ "a[name=x]", { name: postern-recent, list: bad } ]
    journal:
      filter: sshd
      journal: true
      window: rate
    off:
      enabled: false
`)
    expect(diagnostics).toEqual([])
    expect(disabled).toEqual(['off'])
    expect(settings).toMatchObject({ dbFile: '/var/lib/postern/guard.db', dbPurgeAgeSeconds: 172800 })
    expect(jails.map(({ settings: each }) => each)).toMatchObject([
      {
        name: 'sshd',
        filter: { failregex: ['^hard <HOST>'], logtype: 'file' },
        logPaths: [
          { glob: '/var/log/auth.log', from: 'head' },
          { glob: '/var/log/a b.log', from: 'tail' },
        ],
        backend: 'files',
        maxRetry: 3,
        findTimeSeconds: 3600,
        banTimeSeconds: 1800,
        window: 'exact',
        increment: { enabled: true, multipliers: [1, 2, 4], maximumSeconds: 604800, randomSeconds: 60 },
        ignoreAddresses: ['192.0.2.1', '192.0.2.2'],
        ipv6PrefixLength: 64,
        actions: [
          { name: 'a-x', action: 'a', options: { actionban: 'ban ssh <ip>', port: 'ssh' } },
          { name: 'postern-recent', action: 'postern-recent', options: { list: 'bad', port: 'ssh' } },
        ],
      },
      {
        name: 'journal',
        filter: { logtype: 'journal', journalmatch: ['A=b'] },
        backend: 'journal',
        maxRetry: 5,
        window: 'rate',
        actions: [{ action: 'postern' }],
      },
    ])
    const { origins } = jails[0]!
    expect([
      origins.get('maxretry')?.line,
      origins.get('findtime')?.line,
      origins.get('ignoreip')?.line,
    ]).toEqual([11, 5, 5])
  })

  it.each<[yaml: string, message: string]>([
    [
      'guard:\n  jails:\n    sshd: { maxretries: 3 }\n',
      'p.yaml:3:13 error yaml-shape: "maxretries" has no meaning here «maxretries»',
    ],
    [
      'guard:\n  jails:\n    sshd: { maxretry: 0 }\n',
      'p.yaml:3:23 error yaml-shape: "maxretry" is 0, less than 1 «0»',
    ],
    [
      'guard:\n  jails:\n    sshd: { window: exakt }\n',
      'p.yaml:3:21 error yaml-shape: "window" is "exakt", and should be one of exact, rate «exakt»',
    ],
    [
      'guard:\n  jails:\n    sshd: { findtime: soon, logs: /x }\n',
      'p.yaml:3:23 error no-time: "findtime" is "soon", and should be a time «soon»',
    ],
    [
      'guard:\n  jails:\n    sshd: { filter: shd, logs: /x }\n',
      'p.yaml:3:21 error unknown-filter: there is no filter "shd" «shd»',
    ],
    [
      'guard:\n  jails:\n    sshd: { logs: /x, actions: [ a, b ] }\n',
      'p.yaml:3:37 error unknown-action: there is no action "b" «b»',
    ],
    ['guard:\n  jails:\n    sshd: {}\n', '- error no-log: jail "sshd" reads no log'],
    ['guard: {\n', 'p.yaml:2:1 error yaml: this is not YAML'],
    ['jails: {}\n', 'p.yaml:1:1 error yaml-shape: "guard" is missing'],
  ])('says what is wrong: %j', (text, message) => {
    expect(
      said(readYaml(text).diagnostics).some((line) => line.startsWith(message)),
      said(readYaml(text).diagnostics).join('\n'),
    ).toBe(true)
  })
})
