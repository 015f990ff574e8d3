/**
 * The commands by which fail2ban's client sets up its server: what the configuration comes down to. The same list as
 * `fail2ban-client -d` prints, each with the value it was made of.
 */
import { ConfigFailure, errorOf } from './complaint.ts'
import { byCodePoint, type ConfigFiles } from './files.ts'
import { filterTemplate, type ResolvedJail } from './jail.ts'
import type { PythonValue } from './python.ts'
import { shellWords, splitLastBlank, splitWords } from './reference.ts'
import type { Setting } from './setting.ts'
import { part, presetValue, spanOf, type Value } from './value.ts'

export interface Command {
  readonly words: readonly PythonValue[]
  /** What it was made of. */
  readonly from: Value
}

/** Options of a jail that no command of their own name carries. */
const carriedElsewhere = new Set(['action', 'filter', 'enabled', ...Object.keys(filterTemplate)])

/** The commands of one jail but for its start. Throws `ConfigFailure` as fail2ban refuses. */
export function jailCommands(
  { name, settings, filter, actions }: ResolvedJail,
  files: ConfigFiles,
): Command[] {
  const backend = settings.get('backend')!
  const commands = [
    ...regexCommands(name, settings, filter === null ? [] : regexCommands(name, filter.settings, [])),
  ]
  const logs: Command[] = []
  for (const [option, { value, from }] of settings) {
    if (option === 'logpath') {
      if (!String(backend.value).startsWith('systemd')) logs.push(...logCommands(name, from, files))
    } else if (option === 'ignoreip') {
      commands.push({ words: ['set', name, 'addignoreip', ...splitWords(from.text)], from })
    } else if (option !== 'backend' && !carriedElsewhere.has(option)) {
      commands.push({ words: ['set', name, option, value], from })
    }
  }
  return [
    { words: ['add', name, backend.value], from: backend.from },
    ...commands,
    ...logs,
    ...actions.flatMap((action) => actionCommands(name, action)),
  ]
}

/** Commands of the options that filters and jails share, put to those that are there. */
function regexCommands(jail: string, settings: ReadonlyMap<string, Setting>, commands: Command[]): Command[] {
  let first = 0
  for (const [option, { value, from }] of settings) {
    if (value === null) continue
    if (option === 'failregex' || option === 'ignoreregex') {
      const lines = String(value)
        .split('\n')
        .filter((line) => line !== '')
      if (lines.length === 1) commands.push({ words: ['set', jail, `add${option}`, lines[0]!], from })
      if (lines.length > 1) commands.push({ words: ['multi-set', jail, `add${option}`, lines], from })
    } else if (['usedns', 'maxlines', 'prefregex'].includes(option)) {
      commands.splice(option === 'usedns' ? 0 : first, 0, { words: ['set', jail, option, value], from })
      first++
    } else if (option !== '' && 'datepattern'.includes(option)) {
      // fail2ban asks for a part of the word, so that an option `date` is sent, too.
      commands.push({ words: ['set', jail, option, value], from })
    } else if (option === 'journalmatch') {
      commands.push(...journalCommands(jail, { value, from }))
    }
  }
  return commands
}

function journalCommands(jail: string, { value, from }: Setting): Command[] {
  const commands: Command[] = []
  let at = 0
  for (const line of String(value).split('\n')) {
    const start = at
    at += line.length + 1
    if (line === '') continue
    const words = shellWords(line)
    if (words === null) {
      throw new ConfigFailure(
        errorOf(
          'open-quote',
          spanOf(from, start, start + line.length),
          'a quotation mark of "journalmatch" stays open',
          {
            notes: ['fail2ban refuses the whole configuration'],
          },
        ),
      )
    }
    commands.push({ words: ['set', jail, 'addjournalmatch', ...words], from })
  }
  return commands
}

/** One of the files or patterns of `logpath`, with where it is read from at first. */
export interface LogPath {
  readonly pattern: string
  /** `head` or `tail`; fail2ban passes on any other word behind the last blank. */
  readonly from: string
  readonly value: Value
}

export function logPathsOf(value: Value): LogPath[] {
  let at = 0
  return value.text.split('\n').map((line) => {
    const start = at
    at += line.length + 1
    const [pattern, from] = splitLastBlank(line)
    return { pattern, from: from ?? 'head', value: part(value, start, start + line.length) }
  })
}

const logCommands = (jail: string, value: Value, files: ConfigFiles): Command[] =>
  logPathsOf(value).flatMap(({ pattern, from, value: line }) =>
    [...files.glob(pattern)]
      .sort(byCodePoint)
      .map((path) => ({ words: ['set', jail, 'addlogpath', path, from], from: line })),
  )

function actionCommands(jail: string, action: ResolvedJail['actions'][number]): Command[] {
  const { name, from } = action
  if (action.kind === 'python') {
    return [{ words: ['set', jail, 'addaction', name, action.path, action.json], from }]
  }
  const options = [...action.settings].map(([option, { value }]) => [option, value])
  const set: readonly PythonValue[][] =
    options.length === 0
      ? []
      : options.length === 1
        ? [['set', jail, 'action', name, ...options[0]!]]
        : [['multi-set', jail, 'action', name, options]]
  return [{ words: ['set', jail, 'addaction', name], from }, ...set.map((words) => ({ words, from }))]
}

/** What fail2ban sends in the place of a jail that it skips. */
export const skippedJail = (name: string, said: string): Command => ({
  words: ['config-error', `Jail '${name}' skipped, because of wrong configuration: ${said}`],
  from: presetValue(''),
})
