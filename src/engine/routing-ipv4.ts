/**
 * Routing of IPv4 packets.
 *
 * Kernel: net/ipv4/route.c (`ip_route_input_slow`, `ip_route_output_key_hash_rcu`), net/ipv4/fib_frontend.c
 * (`fib_validate_source`, `__inet_dev_addr_type`, `fib_add_ifaddr`), Linux 6.18. `rp_filter`, `accept_local`,
 * `route_localnet` and `bc_forwarding` are heeded; `send_redirects` is off.
 */
import type { Device, RouteType } from '../ext/context.ts'
import {
  type Address,
  addressOf,
  lengthOfMask,
  maskOfLength,
  type Prefix,
  parseAddress,
  printAddress,
  sameAddress,
} from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import {
  isLimitedBroadcast,
  isLocalMulticast,
  isLoopback,
  isMulticast,
  isUnspecified,
} from './address-class.ts'
import type { HostConfig } from './config.ts'
import { Fib, type FibEntry, networkOf } from './fib.ts'
import type { Interfaces } from './interfaces.ts'
import { RouteMemory } from './route-memory.ts'
import {
  type Arrival,
  configuredEntries,
  type FamilyRouting,
  type Refused,
  type Route,
  type RouteError,
  refused,
  routeErrorOf,
} from './routing.ts'
import { acceptsOwn, forwardsBroadcasts, routesLoopback, sourceCheckOf } from './sysctls.ts'

const igmp = 2
const allHosts = parseAddress('224.0.0.1')!
const loopbackAddress = parseAddress('127.0.0.1')!

/** Source: IP_MAX_MTU, include/net/ip.h. */
const maxMtu = 65535

/** What sysctls say of a device. */
interface DeviceSettings {
  readonly acceptsOwn: boolean
  /** Of rp_filter. */
  readonly strictness: number
  readonly routesLoopback: boolean
  readonly forwardsBroadcasts: boolean
}

export class Ipv4Routing implements FamilyRouting {
  readonly #interfaces: Interfaces
  /** How each device looks at where packets come from. */
  readonly #settings: ReadonlyMap<Device, DeviceSettings>
  readonly #isForwarding: boolean
  /** Routes to the host itself, by their type. */
  readonly #localRoutes = new Map<RouteType, Route>()
  readonly #remembered = new RouteMemory()
  readonly #own: ReadonlySet<number>
  readonly #fib: Fib
  /** The host's addresses and broadcast addresses alone, for `addressType`. */
  readonly #localFib: Fib

