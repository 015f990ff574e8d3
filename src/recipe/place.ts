/**
 * Where a recipe's rule belongs in a base chain: the packets it is about are run through the rules that are there, and
 * it goes before the first rule that decides about one of them. So it stands behind what keeps connections going and
 * behind bans, before the final deny, and before a rule that would let the packets in anyway.
 */
import { bareHost, type HostConfig } from '../engine/config.ts'
import { Host } from '../engine/host.ts'
import type { Outcome } from '../engine/outcome.ts'
import { registry } from '../ext/registry.ts'
import { isUnconditional } from '../lang/reach.ts'
import type { Chain, Family, Hook, Rule, Ruleset, TableName } from '../lang/rule.ts'
import { decides } from '../lang/verify.ts'
import { maskOfLength, parseAddress } from '../net/address.ts'
import { encodePacketLine, parsePacketLine } from '../net/notation.ts'
import { frameOfLine } from '../scenario/frame.ts'
import type { Probe } from './plan.ts'

/** Ends of probes: addresses for documentation, which rules of people seldom name. */
const ends = {
  ipv4: { own: '203.0.113.211', peer: '198.51.100.213', far: '192.0.2.217', length: 24 },
  ipv6: { own: '2001:db8:d1::1', peer: '2001:db8:d2::7', far: '2001:db8:d3::9', length: 64 },
} as const

/** Index at which a rule for these packets belongs in a chain of a ruleset. */
export function placeFor(ruleset: Ruleset, table: TableName, hook: Hook, probes: readonly Probe[]): number {
  const chain = ruleset.tables.get(table)?.chains.get(hook)
  if (chain === undefined) return 0
  const { family } = ruleset
  const positions = devicesOf(ruleset).flatMap((device) =>
    probes.map((probe) => decidingRule(ruleset, table, hook, probe, device) ?? finalDeny(chain, family)),
  )
  return beforeItsLog(chain, Math.min(...positions), family)
}

/** The first rule that decides about every packet; else behind the last. */
function finalDeny({ rules }: Chain, family: Family): number {
  const at = rules.findIndex((rule) => isUnconditional(rule) && decides(rule, { syntax: registry, family }))
  return at < 0 ? rules.length : at
}

/** Rules for every packet that only tell of it belong to what comes behind them. */
function beforeItsLog({ rules }: Chain, position: number, family: Family): number {
  let at = position
  while (0 < at && onlyTells(rules[at - 1]!, family)) at--
  return at
}

function onlyTells(rule: Rule, family: Family): boolean {
  const { matches, target } = rule
  if (target.kind !== 'extension' || decides(rule, { syntax: registry, family })) return false
  if (!isUnconditional({ ...rule, matches: [] })) return false
  return matches.every((use) => {
    const match = use.kind === 'known' ? registry.match(use.name, family) : null
    // A limit, which is there to spare the log; a list or a connection's state is a condition.
    return match?.isRemark === true || (match?.stateful === true && match.remembers === undefined)
  })
}

/** Index of the rule of the base chain that decides about the probe; null where none does or none can be asked. */
function decidingRule(
  ruleset: Ruleset,
  table: TableName,
  hook: Hook,
  probe: Probe,
  device: string,
): number | null {
  const outcome = run(ruleset, probe, device)
  if (outcome === null || outcome.policies.includes(`${table}/${hook}`)) return null
  const hits = outcome.hits.filter((hit) => hit.table === table && hit.chain === hook)
  return hits.length === 0 ? null : hits.at(-1)!.number - 1
}

function run(ruleset: Ruleset, probe: Probe, device: string): Outcome | null {
  const { family } = ruleset
  const config = hostFor(family, device, probe)
  const parsed = parsePacketLine(lineOf(family, probe, device))
  if (!('line' in parsed)) throw new Error(parsed.error.message)
  try {
    const host = new Host(config)
    if (host.load(ruleset).length > 0) return null
    const { line } = parsed
    return line.device === null
      ? host.send(encodePacketLine(line), 0n)
      : host.receive(frameOfLine(config, line), line.device, 0n)
  } catch {
    // Rules that the engine cannot run, or sets that nobody told of: the final deny has to do.
    return null
  }
}

function lineOf(family: Family, { way, protocol, port, to }: Probe, device: string): string {
  const { own, peer, far } = ends[family]
  const bracket = (address: string, at: number) =>
    family === 'ipv6' ? `[${address}]:${at}` : `${address}:${at}`
  const from = way === 'out' ? own : peer
  const target = to ?? (way === 'in' ? own : far)
  const start = way === 'out' ? 'out' : device
  if (protocol === 'icmp') {
    return family === 'ipv4'
      ? `${start} icmp ${from} > ${target} echo-request`
      : `${start} icmp6 ${from} > ${target} echo-request`
  }
  return `${start} ${protocol} ${bracket(from, 40000)} > ${bracket(target, port)}${protocol === 'tcp' ? ' syn' : ''}`
}

function hostFor(family: Family, device: string, { way, to }: Probe): HostConfig {
  const { own, length } = ends[family]
  const any = maskOfLength(family, 0)
  const inside = way === 'through' ? parseAddress(to ?? ends[family].far) : null
  const other = device === 'eth0' ? 'eth1' : 'eth0'
  const interfaceOf = (name: string, last: number) => ({
    name,
    addresses: last === 1 ? [{ address: parseAddress(own)!, mask: maskOfLength(family, length) }] : [],
    mac: Uint8Array.of(2, 0, 0, 0, 0, last),
    mtu: 1500,
  })
  return {
    ...bareHost,
    interfaces: [interfaceOf(device, 1), interfaceOf(other, 2)],
    forwarding: { ipv4: true, ipv6: true },
    routes: [
      { to: { address: any, mask: any }, kind: 'unicast', via: null, device, metric: 0 },
      ...(inside === null
        ? []
        : [
            {
              to: { address: inside, mask: maskOfLength(family, family === 'ipv4' ? 32 : 128) },
              kind: 'unicast' as const,
              via: null,
              device: other,
              metric: 0,
            },
          ]),
    ],
    startsAtUnixNs: 0n,
  }
}

/** Devices that rules name, and one that they do not: what comes by the one may be decided about elsewhere. */
function devicesOf(ruleset: Ruleset): string[] {
  const devices = new Set<string>()
  for (const { chains } of ruleset.tables.values())
    for (const { rules } of chains.values())
      for (const { inInterface, outInterface } of rules)
        for (const each of [inInterface, outInterface])
          if (each !== null && !each.inverted && each.value !== 'lo' && each.value !== '+')
            devices.add(each.value.replace(/\+$/, '0'))
  return [...[...devices].slice(0, 8), 'postern0']
}
