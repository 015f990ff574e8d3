/**
 * Which of its IPv6 addresses a host takes as source.
 *
 * Read first: RFC 6724 section 5. Kernel: ipv6_dev_get_saddr(), ipv6_get_saddr_eval(), net/ipv6/addrconf.c, Linux 6.18.
 * Rules about deprecated, home and temporary addresses never decide: a configured host has none.
 */
import type { Device } from '../ext/context.ts'
import {
  type Address,
  lengthOfMask,
  type Prefix,
  parsePrefix,
  prefixContains,
  sameAddress,
} from '../net/address.ts'
import { isLinkLocal, isLoopback, isMulticast, scopeOf } from './address-class.ts'
import type { Interfaces } from './interfaces.ts'

/** Source: ip6addrlbl_init_table[], net/ipv6/addrlabel.c; longest prefix first. */
const labels = (
  [
    ['::1/128', 0],
    ['::/96', 3],
    ['::ffff:0:0/96', 4],
    ['2001::/32', 6],
    ['2001:10::/28', 7],
    ['3ffe::/16', 12],
    ['2002::/16', 2],
    ['fec0::/10', 11],
    ['fc00::/7', 5],
  ] as const
).map(([text, label]) => ({ prefix: parsePrefix(text)!, label }))

const labelOf = (address: Address): number =>
  labels.find(({ prefix }) => prefixContains(prefix, address))?.label ?? 1

interface Candidate {
  readonly prefix: Prefix
  readonly device: Device
}

/** Null when no interface has an IPv6 address to offer. */
export function preferredSource(destination: Address, out: Device, interfaces: Interfaces): Address | null {
  let best: Candidate | null = null
  for (const candidate of candidates(destination, out, interfaces)) {
    if (best === null || isBetter(candidate, best, destination, out)) best = candidate
  }
  return best?.prefix.address ?? null
}

/** A group or a link-local destination is only spoken to from the device itself. */
function candidates(destination: Address, out: Device, interfaces: Interfaces): Candidate[] {
  const isBound = isMulticast(destination) || isLinkLocal(destination)
  return interfaces.all
    .filter(({ device }) => !isBound || device === out)
    .flatMap(({ device }) =>
      addressesInKernelOrder(interfaces.addressesOf(device, 'ipv6'))
        .filter(({ address }) => !isLoopback(address) || device === out)
        .map((prefix) => ({ prefix, device })),
    )
}

/** The kernel keeps a device's addresses widest scope first, the newest before its equals. Source: ipv6_link_dev_addr(). */
export const addressesInKernelOrder = (addresses: readonly Prefix[]): Prefix[] =>
  [...addresses].reverse().sort((a, b) => scopeOf(b.address) - scopeOf(a.address))

function isBetter(a: Candidate, b: Candidate, destination: Address, out: Device): boolean {
  const isSame = (one: Candidate): boolean => sameAddress(one.prefix.address, destination)
  if (isSame(a) !== isSame(b)) return isSame(a)
  const wanted = scopeOf(destination)
  const scopeA = scopeOf(a.prefix.address)
  const scopeB = scopeOf(b.prefix.address)
  if (scopeA !== scopeB) return scopeA < scopeB ? scopeA >= wanted : scopeB < wanted
  if ((a.device === out) !== (b.device === out)) return a.device === out
  const label = labelOf(destination)
  const fitsA = labelOf(a.prefix.address) === label
  if (fitsA !== (labelOf(b.prefix.address) === label)) return fitsA
  return matchLength(a.prefix, destination) > matchLength(b.prefix, destination)
}

/** Leading bits in common, no more than the prefix is long. */
function matchLength({ address, mask }: Prefix, destination: Address): number {
  let bits = 0
  for (const [at, word] of address.words.entries()) {
    const same = Math.clz32((word ^ destination.words[at]!) >>> 0)
    bits += same
    if (same < 32) break
  }
  return Math.min(bits, lengthOfMask(mask)!)
}