  constructor(config: HostConfig, interfaces: Interfaces) {
    this.#interfaces = interfaces
    this.#settings = new Map(
      interfaces.all.map(({ device }) => [
        device,
        {
          acceptsOwn: acceptsOwn(config, device),
          strictness: sourceCheckOf(config, device),
          routesLoopback: routesLoopback(config, device),
          forwardsBroadcasts: forwardsBroadcasts(config, device),
        },
      ]),
    )
    this.#isForwarding = config.forwarding.ipv4
    this.#own = new Set(ownAddresses(interfaces))
    const local = localEntries(interfaces)
    this.#localFib = new Fib(local)
    // Without policy rules the kernel keeps both tables in one trie; at equal length the local one wins.
    this.#fib = new Fib([...local, ...configuredEntries('ipv4', config, interfaces, 0)])
  }

  inputOf(packet: Packet, device: Device): Route | Refused {
    const from = packet.u32(packet.sourceOffset)
    const to = packet.u32(packet.destinationOffset)
    const { protocol } = packet
    const remembered = this.#remembered.find(from, to, protocol, device)
    if (remembered !== null) return remembered
    const decision = this.input({ source: packet.source, destination: packet.destination, protocol, device })
    this.#remembered.keep(from, to, protocol, device, decision)
    return decision
  }

  input({ source, destination, protocol, device }: Arrival): Route | Refused {
    if (isMulticast(destination)) return this.#multicastInput(source, destination, protocol, device)
    if (isMulticast(source) || isLimitedBroadcast(source)) return martianSource(source)
    if (isLimitedBroadcast(destination) || (isUnspecified(source) && isUnspecified(destination))) {
      return this.#broadcastInput(source, device)
    }
    if (isUnspecified(source)) return martianSource(source)
    if (isUnspecified(destination)) return martianDestination(destination)
    const { routesLoopback, forwardsBroadcasts } = this.#settings.get(device)!
    if (isLoopback(destination) && !routesLoopback) return martianDestination(destination)
    if (isLoopback(source) && !routesLoopback) return martianSource(source)

    const entry = this.#fib.lookup(destination)
    if (entry === null) return this.#noRoute('net-unreachable')
    if (entry.type === 'BROADCAST') {
      if (!forwardsBroadcasts) return this.#broadcastInput(source, device)
      // Whether the host forwards is not asked.
      return this.#checkSource(source, device) ?? { ...forwardRoute(entry), isForwardedToAll: true }
    }
    if (entry.type === 'LOCAL') return this.#checkSource(source, device) ?? this.#local('LOCAL')
    const error = routeErrorOf(entry.type)
    if (error !== null) return this.#noRoute(error)
    if (!this.#isForwarding) return this.#noRoute('host-unreachable')
    return this.#checkSource(source, device) ?? forwardRoute(entry)
  }

  #multicastInput(source: Address, destination: Address, protocol: number, device: Device): Route | Refused {
    if (!isJoined(destination, protocol, device)) {
      return refused(`${printAddress(destination)} is a group that this host has not joined`)
    }
    if (isMulticast(source) || isLimitedBroadcast(source) || isLoopback(source)) return martianSource(source)
    if (isUnspecified(source)) {
      if (!isLocalMulticast(destination) && protocol !== igmp) return martianSource(source)
      return this.#local('MULTICAST')
    }
    return this.#checkSource(source, device) ?? this.#local('MULTICAST')
  }

  #broadcastInput(source: Address, device: Device): Route | Refused {
    const wrong = isUnspecified(source) ? null : this.#checkSource(source, device)
    return wrong ?? this.#local('BROADCAST')
  }

  /** Null when a packet may come from there by that device. Source: fib_validate_source(). */
  #checkSource(source: Address, device: Device): Refused | null {
    const isOwn = this.isOwn(source)
    const { acceptsOwn, strictness } = this.#settings.get(device)!
    if (isOwn && !acceptsOwn) return martianSource(source)
    if (strictness === 0) return null
    const back = this.#fib.lookup(source)
    if (back === null || (back.type !== 'UNICAST' && !isOwn)) return martianSource(source)
    const isOtherWay = back.device !== device
    const hasNoAddress = this.#interfaces.addressesOf(device, 'ipv4').length === 0
    if (!isOtherWay || (strictness !== 1 && !hasNoAddress)) return null
    return refused(`what comes from ${printAddress(source)} should not come by ${device.name} (rp_filter)`)
  }

  #local(type: RouteType): Route {
    let route = this.#localRoutes.get(type)
    if (route === undefined) {
      const { loopback } = this.#interfaces
      const none = { gateway: null, source: null, error: null, isHeardHere: false }
      route = { kind: 'local', type, device: loopback, ...none }
      this.#localRoutes.set(type, route)
    }
    return route
  }

  /** A host that does not forward says nothing. */
  #noRoute(error: RouteError): Route {
    return {
      ...this.#local('UNREACHABLE'),
      kind: 'error',
      error: this.#isForwarding ? error : 'silent',
    }
  }

  output(destination: Address): Route | Refused {
    if (isUnspecified(destination)) return this.#toItself(loopbackAddress)
    return this.#outputFrom(this.#fib.lookup(destination), destination)
  }

  outputVia(gateway: Address, device: Device | null): Route | Refused {
    const entry = device === null ? null : this.#fib.lookup(gateway, device)
    if (device !== null && entry === null) {
      const to = { address: gateway, mask: maskOfLength('ipv4', 32) }
      return forwardRoute({ to, type: 'UNICAST', device, gateway: null, source: null, metric: 0 })
    }
    const route = entry === null ? this.output(gateway) : this.#outputFrom(entry, gateway)
    return route.kind === 'refused' ? route : { ...route, gateway: route.gateway ?? gateway }
  }

  #outputFrom(entry: FibEntry | null, destination: Address): Route | Refused {
    if (entry === null) return refused(`no route to ${printAddress(destination)}`)
    if (entry.type === 'LOCAL') return this.#toItself(entry.source ?? destination)
    if (entry.device === null) return refused(`the route to ${printAddress(destination)} leads nowhere`)
    const { device, gateway } = entry
    const source = entry.source ?? this.#addressOn(device, gateway)
    if (entry.type === 'BROADCAST' || isLimitedBroadcast(destination)) return toAll(device, source)
    if (isMulticast(destination)) {
      // The kernel takes the default route's device, but never sends a group's packets to a gateway.
      const kept = (lengthOfMask(entry.to.mask) ?? 0) < 4 ? null : gateway
      return toGroup(destination, device, kept, source)
    }
    return { kind: 'unicast', type: 'UNICAST', device, gateway, source, error: null, isHeardHere: false }
  }

  /** What goes to everybody leaves by the device that has its source. */
  reroute(source: Address, destination: Address): Route | Refused {
    const type = this.addressType(source, null)
    if (type !== 'LOCAL' && type !== 'UNICAST') return this.output(destination)
    if (isLimitedBroadcast(destination) || isMulticast(destination)) {
      const device = type === 'LOCAL' ? this.#localFib.lookup(source)!.device! : null
      if (device === null) return refused(`${printAddress(source)} is no address of this host`)
      if (isLimitedBroadcast(destination)) return toAll(device, source)
      return toGroup(destination, device, null, source)
    }
    const route = this.output(destination)
    // Source: __mkroute_output().
    const isMartian =
      route.kind !== 'refused' &&
      route.device.kind !== 'loopback' &&
      isLoopback(source) &&
      !this.#settings.get(route.device)!.routesLoopback
    return isMartian ? martianSource(source) : route
  }

  #toItself(source: Address): Route {
    return { ...this.#local('LOCAL'), source }
  }

  /** Source: inet_select_addr(): the address whose network holds the gateway, else the device's first. */
  #addressOn(device: Device, gateway: Address | null): Address | null {
    const own = this.#interfaces.addressesOf(device, 'ipv4')
    const near = gateway === null ? undefined : own.find((prefix) => holds(prefix, gateway))
    return (near ?? own[0])?.address ?? this.#anyAddress()
  }

  #anyAddress(): Address | null {
    for (const { device, addresses } of this.#interfaces.all) {
      if (device.kind === 'loopback') continue
      for (const { address } of addresses) if (address.family === 'ipv4') return address
    }
    return null
  }

  sourceFor(route: Route): Address | null {
    return route.source
  }

  /** 127.0.0.1 is of host scope, and so no address for anybody else. */
  masqueradeAddress({ device, gateway }: Route, destination: Address): Address | null {
    if (device.kind === 'loopback') return this.#anyAddress()
    return this.#addressOn(device, gateway ?? destination)
  }

  redirectAddress(device: Device): Address | null {
    return this.#interfaces.addressesOf(device, 'ipv4')[0]?.address ?? null
  }

  isOwn({ words }: Address): boolean {
    return this.#own.has(words[0]!)
  }

  wayBack(address: Address): { readonly type: RouteType; readonly device: Device } | null {
    const entry = this.#fib.lookup(address)
    return entry === null || entry.device === null ? null : { type: entry.type, device: entry.device }
  }

  mtuToward(address: Address): number | null {
    const route = this.output(address)
    return route.kind === 'unicast' || route.kind === 'local' ? Math.min(route.device.mtu, maxMtu) : null
  }

  /** Source: __inet_dev_addr_type(), which asks the local table only. */
  addressType(address: Address, device: Device | null): RouteType {
    if (isUnspecified(address) || isLimitedBroadcast(address)) return 'BROADCAST'
    if (isMulticast(address)) return 'MULTICAST'
    const entry = this.#localFib.lookup(address)
    return entry !== null && (device === null || entry.device === device) ? entry.type : 'UNICAST'
  }
}

