/** `fail2ban.conf`: what is set for all jails and for the program itself. */
import type { Command } from './commands.ts'
import { ConfigFailure, errorOf } from './complaint.ts'
import type { ConfigLibrary, MergedConfig } from './merged.ts'
import { readSettings, type Settings, type Template } from './setting.ts'
import { parseTime } from './time.ts'
import { spanOf } from './value.ts'

export interface GuardSettings {
  /** CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG, or a number of Python's logging. */
  readonly logLevel: string
  /** A file, or STDOUT, STDERR, SYSLOG, SYSOUT, SYSTEMD-JOURNAL. */
  readonly logTarget: string
  readonly syslogSocket: string
  readonly socket: string
  readonly pidFile: string
  /** Where bans are kept; `:memory:` or `None` for nowhere. */
  readonly dbFile: string
  /** How long the database keeps bans that are over, in seconds. */
  readonly dbPurgeAgeSeconds: number
  /** Matched lines kept for each ban; null where nothing says so. */
  readonly dbMaxMatches: number | null
  readonly allowIpv6: 'auto' | 'yes' | 'no'
  /** For threads of fail2ban, in KiB; null where nothing says so. Postern has no use for it. */
  readonly stackSizeKib: number | null
}

const early: Template = {
  socket: { kind: 'text', preset: '/var/run/fail2ban/fail2ban.sock' },
  pidfile: { kind: 'text', preset: '/var/run/fail2ban/fail2ban.pid' },
  loglevel: { kind: 'text', preset: 'INFO' },
  logtarget: { kind: 'text', preset: '/var/log/fail2ban.log' },
  syslogsocket: { kind: 'text', preset: 'auto' },
}

const late: Template = {
  allowipv6: { kind: 'text', preset: 'auto' },
  dbfile: { kind: 'text', preset: '/var/lib/fail2ban/fail2ban.sqlite3' },
  dbmaxmatches: { kind: 'whole' },
  dbpurgeage: { kind: 'text', preset: '1d' },
}

/** Throws `ConfigFailure`. */
export function readGlobalSettings(library: ConfigLibrary, config: MergedConfig): Settings {
  const say = library.say.bind(library)
  const settings = new Map([
    ...readSettings(config, { section: 'Definition', template: early }, say),
    ...readSettings(config, { section: 'Definition', template: late }, say),
  ])
  const level = settings.get('loglevel')!
  if (!/^\d+$/.test(String(level.value)) && !levels.includes(String(level.value).toUpperCase())) {
    throw new ConfigFailure(
      errorOf('unknown-level', spanOf(level.from), `"${level.value}" is no level of logging`, {
        notes: ['fail2ban does not start'],
        help: levels.slice(0, 6).join(', '),
      }),
    )
  }
  if (config.hasSection('Thread')) {
    const thread = readSettings(
      config,
      { section: 'Thread', template: { stacksize: { kind: 'whole' } } },
      say,
    )
    for (const [option, setting] of thread) settings.set(option, setting)
  }
  return settings
}

const levels = [
  'CRITICAL',
  'ERROR',
  'WARNING',
  'NOTICE',
  'INFO',
  'DEBUG',
  'FATAL',
  'WARN',
  'NOTSET',
  'MSG',
].concat('TRACEDEBUG', 'HEAVYDEBUG')

/** In the order of fail2ban: logging first, so that it tells what goes wrong with the database. */
export function globalCommands(settings: Settings): Command[] {
  const commands: Command[] = []
  const stackSize = settings.get('stacksize')
  if (stackSize !== undefined) {
    commands.push({ words: ['set', 'thread', { stacksize: stackSize.value }], from: stackSize.from })
  }
  const order = ['syslogsocket', 'loglevel', 'logtarget', 'allowipv6', 'dbfile', 'dbmaxmatches', 'dbpurgeage']
  for (const option of order) {
    const setting = settings.get(option)
    if (setting !== undefined) commands.push({ words: ['set', option, setting.value], from: setting.from })
  }
  return commands
}

export function guardSettings(settings: Settings, library: ConfigLibrary): GuardSettings {
  const text = (option: string): string => String(settings.get(option)?.value ?? '')
  const number = (option: string): number | null => {
    const value = settings.get(option)?.value
    return typeof value === 'number' ? value : null
  }
  const ipv6 = text('allowipv6').toLowerCase()
  const age = settings.get('dbpurgeage')!
  const ageSeconds = parseTime(age.from.text)
  if (ageSeconds === null) library.say(noTime('dbpurgeage', age.from))
  return {
    logLevel: text('loglevel').toUpperCase(),
    logTarget: text('logtarget'),
    syslogSocket: text('syslogsocket'),
    socket: text('socket'),
    pidFile: text('pidfile'),
    dbFile: text('dbfile'),
    dbPurgeAgeSeconds: ageSeconds ?? 86_400,
    dbMaxMatches: number('dbmaxmatches'),
    allowIpv6: ipv6 === 'auto' ? 'auto' : ['1', 'on', 'true', 'yes'].includes(ipv6) ? 'yes' : 'no',
    stackSizeKib: number('stacksize'),
  }
}

export const noTime = (option: string, from: Parameters<typeof spanOf>[0]) =>
  errorOf('no-time', spanOf(from), `"${option}" is "${from.text}", and should be a time`, {
    help: '600, 10m, 1h30m, 1d12h, 4w',
  })
