/**
 * What an extension may see and change while a packet is in a chain.
 *
 * The engine implements these interfaces; extensions only consume them. No clock, no I/O: time is `nowNs`.
 */

import type { KernelProfile } from '../lang/profile.ts'
import type { Hook, TableName } from '../lang/rule.ts'
import type { Address, Family } from '../net/address.ts'
import type { Circumstances } from '../net/circumstances.ts'
import type { Packet } from '../net/packet.ts'

export interface Device {
  readonly name: string
  /** From 1; `lo` is 1. */
  readonly index: number
  readonly kind: 'ethernet' | 'loopback'
  /** Six bytes; all zero for loopback. */
  readonly mac: Uint8Array
  readonly mtu: number
}

/** `skb->pkt_type`. Source: include/uapi/linux/if_packet.h. */
export type PacketType = 'host' | 'broadcast' | 'multicast' | 'otherhost' | 'outgoing' | 'loopback'

/** The local socket that sent a packet. */
export interface LocalSocket {
  readonly uid: number
  readonly gid: number
  readonly supplementaryGids?: readonly number[]
  /** Nobody said who its owner is. */
  readonly isAnonymous?: true
  /** The kernel's own socket (it sends ICMP errors): no file, hence no owner, and `uid` and `gid` mean nothing. */
  readonly isKernel?: true
}

export type ConntrackState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED'

/** One direction of a tracked connection. */
export interface Tuple {
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  /** Port, or the ICMP id; 0 where the protocol has none. */
  readonly sourcePort: number
  /** Port, or ICMP type * 256 + code; 0 where the protocol has none. */
  readonly destinationPort: number
}

/**
 * Where connections are kept apart: packets find only those of their own zone. Source: struct nf_conntrack_zone,
 * include/net/netfilter/nf_conntrack_zones.h.
 */
export interface Zone {
  /** 0 to 65535. */
  readonly id: number
  /** The directions that are in it; the other one is in zone 0. */
  readonly direction: 'both' | 'original' | 'reply'
}

/** What `-j CT` asks of the connection that a packet begins, and in which zone it is looked for. */
export interface ConnectionTemplate {
  readonly zone: Zone
  /** The low 16 bits of the packet's mark take the place of the zone's id. */
  readonly isZoneOfMark: boolean
  /** Name of the helper that the connection gets, or null. */
  readonly helper: string | null
  /** A SYN proxy opens the connection in its client's name, and translates between the two from then on. */
  readonly isProxied: boolean
}

/** A tracked connection as matches see it. */
export interface Connection {
  readonly original: Tuple
  readonly reply: Tuple
  /** IPS_* bits. Source: include/uapi/linux/netfilter/nf_conntrack_common.h. */
  readonly status: number
  mark: number
  readonly zone: Zone
  /** Name of the helper that reads along, or null. */
  readonly helper: string | null
  /** The connection whose helper expected this one, or null; it may be over. */
  readonly master: Connection | null
  /** Packets and bytes in each direction; null where `nf_conntrack_acct` was off when it began. */
  readonly counters: ConnectionCounters | null
  /** 128 bits; null where no rule spoke of labels when it began. */
  labels: bigint | null
  /**
   * Not null where it is no connection but what CT put in its place, from CT to connection tracking: to matches in raw
   * it looks like a new connection without addresses.
   */
  readonly template: ConnectionTemplate | null
  /** Seconds until it is forgotten, at the given time. */
  timeoutSeconds(nowNs: bigint): number
}

/** Packets and bytes of a connection in each direction. */
export interface ConnectionCounters {
  readonly packets: [original: number, reply: number]
  readonly bytes: [original: number, reply: number]
}

