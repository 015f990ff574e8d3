/** REJECT end to end: what the host sends back, held to frames that the kernel sent. */
import { describe, expect, it } from 'vitest'
import { registry } from '../ext/registry.ts'
import { parseRuleText } from '../lang/parse-rule.ts'
import { newRuleset, newTable } from '../lang/rule.ts'
import { type Family, parseAddress, parsePrefix } from '../net/address.ts'
import { encodeFrame, encodeIpv4, encodeIpv6, encodeTcp, encodeUdp } from '../net/encode.ts'
import { rejectedFrames } from './_testing/rejected-frames.ts'
import { bareHost, type HostConfig, type InterfaceConfig, parseMac } from './config.ts'
import { Host } from './host.ts'

const device = (name: string, mac: string, ...addresses: string[]): InterfaceConfig => ({
  name,
  mac: parseMac(mac)!,
  mtu: 1500,
  addresses: addresses.map((text) => parsePrefix(text)!),
})

const config: HostConfig = {
  ...bareHost,
  interfaces: [
    device('tap0', '02:00:00:00:00:01', '10.0.0.1/24', '10.0.0.9/24', 'fd00::1/64', 'fd00::99/64'),
    device('tap1', '02:00:00:00:01:01', '10.1.0.1/24', 'fd01::1/64'),
  ],
  forwarding: { ipv4: true, ipv6: true },
}

const hostWith = (family: Family, chain: string, rule: string): Host => hostOf(family, { [chain]: rule })

function hostOf(family: Family, rules: Readonly<Record<string, string>>): Host {
  const host = new Host(config)
  const ruleset = newRuleset(family)
  const filter = newTable('filter')
  for (const [chain, rule] of Object.entries(rules)) {
    filter.chains.get(chain)!.rules.push(...parseRuleText(rule, { family, syntax: registry, chain }).rules)
  }
  ruleset.tables.set('filter', filter)
  expect(host.load(ruleset)).toEqual([])
  return host
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g)!, (digits) => Number.parseInt(digits, 16))

/** The id of an ICMP error is the host's to choose, and with it the header's checksum. */
function withoutId(frame: Uint8Array): Uint8Array {
  const copy = frame.slice()
  if (copy[12] === 8 && copy[13] === 0 && copy[23] === 1) {
    copy.fill(0, 18, 20)
    copy.fill(0, 24, 26)
  }
  return copy
}

describe('the kernel and the host answer alike', () => {
  it.each(rejectedFrames)('$chain $rule: $hex', ({ chain, rule, hex, answer }) => {
    const family = hex.slice(24, 28) === '0800' ? 'ipv4' : 'ipv6'
    const { sent, verdict } = hostWith(family, chain, rule).receive(bytesOf(hex), 'tap0', 0n)
    expect(sent.map((frame) => [frame.if, hexOf(withoutId(frame.bytes))])).toEqual(
      answer === null ? [] : [answer],
    )
    expect(verdict).toBe(answer === null ? 'drop' : 'reject')
  })

  it('has every kind of answer among them', () => {
    const kinds = rejectedFrames
      .filter(({ answer }) => answer !== null)
      .map(({ rule }) => rule.split(' ').at(-1))
    expect(new Set(kinds).size).toBe(14)
  })
})

describe('a long packet is quoted up to', () => {
  const payload = new Uint8Array(1400).fill(7)
  const ports = { sourcePort: 5, destinationPort: 9 }
  const link = { destination: parseMac('02:00:00:00:00:01')!, source: parseMac('02:00:00:00:00:02')! }

  it('576 bytes in all, in IPv4', () => {
    const ends = { source: parseAddress('10.0.0.2')!, destination: parseAddress('10.0.0.1')! }
    const packet = encodeIpv4({ ...ends, protocol: 17 }, encodeUdp(ports, payload, ends))
    const frame = encodeFrame({ ...link, etherType: 0x800 }, packet)
    const { sent } = hostWith('ipv4', 'INPUT', '-j REJECT').receive(frame, 'tap0', 0n)
    expect(sent.map(({ bytes }) => bytes.length)).toEqual([14 + 576])
  })

  it('1280 bytes in all, in IPv6', () => {
    const ends = { source: parseAddress('fd00::2')!, destination: parseAddress('fd00::1')! }
    const packet = encodeIpv6({ ...ends, nextHeader: 17 }, encodeUdp(ports, payload, ends))
    const frame = encodeFrame({ ...link, etherType: 0x86dd }, packet)
    const { sent } = hostWith('ipv6', 'INPUT', '-j REJECT').receive(frame, 'tap0', 0n)
    expect(sent.map(({ bytes }) => bytes.length)).toEqual([14 + 1280])
  })
})

describe('answers pass OUTPUT', () => {
  const seen = { OUTPUT: '-m recent --set --rdest --name out' }
  const ends = { source: parseAddress('10.0.0.2')!, destination: parseAddress('10.0.0.1')! }
  const link = { destination: parseMac('02:00:00:00:00:01')!, source: parseMac('02:00:00:00:00:02')! }
  const tcp = encodeTcp({ sourcePort: 5, destinationPort: 9, flags: 2 }, new Uint8Array(0), ends)
  const frame = encodeFrame({ ...link, etherType: 0x800 }, encodeIpv4({ ...ends, protocol: 6 }, tcp))

  // Measured: a packet without socket counts one hop more wherever it has an outgoing device.
  it.each([
    ['-p tcp -j REJECT --reject-with tcp-reset', 65],
    ['-j REJECT', 64],
  ])('%s is seen there with TTL %d', (rule, ttl) => {
    const host = hostOf('ipv4', { ...seen, INPUT: rule })
    host.receive(frame, 'tap0', 0n)
    expect(host.recent.readAll()).toEqual({ out: [`src=10.0.0.2 ttl: ${ttl} last_seen: 0 oldest_pkt: 1 0`] })
  })

  it('and can be dropped there', () => {
    const host = hostOf('ipv4', { INPUT: '-j REJECT', OUTPUT: '-j DROP' })
    expect(host.receive(frame, 'tap0', 0n).sent).toEqual([])
  })
})
