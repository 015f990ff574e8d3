/**
 * Cutting IP packets into fragments on the way out.
 *
 * A packet that conntrack put together is cut where its sender cut it, whatever the device could carry: a firewall
 * must not turn small fragments into larger ones, which the path behind it may refuse.
 * Kernel: net/ipv4/ip_output.c, net/ipv4/ip_forward.c, net/ipv6/ip6_output.c, Linux 6.18.
 */
import { concatBytes, refreshIpv4Checksum, setU16, setU32 } from '../net/encode.ts'
import { ipProtocol } from '../net/protocol.ts'
import type { FragmentOrigin } from './defrag.ts'
import { extensionHeaderLength, fragmentHeaderLength } from './fragment-header.ts'

/** IPv6's smallest MTU; fragments are never asked to be smaller. RFC 8200 section 5. */
const minimumIpv6Mtu = 1280

const doNotFragment = 0x4000
const moreFragments = 0x2000

const isIpv4 = (packet: Uint8Array): boolean => packet[0]! >>> 4 === 4

const readU16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

/**
 * Whether a packet to be forwarded is refused with ICMP "fragmentation needed" or ICMPv6 "packet too big".
 *
 * `packet` is a whole IP packet; `origin` tells that conntrack put it together.
 * Source: ip_exceeds_mtu(), ip6_pkt_too_big().
 */
export function isTooBigToForward(packet: Uint8Array, mtu: number, origin: FragmentOrigin | null): boolean {
  if (packet.length <= mtu) return false
  if (isIpv4(packet) && (readU16(packet, 6) & doNotFragment) === 0) return false
  return origin === null || origin.maxSize > mtu
}

/**
 * The packets to send instead of one IP packet: itself when it fits and was never cut, its fragments, or `too-big`
 * where it must not be cut (the host answers with ICMP as for forwarding, and drops it).
 *
 * `nextId` gives the id of new IPv6 fragments. Source: ip_finish_output(), ip_fragment(), ip6_finish_output(),
 * ip6_fragment().
 */
export function fragmentsFor(
  packet: Uint8Array,
  mtu: number,
  origin: FragmentOrigin | null,
  nextId: () => number,
  { wasReceived = true, isHeaderWhole = wasReceived, isDatagram = false, pulledBytes = 0 }: Past = {},
): readonly Uint8Array[] | 'too-big' {
  const pulled = Math.max(pulledBytes, isHeaderWhole ? pulledHeader(packet) : 0)
  const cuts = origin === null ? null : { ...origin, pieces: pullTogether(origin.pieces, pulled) }
  if (isIpv4(packet)) return cutIpv4(packet, mtu, cuts, wasReceived)
  return cutIpv6(packet, mtu, cuts, isDatagram, nextId)
}

/** What became of a packet before it is cut. */
export interface Past {
  /** False for what the host itself sends. */
  readonly wasReceived?: boolean
  /** Whether somebody needed the whole transport header since. */
  readonly isHeaderWhole?: boolean
  /** Bytes behind the IP header that were needed in one place. */
  readonly pulledBytes?: number
  /**
   * A datagram that a socket gave to the kernel for cutting. What else was never cut must not be cut in IPv6: neither
   * what is forwarded nor what a raw socket brought with its header. Source: `ignore_df` of struct sk_buff.
   */
  readonly isDatagram?: boolean
}

/**
 * On arrival the kernel pulls some headers together: TCP's to look for a local socket, SCTP's to check its sum. So does
 * translation, of what the host sends, too.
 *
 * Source: tcp_v4_early_demux(), tcp_v6_early_demux(); sctp_error(), net/netfilter/nf_conntrack_proto_sctp.c;
 * tcp_manip_pkt(), net/netfilter/nf_nat_proto.c.
 */
function pulledHeader(packet: Uint8Array): number {
  const headerLength = isIpv4(packet) ? (packet[0]! & 15) * 4 : 40
  const protocol = packet[isIpv4(packet) ? 9 : 6]!
  const pulled = protocol === ipProtocol.tcp ? 20 : protocol === ipProtocol.sctp ? 12 : 0
  return pulled <= packet.length - headerLength ? pulled : 0
}

/**
 * The sizes of the fragments when the first has taken what it lacked from those behind it; none when nothing is left of
 * them. Source: __pskb_pull_tail().
 */
function pullTogether(pieces: readonly number[], bytes: number): readonly number[] {
  const [first = 0, ...others] = pieces
  if (bytes <= first) return pieces
  let lacking = bytes - first
  const left = others.map((size) => {
    const taken = Math.min(size, lacking)
    lacking -= taken
    return size - taken
  })
  const rest = left.filter((size) => size > 0)
  return rest.length === 0 ? [] : [bytes, ...rest]
}

