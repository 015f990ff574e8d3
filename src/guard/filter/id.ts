/** Who failed: the id and the address that the groups of a match give. */
import { maskAddress, maskOfLength, parseAddress, printAddress } from '../../net/address.ts'
import type { Groups } from './expression.ts'

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
  const own = groups.get('fid') ?? null
  const dns = groups.get('dns') ?? null
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
  const text = groups.get('ip4') ?? groups.get('ip6') ?? null
  if (text === null) return null
  const cidr = groups.get('cidr') ?? null
  return canonical(text, cidr === null ? null : Number(cidr)) ?? { id: text, notAnAddress: true }
}

/** An address as its canonical text, its host part cleared where a prefix is given; null where it is none. */
function canonical(text: string, length: number | null = null): Subject | null {
  let address = parseAddress(text)
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

/** Addresses that stand in a text, canonical, in order; what is no real address is left out. */
export function addressesIn(text: string): string[] {
  const found: string[] = []
  for (const [token] of text.matchAll(/[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*[0-9a-fA-F]/g)) {
    const subject = canonical(token)
    if (subject !== null) found.push(subject.id)
  }
  return found
}
