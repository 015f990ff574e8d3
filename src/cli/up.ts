/** `postern up`: the daemon, and `postern config check`, which reads its file. */
import { resolve } from 'node:path'
import { parseEndpoint } from '../daemon/authport/index.ts'
import { type ConfigFile, readConfigFile } from '../daemon/config/index.ts'
import {
  checkConfig,
  DaemonLog,
  type LogForm,
  notifier,
  Supervisor,
  serveMetrics,
} from '../daemon/up/index.ts'
import { decodeText } from '../lang/bytes.ts'
import type { Diagnostic } from '../lang/diagnostic.ts'
import { SourceText } from '../lang/source.ts'
import { RulesRefused } from '../scenario/rules-refused.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit } from './environment.ts'
import { renderDiagnostics } from './report/diagnostics.ts'

const defaultFile = '/etc/postern/postern.yaml'
const defaultRun = '/run/postern'
const defaultState = '/var/lib/postern'

export const up: Command = {
  name: 'up',
  summary: 'the daemon: guard and auth port of a postern.yaml, until it is stopped',
  description:
    'Puts the sections of a postern.yaml to work. Without --enforce, or without root, it changes nothing on this ' +
    'machine and says what it would do. A section that cannot begin leaves the others at work and is tried again. ' +
    'SIGHUP reads the file anew: what has not changed goes on undisturbed, and a file with mistakes leaves the old ' +
    'configuration in force. SIGTERM and Ctrl-C end it: bans are put back at the next start, who came in by the auth ' +
    'port is out.\n\n' +
    'Under systemd it tells when it is ready, keeps the watchdog quiet and logs as the journal likes it; --log json ' +
    'writes an object a line.',
  arguments: [{ name: '[file]', doc: `the configuration (default: ${defaultFile})` }],
  options: [
    { flags: '--enforce', doc: 'change this machine' },
    {
      flags: '--log <form>',
      doc: 'how the log is written (default: text, or what the journal likes)',
      choices: ['text', 'json', 'journal'],
    },
    { flags: '--run <folder>', doc: `for sockets (default: ${defaultRun})` },
    { flags: '--lib <folder>', doc: `for the database (default: ${defaultState})` },
  ],
  examples: [
    {
      does: 'Say what would be done',
      command: 'postern up postern.yaml --run /tmp/postern/run --lib /tmp/postern/lib',
      needs: 'a postern.yaml (postern init writes one); Ctrl-C ends it',
    },
    { does: 'Do it', command: 'postern up --enforce', needs: `root, and ${defaultFile}` },
  ],
  run: ([file], options, environment) => runUp(file ?? defaultFile, options, environment),
}

async function runUp(path: string, options: OptionValues, environment: Environment): Promise<number> {
  const nowMs = (): number => environment.nowMs()
  const log = new DaemonLog((line) => environment.stdout(line), formOf(options, environment), nowMs)
  const isRoot = process.getuid?.() === 0
  const enforce = options.enforce === true && isRoot
  const file = await readFile(path, environment)
  const supervisor = new Supervisor({
    log,
    enforce,
    nowMs,
    program: [process.execPath, resolve(process.argv[1]!)],
    runFolder: folderOf(options.run, defaultRun),
    stateFolder: folderOf(options.lib, defaultState),
  })
  const notify = await notifier((name) => environment.variable(name))
  if (!enforce)
    log.say(
      'notice',
      'up',
      `nothing is changed on this machine: ${isRoot ? '--enforce is not given' : 'this is not root'}`,
    )
  const errors = await supervisor.apply(file)
  if (errors.length > 0) throw new RulesRefused([...errors])
  const metrics = await metricsOf(file, supervisor)
  notify.tell('READY=1', `STATUS=${supervisor.ready ? 'all at work' : 'some sections could not begin'}`)
  log.say('info', 'up', supervisor.ready ? 'all at work' : 'at work, but for what could not begin')
  environment.onHangup(() => void reload(path, supervisor, log, notify.tell, environment))
  await new Promise<void>((done) => {
    if (environment.signal.aborted) done()
    environment.signal.addEventListener('abort', () => done())
  })
  notify.tell('STOPPING=1')
  await supervisor.stop()
  metrics?.close()
  notify.stop()
  log.say('info', 'up', 'stopped')
  return exit.ok
}

async function reload(
  path: string,
  supervisor: Supervisor,
  log: DaemonLog,
  tell: (...lines: readonly string[]) => void,
  environment: Environment,
): Promise<void> {
  tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  const errors = await readFile(path, environment)
    .then((file) => supervisor.apply(file))
    .catch((error: Error): readonly Diagnostic[] => {
      log.say('error', 'up', error.message)
      return []
    })
  if (errors.length > 0) {
    environment.stderr(renderDiagnostics([...errors], environment, 'stderr'))
    log.say('error', 'up', `${path} has mistakes: the old configuration stays in force`)
  } else log.say('info', 'up', `${path} read anew`)
  tell('READY=1')
}

async function metricsOf({ config, errorAt }: ConfigFile, supervisor: Supervisor) {
  if (config?.metrics === undefined) return null
  const endpoint = parseEndpoint(config.metrics)
  if (endpoint === null)
    throw new RulesRefused([
      errorAt(['metrics'], `"${config.metrics}" is no address with a port`, '127.0.0.1:9184'),
    ])
  return serveMetrics(endpoint, () => supervisor.metrics())
}

const readFile = async (path: string, environment: Environment): Promise<ConfigFile> =>
  readConfigFile(new SourceText(path, decodeText(await environment.readFile(path))))

/** The journal sets JOURNAL_STREAM for what it reads (systemd.exec(5)). */
const formOf = (options: OptionValues, environment: Environment): LogForm =>
  typeof options.log === 'string'
    ? (options.log as LogForm)
    : environment.variable('JOURNAL_STREAM') === undefined
      ? 'text'
      : 'journal'

const folderOf = (option: OptionValues[string], preset: string): string =>
  typeof option === 'string' ? resolve(option) : preset

export const configCheck: Command = {
  name: 'config check',
  summary: 'say what is wrong with a postern.yaml',
  description:
    'Reads the file as postern up does, with the filters and actions that its jails name, and changes nothing. Exit ' +
    'status 1 when there are errors.',
  arguments: [{ name: '[file]', doc: `the configuration (default: ${defaultFile})` }],
  options: [jsonOption],
  examples: [{ does: 'Is this file fine?', command: 'postern config check examples/auth-port/postern.yaml' }],
  async run([path = defaultFile], options, environment) {
    const file = await readFile(path, environment)
    const diagnostics = checkConfig(file)
    if (options.json === true)
      for (const { span, ...rest } of diagnostics)
        environment.stdout(`${JSON.stringify({ ...rest, ...placeOf(file, span?.start) })}\n`)
    else if (diagnostics.length > 0)
      environment.stdout(renderDiagnostics([...diagnostics], environment, 'stdout'))
    if (diagnostics.some(({ severity }) => severity === 'error')) return exit.finding
    if (options.json !== true)
      environment.stdout(`${path}: ${Object.keys(file.config ?? {}).join(', ')}: fine\n`)
    return exit.ok
  },
}

/** Counted from 1. */
function placeOf({ source }: ConfigFile, offset: number | undefined): object {
  if (offset === undefined) return {}
  const before = source.text.slice(0, offset).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}
