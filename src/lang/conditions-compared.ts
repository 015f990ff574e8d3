/** What the conditions of two rules have to do with each other, as far as it is certain. */
import type { Family, Prefix } from '../net/address.ts'
import type { Range } from './option.ts'
import type { Negatable, Rule } from './rule.ts'
import { sameValue } from './ruleset.ts'
import type { Syntax } from './syntax.ts'

/** The conditions of a rule that can be compared, and the others. */
export interface Conditions {
  readonly rule: Rule
  /** Ranges that the destination port must lie in; null when the rule does not ask, or asks in another way. */
  readonly ports: readonly Range[] | null
  /** Matches beside the one that tests the port; remarks left out. */
  readonly others: Rule['matches']
}

export function conditionsOf(rule: Rule, syntax: Syntax, family: Family): Conditions {
  let ports: readonly Range[] | null = null
  const others = rule.matches.filter((use) => {
    if (use.kind === 'unknown') return true
    const match = syntax.match(use.name, family)
    if (match?.isRemark === true) return false
    const asked = match?.destinationPorts?.(use.data) ?? null
    if (asked === null || ports !== null) return true
    ports = asked.ranges
    return !asked.alone
  })
  return { rule, ports, others }
}

/** Whether every packet of `inner` surely meets the conditions of `outer` too. Ports are not compared. */
export function isWithin(inner: Conditions, outer: Conditions): boolean {
  const [a, b] = [inner.rule, outer.rule]
  return (
    isNetworkWithin(a.source, b.source) &&
    isNetworkWithin(a.destination, b.destination) &&
    isInterfaceWithin(a.inInterface, b.inInterface) &&
    isInterfaceWithin(a.outInterface, b.outInterface) &&
    (b.protocol === null || sameValue(a.protocol, b.protocol)) &&
    (b.fragment === null || sameValue(a.fragment, b.fragment)) &&
    outer.others.every((use) => a.matches.some((each) => isSameUse(each, use)))
  )
}

/** Whether some packet may meet the source, interface, protocol and port of both; destinations are not compared. */
export function mayMeet(a: Conditions, b: Conditions): boolean {
  return (
    mayNetworksMeet(a.rule.source, b.rule.source) &&
    mayInterfacesMeet(a.rule.inInterface, b.rule.inInterface) &&
    mayProtocolsMeet(a.rule.protocol, b.rule.protocol) &&
    mayPortsMeet(a.ports, b.ports)
  )
}

type Use = Rule['matches'][number]
const isSameUse = (a: Use, b: Use): boolean => sameValue({ ...a, span: null }, { ...b, span: null })

// --- Ports

export const mayPortsMeet = (a: readonly Range[] | null, b: readonly Range[] | null): boolean =>
  a === null ||
  b === null ||
  a.some((left) => b.some((right) => left.low <= right.high && right.low <= left.high))

export const arePortsWithin = (inner: readonly Range[], outer: readonly Range[]): boolean =>
  inner.every(({ low, high }) => outer.some((range) => range.low <= low && high <= range.high))

// --- Networks

type Network = Negatable<Prefix> | null

function isNetworkWithin(a: Network, b: Network): boolean {
  if (b === null) return true
  if (a === null) return false
  if (a.inverted || b.inverted) return a.inverted === b.inverted && sameValue(a.value, b.value)
  return b.value.mask.words.every(
    (mask, at) =>
      (mask & ~a.value.mask.words[at]!) === 0 &&
      ((a.value.address.words[at]! ^ b.value.address.words[at]!) & mask) === 0,
  )
}

export function mayNetworksMeet(a: Network, b: Network): boolean {
  if (a === null || b === null || a.inverted || b.inverted) return true
  return a.value.mask.words.every(
    (mask, at) =>
      ((a.value.address.words[at]! ^ b.value.address.words[at]!) & mask & b.value.mask.words[at]!) === 0,
  )
}

// --- Interfaces

type Interface = Rule['inInterface']

function isInterfaceWithin(a: Interface, b: Interface): boolean {
  if (b === null) return true
  if (a === null) return false
  if (a.inverted) return sameValue(a, b)
  return fitsName(a.value, b.value) !== b.inverted && (!b.inverted || !fitsName(b.value, a.value))
}

function mayInterfacesMeet(a: Interface, b: Interface): boolean {
  if (a === null || b === null || (a.inverted && b.inverted)) return true
  if (a.inverted) return !fitsName(b.value, a.value)
  if (b.inverted) return !fitsName(a.value, b.value)
  return fitsName(a.value, b.value) || fitsName(b.value, a.value)
}

/** Whether every interface of the first name or prefix has the second. */
const fitsName = (name: string, pattern: string): boolean =>
  pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern

function mayProtocolsMeet(a: Rule['protocol'], b: Rule['protocol']): boolean {
  if (a === null || b === null || (a.inverted && b.inverted)) return true
  return (a.value === b.value) === (a.inverted === b.inverted)
}
