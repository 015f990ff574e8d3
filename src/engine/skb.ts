/** A packet on its way through the host. */
import type { Device, LocalSocket, PacketType, Skb } from '../ext/context.ts'
import { type Circumstances, nothingSaid } from '../net/circumstances.ts'
import { Packet } from '../net/packet.ts'
import { directionAlone } from './conntrack/conntrack.ts'
import type { FragmentOrigin } from './defrag.ts'
import type { Ipv4Options } from './ipv4-options.ts'
import type { Route } from './routing.ts'

/** `struct sk_buff`, as far as a firewall can tell. */
export class HostSkb implements Skb {
  readonly packet = new Packet()
  mark = 0
  packetType: PacketType = 'host'
  socket: LocalSocket | null = null
  circumstances: Circumstances = nothingSaid
  conntrack: Skb['conntrack'] = null
  untracked = false
  traced = false
  checksumVerified = false
  /** Device it came by; null for what the host sends. Kept on the way out. */
  device: Device | null = null
  /** Null until routing has decided. */
  route: Route | null = null
  /** Found when it arrived; null where there were none. */
  options: Ipv4Options | null = null
  /** How it was cut when it came, if conntrack put it together. */
  origin: FragmentOrigin | null = null
  /** Whether a socket of the host sent it as a datagram, which may be cut in IPv6, too. */
  isDatagram = false
  /** Whether its addresses or ports were translated. */
  translated = false
  /** Bytes behind the IP header that a helper had together in one place, or translation, of an ICMP error. */
  pulledBytes = 0
  /** Of a copy that TEE made: the device it leaves by, which POSTROUTING takes for the one it came by. */
  copiedTo: Device | null = null
  /** Of what the step's verdict speaks: the packet itself, a copy that the host hears, or a packet it caused. */
  role: 'main' | 'copy' | 'caused'
  /** The received frame, which may leave in the same bytes; null where these are not the packet's own, or have left. */
  frame: Uint8Array | null = null

  constructor(role: HostSkb['role']) {
    this.role = role
  }

  /** As if it were a new one, for the packet that a step is about. Its `packet` is to be decoded anew. */
  reset(): this {
    this.role = 'main'
    this.mark = 0
    this.packetType = 'host'
    this.socket = null
    this.circumstances = nothingSaid
    this.conntrack = null
    this.untracked = false
    this.traced = false
    this.checksumVerified = false
    this.device = null
    this.route = null
    this.options = null
    this.origin = null
    this.isDatagram = false
    this.translated = false
    this.pulledBytes = 0
    this.copiedTo = null
    this.frame = null
    return this
  }

  /**
   * Leaves by `lo`, to come back. Its connection goes with it; that it had none (INVALID) is noted nowhere, so that it
   * will be asked once more (measured).
   */
  turnRound(): void {
    const { conntrack } = this
    if (conntrack?.state === 'INVALID' && conntrack !== directionAlone) this.conntrack = null
  }
}
