/**
 * What `-h` prints: the forms of a command, its options, and those of every match and target named before it.
 *
 * The forms are iptables' own; the words about options are those of `postern help`, from the same tables, so that they
 * say what is done here. iptables' own text is not copied.
 */
import type { ExtensionSyntax, OptionSpec } from '../syntax.ts'
import { version } from './answer.ts'

const forms = [
  '-[ACD] chain rule-specification [options]',
  '-I chain [rulenum] rule-specification [options]',
  '-R chain rulenum rule-specification [options]',
  '-D chain rulenum [options]',
  '-[LS] [chain [rulenum]] [options]',
  '-[FZ] [chain] [options]',
  '-[NX] chain',
  '-E old-chain-name new-chain-name',
  '-P chain target [options]',
  '-h (print this help information)',
]

/** Commands, conditions and flags: short, long, and what follows them. */
const options: readonly (readonly [short: string, long: string, value: string, doc: string])[] = [
  ['-A', '--append', 'chain', 'add a rule behind the others'],
  ['-C', '--check', 'chain', 'ask whether a rule is there'],
  ['-D', '--delete', 'chain [rulenum]', 'take a rule away'],
  ['-I', '--insert', 'chain [rulenum]', 'put a rule in front of another, the first by default'],
  ['-R', '--replace', 'chain rulenum', 'put a rule in the place of another'],
  ['-L', '--list', '[chain [rulenum]]', 'list rules'],
  ['-S', '--list-rules', '[chain [rulenum]]', 'print rules as commands'],
  ['-F', '--flush', '[chain]', 'take all rules away'],
  ['-Z', '--zero', '[chain [rulenum]]', 'set counters to zero'],
  ['-N', '--new', 'chain', 'make a chain'],
  ['-X', '--delete-chain', '[chain]', 'take a chain away, or all that are empty and unused'],
  ['-P', '--policy', 'chain target', 'what becomes of packets that no rule decides about'],
  ['-E', '--rename-chain', 'old new', 'give a chain another name'],
  ['-4', '--ipv4', '', 'do nothing in ip6tables'],
  ['-6', '--ipv6', '', 'do nothing in iptables'],
  ['[!] -p', '--protocol', 'proto', 'protocol by name or number'],
  ['[!] -s', '--source', 'address[/mask][,...]', 'where packets come from'],
  ['[!] -d', '--destination', 'address[/mask][,...]', 'where they go'],
  ['[!] -i', '--in-interface', 'name[+]', 'interface they came by'],
  ['-j', '--jump', 'target', 'what becomes of them'],
  ['-g', '--goto', 'chain', 'go on in a chain, without coming back'],
  ['-m', '--match', 'match', 'load a match'],
  ['-n', '--numeric', '', 'no names of hosts and services'],
  ['[!] -o', '--out-interface', 'name[+]', 'interface they leave by'],
  ['-t', '--table', 'table', 'table, filter by default'],
  ['-v', '--verbose', '', 'say more'],
  ['-w', '--wait', '[seconds]', 'wait for others: no others are here'],
  ['', '--line-numbers', '', 'number the rules listed'],
  ['-x', '--exact', '', 'counters in full'],
  ['[!] -f', '--fragment', '', 'second and further fragments only'],
  ['', '--modprobe', 'command', 'ignored: nothing is loaded'],
  ['-c', '--set-counters', 'packets bytes', 'counters of the new rule'],
  ['-V', '--version', '', 'print the version'],
]

export function usage(program: string, extensions: readonly ExtensionSyntax[]): string {
  const [first, ...rest] = forms.map((form) => `${program} ${form}`)
  const lines = options.map(([short, long, value, doc]) =>
    line(`${short.padStart(6)} ${long} ${value}`.trimEnd(), doc),
  )
  const parts = extensions.map(
    ({ name, options }) =>
      `\n${name} options:\n${Object.entries(options)
        .map(([option, spec]) => line(optionText(option, spec), spec.doc))
        .join('')}`,
  )
  return [
    `${program} v${version}\n\n`,
    `Usage: ${first}\n${rest.map((form) => `       ${form}\n`).join('')}\n`,
    `Options:\n${lines.join('')}`,
    ...parts,
  ].join('')
}

const docColumn = 44

const line = (text: string, doc: string): string =>
  text.length < docColumn ? `${text.padEnd(docColumn)}${doc}\n` : `${text}\n${' '.repeat(docColumn)}${doc}\n`

const optionText = (name: string, { invertible, metavar, value, optional }: OptionSpec<unknown>): string => {
  const after = value === null ? '' : ` ${metavar ?? 'VALUE'}`
  return `${invertible ? '[!]' : ''}`
    .padStart(4)
    .concat(` --${name}${optional ? ` [${after.trim()}]` : after}`)
}