function cutIpv4(
  packet: Uint8Array,
  mtu: number,
  origin: FragmentOrigin | null,
  wasReceived: boolean,
): readonly Uint8Array[] | 'too-big' {
  if (packet.length <= mtu && origin === null) return [packet]
  const mayCut = (readU16(packet, 6) & doNotFragment) === 0 || origin !== null
  if (!mayCut || (origin?.dontFragment && origin.maxSize > mtu)) return 'too-big'
  const headerLength = (packet[0]! & 15) * 4
  const room = Math.min(mtu, origin?.maxSize ?? mtu) - headerLength
  if (room < 8) return 'too-big'
  const field = readU16(packet, 6)
  const oldSizes = sizesOfOrigin(packet.length - headerLength, room, origin)
  // The kernel forgets DF where it only has to part the fragments that it holds anyway.
  const df = oldSizes === null && origin?.dontFragment === true ? doNotFragment : 0
  const sizes = oldSizes ?? evenSizes(packet.length - headerLength, room)
  return cut(packet, headerLength, sizes, (header, offset, isLast) => {
    // The kernel only knows the options that it read on arrival.
    if (offset > 0 && wasReceived) blankUncopiedOptions(header)
    const more = isLast ? field & moreFragments : moreFragments
    setU16(header, 6, ((field & 0x1fff) + (offset >>> 3)) | more | df)
  }).map(finishIpv4)
}

function finishIpv4(fragment: Uint8Array): Uint8Array {
  setU16(fragment, 2, fragment.length)
  refreshIpv4Checksum(fragment)
  return fragment
}

/**
 * Options without the "copied" bit (RFC 791 section 3.1) stand in the first fragment only; later ones have no-operation
 * octets in their place. Source: ip_options_fragment().
 */
function blankUncopiedOptions(header: Uint8Array): void {
  for (let at = 20; at < header.length; ) {
    const option = header[at]!
    if (option === 0) return
    if (option === 1) {
      at++
      continue
    }
    const length = header[at + 1] ?? 0
    if (length < 2 || at + length > header.length) return
    if ((option & 0x80) === 0) header.fill(1, at, at + length)
    at += length
  }
}

function cutIpv6(
  packet: Uint8Array,
  deviceMtu: number,
  origin: FragmentOrigin | null,
  isDatagram: boolean,
  nextId: () => number,
): readonly Uint8Array[] | 'too-big' {
  const wasLonger = origin !== null && packet.length > origin.maxSize
  if (packet.length <= deviceMtu && !wasLonger) return [packet]
  if (origin === null ? !isDatagram : origin.maxSize > deviceMtu) return 'too-big'
  const mtu = origin === null ? deviceMtu : Math.max(minimumIpv6Mtu, origin.maxSize)
  const { length, nextHeaderAt } = unfragmentablePart(packet)
  const room = mtu - length - fragmentHeaderLength
  if (room < 8) return 'too-big'

  const header = new Uint8Array(length + fragmentHeaderLength)
  header.set(packet.subarray(0, length))
  header[length] = packet[nextHeaderAt]!
  header[nextHeaderAt] = ipProtocol.fragment
  setU32(header, length + 4, nextId())
  const withHeader = concatBytes(header, packet.subarray(length))
  const payloadLength = packet.length - length
  const sizes = sizesOfOrigin(payloadLength, room, origin) ?? evenSizes(payloadLength, room)
  return cut(withHeader, header.length, sizes, (copy, offset, isLast) => {
    setU16(copy, length + 2, offset | (isLast ? 0 : 1))
  }).map((fragment) => {
    setU16(fragment, 4, fragment.length - 40)
    return fragment
  })
}

/** Headers that every fragment repeats: up to routing, or destination options before it. Source: ip6_find_1stfragopt(). */
function unfragmentablePart(packet: Uint8Array): { length: number; nextHeaderAt: number } {
  let nextHeaderAt = 6
  let at = 40
  let sawRouting = false
  for (;;) {
    const nextHeader = packet[nextHeaderAt]!
    const stays =
      nextHeader === ipProtocol.hopByHop ||
      nextHeader === ipProtocol.routing ||
      (nextHeader === ipProtocol.destination && !sawRouting)
    const length = stays ? extensionHeaderLength(packet, nextHeader, at, packet.length) : null
    if (length === null || length < 0) return { length: at, nextHeaderAt }
    if (nextHeader === ipProtocol.routing) sawRouting = true
    nextHeaderAt = at
    at += length
  }
}

/** Cuts the bytes behind the header; `finish` writes offset (in bytes) and flags into each copy of the header. */
function cut(
  packet: Uint8Array,
  headerLength: number,
  sizes: readonly number[],
  finish: (header: Uint8Array, offset: number, isLast: boolean) => void,
): Uint8Array[] {
  const payload = packet.subarray(headerLength)
  let offset = 0
  return sizes.map((size) => {
    const fragment = new Uint8Array(headerLength + size)
    fragment.set(packet.subarray(0, headerLength))
    fragment.set(payload.subarray(offset, offset + size), headerLength)
    finish(fragment.subarray(0, headerLength), offset, offset + size === payload.length)
    offset += size
    return fragment
  })
}

/** The sender's cuts, when they still fit packet and device. */
function sizesOfOrigin(
  length: number,
  room: number,
  origin: FragmentOrigin | null,
): readonly number[] | null {
  if (origin === null) return null
  const { pieces } = origin
  const total = pieces.reduce((sum, piece) => sum + piece, 0)
  const last = pieces.length - 1
  const fits = pieces.every((piece, at) => piece <= room && (at === last || (piece & 7) === 0))
  return total === length && fits ? pieces : null
}

function evenSizes(length: number, room: number): number[] {
  const sizes: number[] = []
  let left = length
  while (left > room) {
    sizes.push(room & ~7)
    left -= room & ~7
  }
  sizes.push(left)
  return sizes
}
