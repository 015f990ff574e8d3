/** The engine's host as this machine is at the moment: its devices, rules in force, sets, and recency lists with their ages. */
import type { HostConfig } from '../../engine/config.ts'
import { Host } from '../../engine/host.ts'
import { loadRulesets } from '../../scenario/rules.ts'
import { machineHost } from '../machine-host.ts'
import { kernelTicks, type Ticks } from './clock.ts'
import type { InForce } from './in-force.ts'
import { parseEntry } from './recency.ts'

/** A host with the rules in force, and its time now in nanoseconds. Throws `RulesRefused` where they cannot be run. */
export function liveHost(inForce: InForce, config: HostConfig = machineHost(inForce.sets)): LiveHost {
  const host = new Host(config)
  loadRulesets(host, [...inForce.rulesets.values()])
  return { host, config, nowNs: seedLists(host, inForce.lists, kernelTicks()) }
}

export interface LiveHost {
  readonly host: Host
  readonly config: HostConfig
  readonly nowNs: bigint
}

/**
 * Writes entries into the lists that the host's rules name, each stamp as long ago as it is. Returns the host's time now.
 * Where the kernel's ticks are not known, everything was seen just now. TTLs are not written: any fits.
 */
export function seedLists(host: Host, lists: InForce['lists'], ticks: Ticks | null): bigint {
  const writes = Object.entries(lists).flatMap(([list, lines]) =>
    lines.flatMap((line) => {
      const entry = parseEntry(line)
      return (entry?.stamps ?? []).map((stamp) => ({ list, address: entry!.address, stamp }))
    }),
  )
  const oldest = writes.reduce((least, { stamp }) => Math.min(least, stamp), ticks?.now ?? 0)
  const nsOf = (stamp: number): bigint =>
    ticks === null ? 0n : BigInt(Math.round(((stamp - oldest) / ticks.hz) * 1e9))
  const known = new Set(host.recent.names())
  for (const { list, address, stamp } of writes.toSorted((a, b) => a.stamp - b.stamp))
    if (known.has(list)) host.writeRecent(list, `+${address}`, nsOf(stamp))
  return ticks === null ? 0n : nsOf(ticks.now)
}
