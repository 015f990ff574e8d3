/**
 * Where packets go: the part that both families share. `routing-ipv4.ts` and `routing-ipv6.ts` hold the rest.
 *
 * There are no policy rules and no route caches, so a decision depends on addresses and devices only.
 */
import type { Device, RouteType, Routing } from '../ext/context.ts'
import type { Address, Family } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import type { HostConfig } from './config.ts'
import type { FibEntry } from './fib.ts'
import { networkOf } from './fib.ts'
import type { Interfaces } from './interfaces.ts'

/** What the host answers, if it forwards, to a packet that has no way. */
export type RouteError = 'net-unreachable' | 'host-unreachable' | 'prohibited' | 'silent'

/** Where one packet goes (`skb_dst()`). */
export interface Route {
  readonly kind: 'local' | 'unicast' | 'error'
  /** Class of the destination; `BROADCAST` and `MULTICAST` also for packets that are delivered here. */
  readonly type: RouteType
  /** By which it leaves; `lo` for what is delivered. */
  readonly device: Device
  /** Null when the destination is on the link. */
  readonly gateway: Address | null
  /** The address the host takes as its own on this way; null when it has none. */
  readonly source: Address | null
  /** For kind `error`. */
  readonly error: RouteError | null
  /** A packet that the host itself sends to a group or broadcast address it also listens to: it hears itself. */
  readonly isHeardHere: boolean
  /** It is forwarded like any packet, and goes to everybody on the link (`bc_forwarding`). */
  readonly isForwardedToAll?: true
}

/** A packet that routing throws away before any further hook, and why. */
export interface Refused {
  readonly kind: 'refused'
  readonly why: string
}

/** What routing asks of a received packet. */
export interface Arrival {
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  readonly device: Device
}

export interface FamilyRouting extends Routing {
  /** Decides for a received packet. Source: ip_route_input_slow(), ip6_route_input(). */
  input(arrival: Arrival): Route | Refused
  /** The same, from the packet itself. */
  inputOf(packet: Packet, device: Device): Route | Refused
  /**
   * Decides for a packet that the host sends. A link-local destination is looked for on `device` alone, where one is
   * given. Source: ip_route_output_key_hash_rcu(), ip6_route_output().
   */
  output(destination: Address, device?: Device | null): Route | Refused
  /**
   * The way of a packet that is sent by a gateway, over one device only where one is given. Where IPv4 finds no route over
   * that device, it forgets the gateway and takes the packet's own destination for one on the link.
   */
  outputVia(gateway: Address, device: Device | null): Route | Refused
  /**
   * Decides anew for a packet of the host that a table changed, which so far went by `device`. Other than the first
   * time, its source counts. Source: ip_route_me_harder(), ip6_route_me_harder().
   */
  reroute(source: Address, destination: Address, device: Device): Route | Refused
  /** Whether an address is one of the host's own, on any device. */
  isOwn(address: Address): boolean
  /**
   * Address of the host for a packet by this way to that destination. An answer to a packet that came by `cameBy`
   * takes, in IPv6, the address that suits that device.
   */
  sourceFor(route: Route, destination: Address, cameBy: Device | null): Address | null
  /** The host's address that masquerading takes for packets by this way. Source: nf_nat_masquerade_ipv4(), .._ipv6(). */
  masqueradeAddress(route: Route, destination: Address): Address | null
  /** The address that REDIRECT turns a packet to that came by a device. Source: nf_nat_redirect_ipv4(), .._ipv6(). */
  redirectAddress(device: Device, destination: Address): Address | null
}

export const refused = (why: string): Refused => ({ kind: 'refused', why })

const errorOf: Partial<Record<RouteType, RouteError>> = {
  UNREACHABLE: 'host-unreachable',
  PROHIBIT: 'prohibited',
  BLACKHOLE: 'silent',
}

export const routeErrorOf = (type: RouteType): RouteError | null => errorOf[type] ?? null

const typeOf = {
  unicast: 'UNICAST',
  unreachable: 'UNREACHABLE',
  blackhole: 'BLACKHOLE',
  prohibit: 'PROHIBIT',
} as const

/**
 * The entries of a family that the configuration names: networks of the interfaces, and its routes.
 *
 * Throws an Error for a route over a device that does not exist, or by a gateway that no interface reaches; the kernel
 * refuses such routes too.
 */
export function configuredEntries(
  family: Family,
  config: HostConfig,
  interfaces: Interfaces,
  connectedMetric: number,
): FibEntry[] {
  const entries: FibEntry[] = []
  for (const { device, addresses } of interfaces.all) {
    if (device.kind === 'loopback') continue
    for (const prefix of addresses) {
      if (prefix.address.family !== family) continue
      const to = networkOf(prefix)
      const source = family === 'ipv4' ? prefix.address : null
      entries.push({ to, type: 'UNICAST', device, gateway: null, source, metric: connectedMetric })
    }
  }
  for (const { to, kind, via, device: name, metric } of config.routes) {
    if (to.address.family !== family) continue
    const type = typeOf[kind]
    const device = kind === 'unicast' ? deviceOfRoute(via, name, interfaces) : null
    entries.push({ to, type, device, gateway: via, source: null, metric })
  }
  return entries
}

function deviceOfRoute(via: Address | null, name: string | null, interfaces: Interfaces): Device {
  const device = name === null ? null : interfaces.named(name)
  if (name !== null && device === null)
    throw new Error(`a route names the device ${name}, which is not there`)
  const reached = device ?? (via === null ? null : interfaces.onLink(via))
  if (reached === null) throw new Error('no interface reaches the gateway of a route')
  return reached
}
