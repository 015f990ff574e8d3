/** What the configuration says where it is wrong, what takes effect, and where it was set. */
import { describe, expect, it } from 'vitest'
import { memoryFiles } from '../../src/guard/config/files.ts'
import { type GuardConfigOptions, readGuardConfig } from '../../src/guard/config/read.ts'
import { renderDiagnostic } from '../../src/lang/render.ts'
import { said } from './said.ts'

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
      jail.replace('= a', '= own.py'),
      'jail.conf:4:10 error python-action: "own.py" is a program in Python, which is not run «own.py»',
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

  it("takes fail2ban's own mailer for Postern's", () => {
    const config = read({
      'jail.conf': jail.replace('= a', '= smtp.py[host="mail:587", user=u, matches=ipmatches]'),
    })
    expect(said(config.diagnostics)).toEqual([])
    expect(config.jails[0]!.settings.actions).toEqual([
      {
        name: 'smtp',
        action: 'postern-mail',
        options: {
          smtp: 'mail:587',
          user: 'u',
          sender: 'fail2ban',
          sendername: 'Fail2Ban',
          whois: 'no',
          tellstart: 'yes',
          lines: 'ipmatches',
        },
      },
    ])
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
