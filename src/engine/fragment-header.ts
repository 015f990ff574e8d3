/** Where the IPv6 fragment header stands in a packet, and how long the headers before it are. */
import { isExtensionHeader } from '../net/headers/ipv6-extension.ts'
import { ipProtocol } from '../net/protocol.ts'

export const fragmentHeaderLength = 8

/**
 * Length of the extension header at `offset`; null when `nextHeader` is none, -1 where the chain breaks off.
 *
 * Source: ipv6_skip_exthdr(): a fragment header with an offset ends the chain.
 */
export function extensionHeaderLength(
  bytes: Uint8Array,
  nextHeader: number,
  offset: number,
  endOffset: number,
): number | null {
  if (!isExtensionHeader(nextHeader)) return null
  if (nextHeader === ipProtocol.none || offset + 2 > endOffset) return -1
  if (nextHeader === ipProtocol.fragment) return fragmentHeaderLength
  const units = bytes[offset + 1]!
  return nextHeader === ipProtocol.ah ? (units + 2) * 4 : (units + 1) * 8
}

/**
 * Offsets of the fragment header and of the octet that announces it; null when there is none to be found.
 *
 * Source: find_prev_fhdr(), net/ipv6/netfilter/nf_conntrack_reasm.c.
 */
export function locateFragmentHeader(
  bytes: Uint8Array,
  networkOffset: number,
  endOffset: number,
): { readonly header: number; readonly previousNextHeader: number } | null {
  let previousNextHeader = networkOffset + 6
  let header = networkOffset + 40
  while (header < endOffset && bytes[previousNextHeader] !== ipProtocol.fragment) {
    const length = extensionHeaderLength(bytes, bytes[previousNextHeader]!, header, endOffset)
    if (length === null || length < 0) return null
    previousNextHeader = header
    header += length
  }
  return header + fragmentHeaderLength > endOffset ? null : { header, previousNextHeader }
}
