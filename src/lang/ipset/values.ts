/** Values of ipset's options and the parts of its elements. Source: lib/parse.c, 7.17. */
import type { Family } from '../../net/address.ts'
import { protocolName, protocolNumber, servicePort } from '../names.ts'
import { parseHost } from '../values.ts'
import { byteLength } from '../words.ts'
import { icmpCodeOf } from './icmp-names.ts'
import type { CreateAttributes, ElementAttributes, Words } from './kernel.ts'
import { IpsetProblem, problem, syntaxError } from './problem.ts'

/** What was read of one command so far. */
export interface Reading {
  family: Family | null
  readonly create: CreateAttributes
  readonly element: ElementAttributes
  /** The option that set it. */
  readonly command: 'create' | 'add' | 'del' | 'test'
  /** Whether times may have fractions, as files have them that keep sets. */
  readonly exact: boolean
  /** Told of an option that means nothing any more. */
  ignore(option: string, value: string): void
}

const uint64Max = 2n ** 64n - 1n

/** Where the first separator is, unless the text begins or ends with it; -1 for nowhere. */
export function separatorAt(text: string, separator: string): number {
  if (text.startsWith(separator) || text.endsWith(separator)) return -1
  return text.indexOf(separator)
}

/**
 * `strtoull` with base 0, of the whole text: blanks, a sign (a minus wraps), then digits. Null where that is no number.
 */
function scanWhole(text: string): bigint | null {
  const [, sign, digits] = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)$/.exec(text) ?? []
  if (digits === undefined) return null
  if (/^0[0-9]/.test(digits) && /[89]/.test(digits)) return null
  const value = BigInt(/^0[0-9]/.test(digits) ? `0o${digits.slice(1)}` : digits)
  if (uint64Max < value) return uint64Max + 1n
  return sign === '-' ? (2n ** 64n - value) % 2n ** 64n : value
}

/** A number in [0, max], or the complaint about it. */
function readNumber(text: string, max: bigint): bigint | string {
  if (/^[0-9]{1,9}$/.test(text) && !text.startsWith('0')) {
    const quick = BigInt(text)
    if (quick <= max) return quick
  }
  const value = scanWhole(text)
  if (value === null) return `'${text}' is invalid as number`
  return value <= max ? value : `'${text}' is out of range 0-${max}`
}

export function number(text: string, max: bigint): bigint {
  const value = readNumber(text, max)
  return typeof value === 'string' ? syntaxError(value) : value
}

export const uint8 = (text: string): number => Number(number(text, 255n))
export const uint16 = (text: string): number => Number(number(text, 65535n))
export const uint32 = (text: string): number => Number(number(text, 0xffffffffn))
export const uint64 = (text: string): bigint => number(text, uint64Max - 1n)

/** Seconds with fractions, of which ipset itself knows nothing. */
export const exactTimeout = (text: string): number =>
  /^\d{1,7}\.\d{1,9}$/.test(text) ? Number(text) : timeout(text)

/** Seconds that still count in timer ticks of 32 bits. */
export const timeout = (text: string): number => Number(number(text, 2147483n))

// --- Addresses

const bitsOf = (family: Family): number => (family === 'ipv4' ? 32 : 128)

/** The escape `[...]` around a host name that has a dash in it. */
function withoutEscape(text: string): string {
  if (!text.startsWith('[')) return text
  if (!text.endsWith(']')) return syntaxError(`cannot find closing escape character ']' in ${text}`)
  return text.slice(1, -1)
}

/** Where a range's dash is, behind an escaped first part; -1 where there is none. */
function rangeAt(text: string): number {
  if (!text.startsWith('[')) return separatorAt(text, '-')
  const close = text.indexOf(']')
  if (close < 0) return syntaxError(`cannot find closing escape character ']' in ${text}`)
  if (close + 1 === text.length) return -1
  if (text[close + 1] !== '-') {
    return syntaxError(`range separator expected after '${text.slice(0, close + 1)}'`)
  }
  return close + 1
}

/** As ipset asks whether there is a range at all, before it looks closer. */
function hasRange(text: string): boolean {
  if (!text.startsWith('[')) return separatorAt(text, '-') >= 0
  const close = text.indexOf(']')
  return close >= 0 && separatorAt(text.slice(close), '-') >= 0
}

/** ipset 7.17 takes what inet_aton(3) does, short and octal numbers included, but no hexadecimal ones (measured). */
const hasHexNumber = (text: string): boolean => /(^|\.)0x/i.test(text)

function host(text: string, family: Family): Words {
  const address = family === 'ipv4' && hasHexNumber(text) ? null : parseHost(text, family)
  if (address !== null) return address.words
  const named = family === 'ipv4' ? 'IPv4' : 'IPv6'
  return syntaxError(`cannot parse ${text}: resolving to ${named} address failed`)
}

