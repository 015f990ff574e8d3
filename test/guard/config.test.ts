/** What the configuration says where it is wrong, what takes effect, and where it was set. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConfigFiles, memoryFiles } from '../../src/guard/config/files.ts'
import { type GuardConfigOptions, readGuardConfig } from '../../src/guard/config/read.ts'
import { parseReference, splitReferences } from '../../src/guard/config/reference.ts'
import { substituteTags } from '../../src/guard/config/tags.ts'
import { parseTime } from '../../src/guard/config/time.ts'
import { readPosternGuard } from '../../src/guard/config/yaml/read.ts'
import type { Diagnostic } from '../../src/lang/diagnostic.ts'
import { renderDiagnostic } from '../../src/lang/render.ts'
import { SourceText } from '../../src/lang/source.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { absent, repositoryRoot, sharedPath } from '../shared.ts'
import { fail2banAbsent, judge, withFolders } from './fail2ban.ts'

const jail = '[j]\nenabled = true\nfilter = f\naction = a\nlogpath = /var/log/x\n'

const read = (table: Readonly<Record<string, string>>, options: GuardConfigOptions = {}) =>
  readGuardConfig(
    memoryFiles({
      '/f/filter.d/f.conf': '[Definition]\nfailregex = ^x <HOST>\n',
      '/f/action.d/a.conf': '[Definition]\nactionban = ban <ip>\n',
      ...Object.fromEntries(Object.entries(table).map(([path, text]) => [`/f/${path}`, text])),
    }),
    { folder: '/f', ...options },
  )

/** `jail.conf:3:8 error guard/unknown-filter: there is no filter "g"`, a line each. */
const said = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.map(({ span, severity, code, message }) => {
    const place = span?.source.locate(span.start)
    const where =
      span === null ? '-' : `${span.source.name.replace('/f/', '')}:${place!.line}:${place!.column}`
    const marked = span === null ? '' : ` «${span.source.text.slice(span.start, span.end)}»`
    return `${where} ${severity} ${code.replace('guard/', '')}: ${message}${marked}`
  })

