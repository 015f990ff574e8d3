/**
 * Writing a translation into a packet: addresses, ports or ids, and the checksums over them.
 *
 * Kernel: nf_nat_ipv4_manip_pkt(), nf_nat_ipv6_manip_pkt(), l4proto_manip_pkt(), net/netfilter/nf_nat_proto.c, Linux 6.18.
 */

import type { Family } from '../../net/address.ts'
import { onesComplementSum, sctpChecksum } from '../../net/checksum.ts'
import { adjustChecksum, setU16, setU32 } from '../../net/encode.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { icmpInverse } from '../conntrack/icmp-types.ts'
import {
  destinationPortOf,
  locateTransport,
  sourcePortOf,
  TransportPlace,
  type TupleWords,
} from '../conntrack/tuple.ts'

export type Manipulation = 'source' | 'destination'

export const otherManipulation = (manipulation: Manipulation): Manipulation =>
  manipulation === 'source' ? 'destination' : 'source'

const place = new TransportPlace()

/**
 * Makes the IP packet at `networkOffset` (which may be one that an ICMP error quotes) look like `target` at its source or
 * destination. False where the transport header is too short to be changed: the kernel then drops the packet.
 *
 * `protocol` is that of the translation: in the header around a quoted packet, ICMP.
 */
export function manipulate(
  bytes: Uint8Array,
  family: Family,
  networkOffset: number,
  endOffset: number,
  target: TupleWords,
  protocol: number,
  manipulation: Manipulation,
): boolean {
  const addressOffset = offsetOfAddress(family, networkOffset, manipulation)
  const addressLength = family === 'ipv4' ? 4 : 16
  const before = onesComplementSum(bytes, addressOffset, addressOffset + addressLength)
  const change = changeAtHand
  change.bytes = bytes
  change.endOffset = endOffset
  change.manipulation = manipulation
  change.port = manipulation === 'source' ? sourcePortOf(target) : destinationPortOf(target)
  change.icmpId = sourcePortOf(target)
  change.addressBefore = before
  change.addressAfter = sumOfAddress(target, manipulation)
  if (locateTransport(place, bytes, family, networkOffset, endOffset)) {
    if (!changeTransport(change, protocol, place.offset)) return false
  } else if (family === 'ipv4') return false
  writeAddress(bytes, addressOffset, target, manipulation)
  if (family === 'ipv4') {
    const checksum = readU16(bytes, networkOffset + 10)
    setU16(bytes, networkOffset + 10, adjustChecksum(checksum, before, change.addressAfter))
  }
  return true
}

interface Change {
  readonly bytes: Uint8Array
  readonly endOffset: number
  readonly manipulation: Manipulation
  /** Where the protocol has ports: the new one. */
  readonly port: number
  readonly icmpId: number
  /** Ones' complement sums of the address. */
  readonly addressBefore: number
  readonly addressAfter: number
}

function changeTransport(change: Change, protocol: number, at: number): boolean {
  const present = change.endOffset - at
  switch (protocol) {
    case ipProtocol.tcp:
      if (present < 8) return false
      // A quoted header may end before its checksum.
      changePort(change, at, present < 20 ? null : at + 16, false)
      return true
    case ipProtocol.udp:
      if (present < 8) return false
      changePort(change, at, readU16(change.bytes, at + 6) === 0 ? null : at + 6, true)
      return true
    case ipProtocol.udplite:
      if (present < 8) return false
      changePort(change, at, at + 6, true)
      return true
    case ipProtocol.sctp:
      if (present < 8) return false
      changePort(change, at, null, false)
      if (present >= 12) setU32(change.bytes, at + 8, sctpChecksum(change.bytes, at, change.endOffset))
      return true
    case ipProtocol.icmp:
    case ipProtocol.icmp6:
      return present >= 8 && changeIcmp(change, protocol, at)
    case ipProtocol.gre:
      return present >= 8 && changeGre(change, at)
    default:
      return true
  }
}

/** `zeroIsNone`: a checksum of zero would say that there is none (RFC 768), so all ones stand for it. */
function changePort(change: Change, at: number, checksumAt: number | null, zeroIsNone: boolean): void {
  const { bytes, manipulation, port, addressBefore, addressAfter } = change
  const portAt = manipulation === 'source' ? at : at + 2
  const portBefore = readU16(bytes, portAt)
  setU16(bytes, portAt, port)
  if (checksumAt === null) return
  const withAddress = adjustChecksum(readU16(bytes, checksumAt), addressBefore, addressAfter)
  const checksum = adjustChecksum(withAddress, portBefore, port)
  setU16(bytes, checksumAt, checksum === 0 && zeroIsNone ? 0xffff : checksum)
}

/** Questions and answers have an id; ICMPv6 sums up the addresses in any message. */
function changeIcmp(
  { bytes, icmpId, addressBefore, addressAfter }: Change,
  protocol: number,
  at: number,
): boolean {
  let checksum = readU16(bytes, at + 2)
  if (protocol === ipProtocol.icmp6) checksum = adjustChecksum(checksum, addressBefore, addressAfter)
  const type = bytes[at]!
  const hasId =
    protocol === ipProtocol.icmp ? icmpInverse(protocol, type) !== null : type === 128 || type === 129
  if (hasId) {
    checksum = adjustChecksum(checksum, readU16(bytes, at + 4), icmpId)
    setU16(bytes, at + 4, icmpId)
  }
  setU16(bytes, at + 2, checksum)
  return true
}

/** The call id of PPTP names the receiver's side only; other GRE has nothing to change. */
function changeGre({ bytes, manipulation, port }: Change, at: number): boolean {
  const version = bytes[at + 1]! & 7
  if (manipulation === 'source' || version === 0) return true
  if (version !== 1) return false
  setU16(bytes, at + 6, port)
  return true
}

const offsetOfAddress = (family: Family, networkOffset: number, manipulation: Manipulation): number =>
  family === 'ipv4'
    ? networkOffset + (manipulation === 'source' ? 12 : 16)
    : networkOffset + (manipulation === 'source' ? 8 : 24)

/** The address's word of that index, as the tuple has it. */
function addressWord(target: TupleWords, manipulation: Manipulation, index: number): number {
  const isSource = manipulation === 'source'
  if (index === 0) return isSource ? target.source : target.destination
  return target.rest[isSource ? index - 1 : index - 1 + target.rest.length / 2]!
}

const addressWords = ({ rest }: TupleWords): number => 1 + rest.length / 2

function sumOfAddress(target: TupleWords, manipulation: Manipulation): number {
  let sum = 0
  for (let index = 0; index < addressWords(target); index++) {
    const word = addressWord(target, manipulation, index)
    sum += (word >>> 16) + (word & 0xffff)
  }
  return onesComplementSum(noBytes, 0, 0, sum)
}

const noBytes = new Uint8Array(0)

/** One for all: nobody keeps it. */
const changeAtHand: { -readonly [Key in keyof Change]: Change[Key] } = {
  bytes: noBytes,
  endOffset: 0,
  manipulation: 'source',
  port: 0,
  icmpId: 0,
  addressBefore: 0,
  addressAfter: 0,
}

function writeAddress(
  bytes: Uint8Array,
  offset: number,
  target: TupleWords,
  manipulation: Manipulation,
): void {
  for (let index = 0; index < addressWords(target); index++) {
    setU32(bytes, offset + 4 * index, addressWord(target, manipulation, index))
  }
}

const readU16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!
