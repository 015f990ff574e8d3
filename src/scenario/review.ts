/**
 * What only shows when packets run: rules are loaded on a host, and the packets that every machine needs, or that
 * every scanner sends, are tried on it.
 *
 * Nothing is said unless it holds on every interface and for every address of the host that the rules name.
 */
import type { HostConfig } from '../engine/config.ts'
import { bareHost } from '../engine/config.ts'
import { Host } from '../engine/host.ts'
import type { Outcome } from '../engine/outcome.ts'
import { registry } from '../ext/registry.ts'
import { conditionsOf } from '../lang/conditions-compared.ts'
import { say } from '../lang/diagnostic.ts'
import type { Problems } from '../lang/problems.ts'
import { isUnconditional, reachOf } from '../lang/reach.ts'
import type { Chain, Rule, Ruleset, Table } from '../lang/rule.ts'
import { decides } from '../lang/verify.ts'
import { lengthOfMask, parseAddress, parsePrefix, printAddress } from '../net/address.ts'
import { encodePacketLine, parsePacketLine } from '../net/notation.ts'
import { frameOfLine } from './frame.ts'
import { reviewForwarding } from './review-forward.ts'

/** Rules above which nothing is tried: each host loads all of them. */
const ruleLimit = 5000

/** Reports on the filter table. Errors of the engine's own (a rule that cannot be run) silence it. */
export function reviewRules(ruleset: Ruleset, problems: Problems): void {
  const filter = ruleset.tables.get('filter')
  const input = filter?.chains.get('INPUT')
  if (filter === undefined || input === undefined || !canBeTried(ruleset)) return
  reviewScans(ruleset, filter, problems)
  if (isShut(input, ruleset.family) && letsSomethingIn(filter)) reviewWays(ruleset, filter, problems)
  const forward = filter.chains.get('FORWARD')
  if (forward !== undefined && isShut(forward, ruleset.family)) reviewForwarding(ruleset, filter, problems)
}

/** Whether the chain refuses what no rule of it accepts. */
function isShut({ policy, rules }: Chain, family: Ruleset['family']): boolean {
  const last = rules.at(-1)
  const endsShut = last !== undefined && isUnconditional(last) && decides(last, { syntax: registry, family })
  return (
    policy === 'DROP' || (endsShut && !(last.target.kind === 'verdict' && last.target.verdict !== 'DROP'))
  )
}

/** A host that hears nothing but itself is shut on purpose. */
function letsSomethingIn(filter: Table): boolean {
  const reach = reachOf(filter)
  return [...filter.chains.values()].some(({ rules }) =>
    rules.some(
      (rule) =>
        rule.target.kind === 'verdict' &&
        rule.target.verdict === 'ACCEPT' &&
        rule.inInterface?.value !== 'lo' &&
        reach.hooks.get(rule)?.includes('INPUT') === true,
    ),
  )
}

function canBeTried({ tables }: Ruleset): boolean {
  let rules = 0
  for (const { chains } of tables.values()) {
    for (const chain of chains.values()) {
      rules += chain.rules.length
      if (ruleLimit < rules) return false
      if (chain.rules.some(({ matches, target }) => target.kind === 'unknown' || matches.some(isUnknown)))
        return false
    }
  }
  return true
}

const isUnknown = ({ kind }: Rule['matches'][number]): boolean => kind === 'unknown'

// --- The host

interface Stage {
  readonly device: string
  readonly own: string
}

const addressesOf = {
  ipv4: { own: '203.0.113.1', peer: '198.51.100.7', length: 24 },
  ipv6: { own: '2001:db8:1::1', peer: '2001:db8:2::7', length: 64 },
} as const

