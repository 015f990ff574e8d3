/**
 * One packet inside a buffer, its header fields located and read once.
 *
 * A `Packet` is reused: `decode` overwrites every field and allocates nothing, so a replay of millions of
 * packets needs one. It never throws on bad bytes: what is wrong is said in `defect`, and fields that were
 * not reached hold -1 or 0 as documented. Offsets are absolute in `bytes`.
 */
import type { Address, Family } from './address.ts'

/** What is wrong with the bytes, in the order in which the kernel's receive path would notice. */
export type PacketDefect =
  /** The Ethernet header or a VLAN tag is cut off. */
  | 'link-truncated'
  /** An EtherType other than IPv4 and IPv6, or an 802.3 length frame. */
  | 'not-ip'
  /** Fewer bytes than the fixed header, or than the IPv4 header with its options. */
  | 'ip-truncated'
  /** The version is not what the EtherType promises; without a link header, neither 4 nor 6. */
  | 'ip-version'
  /** An IPv4 header length below 20 bytes. */
  | 'ip-header-length'
  | 'ip-checksum'
  /** The packet says that it is longer than what arrived, or shorter than its own IPv4 header. */
  | 'ip-length'
  /** The IPv6 hop-by-hop header, the only one read on arrival, is cut off or holds options that are refused. */
  | 'ip-extension'

const noBytes = new Uint8Array(0)

export class Packet {
  bytes: Uint8Array = noBytes
  #view: DataView | null = null
  #viewed: Uint8Array | null = null

  /** Offset of the Ethernet header, or -1 for a packet that has none (sent locally, raw IP captures). */
  linkOffset = -1
  /** EtherType behind any VLAN tags, or the length of an 802.3 frame (below 0x600); 0 without a link header. */
  etherType = 0
  /** Control word (priority, DEI, VLAN id) of the outermost 802.1Q or 802.1ad tag, or -1. */
  vlanTag = -1
  /** VLAN tags before the network header. */
  vlanCount = 0

  /** Null unless the whole fixed header of that family is present: addresses can be read iff not null. */
  family: Family | null = null
  networkOffset = 0
  /** Bytes of the IPv4 header with options (ihl * 4); 40 for IPv6, whose extension headers are not counted. */
  networkHeaderLength = 0
  /** Length of the whole packet as its header says: IPv4 total length, IPv6 40 + payload length. */
  totalLength = 0
  /**
   * End of the packet in `bytes`: networkOffset + totalLength (trailing link padding is left out), or less where the
   * bytes end before.
   */
  endOffset = 0
  /** Bytes of the packet behind the end of `bytes`: only where a capture cut it (a short frame is a defect). */
  missingBytes = 0
  /**
   * IPv4 protocol, or the IPv6 protocol behind all extension headers as `ipv6_find_hdr(skb, &off, -1, &fragoff, NULL)`
   * finds it: 59 where a chain ends in "no next header", never 51 (AH is skipped); -1 where the chain is broken,
   * which the kernel only notices when a rule asks for the protocol (ip6_tables then drops).
   */
  protocol = -1
  /**
   * Where the header of `protocol` begins (also in later fragments, where data stands there); -1 if not found. May lie
   * at or behind `endOffset`: ask `transportLength`.
   */
  transportOffset = -1
  /** The first next-header byte of IPv6; equals `protocol` for IPv4. */
  nextHeader = -1
  /** Offset of the IPv6 fragment header, or -1. */
  fragmentHeaderOffset = -1
  /** Fragment offset in units of 8 bytes; 0 for whole packets and first fragments. (Kernel: bytes for IPv6.) */
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

  /** A view of `bytes`, made when it is first asked for. */
  get view(): DataView {
    if (this.#view === null || this.#viewed !== this.bytes) {
      this.#viewed = this.bytes
      this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
    }
    return this.#view
  }

  /** Whether a fragment offset or the more-fragments bit marks this as part of a larger packet. */
  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset > 0
  }

  /** Bytes present from the transport header to the end; 0 when there is none. */
  get transportLength(): number {
    return this.transportOffset < 0 ? 0 : Math.max(0, this.endOffset - this.transportOffset)
  }

  /** Big-endian readers; bytes outside the buffer count as 0. */
  u8(offset: number): number {
    return this.bytes[offset]! | 0
  }

  u16(offset: number): number {
    const { bytes } = this
    return (bytes[offset]! << 8) | bytes[offset + 1]!
  }

  u32(offset: number): number {
    const { bytes } = this
    return (
      ((bytes[offset]! << 24) |
        (bytes[offset + 1]! << 16) |
        (bytes[offset + 2]! << 8) |
        bytes[offset + 3]!) >>>
      0
    )
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
    if (this.family === 'ipv4') return { family: 'ipv4', words: [this.u32(offset)] }
    return {
      family: 'ipv6',
      words: [this.u32(offset), this.u32(offset + 4), this.u32(offset + 8), this.u32(offset + 12)],
    }
  }
}
