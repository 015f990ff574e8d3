/** What a protocol's tracker is told, and what it answers. */
import type { Family } from '../../net/address.ts'
import type { Packet } from '../../net/packet.ts'
import type { TrackedConnection } from './connection.ts'
import type { ConntrackSettings } from './settings.ts'

/** A packet and its connection at PREROUTING or OUTPUT. */
export interface PacketAtHook {
  readonly packet: Packet
  readonly family: Family
  readonly transportOffset: number
  /** 0 original, 1 reply. */
  readonly direction: 0 | 1
  /** Only what arrives is checked; what the host sends has its checksums filled in later. */
  readonly verifiesChecksum: boolean
  /** Timer ticks now. */
  readonly tick: number
  /** The connection lives this many ticks from now (or from its confirmation), and the packet is accounted. */
  refresh(connection: TrackedConnection, ticks: number): void
  /** Takes a connection out of the table; the packet at hand keeps it. */
  kill(connection: TrackedConnection): void
}

/**
 * `accept`: the packet belongs to the connection; `invalid`: it belongs to none; `repeat`: the connection is over, and
 * the packet is to begin a new one.
 */
export type TrackerVerdict = 'accept' | 'invalid' | 'repeat'

/** Whether checksums are to be verified; of a packet that a capture cut off they cannot be. */
export const checksChecksum = (at: PacketAtHook, settings: ConntrackSettings): boolean =>
  at.verifiesChecksum && settings.numbers.checksum !== 0 && at.packet.missingBytes === 0
