/**
 * Small configurations by hand.
 *
 * A case is a file a block, `== path` above it; without one it is jail.conf. `filter.d/f.conf` and `action.d/a.conf`
 * are there unless the case has its own.
 */
import type { ConfigTable } from './fail2ban.ts'

export const jail = '[j]\nenabled = true\nfilter = f\naction = a\n'

export const basics: ConfigTable = {
  'jail.conf': jail,
  'filter.d/f.conf': '[Definition]\nfailregex = ^x <HOST>\n',
  'action.d/a.conf': '[Definition]\nactionban = ban <ip>\n',
}

export function tableOf(text: string): ConfigTable {
  const blocks = text.startsWith('== ') ? text.slice(3).split('\n== ') : [`jail.conf\n${text}`]
  const files = blocks.map((block) => {
    const at = block.indexOf('\n')
    return [block.slice(0, at), block.slice(at + 1)] as const
  })
  return { ...basics, ...Object.fromEntries(files) }
}

const filter = (text: string) => `== filter.d/f.conf\n${text}`
const action = (text: string) => `== action.d/a.conf\n${text}`

export const cases: Readonly<Record<string, readonly string[]>> = {
  'lines and comments': [
    `${jail}bantime = 5m ; comment\n`,
    `${jail}bantime = 5m # no comment\n`,
    `${jail}bantime = 5m;no comment\n`,
    `${jail}ignoreip = 192.0.2.1\n   ; a comment\n   192.0.2.2\n\n   192.0.2.3\n# end\n`,
    `${jail}   maxretry = 7\n`,
    `${jail}ignoreip = 192.0.2.1\n\t192.0.2.2 ; c\n\n\n\nmaxretry: 4\n`,
    '[j]\n enabled = true\n filter = f\n  action = a\n logpath = /x\n  /y tail\n',
    '  [j]\n  enabled = true\n  filter = f\n  action = a\n',
    '[j]\n  [k]\nenabled = true\nfilter = f\naction = a\n',
    '[j] ; comment\nenabled = true ; yes\nfilter = f\naction = a\n',
    '[a]b]\nenabled = true\nfilter = f\naction = a\n',
    '[j]\r\nenabled = true\r\nfilter = f\r\naction = a\r\n',
    '[j]\renabled = true\rfilter = f\raction = a\r',
    '[j]\nENABLED = Yes\nFilter: f\nAction : a\n',
    '[j]\nenabled = true\nfilter = f\naction =\n  a\n\n  a[name=other]\n',
    '[j]\nenabled\u00a0=\u2003true\u0085\nfilter = f\naction = a\n',
    `${jail}= value\n`,
    `${jail}no delimiter\n`,
    `${jail}[j]\n`,
    `${jail}enabled = false\n`,
    `[DEFAULT]\nmaxretry = 1\n[DEFAULT]\nmaxmatches = 2\n${jail}`,
    `[DEFAULT]\nmaxretry = 1\n[DEFAULT]\nmaxretry = 2\n${jail}`,
    `[Default]\nmaxretry = 1\n${jail}`,
    `maxretry = 1\n${jail}`,
    `\uFEFF${jail}`,
    `# comment\n\n; another\n${jail}`,
    `${jail}maxretry =\n`,
    `${jail}bantime =\nfindtime = \n`,
    '',
    '[]\nenabled = true\n',
    '[j]\nenabled = true\nfilter = f\naction = a[x=1]\nb[y=2]\n',
  ],
  'files and their order': [
    `== jail.conf\n${jail}maxretry = 1\nbantime = 1\nfindtime = 1\nmaxmatches = 1\n== jail.d/a.conf\n[j]\nbantime = 2\nfindtime = 2\nmaxmatches = 2\n== jail.local\n[j]\nfindtime = 3\nmaxmatches = 3\n== jail.d/b.local\n[j]\nmaxmatches = 4\n`,
    '== jail.d/z.conf\n[j]\nbantime = z\n== jail.d/a.conf\n[j]\nbantime = a\n== jail.d/a.local\n[j]\nbantime = l\n',
    '== jail.d/.hidden.conf\n[j]\nbantime = 3\n== jail.d/other.txt\n[j]\nbantime = 4\n',
    '== jail.local\n[j]\nmaxretry = %(known/maxretry)s\n',
    `== jail.conf\n${jail}maxretry = 2\n== jail.local\n[j]\nmaxretry = 1%(known/maxretry)s\n`,
    `== jail.conf\n[DEFAULT]\nmaxretry = 3\n${jail}\n== jail.local\n[j]\nmaxretry = %(known/maxretry)s2\n`,
    `== jail.conf\n${jail}\nport = 1\n== jail.d/a.conf\n[j]\nport = %(known/port)s2\n== jail.local\n[j]\nport = %(known/port)s3\nignoreip = %(port)s\n`,
    '== filter.d/f.local\n[Definition]\nfailregex = %(known/failregex)s\n  ^y <HOST>\n',
    '== filter.d/f.d/x.conf\n[Definition]\nfailregex = ^d <HOST>\n',
    filter(
      '[INCLUDES]\nbefore = c.conf\n[Definition]\nfailregex = ^%(p)s <HOST>\n== filter.d/c.conf\n[DEFAULT]\np = pre\n',
    ),
    filter(
      '[INCLUDES]\nbefore = c.conf\n[Definition]\nfailregex = ^%(p)s <HOST>\n== filter.d/c.conf\n[DEFAULT]\np = pre\n== filter.d/c.local\n[DEFAULT]\np = local\n',
    ),
    filter(
      '[INCLUDES]\nafter = c.conf\n[Definition]\nfailregex = ^a <HOST>\n== filter.d/c.conf\n[Definition]\nfailregex = ^b%(known/failregex)s\n',
    ),
    filter(
      '[INCLUDES]\nbefore = missing.conf\n   c.conf\n[Definition]\nfailregex = ^%(p)s\n== filter.d/c.conf\n[DEFAULT]\np = pre\n',
    ),
    filter('[INCLUDES]\nbefore = f.conf\n[Definition]\nfailregex = ^x\n'),
    filter(
      '[INCLUDES]\nbefore = g.conf\n[Definition]\nfailregex = ^f\n== filter.d/g.conf\n[INCLUDES]\nbefore = f.conf\n[Definition]\nfailregex = ^g\n',
    ),
    filter(
      '[INCLUDES]\nbefore = %(x)s.conf\n[DEFAULT]\nx = c\n[Definition]\nfailregex = ^%(p)s\n== filter.d/c.conf\n[DEFAULT]\np = pre\n',
    ),
    filter('[INCLUDES]\nbefore = %(nothing)s.conf\n[Definition]\nfailregex = ^x\n'),
    `== jail.conf\n[INCLUDES]\nbefore = paths.conf\n[DEFAULT]\nlog = /a\n${jail}logpath = %(log)s\n== paths.conf\n[INCLUDES]\nafter = over.conf\n[DEFAULT]\nlog = /p\n== over.conf\n[DEFAULT]\nlog = /over\n`,
    '== filter.d/f.conf\n[Definition]\nfailregex = a\nfailregex = b\n',
    '== fail2ban.conf\n[Definition]\nloglevel = DEBUG\nlogtarget = SYSLOG\ndbfile = None\ndbpurgeage = 2d\ndbmaxmatches = 7\n',
    '== fail2ban.conf\n[Definition]\ndbmaxmatches = many\nallowipv6 = no\n[Thread]\nstacksize = 64\n',
    '== fail2ban.conf\n[Definition]\nloglevel = LOUD\n',
    '== fail2ban.conf\n[Definition]\nloglevel = 10\n== fail2ban.local\n[Definition]\nsyslogsocket = /dev/log\n',
    '== fail2ban.conf\n[Thread]\n',
    '== fail2ban.conf\n[Other]\nx = 1\n',
  ],
  interpolation: [
    `[DEFAULT]\nx = 1\n${jail}maxretry = %(x)s\n`,
    `${jail}ignoreip = 100%%\n`,
    `${jail}ignoreip = 100%\n`,
    `${jail}ignoreip = %(x\n`,
    `${jail}ignoreip = %(nothing)s\n`,
    `${jail}ignoreip = %(__name__)s\n`,
    `${jail}ignoreip = %(fail2ban_version)s\n`,
    `[other]\naddress = 192.0.2.9\n${jail}ignoreip = %(other/address)s\n`,
    `[Other]\naddress = 192.0.2.9\n${jail}ignoreip = %(Other/address)s\n`,
    `[other]\nx = 1\n${jail}ignoreip = %(other/nothing)s\n`,
    `[DEFAULT]\nnothing = d\n[other]\nx = 1\n${jail}ignoreip = %(other/nothing)s\n`,
    `[DEFAULT]\nmaxretry = 9\n${jail}maxretry = 1%(default/maxretry)s\n`,
    `[DEFAULT]\nmaxretry = 9\n${jail}maxretry = 1%(DEFAULT/maxretry)s\n`,
    `[other]\nbase = 192.0.2\naddress = %(base)s.1\n${jail}ignoreip = %(other/address)s\n`,
    `[other]\naddress = %(base)s.1\n${jail}base = 192.0.2\nignoreip = %(other/address)s\n`,
    `[DEFAULT]\na = %(b)s\nb = %(a)s\n${jail}ignoreip = %(a)s\n`,
    `[DEFAULT]\na = %(b)s%(b)s\nb = %(c)s\nc = x%%y\n${jail}ignoreip = %(a)s\n`,
    `[DEFAULT]\na1=%(a2)s\na2=%(a3)s\na3=%(a4)s\na4=%(a5)s\na5=%(a6)s\na6=%(a7)s\na7=%(a8)s\na8=%(a9)s\na9=x\n${jail}ignoreip = %(a1)s\n`,
    `[DEFAULT]\na1=%(a2)s\na2=%(a3)s\na3=%(a4)s\na4=%(a5)s\na5=%(a6)s\na6=%(a7)s\na7=%(a8)s\na8=%(a9)s\na9=%%\n${jail}ignoreip = %(a1)s\n`,
    `[DEFAULT]\na1=%(a2)s\na2=%(a3)s\na3=%(a4)s\na4=%(a5)s\na5=%(a6)s\na6=%(a7)s\na7=%(a8)s\na8=%(a9)s\na9=%(b)s\nb=%%\n${jail}ignoreip = %(a1)s\n`,
    `[DEFAULT]\na1=%(a2)s\na2=%(a3)s\na3=%(a4)s\na4=%(a5)s\na5=%(a6)s\na6=%(a7)s\na7=%(a8)s\na8=%(a9)s\na9=%(b)s\nb=%(c)s\nc=%(d)s\nd=%%\n${jail}ignoreip = %(a1)s\n`,
    `${jail}failregex = %(known/failregex)s\n  ^y <HOST>\n`,
    `${jail}failregex = <known/failregex>\n`,
    `${jail}ignoreip = %(KNOWN/failregex)s\n`,
    `${jail}ignoreip = %(known/maxlines)s\n== filter.d/f.conf\n[Definition]\nfailregex = x\nmaxlines = 5\n`,
    `${jail}ignoreip = %(known/mode)s\n== filter.d/f.conf\n[Definition]\nfailregex = x\n[Init]\nmode = normal\n`,
    '[j]\nenabled = true\nfilter = f[mode=b]\naction = a\nignoreip = %(known/mode)s %(known/logtype)s\n== filter.d/f.conf\n[Definition]\nfailregex = x\n[Init]\nmode = normal\n',
    filter(`[Definition]\nfailregex = ^%(maxretry)s x\n== jail.conf\n${jail}maxretry = 5\n`),
    filter('[Definition]\nfailregex = ^%(enabled)s %(backend)s x\n'),
    `${jail}disabled = %(nothing)s\n`,
    '[j]\nenabled = %(nothing)s\n',
    `[k]\nenabled = false\nmaxretry = %(nothing)s\n${jail}`,
  ],
  'options of jails': [
    `${jail}maxretry = five\n`,
    `${jail}maxretry = 1_000\nmaxmatches = +3\n`,
    `${jail}bantime.increment = true\nbantime.factor = 2\nbantime.formula = ban.Time * 2\nbantime.multipliers = 1 2 4\nbantime.maxtime = 5w\nbantime.rndtime = 1m\nbantime.overalljails = no\n`,
    `${jail}ignoreself = off\nignorecommand = /bin/x <ip>\nignorecache = key="<ip>", max-count=10, max-time=5m\nlogencoding = utf-8\nlogtimezone = UTC+0200\n`,
    `${jail}usedns = no\nmaxlines = 3\nprefregex = ^p\ndatepattern = ^%%Y\njournalmatch = A=b + C=d\n  "E=f g"\nignoreregex = a\n  b\n\n  c\n`,
    `${jail}journalmatch = A="b\n`,
    `${jail}journalmatch = A='b c' \\"d e\\ f\n`,
    `${jail}logpath = /a\n  /b tail\n  /c d tail\n\n  /e head\n`,
    `${jail}backend = systemd\nlogpath = /a\n`,
    `${jail}backend = systemd[journalpath=/x]\nlogpath = /a\n`,
    `${jail}backend = polling\n`,
    `${jail}ignoreip = a, b ,c\n  d,,e\n`,
    `${jail}unknown = 5\nport = ssh\n`,
    '[j]\nenabled = true\naction = a\n',
    '[j]\nenabled = true\nfilter = f\n',
    '[j]\nenabled = 1\nfilter = f\naction = a\n[k]\nenabled = on\nfilter = f\naction = a\n[l]\nenabled = y\nfilter = f\naction = a\n',
    '[j]\nenabled = true\nfilter = missing\naction = a\n[k]\nenabled = true\nfilter = f\naction = a\n',
    "[j]\nenabled = true\nfilter = it's\naction = a\n",
    '[j]\nenabled = true\nfilter = f\naction = missing\n[k]\nenabled = true\nfilter = f\naction = a\n',
    '[j?x=1]\nenabled = true\nfilter = f\naction = a\n[j]\nenabled = true\nfilter = f\naction = a\n',
    '[KNOWN/j]\nenabled = true\nfilter = f\naction = a\n',
  ],
  references: [
    ...[
      'f[]',
      'f[mode=x]',
      'f[mode=x, other="a, b"]',
      "f[mode='x y'][other=z]",
      'f[mode=x ] ',
      'f [mode=x]',
      'f[mode=x]y',
      'f[mode=x',
      'f[mode="x"y]',
      'f[=x]',
      'f[mode]',
      'f[mode=x, ]',
      'f[mode=x,,]',
      'f[mode="a]b", o=1]',
      '[mode=x]',
      'f[failregex="^q <HOST>"]',
      'f[maxlines=4, usedns=no]',
      'f[maxlines=many]',
      'f[date=1, p=2]',
      'f[logtype=short]',
      'f[\u00fcber=1]',
    ].map((reference) => `[j]\nenabled = true\nfilter = ${reference}\naction = a\n`),
    ...[
      'a[name=x]',
      'a[name=j2, port="1,2"]',
      'a[actname=z]',
      'a\n a',
      'a a[name=b]',
      'a[x=1]\n  a[name=k,\n  y=2]',
      'a[name=%(__name__)s, port="%(port)s", protocol="%(protocol)s"]',
      'a[actionban="other <ip>"]',
      'a[timeout=5, norestored=true]',
      'a[x="a" y="b"]',
      'a[x=1]]',
      'x.py',
      'x.py[actname=z, a="b ä", c=\'"\']',
      'a[',
      ', a',
    ].map(
      (reference) => `[j]\nenabled = true\nfilter = f\nport = 22\nprotocol = tcp\naction = ${reference}\n`,
    ),
  ],
  tags: [
    filter('[Definition]\nfailregex = ^<pre> <HOST> <nothing>\npre = p\n'),
    filter(
      '[Definition]\nfailregex = ^<pre-<mode>> <HOST>\npre-normal = n\npre-hard = h\n[Init]\nmode = normal\n',
    ),
    `[j]\nenabled = true\nfilter = f[mode=hard]\naction = a\n${filter('[Definition]\nfailregex = ^<pre-<mode>> <HOST>\npre-normal = n\npre-hard = h\n[Init]\nmode = normal\n').replace('== ', '\n== ')}`,
    filter('[Definition]\nfailregex = <a>\na = <b>\nb = <a>\n'),
    filter('[Definition]\nfailregex = <failregex>\n'),
    filter(
      '[Definition]\nfailregex = <sect/x> <sect_<lt>/x> <known/failregex> <default/d>\n[sect]\nx = 1\n[sect_file]\nx = 2\n[DEFAULT]\nd = 3\n',
    ),
    filter('[Definition]\nfailregex = <known/lt>\nlt = a\n== filter.d/f.local\n[Definition]\nlt = b\n'),
    filter(
      `[Definition]\nfailregex = <logtype> <backend> <maxretry> <filter>\n== jail.conf\n${jail}maxretry = 5\n`,
    ),
    filter('[Definition]\nlogtype = short\nfailregex = <logtype>\n'),
    filter('[Definition]\nfailregex = <PRE>\npre = p\n'),
    action(
      '[Definition]\nactionban = <x> <ip> <bantime> <timeout> <matches> <maxretry> <name> <actname>\n[Init]\nx = y\ntimeout = 9\nbantime = 3\n',
    ),
    action(
      '[Definition]\nactionban = <block> <ip>\nactionstart = <chain>\n[Init]\nblock = DROP\nchain = INPUT\n[Init?family=inet6]\nblock = DROP6\n',
    ),
    action(
      '[Definition]\nactionban = <blocktype>\n[Init]\nblocktype = R\n[Init?family=inet6]\nblocktype = R6\n',
    ) + '\n== jail.conf\n[j]\nenabled = true\nfilter = f\naction = a[blocktype=DROP]\n',
    action('[Definition]\nactionban = a\nactionban?family=inet6 = b\n'),
    action('[Definition]\nactionstart_on_demand = true\nnorestored = 1\nactionrepair_on_unban = nope\n'),
    action('[Definition]\nactionban = %(x)s <y>\nactionunban = <actionban> gone\n[Init]\nx = 1\ny = 2\n'),
    action('[Definition]\nactionban = <y>\n[Init]\ny = %(x)s\nx = 5\n'),
    action('[Definition]\nactionban = <x>\nx = <y><y>\ny = <z>\nz = <ip>\n'),
    action(
      '[INCLUDES]\nbefore = b.conf\n[Definition]\nactionban = <cmd> <ip>\n== action.d/b.conf\n[Definition]\ncmd = c\nactionunban = u\n[Init]\ncmd = i\n',
    ),
    action('[Init]\nx = 1\n'),
    action('[Definition]\nx = 1\n'),
    action(`[Definition]\nactionban = <logpath> <action>\n== jail.conf\n${jail}logpath = /l\n`),
  ],
}
