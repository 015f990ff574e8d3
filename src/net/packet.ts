/**
 * One packet inside a buffer, its header fields located and read once.
 *
 * A `Packet` is reused: `decode` overwrites every field and allocates nothing, so a replay of millions of
 * packets needs one. It never throws on bad bytes: what is wrong is said in `defect`, and fields that were
 * not reached hold -1 or 0 as documented. Offsets are absolute in `bytes`.
 */
import type { Address, Family } from './address.ts'
import { addressOf } from './address.ts'

/** What is wrong with the bytes, in the order in which the kernel's receive path would notice. */
export type PacketDefect =
  | 'link-truncated'
  | 'not-ip'
  | 'ip-truncated'
  | 'ip-version'
  | 'ip-header-length'
  | 'ip-checksum'
  | 'ip-length'
  | 'ip-extension'

export class Packet {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(this.bytes.buffer)

  /** Offset of the Ethernet header, or -1 for a packet that has none (sent locally, raw IP captures). */
  linkOffset = -1
  /** EtherType behind any 802.1Q tags; 0 without a link header. */
  etherType = 0
  /** Outermost 802.1Q tag control word, or -1. */
  vlanTag = -1

  family: Family | null = null
  networkOffset = 0
  /** Bytes of the IPv4 header with options (ihl * 4); 40 for IPv6, whose extension headers are not counted. */
  networkHeaderLength = 0
  /** Length of the whole packet as its header says: IPv4 total length, IPv6 40 + payload length. */
  totalLength = 0
  /** End of the packet in `bytes`: networkOffset + totalLength, or less where the capture cut it. */
  endOffset = 0
  /** IPv4 protocol, or the IPv6 protocol behind all extension headers; -1 when extension headers are broken. */
  protocol = -1
  /** Where the header of `protocol` begins (also in later fragments, where data stands there); -1 if not found. */
  transportOffset = -1
  /** Fragment offset in units of 8 bytes; 0 for whole packets and first fragments. */
  fragmentOffset = 0
  moreFragments = false
  /** IPv4 DF bit; false for IPv6. */
  dontFragment = false
  /** IPv4 id, or the id of an IPv6 fragment header, else 0. */
  id = 0
  /** IPv4 TTL or IPv6 hop limit. */
  ttl = 0
  /** IPv4 TOS or IPv6 traffic class. */
  tos = 0
  /** IPv6 flow label; 0 for IPv4. */
  flowLabel = 0
  defect: PacketDefect | null = null

  /** Whether any fragment header or offset marks this as part of a larger packet. */
  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset > 0
  }

  /** Bytes present from the transport header to the end; 0 when there is none. */
  get transportLength(): number {
    return this.transportOffset < 0 ? 0 : Math.max(0, this.endOffset - this.transportOffset)
  }

  u8(offset: number): number {
    return this.bytes[offset]!
  }

  u16(offset: number): number {
    return this.view.getUint16(offset)
  }

  u32(offset: number): number {
    return this.view.getUint32(offset)
  }

  /** Offset of the source address; the destination follows at once in both families. */
  get sourceOffset(): number {
    return this.networkOffset + (this.family === 'ipv4' ? 12 : 8)
  }

  get destinationOffset(): number {
    return this.networkOffset + (this.family === 'ipv4' ? 16 : 24)
  }

  /** Allocates; for messages and tables, not for hot paths. */
  get source(): Address {
    return this.#address(this.sourceOffset)
  }

  get destination(): Address {
    return this.#address(this.destinationOffset)
  }

  #address(offset: number): Address {
    const { view } = this
    if (this.family === 'ipv4') return addressOf('ipv4', [view.getUint32(offset)])
    return addressOf('ipv6', [
      view.getUint32(offset),
      view.getUint32(offset + 4),
      view.getUint32(offset + 8),
      view.getUint32(offset + 12),
    ])
  }
}
