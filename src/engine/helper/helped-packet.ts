/** What a helper is told of a packet, and what it answers. */
import type { ConntrackState } from '../../ext/context.ts'
import type { Family } from '../../net/address.ts'
import type { Packet } from '../../net/packet.ts'
import { connectionStatus, type TrackedConnection } from '../conntrack/connection.ts'
import type { Conntrack } from '../conntrack/conntrack.ts'
import type { Expectation, ExpectResult } from '../conntrack/expectation.ts'
import type { ConnectionHelp } from '../conntrack/helper.ts'
import type { Nat } from '../nat/nat.ts'

/** A packet of a connection with a helper, at the end of INPUT or POSTROUTING: translated, about to be confirmed. */
export interface HelpedPacket {
  readonly packet: Packet
  readonly family: Family
  /** In `packet.bytes`. */
  readonly transportAt: number
  readonly connection: TrackedConnection
  readonly help: ConnectionHelp
  readonly state: ConntrackState
  /** 0 original, 1 reply. */
  readonly direction: 0 | 1
  readonly conntrack: Conntrack
  readonly nat: Nat
  /** 0 to `limit` - 1. */
  randomBelow(limit: number): number
  /** Announces a connection; `word` says by what, for traces. */
  expect(expectation: Expectation, word: string): ExpectResult
  /** The packet was made longer (or, negative, shorter) by so many bytes. */
  lengthened(bytes: number): void
  /** The helper wants all the packet's bytes in one place, however it came. Source: skb_linearize(). */
  pullTogether(): void
  tell(text: string): void
}

export type HelpResult = { readonly kind: 'pass' } | { readonly kind: 'drop'; readonly why: string }

export const passed: HelpResult = { kind: 'pass' }
export const dropped = (why: string): HelpResult => ({ kind: 'drop', why })

export const isTranslated = ({ status }: TrackedConnection): boolean =>
  (status & (connectionStatus.sourceNat | connectionStatus.destinationNat)) !== 0
