/**
 * Values inside options, read as libxtables and the C library read them.
 *
 * Each function takes text and gives a value or null; `options.ts` turns null into a refusal.
 * Sources: iptables 1.8.9 libxtables/xtables.c (`xtables_strtoull`, `xtables_ipparse_*`), xtoptions.c; glibc
 * `strtoull`, `inet_aton`, `getaddrinfo`.
 */
import {
  type Address,
  addressBits,
  type Family,
  maskAddress,
  maskOfLength,
  type Prefix,
  parseIpv4,
  parseIpv6,
  sameAddress,
} from '../net/address.ts'
import { hostAddresses, networkAddresses } from './names.ts'
import { parseNumber } from './numbers.ts'

/** A byte of a dotted quad: C number syntax, 0 to 255. */
const parseOctet = (text: string): number | null => {
  // What nearly all of them look like.
  if (/^(?:0|[1-9]\d{0,2})$/.test(text)) {
    const number = Number(text)
    return number < 256 ? number : null
  }
  const value = parseNumber(text, 0n, 255n)
  return value === null ? null : Number(value)
}

/**
 * Dotted quad as iptables reads it: C numbers between the dots, and with `partial` missing octets on the right
 * are zero (`10` is 10.0.0.0). Longer words than 19 characters are cut. Source: `__numeric_to_ipaddr()`.
 */
export function parseDotted(text: string, partial: boolean): Address | null {
  // Only the first three dots divide; a fourth spoils the last octet.
  const parts = text.slice(0, 19).split('.')
  if (parts.length !== 4 && !(partial && parts.length < 4)) return null
  let word = 0
  for (let at = 0; at < 4; at++) {
    const part = parts[at]
    const octet = part === undefined ? 0 : parseOctet(part)
    if (octet === null) return null
    word = word * 256 + octet
  }
  return { family: 'ipv4', words: [word] }
}

/** `inet_aton`: one to four C numbers, the last of which fills the remaining bytes (`127.1` is 127.0.0.1). */
export function parseAton(text: string): Address | null {
  const parts = text.split('.')
  if (parts.length > 4) return null
  let word = 0
  for (const [at, part] of parts.entries()) {
    const last = at === parts.length - 1
    const limit = last ? (1n << BigInt(8 * (5 - parts.length))) - 1n : 255n
    const value = /^\d/.test(part) ? parseNumber(part, 0n, limit) : null
    if (value === null) return null
    word = last ? word + Number(value) : word + Number(value) * 256 ** (3 - at)
  }
  return { family: 'ipv4', words: [word] }
}

/**
 * One host address as `getaddrinfo` reads it without asking anybody: numeric text, or a name that every Debian
 * machine has in /etc/hosts.
 */
export function parseHost(text: string, family: Family): Address | null {
  const numeric = family === 'ipv4' ? (parseIpv4(text) ?? parseAton(text)) : parseIpv6(text)
  return numeric ?? hostAddresses[text]?.find((address) => address.family === family) ?? null
}

/** What `-s` and `-d` accept before the slash: partial dotted quads, network names, hosts. */
export function parseNetwork(text: string, family: Family): Address | null {
  if (family === 'ipv6') return parseHost(text, family)
  return parseDotted(text, true) ?? networkAddresses[text] ?? parseHost(text, family)
}

/** A mask behind a slash: a length, or an address of any bit pattern. Source: `parse_ipmask()`. */
export function parseMask(text: string, family: Family): Address | null {
  const pattern = family === 'ipv4' ? parseDotted(text, false) : parseIpv6(text)
  if (pattern !== null) return pattern
  const length = parseNumber(text, 0n, BigInt(addressBits(family)))
  return length === null ? null : maskOfLength(family, Number(length))
}

export type PrefixText =
  /** `hasHostBits`: the address has bits that the mask takes away. */
  | { readonly prefix: Prefix; readonly hasHostBits: boolean }
  | { readonly bad: 'mask' | 'address'; readonly text: string }

/**
 * `ADDRESS[/MASK]` as `-s` and `-d` read it: host bits are cleared, and a zero mask makes the address irrelevant
 * (`anything/0`).
 */
export function parseNetworkPrefix(text: string, family: Family): PrefixText {
  const slash = text.lastIndexOf('/')
  const maskText = slash < 0 ? null : text.slice(slash + 1)
  const mask = maskText === null ? maskOfLength(family, addressBits(family)) : parseMask(maskText, family)
  if (mask === null) return { bad: 'mask', text: maskText! }
  const zero = maskOfLength(family, 0)
  if (sameAddress(mask, zero)) return { prefix: { address: zero, mask }, hasHostBits: false }
  const host = slash < 0 ? text : text.slice(0, slash)
  const address = parseNetwork(host, family)
  if (address === null) return { bad: 'address', text: host }
  const network = maskAddress(address, mask)
  return { prefix: { address: network, mask }, hasHostBits: !sameAddress(address, network) }
}

/** The bytes of a MAC address: six hexadecimal numbers of at most two characters, or null. */
export function parseMac(text: string): Uint8Array | null {
  const parts = text.split(':')
  if (parts.length !== 6) return null
  const bytes = new Uint8Array(6)
  for (const [at, part] of parts.entries()) {
    // An empty part counts as zero, as strtoul's answer for it does.
    if (!/^[0-9a-fA-F]{0,2}$/.test(part)) return null
    bytes[at] = part === '' ? 0 : Number.parseInt(part, 16)
  }
  return bytes
}
