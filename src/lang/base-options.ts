/**
 * The options that iptables itself understands, apart from its extensions.
 * Source: iptables/xshared.c and iptables/iptables.c, 1.8.9 (`original_opts`, `commands_v_options`).
 */

export type BaseOptionName =
  | 'append'
  | 'delete'
  | 'check'
  | 'insert'
  | 'replace'
  | 'list'
  | 'list-rules'
  | 'flush'
  | 'zero'
  | 'new-chain'
  | 'delete-chain'
  | 'rename-chain'
  | 'policy'
  | 'source'
  | 'destination'
  | 'protocol'
  | 'in-interface'
  | 'out-interface'
  | 'fragments'
  | 'jump'
  | 'goto'
  | 'match'
  | 'table'
  | 'set-counters'
  | 'numeric'
  | 'verbose'
  | 'exact'
  | 'line-numbers'
  | 'wait'
  | 'wait-interval'
  | 'modprobe'
  | 'version'
  | 'help'
  | 'ipv4'
  | 'ipv6'

export interface BaseOption {
  readonly name: BaseOptionName
  /** Letter after a single dash; null for an option that has only its long form. */
  readonly letter: string | null
  /** `optional`: only glued on (`-LINPUT`, `--list=INPUT`); the next word is a matter of the command. */
  readonly argument: 'none' | 'required' | 'optional'
  readonly kind: 'command' | 'condition' | 'other'
  readonly alias?: readonly string[]
  readonly invertible?: boolean
  /**
   * iptables 1.8.9 takes the whole word for the value when both are one (`-jACCEPT`, `--jump=ACCEPT`), and so refuses
   * it, or makes it the name of an interface. Source: `argv[optind - 1]` in `do_parse()`.
   */
  readonly wholeWord?: boolean
}

const command = (name: BaseOptionName, letter: string, argument: BaseOption['argument']): BaseOption => ({
  name,
  letter,
  argument,
  kind: 'command',
})

const condition = (name: BaseOptionName, letter: string, more: Partial<BaseOption> = {}): BaseOption => ({
  name,
  letter,
  argument: 'required',
  kind: 'condition',
  ...more,
})

const other = (
  name: BaseOptionName,
  letter: string | null,
  argument: BaseOption['argument'] = 'none',
): BaseOption => ({ name, letter, argument, kind: 'other' })

export const baseOptions: readonly BaseOption[] = [
  command('append', 'A', 'required'),
  command('delete', 'D', 'required'),
  command('check', 'C', 'required'),
  command('insert', 'I', 'required'),
  command('replace', 'R', 'required'),
  command('list', 'L', 'optional'),
  command('list-rules', 'S', 'optional'),
  command('flush', 'F', 'optional'),
  command('zero', 'Z', 'optional'),
  command('new-chain', 'N', 'required'),
  command('delete-chain', 'X', 'optional'),
  command('rename-chain', 'E', 'required'),
  command('policy', 'P', 'required'),
  condition('source', 's', { alias: ['src'], invertible: true, wholeWord: true }),
  condition('destination', 'd', { alias: ['dst'], invertible: true, wholeWord: true }),
  condition('protocol', 'p', { invertible: true, wholeWord: true }),
  condition('in-interface', 'i', { invertible: true, wholeWord: true }),
  condition('jump', 'j', { wholeWord: true }),
  condition('table', 't'),
  condition('match', 'm'),
  other('numeric', 'n'),
  condition('out-interface', 'o', { invertible: true, wholeWord: true }),
  other('verbose', 'v'),
  other('wait', 'w', 'optional'),
  other('wait-interval', 'W', 'optional'),
  other('exact', 'x'),
  condition('fragments', 'f', { argument: 'none', invertible: true }),
  other('version', 'V'),
  other('help', 'h', 'optional'),
  other('line-numbers', null),
  other('modprobe', 'M', 'required'),
  condition('set-counters', 'c'),
  condition('goto', 'g'),
  other('ipv4', '4'),
  other('ipv6', '6'),
]

export const baseOptionByLetter: ReadonlyMap<string, BaseOption> = new Map(
  baseOptions.flatMap((option) => (option.letter === null ? [] : [[option.letter, option]])),
)

/** Every long name with the option it stands for. */
export const baseLongNames: readonly (readonly [name: string, option: BaseOption])[] = baseOptions.flatMap(
  (option) => [option.name, ...(option.alias ?? [])].map((name) => [name, option] as const),
)

/** As a message names it: `-s`, or `--line-numbers`. */
export const shortForm = ({ letter, name }: BaseOption): string =>
  letter === null ? `--${name}` : `-${letter}`

/** Rule commands take the conditions of a rule; the others none of them. */
export type CommandName =
  | 'append'
  | 'delete'
  | 'delete-number'
  | 'check'
  | 'insert'
  | 'replace'
  | 'list'
  | 'list-rules'
  | 'flush'
  | 'zero'
  | 'zero-number'
  | 'new-chain'
  | 'delete-chain'
  | 'rename-chain'
  | 'policy'

const conditions: readonly BaseOptionName[] = [
  'source',
  'destination',
  'protocol',
  'jump',
  'goto',
  'in-interface',
  'out-interface',
  'fragments',
]

/** Options that a command accepts besides `-v`, `-t`, `-m`, `-w`, `-M`, `-4`, `-6`. */
const allowed: Readonly<Record<CommandName, ReadonlySet<BaseOptionName>>> = {
  append: new Set([...conditions, 'set-counters']),
  insert: new Set([...conditions, 'set-counters']),
  replace: new Set([...conditions, 'set-counters']),
  delete: new Set(conditions),
  check: new Set(conditions),
  'delete-number': new Set(),
  list: new Set(['numeric', 'exact', 'line-numbers']),
  'list-rules': new Set(),
  flush: new Set(),
  zero: new Set(),
  'zero-number': new Set(),
  'new-chain': new Set(),
  'delete-chain': new Set(),
  'rename-chain': new Set(),
  policy: new Set(['set-counters']),
}

const restricted: ReadonlySet<BaseOptionName> = new Set([
  ...conditions,
  'set-counters',
  'numeric',
  'exact',
  'line-numbers',
])

export const commandAllows = (command: CommandName, option: BaseOptionName): boolean =>
  !restricted.has(option) || allowed[command].has(option)
