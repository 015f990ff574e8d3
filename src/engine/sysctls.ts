/** The settings under /proc/sys/net that the engine heeds, by their dotted names. All others change nothing here. */
import type { Device } from '../ext/context.ts'
import type { HostConfig } from './config.ts'
import { conntrackSysctls } from './conntrack/settings.ts'
import { fragmentSysctls } from './defrag-limits.ts'

/** Heeded names of one thing each; `*` stands for the name of an interface, `all` or `default`. */
export const heededSysctls: readonly string[] = [
  'net.ipv4.ip_default_ttl',
  'net.ipv4.conf.*.rp_filter',
  'net.ipv4.conf.*.accept_local',
  'net.ipv4.conf.*.route_localnet',
  'net.ipv4.conf.*.bc_forwarding',
  ...fragmentSysctls,
  ...conntrackSysctls,
]

const heeded = new Set(heededSysctls)

/** Whether a setting has any effect on the engine. */
export const isHeededSysctl = (name: string): boolean =>
  heeded.has(name.replace(/^(net\.ipv4\.conf)\.[^.]+\./, '$1.*.'))

/** A whole number, or `fallback` where the setting is not given or none. */
export function readSysctl({ sysctls }: HostConfig, name: string, fallback: number): number {
  const text = sysctls.get(name)?.trim() ?? ''
  return /^\d+$/.test(text) ? Number(text) : fallback
}

/**
 * How a device checks where sources come from: 0 not at all, 1 the way back must be by the device, 2 there must be one.
 * The stricter of the setting for all and the device's own counts. Source: IN_DEV_RPFILTER().
 */
export function sourceCheckOf(config: HostConfig, { name }: Device): number {
  const all = readSysctl(config, 'net.ipv4.conf.all.rp_filter', 0)
  const fallback = readSysctl(config, 'net.ipv4.conf.default.rp_filter', 0)
  return Math.max(all, readSysctl(config, `net.ipv4.conf.${name}.rp_filter`, fallback))
}

/** Whether a device takes what claims to come from the host itself. Source: IN_DEV_ACCEPT_LOCAL(). */
export const acceptsOwn = (config: HostConfig, device: Device): boolean => {
  const { all, own } = switchesOf(config, device, 'accept_local')
  return all || own
}

/** Whether 127.0.0.0/8 may be spoken of on a device's link. Source: IN_DEV_NET_ROUTE_LOCALNET(). */
export const routesLoopback = (config: HostConfig, device: Device): boolean => {
  const { all, own } = switchesOf(config, device, 'route_localnet')
  return all || own
}

/** Whether what came by a device for everybody on another link goes there; both switches must be on. Source: IN_DEV_BFORWARD(). */
export const forwardsBroadcasts = (config: HostConfig, device: Device): boolean => {
  const { all, own } = switchesOf(config, device, 'bc_forwarding')
  return all && own
}

/** A switch for all devices, and the device's own, which begins as `default` says. */
function switchesOf(config: HostConfig, { name }: Device, key: string): { all: boolean; own: boolean } {
  const read = (place: string, fallback: number): number =>
    readSysctl(config, `net.ipv4.conf.${place}.${key}`, fallback)
  return { all: read('all', 0) !== 0, own: read(name, read('default', 0)) !== 0 }
}

/** TTL of packets that the host makes. Source: ip4_dst_hoplimit(). */
export const defaultTtlOf = (config: HostConfig): number => readSysctl(config, 'net.ipv4.ip_default_ttl', 64)
