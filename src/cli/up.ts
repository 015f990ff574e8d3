/** `postern up`: the daemon, and `postern config check`, which reads its file. */
import { resolve } from 'node:path'
import { type ConfigFile, readConfigFile } from '../daemon/config/index.ts'
import { ConfigRefused, checkConfig, Daemon, DaemonLog, type LogForm, notifier } from '../daemon/up/index.ts'
import { decodeText } from '../lang/bytes.ts'
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
  summary: 'the daemon: rules, recipes, countries, auth port and guard of a postern.yaml',
  description:
    'Puts the sections of a postern.yaml to work until it is stopped: rules of files and recipes, loaded in one step and ' +
    'kept as a generation; country blocks, whose lists are fetched now and then; the auth port; the guard. Without ' +
    '--enforce, or without root, it changes nothing on this machine and says what it would do. A section that cannot ' +
    'begin leaves the others at work and is tried again.\n\n' +
    'SIGHUP, or postern up reload, reads the file anew: what has not changed goes on undisturbed (rules that stay keep ' +
    'their counters), and a file with mistakes leaves the old configuration in force. Rules that would cut an open SSH ' +
    'session are not loaded. SIGTERM and Ctrl-C end it: rules, recipes and country blocks stay in force unless on-stop: ' +
    'remove is said, bans are put back at the next start, who came in by the auth port is out. A machine that starts ' +
    'with a file that is of no use gets the rules that were in force last.\n\n' +
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
    { flags: '--lib <folder>', doc: `for the database, generations and lists (default: ${defaultState})` },
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
  if (!enforce)
    log.say(
      'notice',
      'up',
      `nothing is changed on this machine: ${isRoot ? '--enforce is not given' : 'this is not root'}`,
    )
  const daemon = await start({
    path,
    log,
    enforce,
    nowMs,
    program: [process.execPath, resolve(process.argv[1]!)],
    runFolder: folderOf(options.run, defaultRun),
    stateFolder: folderOf(options.lib, defaultState),
    notify: await notifier((name) => environment.variable(name)),
    read: () => readFile(path, environment),
  })
  environment.onHangup(() => void daemon.reload())
  await new Promise<void>((done) => {
    if (environment.signal.aborted) done()
    environment.signal.addEventListener('abort', () => done())
  })
  await daemon.stop()
  return exit.ok
}

async function start(parts: Parameters<typeof Daemon.start>[0]): Promise<Daemon> {
  try {
    return await Daemon.start(parts)
  } catch (error) {
    if (error instanceof ConfigRefused) throw new RulesRefused([...error.diagnostics])
    throw error
  }
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
