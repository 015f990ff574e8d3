/**
 * What lies inside a captured record: an Ethernet frame, or an IP packet without one.
 *
 * Read first: https://www.tcpdump.org/linktypes.html, with its pages on LINUX_SLL and LINUX_SLL2.
 */

import type { Family } from './address.ts'
import { bigEndian, type CaptureRecord, type Direction, linkTypes } from './capture-record.ts'

/** `skb->pkt_type` as cooked captures store it. Source: include/uapi/linux/if_packet.h. */
const packetTypes = ['host', 'broadcast', 'multicast', 'otherhost', 'outgoing'] as const
export type CapturedPacketType = (typeof packetTypes)[number]

export type LinkPayload =
  /** A whole Ethernet frame. */
  | { readonly kind: 'frame'; readonly bytes: Uint8Array; readonly direction: Direction | null }
  /** An IP packet whose link header is missing, or was replaced by a summary. */
  | {
      readonly kind: 'packet'
      readonly family: Family
      readonly bytes: Uint8Array
      readonly direction: Direction | null
      /** How it was addressed on the link; null where the capture does not say. */
      readonly packetType: CapturedPacketType | null
      /** Six bytes; null where the capture does not say. */
      readonly sourceMac: Uint8Array | null
    }
  /** No IP packet that could be run through rules. */
  | { readonly kind: 'other'; readonly why: string }

const etherTypeFamilies: Readonly<Record<number, Family>> = { 2048: 'ipv4', 34525: 'ipv6' }

/** 802.1Q and 802.1ad tags stand between a cooked header and the packet. */
const isVlanTag = (etherType: number) => etherType === 0x8100 || etherType === 0x88a8

export function linkPayload(record: CaptureRecord): LinkPayload {
  const { bytes, direction } = record
  switch (record.interface.linkType) {
    case linkTypes.ethernet:
      return { kind: 'frame', bytes, direction }
    case linkTypes.raw:
    case linkTypes.rawBsd:
    case linkTypes.ipv4:
    case linkTypes.ipv6:
      return barePacket(bytes, direction)
    case linkTypes.null:
    case linkTypes.loop:
      return bytes.length < 4 ? tooShort(bytes) : barePacket(bytes.subarray(4), direction)
    case linkTypes.linuxCooked:
      return bytes.length < 16 ? tooShort(bytes) : cookedPacket(record, cookedHeader1(bytes))
    case linkTypes.linuxCooked2:
      return bytes.length < 20 ? tooShort(bytes) : cookedPacket(record, cookedHeader2(bytes))
    default:
      return { kind: 'other', why: `link type ${record.interface.linkType} is not supported` }
  }
}

const tooShort = (bytes: Uint8Array): LinkPayload => ({
  kind: 'other',
  why: `only ${bytes.length} bytes, less than a link header`,
})

/**
 * The family comes from the version in the packet: the family number in front of it (link types 0 and 108) differs
 * between operating systems, and its byte order between files.
 */
function barePacket(bytes: Uint8Array, direction: Direction | null): LinkPayload {
  const version = bytes.length === 0 ? -1 : bytes[0]! >> 4
  if (version !== 4 && version !== 6) {
    return { kind: 'other', why: version < 0 ? 'an empty packet' : `IP version ${version}` }
  }
  const family = version === 4 ? 'ipv4' : 'ipv6'
  return { kind: 'packet', family, bytes, direction, packetType: null, sourceMac: null }
}

interface CookedHeader {
  readonly protocol: number
  readonly packetType: number
  readonly addressLength: number
  readonly addressOffset: number
  readonly length: number
}

const cookedHeader1 = (bytes: Uint8Array): CookedHeader => ({
  packetType: bigEndian.u16(bytes, 0),
  addressLength: bigEndian.u16(bytes, 4),
  addressOffset: 6,
  protocol: bigEndian.u16(bytes, 14),
  length: 16,
})

const cookedHeader2 = (bytes: Uint8Array): CookedHeader => ({
  protocol: bigEndian.u16(bytes, 0),
  packetType: bytes[10]!,
  addressLength: bytes[11]!,
  addressOffset: 12,
  length: 20,
})

function cookedPacket(record: CaptureRecord, header: CookedHeader): LinkPayload {
  const { bytes } = record
  let { protocol, length } = header
  while (isVlanTag(protocol) && length + 4 <= bytes.length) {
    protocol = bigEndian.u16(bytes, length + 2)
    length += 4
  }
  const family = etherTypeFamilies[protocol]
  if (family === undefined)
    return { kind: 'other', why: `protocol 0x${protocol.toString(16).padStart(4, '0')}` }
  const packetType = packetTypes[header.packetType] ?? null
  return {
    kind: 'packet',
    family,
    bytes: bytes.subarray(length),
    direction: record.direction ?? (packetType === null ? null : packetType === 'outgoing' ? 'out' : 'in'),
    packetType,
    sourceMac:
      header.addressLength === 6 ? bytes.subarray(header.addressOffset, header.addressOffset + 6) : null,
  }
}