/** Every device listens to 224.0.0.1 and nothing else; IGMP only asks whether the group is known at all. */
const isJoined = (group: Address, _protocol: number, device: Device): boolean =>
  device.kind === 'ethernet' && sameAddress(group, allHosts)

const toAll = (device: Device, source: Address | null): Route => ({
  kind: 'unicast',
  type: 'BROADCAST',
  device,
  gateway: null,
  source,
  error: null,
  isHeardHere: true,
})

const toGroup = (group: Address, device: Device, gateway: Address | null, source: Address | null): Route => ({
  kind: 'unicast',
  type: 'MULTICAST',
  device,
  gateway,
  source,
  error: null,
  isHeardHere: isJoined(group, 0, device),
})

const holds = (prefix: Prefix, address: Address): boolean =>
  sameAddress(networkOf(prefix).address, networkOf({ address, mask: prefix.mask }).address)

const martianSource = (source: Address): Refused => refused(`martian source ${printAddress(source)}`)

const martianDestination = (destination: Address): Refused =>
  refused(`martian destination ${printAddress(destination)}`)

function forwardRoute({ device, gateway }: FibEntry): Route {
  return {
    kind: 'unicast',
    type: 'UNICAST',
    device: device!,
    gateway,
    source: null,
    error: null,
    isHeardHere: false,
  }
}

function* ownAddresses({ all }: Interfaces): Iterable<number> {
  for (const { addresses } of all) {
    for (const { address } of addresses) if (address.family === 'ipv4') yield address.words[0]!
  }
}

/** Addresses, directed broadcasts and 127.0.0.0/8. Source: fib_add_ifaddr(). */
function localEntries(interfaces: Interfaces): FibEntry[] {
  const entries: FibEntry[] = []
  for (const { device, addresses } of interfaces.all) {
    for (const prefix of addresses) {
      const { address, mask } = prefix
      if (address.family !== 'ipv4') continue
      const own = { device, gateway: null, source: address, metric: 0 }
      entries.push({ ...own, to: { address, mask: maskOfLength('ipv4', 32) }, type: 'LOCAL' })
      if (device.kind === 'loopback') entries.push({ ...own, to: networkOf(prefix), type: 'LOCAL' })
      if (lengthOfMask(mask)! < 31) {
        const broadcast = addressOf('ipv4', [address.words[0]! | ~mask.words[0]!])
        entries.push({
          ...own,
          to: { address: broadcast, mask: maskOfLength('ipv4', 32) },
          type: 'BROADCAST',
        })
      }
    }
  }
  return entries
}
