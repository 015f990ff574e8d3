/**
 * Single fragments and their headers: reading one, and making the header of the whole.
 *
 * Kernel: net/ipv4/ip_fragment.c, net/ipv4/inet_fragment.c, net/ipv6/reassembly.c, Linux 6.18.
 */
import { refreshIpv4Checksum, setU16 } from '../net/encode.ts'
import type { Packet } from '../net/packet.ts'
import { extensionHeaderLength, locateFragmentHeader } from './fragment-header.ts'

/** A fragment, read once from the packet that carries it. */
export interface Fragment {
  readonly id: number
  readonly frame: Uint8Array
  readonly networkOffset: number
  /** Bytes before the payload, from the network header on. */
  readonly headerLength: number
  /** First and last byte + 1 of the payload within the whole payload. */
  readonly start: number
  readonly end: number
  readonly moreFragments: boolean
  readonly dontFragment: boolean
  readonly ecn: number
}

/**
 * The bits to set in the whole when fragments had these codepoints (bit 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE), or null
 * where they must not be joined. Source: RFC 3168 section 5.3; ip_frag_ecn_table, net/ipv4/inet_fragment.c.
 */
export function joinedEcn(seen: number): number | null {
  if ((seen & 1) !== 0 && seen !== 1) return null
  return (seen & 8) !== 0 && seen !== 8 ? 3 : 0
}

/** Source: ip_frag_queue(): odd bytes at the end of a middle fragment are cut off. */
export function readIpv4Fragment(packet: Packet): Fragment {
  const { bytes, networkOffset, endOffset, moreFragments } = packet
  const start = packet.fragmentOffset * 8
  const wholeEnd = start + endOffset - networkOffset - packet.networkHeaderLength
  return {
    id: packet.id,
    frame: bytes.slice(0, endOffset),
    networkOffset,
    headerLength: packet.networkHeaderLength,
    start,
    end: moreFragments ? wholeEnd & ~7 : wholeEnd,
    moreFragments,
    dontFragment: packet.dontFragment,
    ecn: 1 << (packet.tos & 3),
  }
}

/** Source: ip_frag_reasm(). */
export function finishIpv4(whole: Uint8Array, dontFragment: boolean, ecn: number): void {
  whole[1]! |= ecn
  setU16(whole, 2, whole.length)
  setU16(whole, 6, dontFragment ? 0x4000 : 0)
  refreshIpv4Checksum(whole)
}

/** Takes the fragment header out of the chain of headers. Source: ip6_frag_reasm(), nf_ct_frag6_reasm(). */
export function finishIpv6(whole: Uint8Array, firstFragment: Uint8Array, ecn: number): void {
  const at = locateFragmentHeader(firstFragment, 0, firstFragment.length)!
  whole[at.previousNextHeader] = firstFragment[at.header]!
  setU16(whole, 4, whole.length - 40)
  whole[1]! |= ecn << 4
}

/**
 * Whether a first fragment ends before the upper-layer header does (RFC 7112): 20 bytes for TCP, 8 for UDP and
 * ICMPv6, 1 otherwise. Source: ipv6frag_thdr_truncated(), net/ipv6/reassembly.c.
 */
export function lacksUpperHeader(bytes: Uint8Array, fragmentHeader: number, endOffset: number): boolean {
  let offset = fragmentHeader
  let nextHeader = 44
  for (;;) {
    const length = extensionHeaderLength(bytes, nextHeader, offset, endOffset)
    if (length === null) break
    if (length < 0) return false
    nextHeader = bytes[offset]!
    offset += length
  }
  const needed = nextHeader === 6 ? 20 : nextHeader === 17 || nextHeader === 58 ? 8 : 1
  return offset + needed > endOffset
}
