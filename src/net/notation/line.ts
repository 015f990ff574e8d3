/** What one line of the packet notation says, as data. `../notation.ts` has the grammar. */
import type { Address } from '../address.ts'
import type { Circumstances } from '../circumstances.ts'

export interface PacketLine {
  /** The interface it arrives on; null for `out`, what the host itself sends. */
  readonly device: string | null
  /** Firewall mark it comes with: unsigned 32 bits, 0 by default. */
  readonly mark: number
  /** Six bytes; null leaves the choice to whoever builds the frame. */
  readonly sourceMac: Uint8Array | null
  readonly destinationMac: Uint8Array | null
  /** 802.1Q tag control word, or null. */
  readonly vlan: number | null
  /** Owner of the sending socket, for `out`; null where not said. */
  readonly uid: number | null
  readonly gid: number | null
  /** What is said of it that no packet says of itself. */
  readonly circumstances: Circumstances
  readonly content: Content
}

export type Content =
  | { readonly kind: 'ip'; readonly packet: IpText }
  /** An IP packet as bytes: what no words can say. */
  | { readonly kind: 'raw'; readonly bytes: Uint8Array }
  /** A whole Ethernet frame as bytes. */
  | { readonly kind: 'frame'; readonly bytes: Uint8Array }

/** `bad` is a certain wrong value (see `badChecksum`), a number any other. */
export type Checksum = 'right' | 'bad' | number

/** Header fields by key; one that is absent has its default. */
export type Fields = Readonly<Record<string, number | Uint8Array>>

export interface IpText {
  readonly source: Address
  readonly destination: Address
  /** A word of the table in `transports.ts`, or a protocol number: then `payload` is all that follows the IP header. */
  readonly protocol: string | number
  /** 0 where the protocol has none, and in later fragments. */
  readonly sourcePort: number
  readonly destinationPort: number
  /** Of the transport header. */
  readonly fields: Fields
  readonly transportChecksum: Checksum
  readonly payload: Uint8Array
  /** The packet that an ICMP error quotes, instead of a payload. */
  readonly quoted: IpText | null

  readonly ttl: number
  /** 16 bits, or 32 in the fragment header of IPv6. */
  readonly id: number
  readonly tos: number
  readonly flowLabel: number
  readonly dontFragment: boolean
  /** Offset in units of 8 bytes. */
  readonly fragment: { readonly offset: number; readonly more: boolean } | null
  /** IPv4 options, a multiple of 4 bytes. */
  readonly options: Uint8Array
  /** IPv6 extension headers in order; `frag` marks the place of the fragment header. */
  readonly extensions: readonly Extension[]
  /** Of the IPv4 header. */
  readonly headerChecksum: Checksum
  /** Only so many bytes of the packet are there (captures and quotes cut); null for all. */
  readonly cutBytes: number | null
}

export interface Extension {
  readonly kind: 'hop' | 'route' | 'dst' | 'ah' | 'frag'
  /** What follows the length byte; empty for `frag`. */
  readonly body: Uint8Array
}

export const emptyBytes = new Uint8Array(0)
