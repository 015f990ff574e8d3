/**
 * What an address says about itself, before any routing table is asked.
 *
 * Kernel: include/linux/in.h (`ipv4_is_*`), net/ipv6/addrconf_core.c (`__ipv6_addr_type`), Linux 6.18.
 * Read first: RFC 5735 (IPv4 special blocks), RFC 4291 section 2 (IPv6 types and scopes).
 */
import type { Address } from '../net/address.ts'

/** 255.255.255.255. */
const allOnes = 0xffffffff

/** 224.0.0.0/4, ff00::/8. */
export function isMulticast({ family, words }: Address): boolean {
  return family === 'ipv4' ? words[0]! >>> 28 === 0xe : words[0]! >>> 24 === 0xff
}

/** 224.0.0.0/24, which no router forwards. */
export const isLocalMulticast = ({ family, words }: Address): boolean =>
  family === 'ipv4' && words[0]! >>> 8 === 0xe00000

/** 127.0.0.0/8, ::1. */
export function isLoopback({ family, words }: Address): boolean {
  return family === 'ipv4'
    ? words[0]! >>> 24 === 127
    : words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1
}

/** 255.255.255.255. */
export const isLimitedBroadcast = ({ family, words }: Address): boolean =>
  family === 'ipv4' && words[0] === allOnes

/** 0.0.0.0 or `::`. The rest of 0.0.0.0/8 is as good as any other since Linux 5.3 (`ipv4_is_zeronet`). */
export function isUnspecified({ words }: Address): boolean {
  for (let at = 0; at < words.length; at++) if (words[at] !== 0) return false
  return true
}

/** 169.254.0.0/16 is nothing special to routing; fe80::/10 is valid on one link only. */
export const isLinkLocal = ({ family, words }: Address): boolean =>
  family === 'ipv6' && words[0]! >>> 22 === 0xfe80 >>> 6

/** Scopes of IPv6 in the order of their reach. Source: RFC 4291 section 2.7; IPV6_ADDR_SCOPE_*. */
export const scope = { node: 1, link: 2, site: 5, global: 14 } as const

/** Reach of an IPv6 address as source selection compares it: the low four bits of a multicast one, else by type. */
export function scopeOf(address: Address): number {
  if (isMulticast(address)) return (address.words[0]! >>> 16) & 15
  if (isLoopback(address) || isLinkLocal(address)) return scope.link
  if (address.words[0]! >>> 22 === 0xfec0 >>> 6) return scope.site
  return scope.global
}
