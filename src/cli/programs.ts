/** `postern iptables` and its kin: the commands themselves, on a virtual host kept in a file. */
import { decodeText, encodeText } from '../lang/bytes.ts'
import { inputFileOf } from '../lang/ipset/program.ts'
import { restoreFile } from '../lang/program/restore.ts'
import { type Program, runProgram } from '../lang/program/run.ts'
import type { Command } from './command.ts'
import { type Environment, UsageError } from './environment.ts'
import { withMachine } from './machine.ts'

function exampleOf(program: Program): string {
  const { name, kind } = program
  switch (kind) {
    case 'command':
      return `${name} --state fw.state -A INPUT -p tcp --dport 22 -j ACCEPT`
    case 'save':
      return `${name} --state fw.state -c`
    case 'restore':
      return program.family === 'ipv4'
        ? `${name} --state fw.state examples/port-knock/rules.v4`
        : `${name} --state fw.state < <(printf '*filter\\n-A INPUT -i lo -j ACCEPT\\nCOMMIT\\n')`
    case 'sets':
      return `${name} --state fw.state create banned hash:net timeout 3600`
  }
}

const description = ({ name, kind }: Program): string =>
  `Behaves as ${name} ${kind === 'sets' ? '7.17' : '1.8.9 (legacy)'} does: the same output, messages and exit codes, ` +
  `and needs no root. The ${kind === 'sets' ? 'sets' : 'rules'} live in the file ` +
  ' that --state names in front of all other words, or the variable POSTERN_STATE.'

export const commandOf = (program: Program): Command => ({
  name: program.name,
  summary: `${program.name} on a virtual host`,
  description: description(program),
  arguments: [{ name: '[words...]', doc: 'the words of the command line' }],
  options: [{ flags: '--state <file>', doc: 'where the virtual host is kept; must come first' }],
  examples: [{ does: `${program.name} on a virtual host`, command: `postern ${exampleOf(program)}` }],
  ownWords: true,
  run: (words, _options, environment) => runOnState(program, words, environment),
})

async function runOnState(
  program: Program,
  words: readonly string[],
  environment: Environment,
): Promise<number> {
  const { state, args } = stateIn(words, environment)
  if (state === undefined) {
    throw new UsageError(
      'no state file: the rules of the virtual host must live somewhere',
      `postern ${program.name} --state FILE ..., or set POSTERN_STATE`,
    )
  }
  const path = inputPathOf(program, args)
  const input = path === null ? '' : await readInput(path, environment)
  if (input === null && program.kind !== 'sets') {
    environment.stderr(`Can't open ${path}: No such file or directory\n`)
    return 1
  }
  const looksIntoSets = program.kind === 'sets'
  const answer = await withMachine(
    state,
    environment,
    (machine) => runProgram(program, args, input, machine, dateText(environment.nowMs())),
    { looksIntoSets },
  )
  environment.stderr(answer.stderr)
  if (answer.file === undefined) environment.stdout(answer.stdout)
  else await environment.replaceFile(answer.file, encodeText(answer.stdout))
  return answer.exitCode
}

/** What the program reads, `-` for standard input; null for nothing. */
export function inputPathOf({ kind }: Program, args: readonly string[]): string | null {
  if (kind === 'restore') return restoreFile(args) ?? '-'
  // `-` alone begins a dialogue.
  const restores = args.some(
    (word) => word === '-' || word === '-R' || (word.length > 2 && 'restore'.startsWith(word)),
  )
  return kind === 'sets' && restores ? (inputFileOf(args) ?? '-') : null
}

/** Null where there is no such file. */
async function readInput(path: string, environment: Environment): Promise<string | null> {
  try {
    return decodeText(await environment.readFile(path))
  } catch (error) {
    if (path === '-') throw error
    return null
  }
}

/** `--state` counts in front only: behind, it is an option of the match `state`. */
function stateIn(
  words: readonly string[],
  environment: Environment,
): { state: string | undefined; args: readonly string[] } {
  const [first, second] = words
  if (first === '--state') return { state: second, args: words.slice(2) }
  if (first?.startsWith('--state=')) return { state: first.slice('--state='.length), args: words.slice(1) }
  return { state: environment.variable('POSTERN_STATE') || undefined, args: words }
}

/** By hand: asking for a date in words loads tables of all languages, for 20 ms. */
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** As ctime(3) prints it, in local time. */
export function dateText(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getDay()]
  const month = months[date.getMonth()]
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${month} ${String(date.getDate()).padStart(2)} ${time} ${date.getFullYear()}`
}
