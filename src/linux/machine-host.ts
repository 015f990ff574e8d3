/**
 * This machine as a host for the engine: its interfaces, addresses, routes and switches, in the network namespace of this
 * process. Policy routing, link addresses of neighbours and MTUs are left out.
 */
import { existsSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import {
  bareHost,
  defaultMac,
  type HostConfig,
  type InterfaceConfig,
  parseMac,
  type RouteConfig,
} from '../engine/config.ts'
import { heededSysctls } from '../engine/sysctls.ts'
import { type Address, addressOf, maskOfLength, parsePrefix } from '../net/address.ts'

/** `sets` as `ipset save` prints them. */
export function machineHost(sets: string | null = null): HostConfig {
  const interfaces = interfacesHere()
  const names = interfaces.map(({ name }) => name)
  return {
    ...bareHost,
    interfaces,
    forwarding: {
      ipv4: text('/proc/sys/net/ipv4/ip_forward').trim() === '1',
      ipv6: text('/proc/sys/net/ipv6/conf/all/forwarding').trim() === '1',
    },
    routes: [...ipv4Routes(names), ...ipv6Routes(names)],
    sysctls: sysctlsHere(names),
    startsAtUnixNs: BigInt(Date.now()) * 1_000_000n,
    minutesWest: 0,
    ...(sets === null || sets === '' ? {} : { sets }),
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** All but `lo`, those without an address too. */
function interfacesHere(): InterfaceConfig[] {
  const known = networkInterfaces()
  const names = text('/proc/net/dev')
    .split('\n')
    .slice(2)
    .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? [])
    .filter((name) => name !== 'lo')
  return names.map((name, place) => {
    const found = known[name] ?? []
    return {
      name,
      addresses: found.flatMap(({ cidr }) => parsePrefix(cidr?.replace(/%[^/]*/, '') ?? '') ?? []),
      mac: parseMac(found[0]?.mac ?? '') ?? defaultMac(place),
      mtu: 1500,
    }
  })
}

const flagUp = 1
const flagReject = 0x200
const flagGateway = 2

/** Columns: device, destination, gateway, flags, ..., metric, mask. Words are in the machine's byte order (little-endian). */
function ipv4Routes(names: readonly string[]): RouteConfig[] {
  return text('/proc/net/route')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device = '', to = '', gateway = '', flagsText = '0', , , metric = '0', mask = ''] = line
        .trim()
        .split(/\s+/)
      const flags = Number.parseInt(flagsText, 16)
      if ((flags & flagUp) === 0 || !names.includes(device)) return []
      return [
        {
          to: { address: littleEndian(to), mask: littleEndian(mask) },
          kind: flags & flagReject ? 'unreachable' : 'unicast',
          via: flags & flagGateway ? littleEndian(gateway) : null,
          device,
          metric: Number(metric),
        } as const,
      ]
    })
}

const littleEndian = (hex: string): Address =>
  addressOf('ipv4', [Number.parseInt(hex.match(/../g)?.reverse().join('') ?? '0', 16)])

/** Columns: destination, its length, source, its length, gateway, metric, ..., ..., flags, device. */
function ipv6Routes(names: readonly string[]): RouteConfig[] {
  return text('/proc/net/ipv6_route')
    .split('\n')
    .flatMap((line) => {
      const [to = '', length = '', , , gateway = '', metric = '', , , flagsText = '0', device = ''] = line
        .trim()
        .split(/\s+/)
      const flags = Number.parseInt(flagsText, 16)
      const isLocal = (flags >>> 31) & 1
      if ((flags & flagUp) === 0 || isLocal || !names.includes(device) || to.startsWith('ff')) return []
      const bits = Number.parseInt(length, 16)
      return [
        {
          to: { address: sixteenBytes(to), mask: maskOfLength('ipv6', bits) },
          kind: flags & flagReject ? 'unreachable' : 'unicast',
          via: flags & flagGateway ? sixteenBytes(gateway) : null,
          device,
          metric: Number.parseInt(metric, 16),
        } as const,
      ]
    })
}

const sixteenBytes = (hex: string): Address =>
  addressOf(
    'ipv6',
    (hex.match(/.{8}/g) ?? []).map((word) => Number.parseInt(word, 16)),
  )

/** Those that the engine heeds. */
function sysctlsHere(names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const heeded of heededSysctls) {
    for (const place of heeded.includes('*') ? ['all', 'default', ...names] : ['']) {
      // An interface may have a dot in its name.
      const path = `/proc/sys/${heeded.replaceAll('.', '/').replace('*', place)}`
      if (existsSync(path)) found.set(heeded.replace('*', place), text(path).trim())
    }
  }
  return found
}