/** Interfaces and addresses that the rules of INPUT name, or one of each that they do not. */
function stagesOf({ family }: Ruleset, filter: Table): Stage[] {
  const devices = new Set<string>()
  const own = new Set<string>()
  for (const { rules } of filter.chains.values()) {
    for (const { inInterface, outInterface, destination } of rules) {
      for (const each of [inInterface, outInterface]) {
        if (each !== null && !each.inverted && each.value !== 'lo')
          devices.add(each.value.replace(/\+$/, '0'))
      }
      if (destination === null || destination.inverted) continue
      const { address, mask } = destination.value
      const isHost = lengthOfMask(mask) === (family === 'ipv4' ? 32 : 128)
      const first = address.words[0]! >>> (family === 'ipv4' ? 28 : 24)
      if (isHost && first < (family === 'ipv4' ? 14 : 0xff)) own.add(printAddress(address))
    }
  }
  const few = [...devices, 'eth0'].slice(0, 6)
  const some = [addressesOf[family].own, ...own].filter((each) => !each.startsWith('127.')).slice(0, 3)
  return few.flatMap((device) => some.map((each) => ({ device, own: each })))
}

function hostOn(ruleset: Ruleset, { device, own }: Stage): { host: Host; config: HostConfig } | null {
  const { family } = ruleset
  const { length } = addressesOf[family]
  const any = parsePrefix(family === 'ipv4' ? '0.0.0.0/0' : '::/0')!
  const mask = parsePrefix(`${printAddress(any.address)}/${length}`)!.mask
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const config: HostConfig = {
    ...bareHost,
    interfaces: [{ name: device, addresses: [{ address: parseAddress(own)!, mask }], mac, mtu: 1500 }],
    routes: [{ to: any, kind: 'unicast', via: null, device, metric: 0 }],
    startsAtUnixNs: 0n,
  }
  try {
    const host = new Host(config)
    return host.load(ruleset).length === 0 ? { host, config } : null
  } catch {
    // A table that the engine cannot run.
    return null
  }
}

/** Gives a packet in notation to the host. `at` in milliseconds. */
function run({ host, config }: { host: Host; config: HostConfig }, text: string, at: number): Outcome | null {
  const parsed = parsePacketLine(text)
  if (!('line' in parsed)) throw new Error(`${text}: ${parsed.error.message}`)
  const nowNs = BigInt(Math.round(at * 1e6))
  const { line } = parsed
  return line.device === null
    ? host.send(encodePacketLine(line), nowNs)
    : host.receive(frameOfLine(config, line), line.device, nowNs)
}

const end = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

// --- Scans

/** Milliseconds a port: 65,535 of them take a minute. */
const scanPace = 1
const portLimit = 400

/** Ports that open to who has knocked, and open to who tries all ports in turn as well. */
function reviewScans(ruleset: Ruleset, filter: Table, problems: Problems): void {
  const { family } = ruleset
  const reach = reachOf(filter)
  const rules = [...filter.chains.values()].flatMap((chain) => chain.rules)
  if (!rules.some((rule) => asksMemory(rule, family))) return
  const ports = portsOf(rules, ruleset)
  if (ports.length > portLimit) return
  const opened = new Set<string>()
  for (const rule of rules) {
    const asked = conditionsOf(rule, registry, family).ports
    const port = asked?.length === 1 && asked[0]!.low === asked[0]!.high ? asked[0]!.low : null
    const accepts = rule.target.kind === 'verdict' && rule.target.verdict === 'ACCEPT'
    const isReached = reach.hooks.get(rule)?.includes('INPUT') === true
    if (port === null || !accepts || !isReached || rule.protocol?.value !== 6 || !asksMemory(rule, family))
      continue
    if (opened.has(`${port}`)) continue
    const device = rule.inInterface === null || rule.inInterface.inverted ? 'eth0' : rule.inInterface.value
    const stage = { device: device.replace(/\+$/, '0'), own: addressesOf[family].own }
    for (const order of ['ascending', 'descending'] as const) {
      if (!opensToScan(ruleset, stage, port, order === 'ascending' ? ports : ports.toReversed())) continue
      opened.add(`${port}`)
      problems.warn(
        say('recent/opened-by-scan', `a scan of all ports, ${order}, opens port ${port}`, {
          notes: ['it knocks at the right ports in the right order, among all the others'],
          help: 'a knock at a wrong port must spoil what was knocked before: --remove in a rule for every other port',
        }),
        rule.span,
      )
      break
    }
  }
}

