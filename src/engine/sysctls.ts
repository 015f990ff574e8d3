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
export function acceptsOwn(config: HostConfig, { name }: Device): boolean {
  const fallback = readSysctl(config, 'net.ipv4.conf.default.accept_local', 0)
  const own = readSysctl(config, `net.ipv4.conf.${name}.accept_local`, fallback)
  return own !== 0 || readSysctl(config, 'net.ipv4.conf.all.accept_local', 0) !== 0
}

/** TTL of packets that the host makes. Source: ip4_dst_hoplimit(). */
export const defaultTtlOf = (config: HostConfig): number => readSysctl(config, 'net.ipv4.ip_default_ttl', 64)
