/**
 * What the parser and the printers need to know of an extension. `ext` defines the extensions themselves and
 * hands this room a `Syntax`; this room never asks for an extension by name.
 */
import type { Address, Family } from '../net/address.ts'
import type { Refusal } from './diagnostic.ts'
import type { Range } from './option.ts'
import type { KernelProfile } from './profile.ts'
import type { Hook, Rule, TableName } from './rule.ts'
import type { Span } from './source.ts'
import type { RuleKind } from './survey.ts'

/** What a value parser may consult. */
export interface OptionEnvironment {
  readonly family: Family
  readonly profile: KernelProfile
  /** Protocol of the rule's `-p`, as far as it was read before; null when none or any. */
  readonly protocol: { readonly number: number; readonly inverted: boolean } | null
  /** The sets of ipset that there are; absent where that is not known. */
  readonly sets?: KnownSets | undefined
}

/** Names of sets, and the family of what they hold; null for both. */
export type KnownSets = ReadonlyMap<string, Family | null>

/**
 * Reads one value; refuses with `refuse(...)`. The message continues a sentence that begins with the option and
 * the value: `is not a number from 0 to 255`. A code without a slash gets the extension's name in front.
 */
export type ValueParser<T> = (text: string, environment: OptionEnvironment) => T

export interface OptionSpec<T> {
  /** One phrase for help and manual. */
  readonly doc: string
  /** Null for an option without value, whose value then is `true`. */
  readonly value: ValueParser<T> | null
  /** How help names the value (`PORT[:PORT]`). */
  readonly metavar?: string
  /** Other long names of the option. */
  readonly alias?: readonly string[]
  readonly invertible?: boolean
  /** Names of options that may not stand beside this one. */
  readonly excludes?: readonly string[]
  /** Names of options that must stand beside this one. */
  readonly needs?: readonly string[]
  /** Whether it may be given more than once (the last one wins). Default false. */
  readonly repeatable?: boolean
  /** Whether the extension cannot do without it. Default false. */
  readonly required?: boolean
  /** What is to be said where it is used although it is taken. */
  readonly warning?: Refusal
  /** The value may be left out, and is null then: the next word is one unless it begins with `-` or `!`. */
  readonly optional?: boolean
  /** How iptables words it where the option stands twice, and where it is inverted though it cannot be. */
  readonly saidTwice?: string
  readonly saidInverted?: string
  /** Words the value takes: 2 for `--tcp-flags MASK SET`, which the value parser gets joined by a blank. */
  readonly words?: 1 | 2
}

// biome-ignore lint/suspicious/noExplicitAny: the table is heterogeneous; `Given` restores each type.
export type OptionTable = { readonly [name: string]: OptionSpec<any> }

export interface Seen<T> {
  readonly value: T
  readonly inverted: boolean
  /** The name it was given by (an alias or the name itself), unabbreviated. */
  readonly as: string
  readonly span: Span | null
}

/** The options that a rule gave, by name; the keys stand in the order of the text. */
export type Given<Options extends OptionTable> = {
  readonly [Name in keyof Options]?: Options[Name] extends OptionSpec<infer T> ? Seen<T> : never
}

/** One option as the text has it; of repeated ones there are several. */
export interface GivenOption extends Seen<unknown> {
  /** The option's own name, whatever alias it was given by. */
  readonly name: string
}

/** Where a rule stands, for the checks that the kernel makes when it is loaded. */
export interface RulePlace {
  readonly family: Family
  readonly table: TableName
  /** Base chains from which the rule can be reached; empty when none. */
  readonly hooks: readonly Hook[]
  readonly profile: KernelProfile
  /** The sets of ipset that there are; absent where that is not known. */
  readonly sets?: KnownSets | undefined
  /** Names of the accounting objects (nfacct) that there are; absent where that is not known. */
  readonly accounts?: ReadonlySet<string> | undefined
}

/** What the kernel's checks of an extension look at beside its own data; rules with the same of it are checked once. */
export type RuleToCheck = Pick<Rule, 'protocol' | 'matches'>

/** What a match does to a list that rules share by name. */
export interface MemoryUse {
  readonly list: string
  /** The list of rules that name none. */
  readonly defaultList: string
  /** Whether it can put an address into the list that was not there. */
  readonly writes: boolean
  /** Whether it only asks, and its answer decides about the packet. */
  readonly asks: boolean
  /** Whether it asks how often, which makes sense only where something writes. */
  readonly counts: boolean
  /** How old in seconds what it asks for may be; null for any age. */
  readonly windowSeconds: number | null
  /** How many stamps it asks for; 0 where it asks for the address alone. */
  readonly hits: number
}