const asksMemory = ({ matches }: Rule, family: Ruleset['family']): boolean =>
  matches.some(
    (use) => use.kind === 'known' && registry.match(use.name, family)?.remembers?.(use.data)?.asks === true,
  )

/** Every port that the rules tell apart from its neighbours. */
function portsOf(rules: readonly Rule[], { family }: Ruleset): number[] {
  const ports = new Set([1, 65535])
  for (const rule of rules) {
    for (const { low, high } of conditionsOf(rule, registry, family).ports ?? []) {
      for (const port of [low - 1, low, high, high + 1]) if (0 < port && port < 65536) ports.add(port)
    }
  }
  return [...ports].sort((a, b) => a - b)
}

function opensToScan(ruleset: Ruleset, stage: Stage, port: number, ports: readonly number[]): boolean {
  const { peer } = addressesOf[ruleset.family]
  const syn = (to: number, from: number) =>
    `${stage.device} tcp ${end(peer, from)} > ${end(stage.own, to)} syn`
  const fresh = hostOn(ruleset, stage)
  if (fresh === null || run(fresh, syn(port, 50000), 0)?.delivered !== false) return false
  const scanned = hostOn(ruleset, stage)!
  const first = ports[0]!
  let at = 1000
  for (const each of ports) {
    at = 1000 + Math.abs(each - first) * scanPace
    if (run(scanned, syn(each, 50000), at)?.delivered === true && each === port) return true
  }
  return run(scanned, syn(port, 50001), at + 500)?.delivered === true
}

// --- Ways that every machine needs

function reviewWays(ruleset: Ruleset, filter: Table, problems: Problems): void {
  const { family } = ruleset
  const { peer } = addressesOf[family]
  const input = filter.chains.get('INPUT')!
  const span =
    input.policy === 'DROP' ? (input.policySpan ?? input.rules.at(-1)!.span) : input.rules.at(-1)!.span
  const stages = stagesOf(ruleset, filter)
  const tries = stages.flatMap((stage) => {
    const at = hostOn(ruleset, stage)
    return at === null ? [] : [{ ...stage, at }]
  })
  if (tries.length < stages.length) return
  const calls = tries.map(({ device, own, at }) => {
    const to = end(peer, 443)
    const left = run(at, `out tcp ${end(own, 40000)} > ${to} syn seq=1`, 0)
    const back = run(at, `${device} tcp ${to} > ${end(own, 40000)} syn-ack seq=1 ack=2`, 10)
    return { left: left?.verdict === 'accept', back: back?.verdict !== 'drop' && back?.verdict !== 'reject' }
  })
  if (calls.some(({ left }) => left) && calls.every(({ left, back }) => !left || !back)) {
    problems.warn(
      say('policy/no-answers', 'answers to what this host asks do not come in', {
        notes: [
          'connections of this host go out by OUTPUT, and INPUT drops what comes back: no name is found, nothing loads',
        ],
        help: '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      }),
      span,
    )
  }
  if (family === 'ipv4') return
  const solicited = tries.map(({ device, own, at }) =>
    run(
      at,
      `${device} icmp6 fe80::7 > ${own} neighbour-solicitation ttl=255 rest=0 payload=${payloadOf(own)}`,
      20,
    ),
  )
  if (solicited.every((outcome) => outcome?.verdict === 'drop' || outcome?.verdict === 'reject')) {
    problems.warn(
      say(
        'policy/no-neighbours',
        'nobody on the link can find this host: neighbour solicitations are dropped',
        {
          notes: ['IPv6 has no ARP: it finds link addresses with ICMPv6, which passes INPUT'],
          help: '-A INPUT -p ipv6-icmp -j ACCEPT, or rules for the types 133 to 136',
        },
      ),
      span,
    )
  }
}

/** The address that is asked for, in hexadecimal. */
const payloadOf = (own: string): string =>
  parseAddress(own)!
    .words.map((word) => (word >>> 0).toString(16).padStart(8, '0'))
    .join('')
