/** The engine's host as this machine is at the moment: its devices, rules in force, sets, and recency lists with their ages. */
import type { HostConfig } from '../../engine/config.ts'
import { Host } from '../../engine/host.ts'
import { loadRulesets } from '../../scenario/rules.ts'
import { machineHost } from '../machine-host.ts'
import { kernelTicks, type Ticks } from './clock.ts'
import type { InForce } from './in-force.ts'
import { parseEntry } from './recency.ts'

/** A host with the rules in force, and its time now in nanoseconds. Throws `RulesRefused` where they cannot be run. */
export function liveHost(inForce: InForce): LiveHost {
  const ticks = kernelTicks()
  const config = hostNow(inForce.lists, ticks, inForce.sets)
  const host = new Host(config)
  loadRulesets(host, [...inForce.rulesets.values()])
  return { host, config, nowNs: seedLists(host, inForce.lists, ticks) }
}

export interface LiveHost {
  readonly host: Host
  readonly config: HostConfig
  readonly nowNs: bigint
}

/** This machine; its time begins with the oldest stamp of the lists. */
export function hostNow(lists: InForce['lists'], ticks: Ticks | null, sets: string | null): HostConfig {
  const config = machineHost(sets)
  const { nowNs } = timesOf(stampsOf(lists), ticks)
  return { ...config, startsAtUnixNs: config.startsAtUnixNs! - nowNs }
}

interface Stamp {
  readonly list: string
  readonly address: string
  /** Jiffies. */
  readonly stamp: number
}

/** Oldest first. */
const stampsOf = (lists: InForce['lists']): Stamp[] =>
  Object.entries(lists)
    .flatMap(([list, lines]) =>
      lines.flatMap((line) => {
        const entry = parseEntry(line)
        return (entry?.stamps ?? []).map((stamp) => ({ list, address: entry!.address, stamp }))
      }),
    )
    .sort((a, b) => a.stamp - b.stamp)

/** The host's time of a stamp, and now. Where the kernel's ticks are not known, everything is at the beginning. */
function timesOf(stamps: readonly Stamp[], ticks: Ticks | null) {
  if (ticks === null) return { nsOf: () => 0n, nowNs: 0n }
  const oldest = Math.min(ticks.now, stamps[0]?.stamp ?? ticks.now)
  const nsOf = (stamp: number): bigint => BigInt(Math.round(((stamp - oldest) / ticks.hz) * 1e9))
  return { nsOf, nowNs: nsOf(ticks.now) }
}

/**
 * Writes entries into the lists that the host's rules name, each stamp as long ago as it is. Returns the host's time now.
 * TTLs are not written: any fits.
 */
export function seedLists(host: Host, lists: InForce['lists'], ticks: Ticks | null): bigint {
  const stamps = stampsOf(lists)
  const { nsOf, nowNs } = timesOf(stamps, ticks)
  const known = new Set(host.recent.names())
  for (const { list, address, stamp } of stamps)
    if (known.has(list)) host.writeRecent(list, `+${address}`, nsOf(stamp))
  return nowNs
}