interface ReadAddress {
  readonly from: Words
  readonly to?: Words
  readonly length?: number
}

function readAddress(text: string, family: Family): ReadAddress {
  const slash = separatorAt(text, '/')
  if (slash >= 0) {
    const lengthText = text.slice(slash + 1)
    const max = bitsOf(family)
    const length = Number(number(lengthText, 255n))
    if (length > max) syntaxError(`'${lengthText}' is out of range 0-${max}`)
    return { from: host(withoutEscape(text.slice(0, slash)), family), length }
  }
  const dash = rangeAt(text)
  if (dash < 0) return { from: host(withoutEscape(text), family) }
  const from = host(withoutEscape(text.slice(0, dash)), family)
  return { from, to: host(withoutEscape(text.slice(dash + 1)), family) }
}

export type AddressForm = 'any' | 'plain' | 'net' | 'address-or-net' | 'net-or-range'

/** The words of an address; IPv4 where nobody said of which family. */
export function address(text: string, reading: Reading, form: AddressForm): ReadAddress {
  reading.family ??= 'ipv4'
  const { family } = reading
  const hasSlash = separatorAt(text, '/') >= 0
  if (form === 'plain' && (hasRange(text) || (hasSlash && !text.endsWith(`/${bitsOf(family)}`)))) {
    syntaxError(`plain IP address must be supplied: ${text}`)
  }
  if (form === 'net' && (!hasSlash || hasRange(text))) syntaxError(`IP/netblock must be supplied: ${text}`)
  if (form === 'address-or-net' && hasRange(text)) {
    syntaxError(`IP address or IP/cidr must be specified: ${text}`)
  }
  if (form === 'net-or-range' && !hasRange(text) && !hasSlash) {
    syntaxError(`IP/cidr or IP-IP range must be specified: ${text}`)
  }
  return readAddress(text, family)
}

export function netmask(text: string, reading: Reading): number {
  if (reading.create.bitmask !== undefined) {
    return syntaxError('bitmask and netmask are mutually exclusive, provide only one')
  }
  reading.family ??= 'ipv4'
  const max = bitsOf(reading.family)
  const value = readNumber(text, 255n)
  const summary = `netmask is out of the inclusive range of 1-${max}`
  if (typeof value === 'string') return syntaxError(value, summary)
  if (1n <= value && value <= BigInt(max)) return Number(value)
  return syntaxError(`'${text}' is out of range 1-${max}`, summary)
}

export function bitmask(text: string, reading: Reading): Words {
  if (reading.create.netmask !== undefined) {
    return syntaxError('bitmask and netmask are mutually exclusive, provide only one')
  }
  reading.family ??= 'ipv4'
  try {
    return readAddress(text, reading.family).from
  } catch (error) {
    if (!(error instanceof IpsetProblem)) throw error
    const name = reading.family === 'ipv4' ? 'inet' : 'inet6'
    return problem('session', ...error.lines, `Syntax error: bitmask is not valid for family = ${name}`)
  }
}

export function familyNamed(text: string): Family | null {
  if (text === 'inet' || text === 'ipv4' || text === '-4') return 'ipv4'
  if (text === 'inet6' || text === 'ipv6' || text === '-6') return 'ipv6'
  return text === 'any' || text === 'unspec' ? null : syntaxError(`unknown inet family ${text}`)
}

// --- Ports

/** One port: a number, or a service of the protocol. `proto` is told as it was written. */
function port(text: string, proto: string): number {
  const value = readNumber(text, 65535n)
  if (typeof value === 'bigint') return Number(value)
  const asNumber = readNumber(proto, 255n)
  const name = typeof asNumber === 'bigint' ? protocolName(Number(asNumber)) : proto
  const service = servicePort(withoutEscape(text), name)
  if (service !== null) return service
  return problem(
    'warned',
    `Syntax error: ${value}`,
    ...(typeof asNumber === 'string' ? [`Syntax error: ${asNumber}`] : []),
    `cannot parse '${text}' as a ${proto} port`,
  )
}

export const tcpPort = (text: string): number => port(text, 'tcp')

function portRange(text: string, proto: string): { readonly port: number; readonly portTo?: number } {
  const dash = rangeAt(text)
  if (dash < 0) return { port: port(text, proto) }
  const portTo = port(text.slice(dash + 1), proto)
  return { port: port(text.slice(0, dash), proto), portTo }
}

const protocolsWithPorts: readonly number[] = [6, 17, 132, 136]
const icmp: Readonly<
  Record<number, { readonly family: Family; readonly name: string; readonly set: string }>
> = {
  1: { family: 'ipv4', name: 'ICMP', set: 'inet' },
  58: { family: 'ipv6', name: 'ICMPv6', set: 'inet6' },
}

/** Names that iptables knows by itself, and /etc/protocols does not. */
const notInFile: ReadonlySet<string> = new Set(['all', 'mh', 'ipv6-mh'])

