/** Who failed: the id and the address that the groups of a match give. */
import { type Address, maskAddress, maskOfLength, parseIpv6, printAddress } from '../../net/address.ts'
import { type Groups, slot } from './groups.ts'

export interface Subject {
  readonly id: string
  /** Canonical; absent where the id is no address and none stands behind it. */
  readonly address?: string
  /** A name from `<HOST>` or `<DNS>` that has to be looked up before it can be counted. */
  readonly name?: string
  /** The text stood where an address has to stand, and is none. */
  readonly notAnAddress?: true
}

/** Null where the groups give no id (yet). */
export function subjectOf(groups: Groups): Subject | null {
  const found = addressOf(groups)
  const own = groups[slot.fid] ?? null
  const dns = groups[slot.dns] ?? null
  if (own === null || own === found?.id) {
    if (found !== null) return found
    return dns === null ? null : nameOrAddress(dns)
  }
  const behind = found?.address !== undefined ? { address: found.address } : {}
  if (found !== null) return { ...found, id: canonical(own)?.id ?? own, ...behind }
  return canonical(own) ?? { id: own }
}

function nameOrAddress(dns: string): Subject {
  return canonical(dns) ?? { id: dns, name: dns }
}

function addressOf(groups: Groups): Subject | null {
  const text = groups[slot.ip4] ?? groups[slot.ip6] ?? null
  if (text === null) return null
  const cidr = groups[slot.cidr] ?? null
  return canonical(text, cidr === null ? null : Number(cidr)) ?? { id: text, notAnAddress: true }
}

/** An address as its canonical text, its host part cleared where a prefix is given; null where it is none. */
function canonical(text: string, length: number | null = null): Subject | null {
  const word = ipv4Word(text)
  if (word >= 0 && length === null) return { id: text, address: text }
  let address: Address | null = word >= 0 ? { family: 'ipv4', words: [word] } : parseIpv6(text)
  if (address === null) return null
  const { family, words } = address
  // ::ffff:a.b.c.d is the IPv4 address that it carries
  if (family === 'ipv6' && length === null && words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    address = { family: 'ipv4', words: [words[3]!] }
  }
  const bits = family === 'ipv4' ? 32 : 128
  if (length === null || length >= bits) {
    const printed = printAddress(address)
    return { id: printed, address: printed }
  }
  const printed = printAddress(maskAddress(address, maskOfLength(family, length)))
  return { id: `${printed}/${length}`, address: printed }
}

/**
 * A dotted quad as a number, or -1 where it is none. A zero before other digits is refused, as by inet_pton(3): some
 * programs would read them as octal, and another address would be banned.
 */
function ipv4Word(text: string): number {
  if (text.length > 15) return -1
  let word = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 46) {
      if (digits === 0) return -1
      word = word * 256 + octet
      octet = digits = 0
      dots++
    } else if (code >= 48 && code <= 57) {
      if (digits > 0 && octet === 0) return -1
      octet = octet * 10 + code - 48
      digits++
      if (octet > 255) return -1
    } else return -1
  }
  return dots === 3 && digits > 0 ? word * 256 + octet : -1
}

/** Whether a character may stand in an address. */
const ofAddresses = Uint8Array.from({ length: 128 }, (_, code) =>
  /[0-9a-fA-F:.]/.test(String.fromCharCode(code)) ? 1 : 0,
)

/** Addresses that stand in a text, canonical, in order; what is no real address is left out. */
export function addressesIn(text: string): string[] {
  const found: string[] = []
  for (let at = 0; at < text.length; ) {
    let end = at
    // the last character of a token is no dot or colon, and one of them stands before it
    let last = -1
    let mark = -1
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end)
      if (code > 127 || ofAddresses[code] === 0) break
      if (code !== 46 && code !== 58) last = end
      else if (mark < 0) mark = end
    }
    if (mark >= 0 && mark < last) {
      const subject = canonical(text.slice(at, last + 1))
      if (subject !== null) found.push(subject.id)
    }
    at = end + 1
  }
  return found
}
