/**
 * The text of translations: addresses and ports of SNAT and DNAT, ports of MASQUERADE and REDIRECT.
 *
 * Syntax: iptables extensions/libxt_NAT.c, 1.8.9 (`parse_to`, `parse_ports`, `sprint_range`).
 */
import { type Refusal, refuse } from '../../lang/diagnostic.ts'
import { servicePort } from '../../lang/names.ts'
import { scanNumber } from '../../lang/numbers.ts'
import type { Hook } from '../../lang/rule.ts'
import type { NewDestination, OptionEnvironment, RulePlace } from '../../lang/syntax.ts'
import { type Address, type Family, parseAddress, printAddress, sameAddress } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { NatRange } from '../context.ts'
import { listWords } from '../match/_hooks.ts'
import { requireTable } from './_tables.ts'

export type Ports = Pick<NatRange, 'ports' | 'basePort'>
export type Addresses = Pick<NatRange, 'addresses'>

/** A range that changes nothing. */
export const wholeRange: NatRange = {
  addresses: null,
  ports: null,
  basePort: null,
  random: false,
  randomFully: false,
  persistent: false,
}

/** Protocols whose packets have something that a port number can stand for. */
const portProtocols: readonly number[] = [
  ipProtocol.tcp,
  ipProtocol.udp,
  ipProtocol.sctp,
  ipProtocol.dccp,
  ipProtocol.icmp,
]

const maxPort = 65535n

/** `PORT`, `PORT-PORT`, `PORT-PORT/BASE`; a single port may be a service name. */
export function parsePorts(text: string, { protocol }: OptionEnvironment, whole = text): Ports {
  if (protocol === null || !portProtocols.includes(protocol.number)) {
    return refuse('ports-without-protocol', 'has ports, and the rule does not say of which protocol', {
      help: 'put -p tcp, udp, sctp, dccp or icmp before it',
      said: 'Need TCP, UDP, SCTP or DCCP with port specification',
    })
  }
  const first = scanNumber(text, 0n, maxPort)
  if (first === null) {
    const service = servicePort(text, null)
    return service === null ? refusePort(text) : { ports: { min: service, max: service }, basePort: null }
  }
  const min = Number(first.value)
  if (first.rest === '') return { ports: { min, max: min }, basePort: null }
  if (first.rest.startsWith(':')) {
    const fix = whole.replace(text, text.replace(':', '-'))
    return refuse('port-colon', 'has a colon between two ports', { help: fix, fix })
  }
  if (!first.rest.startsWith('-')) return refusePort(text)
  const second = scanNumber(first.rest.slice(1), 0n, maxPort)
  if (second === null) return refusePort(first.rest.slice(1))
  const max = Number(second.value)
  if (max < min) return refuse('reversed-range', 'runs backwards: the low port comes first')
  if (second.rest === '') return { ports: { min, max }, basePort: null }
  if (!second.rest.startsWith('/')) return refusePort(text)
  return { ports: { min, max }, basePort: parseBase(second.rest.slice(1)) }
}

function parseBase(text: string): number {
  const number = scanNumber(text, 1n, maxPort)
  if (number !== null && number.rest === '') return Number(number.value)
  return (number === null ? servicePort(text, null) : null) ?? refusePort(text)
}

const refusePort = (text: string): never =>
  refuse('bad-port', `has "${text}" where a port should be`, {
    notes: ['a port is a number from 0 to 65535; a single one may be the name of a service'],
    said: `Port \`${text}' not valid`,
  })

/** `ADDRESS`, `ADDRESS-ADDRESS`, either with `:PORTS` behind it, or `:PORTS` alone; IPv6 in brackets before ports. */
export function parseTo(text: string, environment: OptionEnvironment): Addresses & Ports {
  const { address, ports } = splitPorts(text, environment.family)
  return {
    ...(ports === null ? { ports: null, basePort: null } : parsePorts(ports, environment, text)),
    addresses: address === '' && ports !== null ? null : parseAddresses(address, environment.family),
  }
}

function splitPorts(text: string, family: Family): { address: string; ports: string | null } {
  const open = text.indexOf('[')
  if (open < 0) {
    const parts = text.split(':')
    // More than one colon is an IPv6 address.
    return parts.length === 2 ? { address: parts[0]!, ports: parts[1]! } : { address: text, ports: null }
  }
  const close = text.indexOf(']', open)
  if (close < 0 || family === 'ipv4') return refuse('bad-address', 'is not an address')
  const colon = text.indexOf(':', close)
  return { address: text.slice(open + 1, close), ports: colon < 0 ? null : text.slice(colon + 1) }
}

function parseAddresses(text: string, family: Family): NonNullable<NatRange['addresses']> {
  const dash = text.indexOf('-')
  const parse = (part: string): Address => {
    const address = parseAddress(part)
    if (address?.family === family) return address
    return refuse('bad-address', `has "${part}" where an address should be`, {
      said: `Bad IP address "${part}"`,
    })
  }
  const min = parse(dash < 0 ? text : text.slice(0, dash))
  return { min, max: dash < 0 ? min : parse(text.slice(dash + 1)) }
}

export function printTo({ addresses, ports, basePort }: Addresses & Ports, family: Family): string {
  const behind = ports === null ? '' : `:${printPorts({ ports, basePort })}`
  if (addresses === null) return behind
  const { min, max } = addresses
  const range = sameAddress(min, max) ? printAddress(min) : `${printAddress(min)}-${printAddress(max)}`
  return family === 'ipv6' && ports !== null ? `[${range}]${behind}` : `${range}${behind}`
}

export function printPorts({ ports, basePort }: Ports): string {
  if (ports === null) return ''
  const range = ports.min === ports.max ? `${ports.min}` : `${ports.min}-${ports.max}`
  return basePort === null ? range : `${range}/${basePort}`
}

/** The words behind the range, in iptables-save's order. */
export const printFlags = ({ random, randomFully, persistent }: NatRange): string =>
  `${random ? ' --random' : ''}${randomFully ? ' --random-fully' : ''}${persistent ? ' --persistent' : ''}`

/** What the registry tells of a range for the destination. A shifted range keeps its ports: nothing is certain of them. */
export function newDestination(
  { ports, basePort, ...range }: NatRange,
  addresses: NewDestination['addresses'],
): NewDestination {
  const family = range.addresses?.min.family ?? 'ipv4'
  return {
    addresses,
    ports: ports === null || basePort !== null ? null : { low: ports.min, high: ports.max },
    text: printTo({ addresses: range.addresses, ports, basePort }, family),
  }
}

/** The same without dashes. */
export const listFlags = (range: NatRange): string => printFlags(range).replaceAll(' --', ' ')

/** What the kernel checks when a rule of a translation is loaded. Source: `table` and `hooks` of struct xt_target. */
export function requireNat(allowed: readonly Hook[], place: RulePlace, why: string): Refusal | null {
  const wrong = place.hooks.find((hook) => !allowed.includes(hook))
  const misplaced = requireTable('nat', place, 'other tables cannot translate')
  if (misplaced !== null || wrong === undefined) return misplaced
  return {
    code: 'wrong-hook',
    message: `this target cannot be used in ${wrong}`,
    notes: [why],
    help: `use it in chains that only ${listWords(allowed)} reach`,
  }
}
