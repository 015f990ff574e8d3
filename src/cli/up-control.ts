/** `postern up status` and `postern up reload`: the running daemon, asked and told. */
import { type DaemonStatus, socketIn } from '../daemon/up/index.ts'
import { ask, VerbError } from '../linux/control-socket.ts'
import { type Command, jsonOption, type OptionRow, type OptionValues } from './command.ts'
import { type Environment, exit } from './environment.ts'
import { cutToColumns, palette, table } from './style.ts'

const defaultRun = '/run/postern'

const runOption: OptionRow = {
  flags: '--run <folder>',
  doc: `where the daemon has its socket (default: ${defaultRun})`,
}

const needs = 'a running postern up'

async function asking(
  word: string,
  { run }: OptionValues,
  environment: Environment,
  use: (answer: unknown) => number,
): Promise<number> {
  const socket = socketIn(typeof run === 'string' ? run : defaultRun)
  try {
    return use(await ask(socket, [word], { who: 'postern up', hint: 'postern up --enforce   (as root)' }))
  } catch (error) {
    if (!(error instanceof VerbError)) throw error
    environment.stderr(`error: ${error.message}\n`)
    return exit.finding
  }
}

export const upStatus: Command = {
  name: 'up status',
  summary: 'how the sections of the running daemon stand',
  description:
    'Asks the running daemon: what each section of its postern.yaml does, what it waits for, and whether rules and sets ' +
    'are in the kernel as they should be. The status is 1 where something is not as the file wants it.',
  arguments: [],
  options: [runOption, jsonOption],
  examples: [{ does: 'Is all at work?', command: 'sudo postern up status', needs }],
  run: (_args, options, environment) =>
    asking('status', options, environment, (answer) => {
      const status = answer as DaemonStatus
      environment.stdout(
        options.json === true ? `${JSON.stringify(status)}\n` : printStatus(status, environment),
      )
      const isWell = status.refused.length === 0 && status.sections.every(({ state }) => state === 'at work')
      return isWell ? exit.ok : exit.finding
    }),
}

function printStatus(status: DaemonStatus, environment: Environment): string {
  const { pid, file, enforce, loadedAtMs, refused, sections } = status
  const colors = palette(environment.color.stdout)
  const since = new Date(loadedAtMs).toISOString().slice(0, 19).replace('T', ' ')
  const lines = [
    `${file}, read ${since} UTC, process ${pid}${enforce ? '' : ': changes nothing on this machine'}`,
    '',
    ...table([
      ['SECTION', 'STATE', 'WHAT'],
      ...sections.map(({ section, state, text, problem, retryAtMs }) => [
        section,
        state,
        [text, problem === null ? '' : `${problem}`, nextTry(retryAtMs, environment)]
          .filter((part) => part !== '')
          .join('; '),
      ]),
    ]).map((line) => cutToColumns(line, environment.interactive ? environment.columns : 0)),
  ]
  if (refused.length > 0)
    lines.push(
      '',
      colors.red('the file has mistakes now, and the configuration of before is in force:'),
      ...refused,
    )
  return `${lines.join('\n')}\n`
}

const nextTry = (atMs: number | null, { nowMs }: Environment): string =>
  atMs === null ? '' : `tried again in ${Math.max(0, Math.round((atMs - nowMs()) / 1000))} s`

export const upReload: Command = {
  name: 'up reload',
  summary: 'let the running daemon read its postern.yaml anew',
  description:
    'As SIGHUP does, and waits until it is done: what has not changed goes on undisturbed. A file with mistakes leaves ' +
    'the old configuration in force; they are printed, and the status is 1.',
  arguments: [],
  options: [runOption, jsonOption],
  examples: [{ does: 'After an edit of postern.yaml', command: 'sudo postern up reload', needs }],
  run: (_args, options, environment) =>
    asking('reload', options, environment, (answer) => {
      const refused = answer as readonly string[]
      if (options.json === true)
        environment.stdout(`${JSON.stringify({ reloaded: refused.length === 0, refused })}\n`)
      else if (refused.length === 0) environment.stdout('reloaded\n')
      else environment.stderr(`${refused.join('\n')}\nthe old configuration stays in force\n`)
      return refused.length === 0 ? exit.ok : exit.finding
    }),
}