/** How `iptables -L` asks for the text of an extension. */
export interface ListForm {
  readonly family: Family
  /** With `-n`: numbers in place of the names of services, protocols, hosts and users. */
  readonly numeric: boolean
  /** The number of the rule's `-p`; 0 when any. */
  readonly protocol: number
}

export interface AskedPorts {
  readonly ranges: readonly Range[]
  /** Whether the match asks for nothing else. */
  readonly alone: boolean
}

export interface NewDestination {
  /** Null leaves the address as it is; `local` is this host's own. */
  readonly addresses: { readonly min: Address; readonly max: Address } | 'local' | null
  /** Null leaves the port as it is. */
  readonly ports: Range | null
  /** The same in the words of the option, for messages: `192.168.1.43:80`. */
  readonly text: string
}

/** The text half of a match or target. */
export interface ExtensionSyntax<Data = unknown> {
  readonly name: string
  /** Other names it is loaded by; it prints by `name`. */
  readonly aliases?: readonly string[]
  readonly families: readonly Family[]
  /** One sentence for help and manual. */
  readonly doc: string
  readonly options: OptionTable
  /** Option lines (without `-m NAME`) that print as written, in every family that can read them. */
  readonly examples: readonly string[]
  /**
   * Protocol numbers for which a bare option of this match loads it (`-p tcp --dport 22`).
   * Only for matches.
   */
  readonly impliedBy?: readonly number[]
  /**
   * Refuses what iptables looks for before it asks which options must and may not stand together: its `x6_fcheck`.
   * Left out by most, whose `parse` does it all.
   */
  checkFirst?(given: Given<OptionTable>, all: readonly GivenOption[]): void
  /**
   * Data of the options given; refuses what iptables itself refuses (exit 2). `all` has every option in the order of the
   * text, repeated ones too.
   */
  parse(given: Given<OptionTable>, environment: OptionEnvironment, all: readonly GivenOption[]): Data
  /** What is to be said wherever the extension is named although it is read; iptables says it as `said`. */
  readonly warning?: Refusal
  /** What iptables complains of whenever it prints the extension, a whole line. */
  readonly saidWhenPrinted?: string
  /** Option words as iptables-save prints them, without `-m NAME`; '' when there are none. */
  print(data: Data, family: Family): string
  /**
   * What `iptables -L` says of it behind the addresses, with the blanks it begins with; ends in none. Left out where
   * iptables itself says nothing.
   */
  list?(data: Data, form: ListForm): string
  /** The word in the column of targets of `iptables -L`, where it is not the name. */
  readonly listName?: string
  /** Whether it matches every packet, and only says something to readers. */
  readonly isRemark?: boolean
  /** Destination ports that a match insists on; null when it asks for none, or in a way that is no list of ranges. */
  destinationPorts?(data: Data): AskedPorts | null
  /** What a target makes of the destination of a connection; null when it leaves that alone. */
  newDestination?(data: Data): NewDestination | null
  /** What the kernel refuses when the rule is loaded (exit 1); null when it takes it. */
  check?(data: Data, rule: RuleToCheck, place: RulePlace): Refusal | null
  /** The list it keeps or asks; for advice. */
  remembers?(data: Data): MemoryUse
  /**
   * What other rules of the host may refer to once this target is loaded (`rateest NAME`). Rules that found the same must
   * agree on the terms.
   */
  founds?(data: Data): { readonly name: string; readonly terms: string } | null
  /** What must have been founded before a rule with this match is loaded. */
  refersTo?(data: Data): readonly string[]
  /** Of a target: whether it decides about every packet, so that none gets to the next rule. */
  decides?(data: Data): boolean
  /** What people regret about a use that iptables takes; said once for each code. */
  advise?(data: Data, rule: RuleKind, profile: KernelProfile): Refusal | null
  /** Present where each rule has a state of its own, so that two equal rules are not one. */
  readonly load?: unknown
  /** Names of the sets of ipset that it holds. */
  setsUsed?(data: Data): readonly string[]
  /** What it asks of the kernel that is not done here when packets are run; null when all of it is. */
  notModelled?(data: Data): Refusal | null
}

export interface Syntax {
  match(name: string, family: Family): ExtensionSyntax | null
  target(name: string, family: Family): ExtensionSyntax | null
  readonly matches: readonly ExtensionSyntax[]
  readonly targets: readonly ExtensionSyntax[]
}
