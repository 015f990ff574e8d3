/**
 * A host for packets that come without one: `trace` and `replay` need addresses to know what is for this machine.
 * Whatever was assumed is said, so that nobody trusts a guess unknowingly.
 */
import { bareHost, defaultMac, type HostConfig, type InterfaceConfig } from '../engine/config.ts'
import {
  type Address,
  maskOfLength,
  type Prefix,
  prefixContains,
  printAddress,
  printPrefix,
  sameAddress,
} from '../net/address.ts'

/** What the packets say of one of the host's interfaces. */
export interface Observed {
  readonly device: string
  /** Addresses that must be the host's own. */
  readonly own: readonly Address[]
  /** Six bytes, where the packets show it. */
  readonly mac: Uint8Array | null
  /** Whether packets pass through: some leave that others sent, or arrive for others. */
  readonly passes?: boolean
  /** Others who speak by this device. */
  readonly beyond?: readonly Address[]
}

export interface GuessedHost {
  readonly host: HostConfig
  /** A line for each thing assumed. */
  readonly assumptions: readonly string[]
}

/** Length of the network that an address without one is taken to stand in. */
const assumedLength = { ipv4: 24, ipv6: 64 } as const

/**
 * Adds to `base` the interfaces and addresses that the packets show and that it lacks, and default routes by the
 * first interface of each family, so that answers leave by somewhere.
 */
export function guessHost(observed: readonly Observed[], base: HostConfig = bareHost): GuessedHost {
  const assumptions: string[] = []
  const interfaces = [...base.interfaces]
  for (const { device, own, mac } of observed) {
    let at = interfaces.findIndex(({ name }) => name === device)
    if (at < 0) {
      at = interfaces.length
      interfaces.push({ name: device, addresses: [], mac: mac ?? defaultMac(at), mtu: 1500 })
      if (own.length === 0) assumptions.push(`${device} is an interface of this host`)
    }
    for (const address of own) {
      if (isOwn(interfaces, address)) continue
      const prefix = assumedPrefix(address)
      interfaces[at] = { ...interfaces[at]!, addresses: [...interfaces[at]!.addresses, prefix] }
      assumptions.push(`${device} has the address ${printPrefix(prefix)}`)
    }
  }
  const routed = { ...base, interfaces, routes: withDefaultRoutes(base, interfaces) }
  const passes = observed.length > 1 && observed.some((one) => one.passes === true)
  if (!passes) return { host: routed, assumptions }
  if (!base.forwarding.ipv4) assumptions.push('this host forwards: packets pass through it')
  return {
    host: {
      ...routed,
      forwarding: { ipv4: true, ipv6: true },
      routes: [...routed.routes, ...routesBeyond(observed, interfaces, assumptions)],
    },
    assumptions,
  }
}

/** Ways to those who speak by an interface of which no address is known. */
function routesBeyond(
  observed: readonly Observed[],
  interfaces: readonly InterfaceConfig[],
  assumptions: string[],
): HostConfig['routes'] {
  return observed.flatMap(({ device, beyond = [] }) => {
    const { addresses } = interfaces.find(({ name }) => name === device)!
    if (addresses.length > 0 || beyond.length === 0) return []
    const named = beyond.slice(0, 3).map(printAddress).join(', ')
    assumptions.push(`behind ${device}: ${named}${beyond.length > 3 ? ' and others' : ''}`)
    return beyond.map((address) => ({
      to: { address, mask: maskOfLength(address.family, address.family === 'ipv4' ? 32 : 128) },
      kind: 'unicast' as const,
      via: null,
      device,
      metric: 0,
    }))
  })
}

const isOwn = (interfaces: readonly InterfaceConfig[], address: Address): boolean =>
  interfaces.some(({ addresses }) => addresses.some((prefix) => sameAddress(prefix.address, address)))

const assumedPrefix = (address: Address): Prefix => ({
  address,
  mask: maskOfLength(address.family, assumedLength[address.family]),
})

function withDefaultRoutes(base: HostConfig, interfaces: readonly InterfaceConfig[]): HostConfig['routes'] {
  const missing = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const hasDefault = base.routes.some(
      ({ to }) => to.address.family === family && to.mask.words.every((word) => word === 0),
    )
    const first = interfaces.find(({ addresses }) =>
      addresses.some(({ address }) => address.family === family),
    )
    if (hasDefault || first === undefined) return []
    const any = maskOfLength(family, 0)
    return [
      { to: { address: any, mask: any }, kind: 'unicast', via: null, device: first.name, metric: 0 } as const,
    ]
  })
  return [...base.routes, ...missing]
}

/** Whether an address can belong to a host at all: not multicast, not broadcast, not unspecified. */
export function canBeOwn(address: Address, interfaces: readonly InterfaceConfig[] = []): boolean {
  const first = address.words[0]!
  if (address.words.every((word) => word === 0)) return false
  if (address.family === 'ipv6') return first >>> 24 !== 0xff
  if (first >>> 28 >= 0xe) return false
  return !interfaces.some(({ addresses }) =>
    addresses.some(
      (prefix) =>
        prefixContains(prefix, address) &&
        prefix.mask.words[0]! < 0xfffffffe &&
        (address.words[0]! | prefix.mask.words[0]!) >>> 0 === 0xffffffff,
    ),
  )
}