describe('mistakes are told with their place', () => {
  it.each<[text: string, message: string, fatal?: true]>([
    [
      `${jail}maxretry = five\n`,
      'jail.conf:6:12 error no-number: "maxretry" is "five", and should be a whole number «five»',
    ],
    [
      `${jail}findtime = soon\n`,
      'jail.conf:6:12 error no-time: "findtime" is "soon", and should be a time «soon»',
    ],
    [`${jail}maxretry = 0\n`, 'jail.conf:6:12 error too-small: "maxretry" is 0, less than 1 «0»'],
    [
      `${jail}bantime.multipliers = 1,2\n`,
      'jail.conf:6:23 error no-number: "bantime.multipliers" should be whole numbers with one blank between «1,2»',
    ],
    [
      `${jail}ignoreip = 192.0.2.1\n  %(nope)s\n`,
      'jail.conf:7:3 error unknown-reference: %(nope)s is set nowhere «%(nope)s»',
      true,
    ],
    [
      `[DEFAULT]\nx = a%(nope)s\n${jail}ignoreip = 192.0.2.1 %(x)s\n`,
      'jail.conf:2:6 error unknown-reference: %(nope)s is set nowhere «%(nope)s»',
      true,
    ],
    [
      `${jail}findtime = 5m # y\nignoreip = 5% \n`,
      'jail.conf:7:13 error bad-percent: a single percent sign means nothing «%»',
      true,
    ],
    [
      `${jail}enabled = false\n`,
      'jail.conf:6:1 error repeated-option: "enabled" stands twice in [j] of this file «enabled»',
      true,
    ],
    [`${jail}[j]\n`, 'jail.conf:6:1 error repeated-section: [j] stands twice in this file «[j]»', true],
    ['x = 1\n', 'jail.conf:1:1 error no-section: this line stands before the first section «x = 1»', true],
    [
      `${jail}what\n`,
      'jail.conf:6:1 error no-option: this is neither "option = value" nor [section] «what»',
      true,
    ],
    [jail.replace('= f', '= g'), 'jail.conf:3:10 error unknown-filter: there is no filter "g" «g»'],
    [
      jail.replace('= f', '= f[mode=x'),
      'jail.conf:3:11 error bad-reference: the options of this filter end too early here «[mode=x»',
    ],
    [
      jail.replace('= a', '= a[x="1"2]'),
      'jail.conf:4:17 error bad-reference: the options of this action end too early here «2»',
    ],
    [
      jail.replace('= a', '=\n  a\n  b[x=1]'),
      'jail.conf:6:3 error unknown-action: there is no action "b" «b»',
    ],
    [
      jail.replace('= a', '= smtp.py'),
      'jail.conf:4:10 error python-action: "smtp.py" is a program in Python, which is not run «smtp.py»',
    ],
    [
      jail.replace('logpath', 'logpaht'),
      'jail.conf:5:1 warning unread-option: nothing reads the option "logpaht" «logpaht»',
    ],
    [
      `${jail}usedns = maybe\n`,
      'jail.conf:6:10 warning unknown-usedns: "usedns" is "maybe": names are not resolved «maybe»',
    ],
    [
      `${jail}ignoreself = si\n`,
      'jail.conf:6:14 warning no-boolean: "ignoreself" is neither yes nor no «si»',
    ],
    [
      `${jail}journalmatch = "A=b\n`,
      'jail.conf:6:16 error open-quote: a quotation mark of "journalmatch" stays open «"A=b»',
      true,
    ],
  ])('%j', (text, message, fatal) => {
    const config = read({ 'jail.conf': text })
    expect(said(config.diagnostics)).toContain(message)
    expect(config.fatal).toBe(fatal ?? false)
  })

  it('draws a caret below it', () => {
    const { diagnostics } = read({ 'jail.conf': `${jail}ignoreip = 192.0.2.1 %(ignorip)s\n` })
    expect(renderDiagnostic(diagnostics[0]!)).toBe(
      [
        'error[guard/unknown-reference]: %(ignorip)s is set nowhere',
        ' --> /f/jail.conf:6:22',
        '  |',
        '6 | ignoreip = 192.0.2.1 %(ignorip)s',
        '  |                      ^^^^^^^^^^^',
        '  = why: "ignoreip" of [j] needs it; fail2ban refuses the whole configuration',
        '  = try: %(ignoreip)s',
        '',
      ].join('\n'),
    )
  })

  it('points into files that are included, and at the first of two options', () => {
    const { diagnostics } = read({
      'jail.conf': jail,
      'filter.d/f.conf': '[INCLUDES]\nbefore = c.conf\n[Definition]\nfailregex = x\n',
      'filter.d/c.conf': '[Definition]\na = 1\nA = 2\n',
    })
    expect(said(diagnostics)).toEqual([
      'filter.d/c.conf:3:1 error repeated-option: "a" stands twice in [Definition] of this file «A»',
    ])
    expect(diagnostics[0]!.related!.span.start).toBe('[Definition]\n'.length)
  })

  it('leaves the other jails when one is bad', () => {
    const bad = jail.replace('[j]', '[bad]').replace('= f', '= missing')
    const { jails, diagnostics, fatal } = read({ 'jail.conf': bad + jail })
    expect(jails.map(({ settings }) => settings.name)).toEqual(['j'])
    expect(diagnostics).toHaveLength(1)
    expect(fatal).toBe(false)
  })

  it('leaves out files that are not UTF-8, and says so', () => {
    const files = memoryFiles({
      '/f/jail.conf': jail,
      '/f/jail.local': Uint8Array.of(0x5b, 0xff, 0x5d),
      '/f/filter.d/f.conf': '[Definition]\nfailregex = x\n',
      '/f/action.d/a.conf': '[Definition]\n',
    })
    const { diagnostics, jails } = readGuardConfig(files, { folder: '/f' })
    expect(said(diagnostics)).toEqual([
      'jail.local:1:1 warning unreadable: this file is left out: it is not UTF-8 «»',
    ])
    expect(jails).toHaveLength(1)
  })

  it('says that there is no folder, and no jail of a name', () => {
    expect(said(readGuardConfig(memoryFiles({}), { folder: '/nowhere' }).diagnostics)).toEqual([
      '- error no-folder: there is no folder /nowhere',
    ])
    expect(said(read({ 'jail.conf': jail }, { jails: ['k'] }).diagnostics)).toEqual([
      '- error unknown-jail: there is no jail "k"',
    ])
  })
})

