/**
 * One packet through one table: the interpreter, which is the reference for anything faster.
 *
 * Kernel: ipt_do_table(), net/ipv4/netfilter/ip_tables.c, and ip6t_do_table(), net/ipv6/netfilter/ip6_tables.c,
 * Linux 6.18.
 */
import type {
  Device,
  Emission,
  HostServices,
  OpenQuestion,
  ServerOffer,
  TargetContext,
  TargetResult,
  Translator,
} from '../ext/context.ts'
import type { Hook, TableName } from '../lang/rule.ts'
import type { Address } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import type { Cursor } from './chain-index.ts'
import {
  type AddressTest,
  indexOf,
  interfaceHolds,
  interfaceMatches,
  type LoadedChain,
  type LoadedRule,
  type LoadedTable,
} from './compile.ts'
import { describeMiss } from './describe.ts'
import type { IcmpError } from './icmp-error.ts'
import type { Decision, Journey } from './journey.ts'
import { printSupposition } from './possibilities.ts'
import type { HostSkb } from './skb.ts'
import { traceOfEnd, traceOfRule } from './trace-line.ts'

/** Where a packet is: the same for all tables of one hook. */
export interface Place {
  readonly hook: Hook
  readonly in: Device | null
  readonly out: Device | null
  readonly host: HostServices
  /** Sends a packet that a target made, because of this one. False when there is no way for it. */
  emit(reply: Emission): boolean
  /** Sends an ICMP error about the packet. False when none is due, or none can be sent. */
  sendIcmpError(error: IcmpError): boolean
  /** Sends a copy of this packet toward a gateway. False when there is no way for it. */
  duplicate(gateway: Address, device: string | null): boolean
  /** Stands between the packet's sender and its server. False where it takes no part in their handshake. */
  proxySyn(offer: ServerOffer): boolean
  /** Where the nat table is asked; null elsewhere. */
  readonly nat: Translator | null
  /** For one table after the other. */
  readonly context: TableContext
}

/** Of everybody who does not listen. */
const noNotes: string[] = []

/** One packet in one table; afterwards in another. */
export class TableContext implements TargetContext {
  in: Device | null = null
  readonly host: HostServices
  table: TableName = 'filter'
  hook: Hook = 'PREROUTING'
  out: Device | null = null
  nowNs = 0n
  jiffies = 0
  transportOffset = -1
  fragmentOffset = 0
  hotdrop = false
  unknown: OpenQuestion | null = null
  /** What matches told a trace about the rule at hand. */
  notes: string[] = noNotes
  note: ((text: string) => void) | null = null
  /** Whether the target at hand answered. */
  hasAnswered = false
  nat: Translator | null = null
  readonly #place: Place
  #journey!: Journey

  constructor(place: Place) {
    this.host = place.host
    this.#place = place
  }

  begin(table: TableName, { packet }: HostSkb, journey: Journey): void {
    const place = this.#place
    const isIpv4 = packet.family === 'ipv4'
    this.table = table
    this.hook = place.hook
    this.in = place.in
    this.out = place.out
    this.nowNs = journey.nowNs
    this.jiffies = journey.jiffies
    this.transportOffset = isIpv4 ? packet.transportOffset : -1
    this.fragmentOffset = isIpv4 ? packet.fragmentOffset : 0
    this.hotdrop = false
    this.unknown = null
    this.notes = journey.trace === null ? noNotes : []
    this.note = journey.trace === null ? null : (text) => this.notes.push(text)
    this.hasAnswered = false
    this.nat = place.nat
    this.#journey = journey
  }

  log(line: string): void {
    this.#journey.logLine(line)
    this.#journey.tell(`the kernel logs: ${line}`)
  }

  /** What a target told, once its rule has been told of. */
  tellNotes(): void {
    for (const note of this.notes) this.#journey.tell(note)
    if (this.notes.length > 0) this.notes = []
  }

  suppose(question: OpenQuestion): boolean | null {
    const answer = this.#journey.suppositions.judge(question)
    if (answer === null) this.#journey.openQuestion ??= question
    else this.note?.(`supposed: ${printSupposition({ ...question, holds: answer })}`)
    return answer
  }