/** A packet on its way through the host: bytes and what the kernel keeps beside them (`struct sk_buff`). */
export interface Skb {
  readonly packet: Packet
  /** Unsigned 32 bits. */
  mark: number
  packetType: PacketType
  readonly socket: LocalSocket | null
  /** What somebody said of it that it does not say itself. */
  readonly circumstances: Circumstances
  /** Null while conntrack has not seen the packet (or does not run). */
  conntrack: {
    readonly state: ConntrackState
    /** Whether the packet runs against the direction of the connection's first packet. */
    readonly isReply: boolean
    readonly connection: Connection | null
  } | null
  /** Set by NOTRACK in raw, before conntrack runs. */
  untracked: boolean
  /** Set by TRACE: every rule that the packet meets from then on is told to the kernel log. */
  traced: boolean
  /** Conntrack found its transport checksum right; absent where nobody looked. */
  checksumVerified?: boolean
}

/** Address classes of the routing table. Source: RTN_* in include/uapi/linux/rtnetlink.h. */
export type RouteType =
  | 'UNSPEC'
  | 'UNICAST'
  | 'LOCAL'
  | 'BROADCAST'
  | 'ANYCAST'
  | 'MULTICAST'
  | 'BLACKHOLE'
  | 'UNREACHABLE'
  | 'PROHIBIT'
  | 'THROW'

export interface Routing {
  /** `inet_dev_addr_type()` for IPv4, `ipv6_addr_type` + route look-up for IPv6; any device when null. */
  addressType(address: Address, device: Device | null): RouteType
  /** Bytes of the largest packet that the host could send to an address; null where it has no way there. */
  mtuToward(address: Address): number | null
  /**
   * The way of an answer to what came by a device, and the class of the address; null where there is none. In IPv6 routes
   * over that device come first.
   */
  wayBack(address: Address, device: Device): { readonly type: RouteType; readonly device: Device } | null
}

/**
 * One recency list (`struct recent_table`), shared by every rule that names it, whatever its table and family. Entries are
 * numbers, -1 for none, good until they are removed; addresses are masked by the list's own mask.
 */
export interface RecentList {
  readonly name: string
  /** Stamps one entry can hold, a power of two. */
  readonly slots: number
  /** The entry of the address at an offset in the packet, or -1. TTL 0, here or there, fits any. */
  find(packet: Packet, offset: number, ttl: number): number
  /** The same for an address. */
  lookup(address: Address, ttl: number): number
  /** Adds an entry with one stamp, evicting the least recently used when full. */
  add(address: Address, ttl: number, jiffies: number): number
  /** Appends a stamp, stores nothing else, and makes the entry the most recently used. */
  stamp(entry: number, jiffies: number): void
  remove(entry: number): void
  /**
   * Removes the least recently used entry when its newest stamp is older than `beforeJiffies`, unless it is
   * `spared`.
   */
  reap(beforeJiffies: number, spared: number): void
  ttlOf(entry: number): number
  setTtl(entry: number, ttl: number): void
  /** Jiffies of the latest stamp. */
  newestOf(entry: number): number
  /** Stamps that count, of those not older than a moment, or of all. */
  countStamps(entry: number, sinceJiffies: number | null): number
  /** Whether there are so many; `wanted` is 1 at least. */
  hasStamps(entry: number, sinceJiffies: number | null, wanted: number): boolean
}

/** Connection tracking, as far as rules reach for it when they are loaded. Both families share it. */
export interface TrackingServices {
  /** From now on connections that begin count their packets and bytes, whatever `nf_conntrack_acct` says. */
  countTraffic(): void
  /** While somebody uses labels, connections that begin have room for them. */
  useLabels(): void
  releaseLabels(): void
  newCounter(): ConnectionCounter
}

/** Which connections stand under a key (`struct nf_conncount_data`). */
export interface ConnectionCounter {
  /**
   * Puts the packet's connection under the key, and says how many live ones are there; 0 where the kernel drops the
   * packet because there is nothing to count.
   */
  count(key: string, skb: Skb, nowNs: bigint): number
}

/** An accounting object (nfacct) of the host, and what was counted on it. */
export interface Account {
  readonly name: string
  readonly quota: { readonly unit: 'packets' | 'bytes'; readonly most: bigint } | null
  packets: bigint
  bytes: bigint
}

