/**
 * Routing of IPv6 packets.
 *
 * Kernel: net/ipv6/route.c, net/ipv6/ip6_fib.c, net/ipv6/addrconf.c (`ipv6_dev_get_saddr`), Linux 6.18. Interfaces
 * have the configured addresses only: no link-local ones come by themselves.
 */
import type { Device, RouteType } from '../ext/context.ts'
import {
  type Address,
  addressOf,
  lengthOfMask,
  maskOfLength,
  type Prefix,
  parseAddress,
  parsePrefix,
  printAddress,
  sameAddress,
} from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, scope, scopeOf } from './address-class.ts'
import type { HostConfig } from './config.ts'
import { Fib, type FibEntry, networkOf } from './fib.ts'
import type { Interfaces } from './interfaces.ts'
import {
  type Arrival,
  configuredEntries,
  type FamilyRouting,
  type Refused,
  type Route,
  refused,
  routeErrorOf,
} from './routing.ts'
import { addressesInKernelOrder, preferredSource } from './source-selection.ts'

/** IP6_RT_PRIO_ADDRCONF: the metric of a connected network. */
const connectedMetric = 256
const allNodes = ['ff01::1', 'ff02::1'].map((text) => parseAddress(text)!)
const allRouters = ['ff01::2', 'ff02::2', 'ff05::2'].map((text) => parseAddress(text)!)
const groups = parsePrefix('ff00::/8')!
const hostMask = maskOfLength('ipv6', 128)

export class Ipv6Routing implements FamilyRouting {
  readonly #interfaces: Interfaces
  readonly #isForwarding: boolean
  /** Asked first. */
  readonly #local: Fib
  readonly #main: Fib

  constructor(config: HostConfig, interfaces: Interfaces) {
    this.#interfaces = interfaces
    this.#isForwarding = config.forwarding.ipv6
    this.#local = new Fib(localEntries(interfaces, this.#isForwarding))
    this.#main = new Fib(configuredEntries('ipv6', config, interfaces, connectedMetric))
  }

  inputOf({ source, destination, protocol }: Packet, device: Device): Route | Refused {
    return this.input({ source, destination, protocol, device })
  }

  input({ destination, device }: Arrival): Route | Refused {
    if (isMulticast(destination)) {
      return this.#isJoined(destination, device)
        ? this.#delivered('MULTICAST')
        : refused(`${printAddress(destination)} is a group that this host has not joined`)
    }
    // What translation sends to ::1 finds it at the device it came by, or not at all.
    const isBound = needsDevice(destination) || isLoopback(destination)
    const entry = this.#lookup(destination, isBound ? device : null)
    if (entry === null) return this.#noRoute('UNREACHABLE')
    if (entry.type === 'LOCAL' || entry.type === 'ANYCAST') return this.#delivered(entry.type)
    return entry.device === null ? this.#noRoute(entry.type) : this.#by(entry, destination, entry.device)
  }

  output(destination: Address, device: Device | null = null): Route | Refused {
    return this.#outputFrom(this.#lookup(destination, needsDevice(destination) ? device : null), destination)
  }

  outputVia(gateway: Address, device: Device | null): Route | Refused {
    const route =
      device === null ? this.output(gateway) : this.#outputFrom(this.#lookup(gateway, device), gateway)
    return route.kind === 'refused' ? route : { ...route, gateway: route.gateway ?? gateway }
  }

  #outputFrom(entry: FibEntry | null, destination: Address): Route | Refused {
    if (entry === null) return refused(`no route to ${printAddress(destination)}`)
    if (entry.type === 'LOCAL' || entry.type === 'ANYCAST') return this.#delivered(entry.type)
    if (entry.device === null) return refused(`the route to ${printAddress(destination)} leads nowhere`)
    if (!isMulticast(destination)) return this.#by(entry, destination, entry.device)
    const isHeardHere = this.#isJoined(destination, entry.device)
    return { ...this.#by(entry, destination, entry.device), type: 'MULTICAST', gateway: null, isHeardHere }
  }

  /** Groups and link-local addresses stay on their device. */
  reroute(_source: Address, destination: Address, device: Device): Route | Refused {
    return this.output(destination, device)
  }