  emit(reply: Emission): void {
    if (this.#place.emit(reply)) this.hasAnswered = true
  }

  sendIcmpError(error: IcmpError): void {
    if (this.#place.sendIcmpError(error)) this.hasAnswered = true
  }

  duplicate(gateway: Address, device: string | null): boolean {
    return this.#place.duplicate(gateway, device)
  }

  proxySyn(offer: ServerOffer): boolean {
    return this.#place.proxySyn(offer)
  }
}

/** Which condition of a rule failed first: a base condition, or the match with this index. Null when all hold. */
export type Miss =
  | 'source'
  | 'destination'
  | 'inInterface'
  | 'outInterface'
  | 'protocol'
  | 'fragment'
  | number
  | null

interface Return {
  readonly chain: LoadedChain
  readonly cursor: Cursor | null
  readonly next: number
}

/**
 * Runs the base chain of the hook. Counters move, extensions read and write their state, targets act.
 *
 * Preconditions: the table has a base chain for the hook.
 */
export function traverse(table: LoadedTable, skb: HostSkb, place: Place, journey: Journey): Decision {
  const { trace, isInterpreted } = journey
  const { context } = place
  context.begin(table.name, skb, journey)
  const base = table.base.get(place.hook)!
  let stack: Return[] | null = null
  let chain = base
  let cursor = isInterpreted ? null : openCursor(chain, skb.packet, context)
  let next = 0
  /** Whether the chain is left by RETURN, and not at its end. */
  let hasReturned = false
  trace?.({ kind: 'enter', table: table.name, chain: base.name })

  for (;;) {
    if (cursor !== null) next = cursor.seek(next)
    const rule = chain.rules[next++]
    if (rule === undefined) {
      const back = stack?.pop()
      if (skb.traced && chain !== base && !hasReturned) context.log(traceOfEnd(chain, skb, context))
      hasReturned = false
      if (back === undefined) {
        if (skb.traced) context.log(traceOfEnd(base, skb, context))
        return applyPolicy(table.name, base, skb, journey)
      }
      trace?.({ kind: 'return', table: table.name, chain: chain.name, to: back.chain.name })
      chain = back.chain
      cursor = back.cursor
      next = back.next
      continue
    }

    const miss = isInterpreted ? firstMiss(rule, skb, context) : holds(rule, skb, context) ? null : missed
    if (trace !== null) {
      const failed = miss === null ? null : describeMiss(rule, miss, skb, context)
      trace({
        kind: 'rule',
        ref: rule.ref,
        rule: rule.rule,
        matched: miss === null,
        failed,
        notes: context.notes,
        target: rule.rule.target,
      })
      context.notes = []
    }
    if (context.unknown !== null)
      return { verdict: 'unknown', kind: 'unknown', rule, question: context.unknown }
    if (miss !== null) {
      if (context.hotdrop) return { verdict: 'drop', kind: 'hotdrop', rule }
      continue
    }
    rule.counters.add(lengthOf(skb.packet))
    journey.hit(rule.ref)
    if (skb.traced) context.log(traceOfRule(rule, chain, skb, context))

    const { target } = rule
    switch (target.kind) {
      case 'none':
        break
      case 'chain':
        if (!target.goto) {
          stack ??= []
          stack.push({ chain, cursor, next })
        }
        chain = target.chain
        cursor = isInterpreted ? null : openCursor(chain, skb.packet, context)
        next = 0
        trace?.({ kind: 'enter', table: table.name, chain: chain.name })
        break
      case 'verdict':
        if (target.verdict === 'RETURN') {
          next = chain.rules.length
          hasReturned = true
        }
        // A match that answers yes and drops all the same (`! --chunk-types` of broken chunks) has the last word.
        else if (context.hotdrop) return { verdict: 'drop', kind: 'hotdrop', rule }
        // Nobody listens to the queue, so the kernel drops what is sent there.
        else return { verdict: target.verdict === 'ACCEPT' ? 'accept' : 'drop', kind: 'rule', rule }
        break
      case 'extension': {
        context.hasAnswered = false
        const result: TargetResult = target.definition.act(target.data, skb, context, target.state)
        context.tellNotes()
        if (context.hotdrop) return { verdict: 'drop', kind: 'hotdrop', rule }
        if (result.kind === 'return') {
          next = chain.rules.length
          hasReturned = true
        } else if (result.kind === 'accept') return { verdict: 'accept', kind: 'rule', rule }
        else if (result.kind === 'drop') {
          return { verdict: context.hasAnswered ? 'reject' : 'drop', kind: 'rule', rule }
        }
        break
      }
    }
    if (context.hotdrop) return { verdict: 'drop', kind: 'hotdrop', rule }
  }
}

/** Which rules of a chain to ask about a packet; null for all. */
export function openCursor(chain: LoadedChain, packet: Packet, context: TableContext): Cursor | null {
  const index = indexOf(chain)
  return index === null ? null : index.open(packet, context.in?.name ?? '', context.out?.name ?? '')
}

/** Where the kernel ends up when a base chain runs out, by RETURN too, or when a chain reached by goto does. */
function applyPolicy(table: TableName, base: LoadedChain, skb: HostSkb, journey: Journey): Decision {
  base.counters.add(lengthOf(skb.packet))
  journey.policyCounted(base.title)
  const policy = base.policy ?? 'ACCEPT'
  journey.trace?.({ kind: 'policy', table, chain: base.name, policy })
  return { verdict: policy === 'ACCEPT' ? 'accept' : 'drop', kind: 'policy', table, chain: base }
}

/** `skb->len`: from the network header to the end of the packet. */
const lengthOf = ({ endOffset, networkOffset }: Packet): number => endOffset - networkOffset

/** That a compiled rule does not match: nobody asks why. */
const missed: Miss = 0

/**
 * Whether a rule matches, compiled: as `firstMiss`, which is the reference, without saying why not. The random rules of
 * compiled.test.ts hold both together.
 */
function holds(rule: LoadedRule, skb: HostSkb, context: TableContext): boolean {
  return holdsWithoutMatches(rule, skb, context) && (rule.asked === null || rule.asked(skb, context))
}

/** Whether the rule's own conditions hold: addresses, devices, protocol, fragment. */
export function holdsWithoutMatches(rule: LoadedRule, skb: HostSkb, context: TableContext): boolean {
  const { packet } = skb
  const { source, destination, inInterface, outInterface, protocol } = rule
  if (source !== null && !addressMatches(source, packet, packet.sourceOffset)) return false
  if (destination !== null && !addressMatches(destination, packet, packet.destinationOffset)) return false
  if (inInterface !== null && !interfaceHolds(inInterface, context.in)) return false
  if (outInterface !== null && !interfaceHolds(outInterface, context.out)) return false
  if (packet.family === 'ipv6') locateTransport(rule, packet, context)
  if (protocol !== null && (context.hotdrop || (packet.protocol === protocol.value) === protocol.inverted)) {
    return false
  }
  return rule.wantsFragment === null || rule.wantsFragment === packet.fragmentOffset > 0
}

/** The order of ip_packet_match() and ip6_packet_match(), then the extensions from left to right. */
function firstMiss(rule: LoadedRule, skb: HostSkb, context: TableContext): Miss {
  const { packet } = skb
  if (rule.source !== null && !addressMatches(rule.source, packet, packet.sourceOffset)) return 'source'
  if (rule.destination !== null && !addressMatches(rule.destination, packet, packet.destinationOffset)) {
    return 'destination'
  }
  if (rule.inInterface !== null && !interfaceMatches(rule.inInterface, context.in)) return 'inInterface'
  if (rule.outInterface !== null && !interfaceMatches(rule.outInterface, context.out)) return 'outInterface'
  if (packet.family === 'ipv6') locateTransport(rule, packet, context)
  if (rule.protocol !== null) {
    const isSame = packet.protocol === rule.protocol.value
    if (context.hotdrop || isSame === rule.protocol.inverted) return 'protocol'
  }
  if (rule.wantsFragment !== null && rule.wantsFragment !== packet.fragmentOffset > 0) return 'fragment'

  const { matches } = rule
  for (let at = 0; at < matches.length; at++) {
    const { definition, data, state } = matches[at]!
    if (!definition.evaluate(data, skb, context, state)) return at
  }
  return null
}

/**
 * IPv6 looks for the transport header once for each rule with `-p`; extensions of other rules see none. A chain of
 * extension headers that breaks off drops the packet.
 */
function locateTransport(rule: LoadedRule, packet: Packet, context: TableContext): void {
  context.transportOffset = -1
  if (rule.protocol === null) return
  if (packet.protocol < 0) {
    context.hotdrop = true
    return
  }
  context.fragmentOffset = packet.fragmentOffset
  context.transportOffset = packet.fragmentOffset > 0 ? -1 : packet.transportOffset
}

function addressMatches({ words, masks, inverted }: AddressTest, packet: Packet, offset: number): boolean {
  let isEqual = true
  for (let at = 0; isEqual && at < words.length; at++) {
    isEqual = ((packet.u32(offset + 4 * at) ^ words[at]!) & masks[at]!) === 0
  }
  return isEqual !== inverted
}
