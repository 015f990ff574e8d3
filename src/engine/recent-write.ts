/**
 * Addresses as `/proc/net/xt_recent/NAME` reads them: what the kernel's `in4_pton()` and `in6_pton()` make of bytes
 * that end in a newline, a zero byte, or with the write. Kernel: net/core/utils.c, Linux 6.18.
 *
 * They are laxer than inet_pton: leading zeros are without number in octets and groups alike. They are stricter in
 * one point: an IPv6 address that ends in a dotted quad must leave room for it.
 */
import type { Address } from '../net/address.ts'
import { addressOf } from '../net/address.ts'

/** The address at the beginning of `bytes`, or null. IPv6 when a colon stands before the first zero byte. */
export function readWrittenAddress(bytes: Uint8Array): Address | null {
  const zero = bytes.indexOf(0)
  const text = String.fromCharCode(...(zero < 0 ? bytes : bytes.subarray(0, zero)))
  return text.includes(':') ? readIpv6(text) : readIpv4(text)
}

function readIpv4(text: string): Address | null {
  const word = readDottedQuad(text)
  return word === null ? null : addressOf('ipv4', [word])
}

/** Four decimal octets with a newline, a colon or nothing behind them. */
function readDottedQuad(text: string): number | null {
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:[\n:]|$)/.exec(text)?.slice(1).map(Number)
  if (octets === undefined || octets.some((octet) => 255 < octet)) return null
  return octets.reduce((word, octet) => word * 256 + octet, 0)
}

/**
 * Groups, `::` for at least one group of zeros, and perhaps a dotted quad at the end; a newline or nothing behind
 * them. What a colon behind the quad begins is not read.
 */
function readIpv6(text: string): Address | null {
  const [line = ''] = text.split('\n', 1)
  const firstDot = line.indexOf('.')
  if (firstDot < 0) {
    const groups = expandGroups(line, 8)
    return groups === null ? null : fromGroups(groups)
  }
  const quadAt = line.lastIndexOf(':', firstDot) + 1
  const quad = readDottedQuad(line.slice(quadAt))
  const head = line.slice(0, quadAt)
  // The colon in front of the quad belongs to the group before it, or to `::`.
  const groups = expandGroups(head.endsWith('::') ? head : head.slice(0, -1), 6)
  if (quad === null || groups === null || !head.endsWith(':')) return null
  return fromGroups([...groups, quad >>> 16, quad & 0xffff])
}

/** `count` 16-bit groups, or null. */
function expandGroups(text: string, count: number): number[] | null {
  const [head, tail, extra] = text.split('::').map(readGroups)
  if (head === undefined || head === null || tail === null || extra !== undefined) return null
  if (tail === undefined) return head.length === count ? head : null
  const zeros = count - head.length - tail.length
  return zeros < 1 ? null : [...head, ...Array<number>(zeros).fill(0), ...tail]
}

function readGroups(text: string): number[] | null {
  if (text === '') return []
  const groups = text.split(':')
  if (!groups.every((group) => /^0*[0-9a-fA-F]{1,4}$/.test(group))) return null
  return groups.map((group) => Number.parseInt(group, 16))
}

function fromGroups(groups: readonly number[]): Address {
  return addressOf(
    'ipv6',
    [0, 2, 4, 6].map((at) => groups[at]! * 65536 + groups[at + 1]!),
  )
}