  #lookup(destination: Address, device: Device | null): FibEntry | null {
    return this.#local.lookup(destination, device) ?? this.#main.lookup(destination, device)
  }

  #by(entry: FibEntry, destination: Address, device: Device): Route {
    return {
      kind: 'unicast',
      type: isAnycast(entry, destination) ? 'ANYCAST' : 'UNICAST',
      device,
      gateway: entry.gateway,
      source: null,
      error: null,
      isHeardHere: false,
    }
  }

  #delivered(type: RouteType): Route {
    return {
      kind: 'local',
      type,
      device: this.#interfaces.loopback,
      gateway: null,
      source: null,
      error: null,
      isHeardHere: false,
    }
  }

  #noRoute(type: RouteType): Route {
    const error = routeErrorOf(type) === 'host-unreachable' ? 'net-unreachable' : routeErrorOf(type)
    return { ...this.#delivered('UNREACHABLE'), kind: 'error', error }
  }

  /** All nodes, all routers on a router, and the solicited-node groups of the device's addresses (anycast too). */
  #isJoined(group: Address, device: Device): boolean {
    if (allNodes.some((one) => sameAddress(one, group))) return true
    if (device.kind === 'loopback') return false
    if (this.#isForwarding && allRouters.some((one) => sameAddress(one, group))) return true
    return this.#interfaces.addressesOf(device, 'ipv6').some((prefix) => {
      const anycast = this.#isForwarding && hasAnycast(prefix) ? [networkOf(prefix).address] : []
      return [prefix.address, ...anycast].some((address) => sameAddress(solicitedNode(address), group))
    })
  }

  /** Source: ip6_dst_lookup_tail(), and icmp6_send() for answers. */
  sourceFor(route: Route, destination: Address, cameBy: Device | null): Address | null {
    if (cameBy !== null) return preferredSource(destination, cameBy, this.#interfaces)
    if (route.kind === 'local') return destination
    return preferredSource(destination, route.device, this.#interfaces)
  }

  masqueradeAddress({ device }: Route, destination: Address): Address | null {
    return preferredSource(destination, device, this.#interfaces)
  }

  /** The first of the device's addresses; for a link-local destination, the first that is link-local. */
  redirectAddress(device: Device, destination: Address): Address | null {
    const own = addressesInKernelOrder(this.#interfaces.addressesOf(device, 'ipv6'))
    const wanted = scopeOf(destination)
    const isNear = wanted === scope.node || wanted === scope.link || wanted === scope.site
    return own.find(({ address }) => !isNear || scopeOf(address) === wanted)?.address ?? null
  }

  /** A router's anycast addresses, too. Source: ipv6_chk_addr(), ipv6_chk_acast_addr_src(). */
  isOwn(address: Address): boolean {
    const { type } = this.#local.lookup(address) ?? { type: 'UNSPEC' }
    return type === 'LOCAL' || type === 'ANYCAST'
  }

  wayBack(address: Address, device: Device): { readonly type: RouteType; readonly device: Device } | null {
    const route = this.output(address, device)
    if (route.kind === 'refused' || route.kind === 'error') return null
    return { type: route.type, device: route.device }
  }

  mtuToward(address: Address): number | null {
    const route = this.output(address)
    return route.kind === 'unicast' || route.kind === 'local' ? route.device.mtu : null
  }

  /** Source: match_lookup_rt6(), net/netfilter/xt_addrtype.c. */
  addressType(address: Address, device: Device | null): RouteType {
    if (device !== null) {
      const own = this.#interfaces.addressesOf(device, 'ipv6')
      if (own.some((prefix) => sameAddress(prefix.address, address))) return 'LOCAL'
    }
    const entry = this.#lookup(address, device)
    if (entry === null || routeErrorOf(entry.type) !== null) return 'UNREACHABLE'
    if (entry.type === 'LOCAL' && device === null) return 'LOCAL'
    if (isAnycast(entry, address)) return 'ANYCAST'
    if (isMulticast(address)) return 'MULTICAST'
    return isUnspecified(address) ? 'UNSPEC' : 'UNICAST'
  }
}

/** ff02::1:ff00:0/104 with the address's last 24 bits. Source: RFC 4291 section 2.7.1. */
const solicitedNode = ({ words }: Address): Address =>
  addressOf('ipv6', [0xff020000, 0, 1, 0xff000000 | (words[3]! & 0xffffff)])

/** Source: rt6_need_strict(), ip6_route_me_harder(). */
const needsDevice = (address: Address): boolean => isLinkLocal(address) || isMulticast(address)

/** Own addresses, groups per device, and on a router the anycast address of each network. */
function localEntries(interfaces: Interfaces, isForwarding: boolean): FibEntry[] {
  const entries: FibEntry[] = []
  for (const { device, addresses } of interfaces.all) {
    const way = { device, gateway: null, source: null, metric: 0 }
    for (const prefix of addresses) {
      if (prefix.address.family !== 'ipv6') continue
      entries.push({ ...way, to: { address: prefix.address, mask: hostMask }, type: 'LOCAL' })
      if (isForwarding && hasAnycast(prefix)) {
        const to = { address: networkOf(prefix).address, mask: hostMask }
        entries.push({ ...way, to, type: 'ANYCAST' })
      }
    }
    if (device.kind === 'ethernet') {
      entries.push({ ...way, to: groups, type: 'MULTICAST', metric: connectedMetric })
    }
  }
  return entries
}

/** Of its own networks a host knows the routers' address, too. Source: ipv6_anycast_destination(). */
const isAnycast = ({ type, to, gateway }: FibEntry, address: Address): boolean =>
  type === 'ANYCAST' || (lengthOfMask(to.mask)! < 127 && gateway === null && sameAddress(to.address, address))

/** Subnet-router anycast needs a network of at least four addresses. Source: addrconf_join_anycast(). */
const hasAnycast = ({ mask }: Prefix): boolean => lengthOfMask(mask)! < 127