export type SetSide = 'src' | 'dst'

/** What a rule asks a set about a packet: a side for each part of an element. */
export interface SetPacket {
  readonly skb: Skb
  readonly context: HookContext
  readonly sides: readonly SetSide[]
}

/** What must hold of an element's counter, up to 2^64 - 1. */
export interface CounterQuestion {
  readonly operator: 'eq' | 'ne' | 'lt' | 'gt'
  readonly count: bigint
}

export interface SetTestOptions {
  readonly returnsNomatch: boolean
  readonly keepsCounters: boolean
  readonly keepsSubcounters: boolean
  readonly packets: CounterQuestion | null
  readonly bytes: CounterQuestion | null
}

/** What an element says about marks (`struct ip_set_skbinfo`). */
export interface SetMarks {
  readonly mark: number
  readonly markMask: number
  readonly priority: number
  readonly queue: number
}

/** A set of ipset that a rule holds. Swapping puts another one in its place. */
export interface HeldSet {
  readonly name: string
  /** What the element found says about marks, all zero where sets keep none; null where the packet is not in the set. */
  test(packet: SetPacket, options: SetTestOptions): SetMarks | null
  /** A null timeout is the set's own. */
  add(packet: SetPacket, options: { readonly exist: boolean; readonly timeoutSeconds: number | null }): void
  delete(packet: SetPacket): void
}

/** Services of the host that stay the same from packet to packet. */
export interface HostServices {
  readonly family: Family
  readonly profile: KernelProfile
  readonly routing: Routing
  /** TTL or hop limit of packets that the host makes: 64 unless a sysctl says otherwise. */
  readonly defaultTtl: number
  /**
   * Takes part in a list when a rule that names it is loaded; `release` undoes it. A mask of family `ipv4` is what
   * `--mask` gives an IPv4 rule: four bytes and zeros behind; one of family `ipv6` has all sixteen bytes.
   */
  acquireRecentList(name: string, mask: Address, slots: number): RecentList
  releaseRecentList(list: RecentList): void
  /** Takes part in a set when a rule that names it is loaded; null where there is none. `releaseSet` undoes it. */
  acquireSet(name: string): HeldSet | null
  releaseSet(set: HeldSet): void
  readonly tracking: TrackingServices
  /**
   * What rules share by name as long as one of them is loaded, whatever their table: the first makes it. Families share
   * it too, unless the kind names one; `unshare` undoes it.
   */
  share<T>(kind: string, name: string, make: () => T): T
  unshare(kind: string, name: string): void
  /** The accounting object of that name; null where there is none. */
  account(name: string): Account | null
  /** Nanoseconds since 1970 (UTC) at the first step; null where nobody said when that is. */
  readonly startsAtUnixNs: bigint | null
  /** What holds of packets of which nothing else is said. */
  readonly circumstances: Circumstances
  /** The kernel's time zone (`sys_tz`): minutes that its local time is behind UTC. */
  readonly minutesWest: number
  /** A seeded generator: unsigned 32 bits. */
  random(): number
}

/** What a match would have to know. */
export interface OpenQuestion {
  /** In words that follow "asks for": `which processor handles it`. */
  readonly what: string
  /**
   * What holds or not, alike wherever the same is asked: `cpu=0`. Of propositions that begin alike up to a `=` at most one
   * holds; behind a `<` stands a path, which holds with all above it; anything else stands for itself.
   */
  readonly proposition: string
}

