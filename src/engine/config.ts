/** What a host is made of: the part of a machine that decides where packets go. */
import type { Account } from '../ext/context.ts'
import { type KernelProfile, linux618 } from '../lang/profile.ts'
import {
  type Address,
  addressBits,
  type Family,
  lengthOfMask,
  maskAddress,
  maskOfLength,
  type Prefix,
  parseAddress,
  parsePrefix,
  printAddress,
  printPrefix,
} from '../net/address.ts'
import { type Circumstances, nothingSaid } from '../net/circumstances.ts'
import type { SocketConfig } from './sockets/config.ts'

export interface InterfaceConfig {
  readonly name: string
  /** Address with its network's mask, host bits kept. Either family. */
  readonly addresses: readonly Prefix[]
  /** Six bytes. */
  readonly mac: Uint8Array
  /** Bytes of the largest IP packet; 1500 by default. */
  readonly mtu: number
}

export interface RouteConfig {
  /** Network, host bits clear; length 0 is the default route. */
  readonly to: Prefix
  readonly kind: 'unicast' | 'unreachable' | 'blackhole' | 'prohibit'
  /** Gateway, or null when the network is on the link. */
  readonly via: Address | null
  /** Device name, or null: the one whose network holds the gateway. */
  readonly device: string | null
  /** Smaller is preferred; 0 by default, as `ip route` does for IPv4. */
  readonly metric: number
}

export interface HostConfig {
  /** Without `lo`, which always exists with 127.0.0.1/8 and ::1/128. Indices count from 2 in this order. */
  readonly interfaces: readonly InterfaceConfig[]
  readonly forwarding: Readonly<Record<Family, boolean>>
  /** Beyond the connected networks of the interfaces. */
  readonly routes: readonly RouteConfig[]
  /** Link addresses by printed address; any other neighbour has `neighbourMac`. */
  readonly neighbours: ReadonlyMap<string, Uint8Array>
  /** Listening sockets; null for a host that answers nothing by itself but ICMP errors about what it cannot send on. */
  readonly sockets: readonly SocketConfig[] | null
  /** The sets of ipset, as `ipset save` prints them or as ipset commands; none when absent. */
  readonly sets?: string
  /** By their name in /proc/sys with dots: `net.ipv4.ip_default_ttl`. */
  readonly sysctls: ReadonlyMap<string, string>
  readonly profile: KernelProfile
  /** Nanoseconds since 1970 (UTC) at the first step; null where nobody says when that is. */
  readonly startsAtUnixNs: bigint | null
  /** Minutes that the kernel's local time is behind UTC; 0 unless something told it a time zone. */
  readonly minutesWest: number
  /** What holds of packets that do not say it of themselves. */
  readonly circumstances: Circumstances
  /** Accounting objects (nfacct), with nothing counted. */
  readonly accounts: readonly AccountConfig[]
  /** Of whatever the kernel would choose at random. */
  readonly seed: number
}

export type AccountConfig = Pick<Account, 'name' | 'quota'>

/** A host with nothing but `lo`. */
export const bareHost: HostConfig = {
  interfaces: [],
  forwarding: { ipv4: false, ipv6: false },
  routes: [],
  neighbours: new Map(),
  sockets: null,
  sysctls: new Map(),
  profile: linux618,
  startsAtUnixNs: null,
  minutesWest: 0,
  circumstances: nothingSaid,
  accounts: [],
  seed: 1,
}

/** MAC of the interface with this place in the list (from 0) when none is given: 02:00:00:00:00:01 and on. */
export const defaultMac = (place: number): Uint8Array =>
  Uint8Array.of(2, 0, 0, 0, ((place + 1) >> 8) & 255, (place + 1) & 255)

/**
 * The MAC that a neighbour has when the configuration names none: 02:01 and the four bytes of an IPv4 address,
 * 02:06 and the last four of an IPv6 address. Nothing waits for ARP.
 */
export function neighbourMac({ family, words }: Address): Uint8Array {
  const last = words[words.length - 1]!
  return Uint8Array.of(
    2,
    family === 'ipv4' ? 1 : 6,
    last >>> 24,
    (last >>> 16) & 255,
    (last >>> 8) & 255,
    last & 255,
  )
}

/** `02:00:00:00:00:01` to six bytes, or null. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)) return null
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16))
}

export const printMac = (mac: Uint8Array): string =>
  Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':')

/**
 * One route in the words of `ip route`: `default via 203.0.113.254`, `10.0.0.0/8 via 192.168.1.2 dev eth1 metric 5`,
 * `unreachable 10.9.0.0/16`. Returns what is wrong as text.
 */
export function parseRoute(text: string): RouteConfig | string {
  const words = text.trim().split(/\s+/)
  const kinds = ['unicast', 'unreachable', 'blackhole', 'prohibit'] as const
  const kind = kinds.find((name) => name === words[0]) ?? 'unicast'
  if (kind === words[0]) words.shift()
  const destination = words.shift()
  const given = new Map<string, string>()
  while (words.length > 0) {
    const [name, value] = words.splice(0, 2)
    if (!['via', 'dev', 'metric'].includes(name!)) return `"${name}" is not via, dev or metric`
    if (value === undefined) return `"${name}" needs a value`
    given.set(name!, value)
  }
  const via = given.has('via') ? parseAddress(given.get('via')!) : undefined
  if (via === null) return `"${given.get('via')}" is no address`
  const to = parseDestination(destination ?? '', via?.family ?? 'ipv4')
  if (to === null) return `"${destination ?? ''}" is neither "default" nor a network`
  if (via !== undefined && via.family !== to.address.family) return 'network and gateway are of two families'
  const metric = Number(given.get('metric') ?? (to.address.family === 'ipv4' ? 0 : 1024))
  if (!Number.isInteger(metric) || metric < 0) return `"${given.get('metric')}" is no metric`
  if (kind === 'unicast' && via === undefined && !given.has('dev')) return 'needs "via ADDRESS" or "dev NAME"'
  return { to, kind, via: via ?? null, device: given.get('dev') ?? null, metric }
}

function parseDestination(text: string, family: Family): Prefix | null {
  if (text === 'default') {
    const mask = maskOfLength(family, 0)
    return { address: mask, mask }
  }
  const prefix = parsePrefix(text)
  if (prefix === null || lengthOfMask(prefix.mask) === null) return null
  return { address: maskAddress(prefix.address, prefix.mask), mask: prefix.mask }
}

export function printRoute({ to, kind, via, device, metric }: RouteConfig): string {
  const { address, mask } = to
  const network =
    lengthOfMask(mask) === 0
      ? 'default'
      : lengthOfMask(mask) === addressBits(address.family)
        ? printAddress(address)
        : printPrefix(to)
  return [
    ...(kind === 'unicast' ? [] : [kind]),
    network,
    ...(via === null ? [] : ['via', printAddress(via)]),
    ...(device === null ? [] : ['dev', device]),
    ...(metric === 0 ? [] : ['metric', String(metric)]),
  ].join(' ')
}
