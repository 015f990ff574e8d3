/** `postern guard run`: the guard at work, until it is told to stop. */
import { existsSync } from 'node:fs'
import {
  defaultSocket,
  failedText,
  GuardLog,
  GuardProcess,
  gathered,
  type Level,
  logToFile,
  openGuardStore,
} from '../daemon/guard/index.ts'
import type { GuardConfig } from '../guard/config/read.ts'
import { type GuardStore, takeOverFail2ban } from '../linux/store/index.ts'
import type { Command, OptionValues } from './command.ts'
import { type Environment, exit, UnavailableError } from './environment.ts'
import { readGuardFiles } from './guard-files.ts'
import { etcOption, fileArgument, jailsToRun } from './guard-jails.ts'

const defaultStore = '/var/lib/postern/guard.sqlite3'

export const guardRun: Command = {
  name: 'guard run',
  summary: 'follow logs and ban whom the jails say',
  description:
    'Runs the enabled jails of an existing fail2ban configuration, or of a postern.yaml, until it is stopped (Ctrl-C, ' +
    'SIGTERM, or postern fail2ban-client stop). Bans, failures and places in logs are kept in a database, so that a restart neither ' +
    'forgets nor repeats anything. A jail that cannot be started leaves the others at work.\n\n' +
    'At the end bans are taken off the firewall, and put back at the next start. With --watch nothing is done to ' +
    'this machine: the log says who would be banned.',
  arguments: [fileArgument],
  options: [
    etcOption,
    { flags: '--jail <name>', doc: 'only this jail, enabled or not', repeatable: true },
    { flags: '--watch', doc: 'ban nobody; say who would be banned' },
    { flags: '--store <file>', doc: `the database (default: ${defaultStore})` },
    { flags: '--socket <file>', doc: `where commands ask (default: ${defaultSocket})` },
    { flags: '--log <file>', doc: "append to this file in the form of fail2ban's log (default: stdout)" },
    {
      flags: '--level <level>',
      doc: 'how much the log says (default: INFO)',
      choices: ['ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG'],
    },
    { flags: '--take-over <file>', doc: 'a database of fail2ban whose bans are taken over, once' },
    { flags: '--keep-bans', doc: 'leave bans on the firewall at the end' },
  ],
  examples: [
    {
      does: 'Take over where fail2ban stood, in its place',
      command: 'postern guard run --take-over /var/lib/fail2ban/fail2ban.sqlite3',
      needs: 'root, and fail2ban stopped',
    },
    {
      does: 'Only say who would be banned',
      command: 'postern guard run --watch --store /tmp/guard.sqlite3 --socket /tmp/guard.sock',
      needs: 'logs that may be read; Ctrl-C ends it',
    },
  ],
  run: runGuard,
}

async function runGuard(
  [file]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const enforce = options.watch !== true
  if (enforce && process.getuid?.() !== 0)
    throw new UnavailableError('changing the firewall needs root', 'postern guard run --watch')
  const config = await readGuardFiles(file, options, environment)
  const jails = jailsToRun(config, environment)
  const store = openGuardStore(textOf(options.store) ?? defaultStore)
  const log = logOf(options, environment)
  takeOver(options, config, store, log, environment)
  let stop = (): void => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  const guard = await GuardProcess.open({
    store,
    log,
    enforce,
    nowMs: () => environment.nowMs(),
    socket: textOf(options.socket) ?? defaultSocket,
    purgeAgeSeconds: () => config.settings.dbPurgeAgeSeconds,
    reload: async () => {
      const { jails: next } = await readGuardFiles(file, options, environment)
      return failedText(await guard.use(next.map(({ settings }) => settings)))
    },
    // The answer goes out first.
    stop: () => void setTimeout(stop, 50),
  })
  environment.signal.addEventListener('abort', stop)
  log.say('INFO', 'server', `Starting Postern with ${jails.length} jails${enforce ? '' : ', watching only'}`)
  const failed = await guard.use(jails)
  if (!environment.signal.aborted) await stopped
  await guard.close(options.keepBans !== true)
  log.say('INFO', 'server', 'Exiting Postern')
  return failed.length === 0 ? exit.ok : exit.finding
}

function logOf(options: OptionValues, environment: Environment): GuardLog {
  const path = textOf(options.log)
  const write = gathered(path === undefined ? (text) => environment.stdout(text) : logToFile(path))
  return new GuardLog(write, (textOf(options.level) ?? 'INFO') as Level, () => environment.nowMs(), path)
}

function takeOver(
  options: OptionValues,
  config: GuardConfig,
  store: GuardStore,
  log: GuardLog,
  environment: Environment,
): void {
  const path = textOf(options.takeOver)
  if (path === undefined) return
  if (!existsSync(path)) throw new UnavailableError(`there is no ${path}`)
  const banSecondsOf = (name: string): number | null => {
    const jail = config.jails.find(({ settings }) => settings.name === name)?.settings
    return jail === undefined || jail.increment.enabled ? null : jail.banTimeSeconds
  }
  const taken = takeOverFail2ban(path, store, environment.nowMs(), banSecondsOf)
  const said =
    taken === null
      ? 'was taken over before'
      : `${taken.bans} bans and ${taken.earlier} earlier ones taken over`
  log.say('NOTICE', 'server', `${path}: ${said}`)
}

const textOf = (value: OptionValues[string]): string | undefined =>
  typeof value === 'string' ? value : undefined
