/**
 * Connections that FORWARD lets begin and whose answers it drops: found by sending the first packet of each that a rule
 * accepts, and its answer.
 */
import { bareHost, type HostConfig } from '../engine/config.ts'
import { Host } from '../engine/host.ts'
import type { SentFrame } from '../engine/outcome.ts'
import { registry } from '../ext/registry.ts'
import { conditionsOf } from '../lang/conditions-compared.ts'
import { say } from '../lang/diagnostic.ts'
import type { Problems } from '../lang/problems.ts'
import { reachOf } from '../lang/reach.ts'
import type { Negatable, Rule, Ruleset, Table } from '../lang/rule.ts'
import {
  type Address,
  addressOf,
  type Family,
  type Prefix,
  parseAddress,
  parsePrefix,
  printAddress,
} from '../net/address.ts'
import { decodeFrame } from '../net/decode.ts'
import { encodePacketLine, parsePacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { frameOfLine } from './frame.ts'

/** Rules that are tried; each needs a host. */
const mostTried = 12

const strangers = {
  ipv4: { source: '198.51.100.7', destination: '192.0.2.80', own: ['10.99.1.1/24', '10.99.2.1/24'] },
  ipv6: { source: '2001:db8:2::7', destination: '2001:db8:80::80', own: ['fd99:1::1/64', 'fd99:2::1/64'] },
} as const

/** Says so where no answer passes to any connection that passes. Preconditions: FORWARD ends in a refusal. */
export function reviewForwarding(ruleset: Ruleset, filter: Table, problems: Problems): void {
  const forward = filter.chains.get('FORWARD')!
  const reach = reachOf(filter)
  const accepting = [...filter.chains.values()]
    .flatMap(({ rules }) => rules)
    .filter(({ target }) => target.kind === 'verdict' && target.verdict === 'ACCEPT')
    .filter((rule) => reach.hooks.get(rule)?.includes('FORWARD') === true)
    .slice(0, mostTried)
  let begun = 0
  for (const rule of accepting) {
    const answered = tryWay(ruleset, rule)
    if (answered === true) return
    if (answered === false) begun++
  }
  if (begun === 0) return
  problems.warn(
    say('policy/no-answers-forwarded', 'answers to connections that are forwarded do not come back', {
      notes: ['FORWARD lets them begin, and drops what the other side says'],
      help: '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    }),
    forward.policy === 'DROP'
      ? (forward.policySpan ?? forward.rules.at(-1)!.span)
      : forward.rules.at(-1)!.span,
  )
}

/** Whether the answer passes to what a rule is about; null where that does not begin in the first place. */
function tryWay(ruleset: Ruleset, rule: Rule): boolean | null {
  const { family } = ruleset
  const protocol = rule.protocol === null ? ipProtocol.tcp : rule.protocol.value
  const isTcp = protocol === ipProtocol.tcp
  if (rule.protocol?.inverted || !(isTcp || protocol === ipProtocol.udp)) return null
  const near = deviceOf(rule.inInterface, 'eth0', null)
  const far = deviceOf(rule.outInterface, 'eth1', near)
  const source = hostOf(rule.source, strangers[family].source)
  const destination = hostOf(rule.destination, strangers[family].destination)
  const port = conditionsOf(rule, registry, family).ports?.[0]?.low ?? 443
  const config = gateway(family, near, far, source)
  const host = loaded(config, ruleset)
  if (host === null) return null
  const name = isTcp ? 'tcp' : 'udp'
  const [syn, synAck] = isTcp ? [' syn seq=1', ' syn-ack seq=1 ack=2'] : ['', '']
  const give = (text: string, device: string, nowNs: bigint): readonly SentFrame[] => {
    const parsed = parsePacketLine(`${device} ${name} ${text}`)
    if (!('line' in parsed)) throw new Error(`${text}: ${parsed.error.message}`)
    encodePacketLine(parsed.line)
    return host.receive(frameOfLine(config, parsed.line), device, nowNs).sent
  }
  const to = printEnd(destination, port)
  const left = give(`${printEnd(source, 40000)} > ${to}${syn}`, near, 0n).find(({ if: out }) => out === far)
  if (left === undefined) return null
  const packet = new Packet()
  decodeFrame(packet, left.bytes)
  const at = packet.transportOffset
  const back = printEnd(packet.source, packet.u16(at))
  const answer = `${printEnd(packet.destination, packet.u16(at + 2))} > ${back}${synAck}`
  return give(answer, far, 10_000_000n).some(({ if: out }) => out === near)
}

function loaded(config: HostConfig, ruleset: Ruleset): Host | null {
  try {
    const host = new Host(config)
    return host.load(ruleset).length === 0 ? host : null
  } catch {
    // A table that the engine cannot run.
    return null
  }
}

/** The source lives behind `near`, everybody else behind `far`. */
function gateway(family: Family, near: string, far: string, source: Address): HostConfig {
  const any = parsePrefix(family === 'ipv4' ? '0.0.0.0/0' : '::/0')!
  const only = parsePrefix(`${printAddress(source)}/${family === 'ipv4' ? 32 : 128}`)!
  return {
    ...bareHost,
    interfaces: [near, far].map((name, place) => ({
      name,
      addresses: [parsePrefix(strangers[family].own[place]!)!],
      mac: Uint8Array.of(2, 0, 0, 0, 0, place + 1),
      mtu: 1500,
    })),
    forwarding: { ipv4: true, ipv6: true },
    routes: [
      { to: only, kind: 'unicast', via: null, device: near, metric: 0 },
      { to: any, kind: 'unicast', via: null, device: far, metric: 0 },
    ],
    startsAtUnixNs: 0n,
  }
}

/** The device that a condition asks for, or another one than it excludes and than is `taken`. */
function deviceOf(condition: Negatable<string> | null, usual: string, taken: string | null): string {
  const named = condition?.value.replace(/\+$/, '0')
  if (condition?.inverted === false && named !== taken) return named!
  return [usual, 'eth2', 'eth3'].find((name) => name !== named && name !== taken)!
}

/** An address that a condition asks for: the host itself, or one within the network. */
function hostOf(condition: Negatable<Prefix> | null, usual: string): Address {
  if (condition === null || condition.inverted) return parseAddress(usual)!
  const { address, mask } = condition.value
  const words = address.words.map((word, at) => (word & mask.words[at]!) >>> 0)
  const last = words.length - 1
  words[last] = (words[last]! | (7 & ~mask.words[last]!)) >>> 0
  return addressOf(address.family, words)
}

const printEnd = (address: Address, port: number): string =>
  address.family === 'ipv4' ? `${printAddress(address)}:${port}` : `[${printAddress(address)}]:${port}`