function protocol(text: string): number {
  const value = readNumber(text, 255n)
  if (typeof value === 'bigint') return Number(value)
  const lower = text.toLowerCase()
  const number = notInFile.has(lower) || /^[+-]?\d/.test(text) ? null : protocolNumber(text)
  if (number === null) return syntaxError(`cannot parse '${text}' as a protocol`)
  return number === 0 ? syntaxError(`Unsupported protocol '${text}'`) : number
}

/** The set has addresses of the other family. ipset complains, forgets what it has read, and goes on. */
export class WrongFamily extends Error {
  constructor(protocol: string, family: string) {
    super(`Syntax error: Protocol ${protocol} can be used with family ${family} only`)
  }
}

export type ProtocolAndPort = Pick<ElementAttributes, 'proto' | 'port' | 'portTo'>

/** `[PROTOCOL:]PORT[-PORT]`, `icmp:TYPE/CODE` or `PROTOCOL:0`. */
export function protocolAndPort(text: string, { family }: Reading): ProtocolAndPort {
  const colon = separatorAt(text, ':')
  if (colon < 0) return { proto: 6, ...portRange(text, 'tcp') }
  const [protoText, portText] = [text.slice(0, colon), text.slice(colon + 1)]
  const proto = protocol(protoText)
  if (protocolsWithPorts.includes(proto)) return { proto, ...portRange(portText, protoText) }
  const kind = icmp[proto]
  if (kind === undefined) {
    if (portText === '0') return { proto, port: 0 }
    return syntaxError(`Protocol ${protoText} can be used with pseudo port value 0 only.`)
  }
  if (kind.family !== family) throw new WrongFamily(kind.name, kind.set)
  return { proto, port: icmpCodeOf(portText, kind.family) ?? icmpNumbers(portText, kind.name) }
}

function icmpNumbers(text: string, name: string): number {
  const slash = separatorAt(text, '/')
  if (slash < 0) return problem('session', `Cannot parse ${text} as an ${name} type/code.`)
  return uint8(text.slice(0, slash)) * 256 + uint8(text.slice(slash + 1))
}

/** Of a bitmap of ports: the protocol only says whose service names are meant. */
export function tcpOrUdpPort(text: string, reading: Reading): Pick<ElementAttributes, 'port' | 'portTo'> {
  const { proto, ...ports } = protocolAndPort(text, reading)
  return proto === 6 || proto === 17 ? ports : syntaxError('Only protocols TCP and UDP are valid')
}

// --- Others

/** Six bytes of one or two hexadecimal digits each. */
export function ether(text: string): Uint8Array {
  const parts = text.split(':')
  const isMac = parts.length === 6 && parts.every((part) => /^(0x)?[0-9a-f]{1,2}$/i.test(part))
  if (!isMac || text.length > 17) return syntaxError(`cannot parse '${text}' as ethernet address`)
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16))
}

const interfaceNameBytes = 15

export function iface(text: string): Pick<ElementAttributes, 'iface' | 'physdev'> {
  const isPort = text.startsWith('physdev:')
  const name = isPort ? text.slice('physdev:'.length) : text
  if (byteLength(name) > interfaceNameBytes) {
    syntaxError(`interface name '${name}' is longer than ${interfaceNameBytes} characters`)
  }
  return isPort ? { iface: name, physdev: true } : { iface: name }
}

const setNameBytes = 31

export function setName(text: string): string {
  if (byteLength(text) <= setNameBytes) return text
  return syntaxError(`setname '${text}' is longer than ${setNameBytes} characters`)
}

const commentBytes = 255

export function comment(text: string): string {
  if (text.includes('"')) return syntaxError('" character is not permitted in comments')
  if (byteLength(text) <= commentBytes) return text
  return syntaxError(`Comment is longer than the maximum allowed ${commentBytes} characters`)
}

export function skbmark(text: string): { readonly skbmark: number; readonly skbmarkmask: number } {
  const [, mark, mask] = /^0x([0-9a-f]+)(?:\/0x([0-9a-f]+))?/i.exec(text) ?? []
  if (mark === undefined) {
    return syntaxError('Invalid skbmark format, it should be:  MARK/MASK or MARK (see manpage)')
  }
  return { skbmark: low32(mark), skbmarkmask: mask === undefined ? 0xffffffff : low32(mask) }
}

export function skbprio(text: string): number {
  const [, major, minor] = /^\s*(?:0x)?([0-9a-f]+):\s*(?:0x)?([0-9a-f]+)/i.exec(text) ?? []
  if (major === undefined || minor === undefined) {
    return syntaxError('Invalid skbprio format, it should be:MAJOR:MINOR (see manpage)')
  }
  return ((low32(major) << 16) | (low32(minor) & 0xffff)) >>> 0
}

const low32 = (hex: string): number => Number(BigInt(`0x${hex}`) & 0xffffffffn)
