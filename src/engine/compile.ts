/**
 * A table as the interpreter runs it: chains as arrays, jumps resolved, addresses as words, extensions with their
 * state, live counters.
 */
import type { Device, HostServices } from '../ext/context.ts'
import type { AnyMatch, AnyTarget, Asked } from '../ext/define.ts'
import type { Registry } from '../ext/registry.ts'
import type { Hook, MatchUse, Negatable, Rule, Table, TableName, UnknownUse } from '../lang/rule.ts'
import { hooks, tableHooks } from '../lang/rule.ts'
import type { Prefix } from '../net/address.ts'
import { ChainIndex } from './chain-index.ts'
import type { DecidedFate } from './journey.ts'
import type { RuleRef } from './outcome.ts'

/** Packets and bytes; counted as plain numbers on top of what the text gave, to stay exact and quick. */
export class LiveCounters {
  readonly #basePackets: bigint
  readonly #baseBytes: bigint
  #packets = 0
  #bytes = 0

  constructor(packets = 0n, bytes = 0n) {
    this.#basePackets = packets
    this.#baseBytes = bytes
  }

  add(bytes: number): void {
    this.#packets++
    this.#bytes += bytes
  }

  /** 64 bits each, wrapping. */
  get packets(): bigint {
    return BigInt.asUintN(64, this.#basePackets + BigInt(this.#packets))
  }

  get bytes(): bigint {
    return BigInt.asUintN(64, this.#baseBytes + BigInt(this.#bytes))
  }
}

export interface AddressTest {
  /** Already masked, as the kernel stores it. */
  readonly words: readonly number[]
  readonly masks: readonly number[]
  readonly inverted: boolean
}

export interface InterfaceTest {
  /** What was found of devices, by their index: 1 holds, 2 does not, 0 for those that nobody asked about. */
  readonly known: Uint8Array
  /** Without the `+`. */
  readonly name: string
  /** Whether only the beginning counts (`eth+`). */
  readonly isPrefix: boolean
  readonly inverted: boolean
}

export interface LoadedMatch {
  readonly use: MatchUse
  readonly definition: AnyMatch
  readonly data: unknown
  readonly state: unknown
  /** Compiled, or evaluated where there is nothing to gain. */
  readonly asked: Asked
  /** As `MatchDefinition.looksAt`. */
  readonly looksAt: 'flow' | 'header' | null
}

export type LoadedTarget =
  | { readonly kind: 'none' }
  | { readonly kind: 'verdict'; readonly verdict: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE' }
  | { readonly kind: 'chain'; readonly chain: LoadedChain; readonly goto: boolean }
  | {
      readonly kind: 'extension'
      readonly definition: AnyTarget
      readonly data: unknown
      readonly state: unknown
    }

export interface LoadedRule {
  readonly rule: Rule
  readonly ref: RuleRef
  readonly counters: LiveCounters
  readonly source: AddressTest | null
  readonly destination: AddressTest | null
  readonly inInterface: InterfaceTest | null
  readonly outInterface: InterfaceTest | null
  readonly protocol: Negatable<number> | null
  /** `-f`: whether only later fragments (true) or only the rest (false) pass; null when not asked. */
  readonly wantsFragment: boolean | null
  readonly matches: readonly LoadedMatch[]
  /** All matches in one, compiled; null where there are none. */
  readonly asked: Asked | null
  /** Set once all chains of the table are there. */
  target: LoadedTarget
  /** What was last told of its decision, for people. */
  fate: DecidedFate | null
}

export interface LoadedChain {
  readonly name: string
  /** With its table: `filter/INPUT`. */
  readonly title: string
  readonly rules: readonly LoadedRule[]
  /** Null for user chains. */
  readonly policy: 'ACCEPT' | 'DROP' | null
  /** Of the policy. */
  readonly counters: LiveCounters
  /** What was told of its policy, for people. */
  fate: DecidedFate | null
  /** Null where every rule has to be asked; made when packets have walked the chain a few times. */
  index: ChainIndex | null
  /** How often it was walked without an index; -1 once that is settled. */
  walks: number
}

export interface LoadedTable {
  readonly name: TableName
  /** What it was made from; its counters are not live. */
  readonly table: Table
  readonly chains: ReadonlyMap<string, LoadedChain>
  /** The base chains, by hook. */
  readonly base: ReadonlyMap<Hook, LoadedChain>
  /** Whether any of its extensions makes the kernel track connections. */
  readonly needsConntrack: boolean
  /** Whether any of its targets makes the kernel put fragments together, tracking or not. */
  readonly needsDefragment: boolean
  /** Whether any of its targets is a SYN proxy. */
  readonly proxiesSyn: boolean
}

/**
 * Takes a table into force: every extension's `load` is called in the kernel's order, which is base chains by hook,
 * then user chains by name (the order in which libiptc writes them).
 *
 * Preconditions: the table passed `checkTable`, so every extension is known and every jump leads somewhere.
 */
export function loadTable(
  table: Table,
  registry: Registry,
  host: HostServices,
  withCounters: boolean,
): LoadedTable {
  const chains = new Map<string, LoadedChain>()
  for (const name of chainOrder(table)) {
    const { rules, policy, counters } = table.chains.get(name)!
    chains.set(name, {
      name,
      title: `${table.name}/${name}`,
      policy,
      counters: withCounters ? new LiveCounters(counters.packets, counters.bytes) : new LiveCounters(),
      fate: null,
      index: null,
      walks: 0,
      rules: rules.map((rule, at) =>
        loadRule(rule, { table: table.name, chain: name, number: at + 1 }, registry, host, withCounters),
      ),
    })
  }
  for (const { rules } of chains.values()) {
    for (const loaded of rules) {
      const { target } = loaded.rule
      if (target.kind !== 'chain') continue
      loaded.target = { kind: 'chain', chain: chains.get(target.chain)!, goto: target.goto }
    }
  }
  const base = new Map<Hook, LoadedChain>()
  for (const hook of tableHooks[table.name]) {
    const chain = chains.get(hook)
    if (chain !== undefined) base.set(hook, chain)
  }
  const loaded = [...chains.values()]
  // An index reads a packet once, so nobody may give it other addresses on its way through the table.
  if (loaded.some(rewritesAddresses)) for (const chain of loaded) chain.walks = -1
  return {
    name: table.name,
    table,
    chains,
    base,
    needsConntrack: loaded.some(wantsConntrack),
    needsDefragment: loaded.some(wantsDefragment),
    proxiesSyn: loaded.some(proxiesSyn),
  }
}

/** How often a chain is walked before an index of it is worth its making. */
const walksWithoutIndex = 4

/** The index of a chain, once it is due. */
export function indexOf(chain: LoadedChain): ChainIndex | null {
  if (chain.walks >= 0 && ++chain.walks > walksWithoutIndex) {
    chain.walks = -1
    chain.index = ChainIndex.of(chain.rules)
  }
  return chain.index
}

/** Base chains in hook order, then user chains in byte order. */
export function chainOrder(table: Table): string[] {
  const names = [...table.chains.keys()]
  const base = hooks.filter((hook) => table.chains.has(hook) && table.chains.get(hook)!.policy !== null)
  const user = names.filter((name) => table.chains.get(name)!.policy === null)
  return [...base, ...user.sort((a, b) => (a < b ? -1 : 1))]
}

function loadRule(
  rule: Rule,
  ref: RuleRef,
  registry: Registry,
  host: HostServices,
  withCounters: boolean,
): LoadedRule {
  const matches = rule.matches.map((use) => loadMatch(use, registry, host))
  return {
    rule,
    ref,
    counters: withCounters
      ? new LiveCounters(rule.counters.packets, rule.counters.bytes)
      : new LiveCounters(),
    source: addressTest(rule.source),
    destination: addressTest(rule.destination),
    inInterface: interfaceTest(rule.inInterface),
    outInterface: interfaceTest(rule.outInterface),
    protocol: rule.protocol,
    wantsFragment: rule.fragment === null ? null : !rule.fragment.inverted,
    matches,
    asked: compileMatches(matches),
    target: loadTarget(rule, registry, host),
    fate: null,
  }
}

function loadMatch(use: MatchUse | UnknownUse, registry: Registry, host: HostServices): LoadedMatch {
  const definition = registry.match(use.name, host.family)
  if (use.kind === 'unknown' || definition === null) {
    throw new Error(`match ${use.name} was loaded without its extension`)
  }
  const { data } = use
  const state = definition.load?.(data, host)
  return {
    use,
    definition,
    data,
    state,
    asked: definition.compile?.(data, state, host) ?? askEvaluate(definition, data, state),
    looksAt: definition.looksAt?.(data) ?? null,
  }
}

const askEvaluate =
  (definition: AnyMatch, data: unknown, state: unknown): Asked =>
  (skb, context) =>
    definition.evaluate(data, skb, context, state)

/** The matches of a rule as one function, which asks them from left to right. */
function compileMatches(matches: readonly LoadedMatch[]): Asked | null {
  const asked = matches
    .filter(({ definition }) => definition.isRemark !== true)
    .map((match): Asked => match.asked)
  const [first, second, third] = asked
  if (first === undefined) return null
  if (second === undefined) return first
  if (third === undefined) return (skb, context) => first(skb, context) && second(skb, context)
  if (asked.length === 3)
    return (skb, context) => first(skb, context) && second(skb, context) && third(skb, context)
  return (skb, context) => asked.every((one) => one(skb, context))
}

function loadTarget({ target }: Rule, registry: Registry, host: HostServices): LoadedTarget {
  switch (target.kind) {
    case 'none':
    case 'chain':
      return { kind: 'none' }
    case 'verdict':
      return { kind: 'verdict', verdict: target.verdict }
    case 'extension': {
      const definition = registry.target(target.name, host.family)
      if (definition === null) throw new Error(`target ${target.name} was loaded without its extension`)
      const state = definition.load?.(target.data, host)
      return { kind: 'extension', definition, data: target.data, state }
    }
    case 'unknown':
      throw new Error(`target ${target.name} was loaded without its extension`)
  }
}

/** Gives back what `loadTable` took. */
export function unloadTable(loaded: LoadedTable, host: HostServices): void {
  for (const { rules } of loaded.chains.values()) {
    for (const { matches, target } of rules) {
      for (const { definition, state } of matches) definition.unload?.(state, host)
      if (target.kind === 'extension') target.definition.unload?.(target.state, host)
    }
  }
}

function wantsConntrack({ rules }: LoadedChain): boolean {
  return rules.some(
    ({ matches, target }) =>
      matches.some(({ definition }) => definition.needsConntrack === true) ||
      (target.kind === 'extension' && targetWantsConntrack(target.definition, target.data)),
  )
}

const rewritesAddresses = ({ rules }: LoadedChain): boolean =>
  rules.some(({ target }) => target.kind === 'extension' && target.definition.rewritesAddresses === true)

const proxiesSyn = ({ rules }: LoadedChain): boolean =>
  rules.some(({ target }) => target.kind === 'extension' && target.definition.proxiesSyn === true)

const wantsDefragment = ({ rules }: LoadedChain): boolean =>
  rules.some(
    ({ matches, target }) =>
      matches.some(({ definition }) => definition.needsDefragment === true) ||
      (target.kind === 'extension' && target.definition.needsDefragment === true),
  )

const targetWantsConntrack = ({ needsConntrack = false }: AnyTarget, data: unknown): boolean =>
  typeof needsConntrack === 'function' ? needsConntrack(data) : needsConntrack

function addressTest(condition: Negatable<Prefix> | null): AddressTest | null {
  if (condition === null) return null
  const { address, mask } = condition.value
  return {
    words: address.words.map((word, at) => (word & mask.words[at]!) >>> 0),
    masks: mask.words,
    inverted: condition.inverted,
  }
}

function interfaceTest(condition: Negatable<string> | null): InterfaceTest | null {
  if (condition === null) return null
  const { value, inverted } = condition
  const isPrefix = value.endsWith('+')
  return {
    name: isPrefix ? value.slice(0, -1) : value,
    isPrefix,
    inverted,
    known: new Uint8Array(knownDevices),
  }
}

const knownDevices = 16

/** No device at all (in OUTPUT nothing came in) has an empty name. Source: nulldevname. */
export function interfaceMatches(
  { name, isPrefix, inverted }: InterfaceTest,
  device: Device | null,
): boolean {
  const actual = device?.name ?? ''
  return (isPrefix ? actual.startsWith(name) : actual === name) !== inverted
}

/** As `interfaceMatches`; the names of devices do not change while rules are loaded. */
export function interfaceHolds(test: InterfaceTest, device: Device | null): boolean {
  const index = device === null ? 0 : device.index
  if (index >= knownDevices) return interfaceMatches(test, device)
  const { known } = test
  if (known[index] === 0) known[index] = interfaceMatches(test, device) ? 1 : 2
  return known[index] === 1
}