/** The packet's place in the tables at this moment (`struct xt_action_param`). */
export interface HookContext {
  readonly host: HostServices
  readonly table: TableName
  readonly hook: Hook
  readonly in: Device | null
  readonly out: Device | null
  readonly nowNs: bigint
  /** `nowNs` in timer ticks since the first step. */
  readonly jiffies: number
  /**
   * Offset of the transport header in `packet.bytes`. In IPv6 it is only valid (and -1 otherwise) where the rule
   * has `-p`, as in the kernel.
   */
  readonly transportOffset: number
  /** Fragment offset in units of 8 bytes. */
  readonly fragmentOffset: number
  /** Set by a match to drop the packet at once, no counter moving. */
  hotdrop: boolean
  /**
   * Set by a match that cannot tell (`askUnknown`). Nobody knows then what becomes of the packet, and nobody guesses.
   */
  unknown: OpenQuestion | null
  /** What is supposed about a proposition while both of its outcomes are looked at; null where nothing is. */
  suppose(question: OpenQuestion): boolean | null
  /** Where traces want to be told what a match read or wrote; null otherwise. */
  readonly note: ((text: string) => void) | null
}

/** What a target decides. */
export type TargetResult =
  | { readonly kind: 'continue' }
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'return' }

/** Into what a connection may be translated. Source: struct nf_nat_range2, include/uapi/linux/netfilter/nf_nat.h. */
export interface NatRange {
  /** Null leaves the address as it is. */
  readonly addresses: { readonly min: Address; readonly max: Address } | null
  /** Ports, or ICMP ids; null leaves them, unless another connection has them. */
  readonly ports: { readonly min: number; readonly max: number } | null
  /** Shifted ranges: the port that is mapped to `ports.min`. */
  readonly basePort: number | null
  readonly random: boolean
  readonly randomFully: boolean
  /** The same client gets the same address whatever it speaks to. */
  readonly persistent: boolean
}

/**
 * Translates the connection that the packet begins: its source at POSTROUTING and INPUT, its destination elsewhere. What
 * is settled once stays for the life of the connection.
 */
export interface Translator {
  translate(range: NatRange): TargetResult
  /** To the address that the host has toward the packet's next hop; drops where it has none. */
  masquerade(range: NatRange): TargetResult
  /** To the host itself: the address of the device the packet came by, or of `lo` for what the host sends. */
  redirect(range: NatRange): TargetResult
}

/** What a server speaks, as a SYN proxy announces it in its place. Source: struct xt_synproxy_info. */
export interface ServerOffer {
  readonly sackPermitted: boolean
  readonly timestamps: boolean
  /** 0 to 255; null for none. */
  readonly windowScale: number | null
  /** 0 to 65535; null for none. */
  readonly mss: number | null
  readonly ecn: boolean
}

/** What a target may ask of the host besides deciding. */
export interface TargetContext extends HookContext {
  /** Appends one kernel log line (without level and time). */
  log(line: string): void
  /**
   * Sends a packet that the kernel itself made (a REJECT's answer). It passes OUTPUT and POSTROUTING like any
   * other, before the verdict on the present packet is known.
   */
  emit(reply: Emission): void
  /**
   * Answers the packet with an error of the family's ICMP, as icmp_send() and icmpv6_send() do: where one is due,
   * quoting the packet, from the address it was for or the one on the way back. It is sent as `emit` sends.
   */
  sendIcmpError(error: { readonly type: number; readonly code: number; readonly rest?: number }): void
  /**
   * Sends a copy of the packet as it is by way of a gateway, over one device only where a name is given and such a device
   * exists. The copy passes OUTPUT and POSTROUTING at once, untracked. Packets that a copy causes are not copied again.
   * False when there is no way.
   */
  duplicate(gateway: Address, device: string | null): boolean
  /**
   * Stands between the sender of a SYN, or of the acknowledgement that follows, and its server. False where the packet is
   * neither, and goes on.
   */
  proxySyn(offer: ServerOffer): boolean
  /** Null in every table but nat. */
  readonly nat: Translator | null
}

/** A whole IP packet to be sent by the host. */
export interface Emission {
  readonly bytes: Uint8Array
  /**
   * `icmp`: sent by the kernel's ICMP socket (it has a socket, and ids are random);
   * `raw`: no socket, as nf_send_reset does.
   */
  readonly sender: 'icmp' | 'raw'
}
