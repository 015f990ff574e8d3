/** What the IP layer of one family needs of its host. */
import type { Device, HostServices } from '../ext/context.ts'
import type { Family } from '../net/address.ts'
import type { Conntrack } from './conntrack/conntrack.ts'
import type { HelperRunner } from './helper/run.ts'
import type { Nat } from './nat/nat.ts'
import type { Neighbours } from './neighbours.ts'
import type { FamilyRouting } from './routing.ts'
import type { LocalStack } from './sockets/local-stack.ts'

export interface StackParts {
  readonly family: Family
  readonly services: HostServices
  readonly routing: FamilyRouting
  readonly neighbours: Neighbours
  readonly loopback: Device
  deviceNamed(name: string): Device | null
  /** One table for both families; it sees packets only where a rule of their family wants it. */
  readonly conntrack: Conntrack
  readonly nat: Nat
  readonly helpers: HelperRunner
  /** Null for a host without sockets, which does not answer what is delivered to it. */
  readonly localStack: LocalStack | null
  readonly isForwarding: boolean
  /** Of SYN cookies. */
  readonly seed: number
  /** By full dotted name. */
  readonly sysctls: ReadonlyMap<string, string>
  /** Of packets that the host makes itself. */
  readonly defaultTtl: number
  /** The next id for a packet that the host numbers; never 0. */
  nextId(): number
  /** The next id for the fragments of an IPv6 packet. */
  nextFragmentId(): number
}