describe('jails', () => {
  it('get what fail2ban presets, and what is said', () => {
    const [first] = read({ 'jail.conf': jail }).jails
    expect(first!.settings).toEqual({
      name: 'j',
      enabled: true,
      filter: {
        name: 'f',
        failregex: ['^x <HOST>'],
        ignoreregex: [],
        maxlines: 1,
        usedns: 'warn',
        logtype: 'file',
        journalmatch: [],
      },
      logPaths: [{ glob: '/var/log/x', from: 'head' }],
      backend: 'files',
      logEncoding: 'auto',
      maxRetry: 3,
      findTimeSeconds: 600,
      banTimeSeconds: 600,
      increment: { enabled: false, overAllJails: false },
      window: 'rate',
      maxMatches: 5,
      ignoreSelf: true,
      ignoreAddresses: [],
      ipv6PrefixLength: 128,
      ipv4PrefixLength: 32,
      actions: [{ name: 'a', action: 'a', options: { actionban: 'ban <ip>', name: 'j', actname: 'a' } }],
    })
    const [second] = read({
      'jail.conf':
        `${jail}backend = systemd\nmaxretry = 2\nfindtime = 1d12h\nbantime = -1\nbantime.increment = yes\nbantime.factor = 2 * 3\n` +
        'bantime.multipliers = 1 5 30\nbantime.maxtime = 5w\nbantime.rndtime = 1m\nbantime.formula = ban.Time * 2\nignoreself = no\n' +
        'ignoreip = 192.0.2.1, 2001:db8::/32\nignorecommand = /bin/ask <ip>\nlogtimezone = UTC+0200\nlogencoding = latin1\n' +
        'journalmatch = _SYSTEMD_UNIT=x.service + _COMM=x\n  "A=b c"\nmaxlines = 4\nusedns = raw\ndatepattern = {NONE}\n',
    }).jails
    expect(second!.settings).toMatchObject({
      filter: {
        maxlines: 4,
        usedns: 'raw',
        datepattern: '{NONE}',
        logtype: 'journal',
        logtimezone: 'UTC+0200',
        journalmatch: ['_SYSTEMD_UNIT=x.service + _COMM=x', "'A=b c'"],
      },
      backend: 'journal',
      logPaths: [],
      maxRetry: 2,
      findTimeSeconds: 129600,
      banTimeSeconds: -1,
      increment: {
        enabled: true,
        factor: 6,
        multipliers: [1, 5, 30],
        maximumSeconds: 3024000,
        randomSeconds: 60,
        formula: 'ban.Time * 2',
      },
      ignoreSelf: false,
      ignoreAddresses: ['192.0.2.1', '2001:db8::/32'],
      ignoreCommand: '/bin/ask <ip>',
      logEncoding: 'latin1',
    })
  })

  it('know where each value was set', () => {
    const { jails, origins } = read({
      'jail.conf': `[DEFAULT]\nmaxretry = 4\nport = 22\n${jail}ignoreip = %(port)s\n`,
      'jail.local': '[DEFAULT]\nbantime = 1h\n',
      'filter.d/f.local': '\n[Definition]\nmaxlines = 2\n',
      'fail2ban.conf': '[Definition]\n\ndbfile = None\n',
    })
    const places = Object.fromEntries(
      [...jails[0]!.origins].map(([option, { file, line }]) => [
        option,
        `${file.replace('/f/', '')}:${line}`,
      ]),
    )
    expect(places).toMatchObject({
      maxretry: 'jail.conf:2',
      bantime: 'jail.local:2',
      filter: 'jail.conf:6',
      logpath: 'jail.conf:8',
      ignoreip: 'jail.conf:9',
      'action.a': 'jail.conf:7',
      'action.a.actionban': 'action.d/a.conf:2',
      'filter.failregex': 'filter.d/f.conf:2',
      'filter.maxlines': 'filter.d/f.local:3',
    })
    expect(origins.get('dbfile')).toMatchObject({ file: '/f/fail2ban.conf', line: 3, column: 1 })
  })

  it('are found though nothing enables them, when asked for', () => {
    const text = jail.replace('enabled = true\n', '')
    expect(read({ 'jail.conf': text })).toMatchObject({ jails: [], disabled: ['j'] })
    expect(read({ 'jail.conf': text }, { jails: ['j'] }).jails).toHaveLength(1)
  })

  it('find filters and actions of Postern’s own where the folder has none of that name', () => {
    const filters = {
      own: '[INCLUDES]\nbefore = base.conf\n[Definition]\nfailregex = ^%(p)s <HOST>\n',
      base: '[DEFAULT]\np = own\n',
      f: '[Definition]\nfailregex = ^never\n',
    }
    const text = `${jail.replace('= f', '= own').replace('= a', '= iptables[port=ssh]')}[k]\n${jail.slice(4)}`
    const { jails, diagnostics } = read({ 'jail.conf': text }, { filters })
    expect(diagnostics).toEqual([])
    expect(jails.map(({ settings }) => settings.filter.failregex)).toEqual([['^own <HOST>'], ['^x <HOST>']])
    expect(jails[0]!.settings.actions).toEqual([
      { name: 'iptables', action: 'postern-chain', options: { port: 'ssh', name: 'j', actname: 'iptables' } },
    ])
    expect(jails[0]!.origins.get('filter.failregex')).toMatchObject({
      file: 'postern:/filter.d/own.conf',
      line: 4,
    })
  })
})

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

