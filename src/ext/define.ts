/**
 * How an extension is written: one value in one file, syntax and behaviour together.
 *
 *   defineMatch<Data>()({ name, families, doc, options, examples, parse, print, check, evaluate, analyse })
 *
 * `evaluate` answers for one packet, `analyse` for all packets at once; the law between them (equal, or
 * `must` ⊆ evaluate ⊆ `may` for stateful ones) is tested for every extension by `describeMatch`.
 */

import type { ExtensionSyntax, Given, GivenOption, OptionEnvironment, OptionTable } from '../lang/syntax.ts'
import type { Family } from '../net/address.ts'
import type { CircumstanceName, Circumstances } from '../net/circumstances.ts'
import type { Bounds, PacketSet, PacketSpace } from '../space/space.ts'
import type { HookContext, HostServices, Skb, TargetContext, TargetResult } from './context.ts'

/** Whether a match with the data of one rule holds for a packet. */
export type Asked = (skb: Skb, context: HookContext) => boolean

/** Whether a proposition holds, given what its name says behind the `=`. */
export type FactJudge = (value: string, skb: Skb, context: HookContext) => boolean

export interface MatchDefinition<Data, State = undefined> extends ExtensionSyntax<Data> {
  /** Whether the answer depends on more than the packet and the host's configuration. */
  readonly stateful?: boolean
  /** Whether a rule with it makes the kernel track connections (conntrack hooks registered on demand). */
  readonly needsConntrack?: boolean
  /** Whether a rule with it makes the kernel put fragments together before PREROUTING, even without tracking. */
  readonly needsDefragment?: boolean
  /** Per-rule state, made when the rule is loaded (and made anew when its table is replaced). */
  load?(data: Data, host: HostServices): State
  unload?(state: State, host: HostServices): void
  /**
   * Whether it matches this packet.
   *
   * Preconditions: `check` took the rule, and the rule's own conditions (addresses, interfaces, protocol) hold.
   */
  evaluate(data: Data, skb: Skb, context: HookContext, state: State): boolean
  /**
   * `evaluate`, made for the data of one rule, and quicker: it answers, changes state and drops at once exactly as that
   * does, but need not note anything. Packets that are traced, and those of a test that holds both together, are
   * evaluated. Null where there is nothing to gain.
   */
  compile?(data: Data, state: State, host: HostServices): Asked | null
  /**
   * What of a whole packet of TCP or UDP in IPv4 it looks at, where that is known to be little. `flow`: what packets of one
   * flow have in common (devices, addresses, protocol, ports, the state of its connection; of TCP, that ACK is set and SYN,
   * FIN, RST and URG are not), so that its answer is always the same and it changes nothing. `header`: no bytes behind
   * the transport header, and it changes nothing but its own state. Left out: anything.
   */
  looksAt?(data: Data): 'flow' | 'header' | null
  /** The packets it matches: exact, or bounds where state decides. */
  analyse(data: Data, space: PacketSpace): Bounds
  /** The packets it drops at once instead of answering (`hotdrop`); none when left out. */
  hotdrops?(data: Data, space: PacketSpace): PacketSet
  /** Propositions of `analyse` that only this match knows to judge, by kind; `facts.ts` knows the others. */
  readonly facts?: Readonly<Record<string, FactJudge>>
  /** For traces: why it did not match this packet ("dport 23 is not 22"). Only called after a miss. */
  explain?(data: Data, skb: Skb, context: HookContext, state: State): string | null
}

export interface TargetDefinition<Data, State = undefined> extends ExtensionSyntax<Data> {
  readonly stateful?: boolean
  /** As for matches. */
  readonly needsDefragment?: boolean
  /** Whether it gives the packet other addresses at once, for the rules behind it in the table to see. */
  readonly rewritesAddresses?: boolean
  /** Whether a rule with it makes the kernel look after connections that a SYN proxy opened, behind all tables. */
  readonly proxiesSyn?: boolean
  /** As for matches; by the rule's data where only some of them do. */
  readonly needsConntrack?: boolean | ((data: Data) => boolean)
  load?(data: Data, host: HostServices): State
  unload?(state: State, host: HostServices): void
  act(data: Data, skb: Skb, context: TargetContext, state: State): TargetResult
}

type TypedParse<Options extends OptionTable, Data> = {
  readonly options: Options
  parse(given: Given<Options>, environment: OptionEnvironment, all: readonly GivenOption[]): Data
}

/** Infers the types of option values from the option table. */
export const defineMatch =
  <Data, State = undefined>() =>
  <const Options extends OptionTable>(
    definition: Omit<MatchDefinition<Data, State>, 'options' | 'parse'> & TypedParse<Options, Data>,
  ): MatchDefinition<Data, State> =>
    definition as unknown as MatchDefinition<Data, State>

export const defineTarget =
  <Data, State = undefined>() =>
  <const Options extends OptionTable>(
    definition: Omit<TargetDefinition<Data, State>, 'options' | 'parse'> & TypedParse<Options, Data>,
  ): TargetDefinition<Data, State> =>
    definition as unknown as TargetDefinition<Data, State>

// biome-ignore lint/suspicious/noExplicitAny: the registry is heterogeneous.
export type AnyMatch = MatchDefinition<any, any>
// biome-ignore lint/suspicious/noExplicitAny: the registry is heterogeneous.
export type AnyTarget = TargetDefinition<any, any>

/** The answer to what nobody said: what is supposed, or null, and then the packet's way ends here. */
export function askUnknown(context: HookContext, proposition: string, what: string): boolean | null {
  const answer = context.suppose({ what, proposition })
  if (answer === null) context.unknown = { what, proposition }
  return answer
}

/** What somebody said of the packet beside its bytes, or of all packets of the host; undefined where nobody did. */
export const circumstance = <Name extends CircumstanceName>(
  name: Name,
  skb: Skb,
  context: HookContext,
): Circumstances[Name] => skb.circumstances[name] ?? context.host.circumstances[name]

export const bothFamilies: readonly Family[] = ['ipv4', 'ipv6']
