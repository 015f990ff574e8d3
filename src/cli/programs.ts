/** `postern iptables` and its kin: the commands themselves, on a virtual host kept in a file. */
import { decodeText } from '../lang/bytes.ts'
import type { Answer, Machine } from '../lang/program/answer.ts'
import { runIptables } from '../lang/program/iptables.ts'
import { runRestore } from '../lang/program/restore.ts'
import { runSave } from '../lang/program/save.ts'
import type { Family } from '../net/address.ts'
import type { Command } from './command.ts'
import { type Environment, UsageError } from './environment.ts'
import { withMachine } from './machine.ts'

interface Program {
  readonly name: string
  readonly summary: string
  readonly example: string
  /** What it reads from standard input or from the file it names, when it does. */
  readsInput?(args: readonly string[]): string
  run(args: readonly string[], input: string, machine: Machine, environment: Environment): Answer
}

function programsOf(family: Family): Program[] {
  const name = family === 'ipv4' ? 'iptables' : 'ip6tables'
  return [
    {
      name,
      summary: `${name} on a virtual host`,
      example: `${name} --state fw.state -A INPUT -p tcp --dport 22 -j ACCEPT`,
      run: (args, _input, machine) => runIptables(args, family, machine),
    },
    {
      name: `${name}-save`,
      summary: `${name}-save on a virtual host`,
      example: `${name}-save --state fw.state -c`,
      run: (args, _input, machine, environment) =>
        runSave(args, family, machine, dateText(environment.nowMs())),
    },
    {
      name: `${name}-restore`,
      summary: `${name}-restore on a virtual host`,
      example:
        family === 'ipv4'
          ? `${name}-restore --state fw.state examples/port-knock/rules.v4`
          : `${name}-restore --state fw.state < <(printf '*filter\\n-A INPUT -i lo -j ACCEPT\\nCOMMIT\\n')`,
      readsInput: (args) => args.findLast((word) => !word.startsWith('-')) ?? '-',
      run: (args, input, machine) => runRestore(args, input, family, machine),
    },
  ]
}

const description = (name: string): string =>
  `Behaves as ${name} 1.8.9 (legacy) does: the same output, messages and exit codes, and needs no root. The rules ` +
  'live in the file that --state names in front of all other words, or the variable POSTERN_STATE.'

const commandOf = (program: Program): Command => ({
  name: program.name,
  summary: program.summary,
  description: description(program.name),
  arguments: [{ name: '[words...]', doc: 'the words of the command line' }],
  options: [{ flags: '--state <file>', doc: 'where the virtual host is kept; must come first' }],
  examples: [{ does: program.summary, command: `postern ${program.example}` }],
  ownWords: true,
  run: (words, _options, environment) => runProgram(program, words, environment),
})

export const programCommands: readonly Command[] = (['ipv4', 'ipv6'] as const)
  .flatMap(programsOf)
  .map(commandOf)

async function runProgram(
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
  const file = program.readsInput?.(args)
  const input = file === undefined ? '' : decodeText(await environment.readFile(file))
  const answer = await withMachine(state, environment, (machine) =>
    program.run(args, input, machine, environment),
  )
  environment.stdout(answer.stdout)
  environment.stderr(answer.stderr)
  return answer.exitCode
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

/** As ctime(3) prints it, in local time. */
function dateText(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getDay()]
  const month = date.toLocaleString('en', { month: 'short' })
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${month} ${String(date.getDate()).padStart(2)} ${time} ${date.getFullYear()}`
}