describe('references', () => {
  const pieces = [
    'a',
    'b1',
    '[',
    ']',
    '=',
    ',',
    ' ',
    '\n',
    '"',
    "'",
    'x=1',
    'y="a, b"',
    "z='q r'",
    'w=v u',
    '][',
    '] [',
    '-',
    'é',
  ]

  it.skipIf(fail2banAbsent !== null)(
    `are split as fail2ban splits them${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
    () => {
      const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_000)
      const texts = fc.sample(
        fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join('')),
        { numRuns: 3000, seed },
      )
      const program = `
import json, sys
from fail2ban.helpers import extractOptions, splitWithOptions
def extract(text):
    try:
        name, options = extractOptions(text)
        return [name, list(options.items())]
    except ValueError as reason:
        return str(reason)
print(json.dumps([[[one.strip() for one in splitWithOptions(text)], extract(text)] for text in json.load(sys.stdin)]))`
      const output = execFileSync('/usr/bin/python3', ['-W', 'ignore', '-c', program], {
        input: JSON.stringify(texts),
        encoding: 'utf8',
      })
      const extract = (text: string): unknown => {
        try {
          const { name, options } = parseReference(text)
          return [name, [...options]]
        } catch (error) {
          return (error as Error).message
        }
      }
      const ours = texts.map((text) => [text, splitReferences(text).map((one) => one.text), extract(text)])
      const theirs = (JSON.parse(output) as [string[], unknown][]).map(([split, one], at) => [
        texts[at],
        split.filter((each) => each !== ''),
        one,
      ])
      for (const [at, each] of ours.entries()) expect(each, `SEED=${seed}`).toEqual(theirs[at])
    },
  )

  it('are split at once where a bracket stays open', () => {
    const text = `a[${Array.from({ length: 200 }, (_, at) => `o${at}="v a=${at}"`).join(', ')}`
    const startMs = performance.now()
    expect(splitReferences(text).length).toBe(400)
    expect(performance.now() - startMs).toBeLessThan(2000)
  })
})

describe('times', () => {
  const texts =
    '600|10m|1d12h|1hour+30min|1.5h|1M|1mo|2 weeks|1year-6mo|1d 2h 3m 4s|-1|5 * 60|2*(1h+30m)|1y|3 days|90s|1dd|1w2d|10 minutes|0|1e3|7//2|-7//2|7%4|-7%4|2**3|-2**2|2**-1|1_000|.5h|1.h|--5|5 5|10m10m|1h 30|0x10|010|m|1x|5m #y||(|1)|1/0|1+|a=1|5 m|1hours|1D|12H30M'.split(
      '|',
    )

  it.skipIf(fail2banAbsent !== null)(
    `are reckoned as fail2ban reckons them${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
    () => {
      const program = `
import json, sys
from fail2ban.server.mytime import MyTime
def seconds(text):
    try:
        value = MyTime.str2seconds(text)
        return value if isinstance(value, (int, float)) else None
    except Exception:
        return None
print(json.dumps([seconds(text) for text in json.load(sys.stdin)]))`
      const output = execFileSync('/usr/bin/python3', ['-W', 'ignore', '-c', program], {
        input: JSON.stringify(texts),
        encoding: 'utf8',
      })
      const theirs = JSON.parse(output) as (number | null)[]
      const known = Object.fromEntries(texts.map((text, at) => [text, theirs[at]]))
      // Python reads hexadecimal numbers, too; nobody writes times so.
      known['0x10'] = null
      expect(Object.fromEntries(texts.map((text) => [text, parseTime(text)]))).toEqual(known)
      expect(parseTime('('.repeat(1000))).toBeNull()
      expect(parseTime('-'.repeat(1000))).toBeNull()
    },
  )
})

describe('tags', () => {
  const fill = (options: Record<string, string>, more = {}) =>
    Object.fromEntries(substituteTags(new Map(Object.entries(options)), more))

  it('are filled in, of a family first', () => {
    const options = { ban: '<cmd> <ip> <type>', cmd: 'x', type: 'R', 'type?family=inet6': 'R6' }
    expect(fill(options).ban).toBe('x <ip> R')
    expect(fill(options, { condition: 'family=inet6' }).ban).toBe('x <ip> R6')
  })

  it('do not grow without end', () => {
    expect(() => fill({ a: '<b><b>', b: '<c><c>', c: '<a>' })).toThrow(/leads back/)
    const doubling = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`t${at}`, `<t${at + 1}><t${at + 1}>`]),
    )
    expect(() => fill({ ...doubling, t40: 'x' })).toThrow(/leads back/)
  })
})

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
    ['jails: {}\n', 'p.yaml:1:1 error yaml-shape: "jails" has no meaning here «jails»'],
  ])('says what is wrong: %j', (text, message) => {
    expect(
      said(readYaml(text).diagnostics).some((line) => line.startsWith(message)),
      said(readYaml(text).diagnostics).join('\n'),
    ).toBe(true)
  })
})
