/**
 * Cases for the way of packets through a host, in the packet notation:
 *
 *     eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn  => drop by filter/INPUT:1; hits filter/INPUT:1
 *
 * Behind the arrow stands what is expected: `VERDICT by WHO`, `hits RULES`, `policies CHAINS`, `delivered`, `sent PACKET`
 * (words left out are not compared) or `sent nothing`. What is not named is not compared.
 */
import { registry } from '../../ext/registry.ts'
import { parseRuleText } from '../../lang/parse-rule.ts'
import { newRuleset, newTable, noCounters, type Ruleset, type TableName } from '../../lang/rule.ts'
import { type Family, parsePrefix } from '../../net/address.ts'
import { decodeFrame } from '../../net/decode.ts'
import {
  describePacket,
  encodeFrameLine,
  encodePacketLine,
  type PacketLine,
  parsePacketLine,
  printPacketLine,
} from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import {
  bareHost,
  defaultMac,
  type HostConfig,
  neighbourMac,
  parseRoute,
  type RouteConfig,
} from '../config.ts'
import type { Host } from '../host.ts'
import { type Outcome, printRuleRef } from '../outcome.ts'

export interface JourneyCase {
  readonly name: string
  readonly host: HostConfig
  /** iptables-save text by family. */
  readonly rules: Readonly<Partial<Record<Family, string>>>
  /** One packet a line; blank lines and `#` comments are skipped. */
  readonly packets: string
}

export interface JourneyStep {
  readonly text: string
  readonly line: PacketLine
  readonly expected: readonly string[]
}

/** `eth0 203.0.113.1/24 2001:db8:1::1/64 mtu 1300`, one interface a line. */
export function hostOf(
  interfaces: string,
  routes: readonly string[] = [],
  more: Partial<HostConfig> = {},
): HostConfig {
  const lines = interfaces.trim().split('\n')
  return {
    ...bareHost,
    interfaces: lines.map((text, place) => {
      const [name, ...words] = text.trim().split(/\s+/)
      const mtuAt = words.indexOf('mtu')
      const mtu = mtuAt < 0 ? 1500 : Number(words[mtuAt + 1])
      const addresses = mtuAt < 0 ? words : words.slice(0, mtuAt)
      return {
        name: name!,
        addresses: addresses.map((word) => parsePrefix(word)!),
        mac: defaultMac(place),
        mtu,
      }
    }),
    forwarding: { ipv4: true, ipv6: true },
    routes: routes.map(routeOf),
    ...more,
  }
}

function routeOf(text: string): RouteConfig {
  const route = parseRoute(text)
  if (typeof route === 'string') throw new Error(`${text}: ${route}`)
  return route
}

/**
 * The rules of iptables-save text, even those that the kernel refuses: `Host.load` is to be asked. Throws on the first
 * thing that is no rule at all.
 */
export function rulesOf(text: string, family: Family): Ruleset {
  const ruleset = newRuleset(family)
  let table = newTable('filter')
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line === 'COMMIT' || line.startsWith('#')) continue
    if (line.startsWith('*')) {
      table = newTable(line.slice(1) as TableName)
      ruleset.tables.set(table.name, table)
    } else if (line.startsWith(':')) {
      const [name, policy] = line.slice(1).split(' ')
      const known = table.chains.get(name!)
      if (known !== undefined) known.policy = policy as 'ACCEPT' | 'DROP'
      else table.chains.set(name!, { name: name!, policy: null, counters: noCounters, rules: [], span: null })
    } else {
      const [, chain, body] = /^-A (\S+) ?(.*)$/.exec(line)!
      const options = { family, syntax: registry, table: table.name, chain: chain! }
      const { rules, diagnostics } = parseRuleText(body!, { ...options, chains: [...table.chains.keys()] })
      if (rules.length === 0) throw new Error(`${line}: ${diagnostics.map(({ message }) => message).join()}`)
      table.chains.get(chain!)!.rules.push(...rules)
    }
  }
  return ruleset
}

export function stepsOf(packets: string): JourneyStep[] {
  const lines = packets.split('\n').map((line) => line.trim())
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [text, expected = ''] = line.split(/\s+=>\s+/)
      return {
        text: line,
        line: parseLine(text!),
        expected: expected.split(/;\s*/).filter((fact) => fact !== ''),
      }
    })
}

function parseLine(text: string, base?: PacketLine): PacketLine {
  const parsed = parsePacketLine(text, base === undefined ? {} : { base })
  if ('error' in parsed) throw new Error(`${text}: ${parsed.error.message}`)
  return parsed.line
}

/** The frame of a line that arrives, from a router, to the interface's own MAC unless the line says otherwise. */
export function frameOf(line: PacketLine, { interfaces }: HostConfig): Uint8Array {
  const { mac } = interfaces.find(({ name }) => name === line.device)!
  return encodeFrameLine(line, { source: neighbourMac(parsePrefix('192.0.2.1')!.address), destination: mac })
}

export function take(host: Host, { line }: JourneyStep, nowNs: bigint): Outcome {
  const { mark, circumstances } = line
  const said = { mark, circumstances }
  if (line.device === null) return host.send(encodePacketLine(line), nowNs, said)
  return host.receive(frameOf(line, host.config), line.device, nowNs, said)
}

const scratch = new Packet()

/** What an outcome says of each expected fact, in the words of the expectation where they agree. */
export function answerTo(expected: readonly string[], outcome: Outcome): string[] {
  let frames = 0
  return expected.map((fact) => {
    const [kind] = fact.split(' ')
    switch (kind) {
      case 'hits':
        return ['hits', ...outcome.hits.map(printRuleRef)].join(' ')
      case 'policies':
        return ['policies', ...outcome.policies].join(' ')
      case 'delivered':
      case 'not':
        return outcome.delivered ? 'delivered' : 'not delivered'
      case 'sent':
        return fact === 'sent nothing' && outcome.sent.length === 0 ? fact : sentAs(fact, outcome, frames++)
      default:
        return `${outcome.verdict} by ${outcome.by}`
    }
  })
}

function sentAs(fact: string, { sent }: Outcome, index: number): string {
  const frame = sent[index]
  if (frame === undefined) return 'sent no more'
  decodeFrame(scratch, frame.bytes)
  const line = describePacket(scratch, frame.if, { link: fact.includes('mac=') })
  const actual = printPacketLine(line)
  if (fact === 'sent nothing') return `sent ${actual}`
  const wanted = printPacketLine(parseLine(fact.slice('sent '.length), line))
  return wanted === actual ? fact : `sent ${actual}`
}
