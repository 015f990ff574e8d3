/** `postern completion`: what a shell may offer, from the same tables as `--help`. */
import type { Command } from './command.ts'
import { type CommandEntry, commands, loadCommands } from './commands.ts'
import { type Environment, exit, UsageError } from './environment.ts'

const shells = ['bash', 'zsh'] as const

export const completion: Command = {
  name: 'completion',
  summary: 'print what a shell needs to complete the words of postern',
  description:
    'Prints a script of bash; zsh reads the same through its bashcompinit. Commands, options and their choices are ' +
    'offered, and files everywhere else.',
  arguments: [{ name: '<shell>', doc: shells.join(' or ') }],
  options: [],
  examples: [
    { does: 'In this bash, from now on', command: 'source <(postern completion bash)', needs: 'bash' },
    {
      does: 'In every bash',
      command: 'postern completion bash > /etc/bash_completion.d/postern',
      needs: 'root',
    },
  ],
  async run([shell], _options, environment: Environment) {
    if (shell !== 'bash' && shell !== 'zsh')
      throw new UsageError(`"${shell}" is none of ${shells.join(', ')}`, 'postern completion bash')
    const script = completionScript(await loadCommands(), commands)
    environment.stdout(shell === 'bash' ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`)
    return exit.ok
  },
}

/** A script of bash. Commands that read their own words, as iptables does, are given files. */
export function completionScript(loaded: readonly Command[], entries: readonly CommandEntry[]): string {
  const firsts = [...new Set(entries.map(({ name }) => name.split(' ')[0]!)), 'help'].sort()
  const seconds = new Map<string, string[]>()
  for (const { name } of entries) {
    const [first, second] = name.split(' ') as [string, string?]
    if (second !== undefined) seconds.set(first, [...(seconds.get(first) ?? []), second])
  }
  const groups = [...seconds].map(([first, words]) => `      ${first}) words=${quoted(words.join(' '))} ;;\n`)
  // Some have a command of their own besides: `recent`, `up`.
  const pairs = entries.flatMap(({ name }) => (name.includes(' ') ? [name] : []))
  const own = loaded.filter(({ ownWords }) => ownWords !== true)
  const options = own.map(
    ({ name, options }) =>
      `    ${quoted(name)}) words=${quoted([...options.flatMap(wordsOf), '--help'].join(' '))} ;;\n`,
  )
  const choices = own.flatMap(({ name, options }) =>
    options.flatMap(({ flags, choices = [] }) =>
      choices.length === 0
        ? []
        : [`    ${quoted(`${name} ${flagOf(flags)}`)}) words=${quoted(choices.join(' '))} ;;\n`],
    ),
  )
  return `# Completion of postern for bash; postern completion bash prints it.
_postern() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words='' called
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W ${quoted(firsts.join(' '))} -- "$current"))
    return
  fi
  called=\${COMP_WORDS[1]}
  case "$called \${COMP_WORDS[2]}" in
    ${pairs.map(quoted).join('|')}) called="$called \${COMP_WORDS[2]}" ;;
  esac
  if (( COMP_CWORD == 2 )) && [[ $current != -* ]]; then
    case \${COMP_WORDS[1]} in
${groups.join('')}    esac
    if [[ -n $words ]]; then
      COMPREPLY=($(compgen -W "$words" -- "$current"))
      return
    fi
  fi
  case "$called $before" in
${choices.join('')}  esac
  if [[ -z $words && $current == -* ]]; then
    case $called in
${options.join('')}    esac
  fi
  if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -o default -o bashdefault -F _postern postern
`
}

/** Both forms of an option: \`-4, --ipv4\`. */
const wordsOf = ({ flags }: { readonly flags: string }): string[] =>
  flags.split(/, */).map((form) => form.split(/[ =[]/)[0]!)

const flagOf = (flags: string): string => wordsOf({ flags }).at(-1)!

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
