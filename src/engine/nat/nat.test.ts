import { describe, expect, test } from 'vitest'
import type { NatRange, Skb } from '../../ext/context.ts'
import type { Hook } from '../../lang/rule.ts'
import { parseAddress } from '../../net/address.ts'
import { decodeIp } from '../../net/decode.ts'
import { describePacket, printPacketLine } from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import { skbOf } from '../conntrack/_testing/timeline.ts'
import type { ConntrackInfo } from '../conntrack/conntrack.ts'
import { Conntrack } from '../conntrack/conntrack.ts'
import { readSettings } from '../conntrack/settings.ts'
import { manipulationAt, Nat } from './nat.ts'

const unchanged: NatRange = {
  addresses: null,
  ports: null,
  basePort: null,
  random: false,
  randomFully: false,
  persistent: false,
}

/** `ADDRESS[-ADDRESS][:PORT[-PORT[/BASE]]]`. */
function rangeOf(text: string): NatRange {
  const [, from, to, low, high, base] = /^([\d.]*)(?:-([\d.]+))?(?::(\d+)(?:-(\d+)(?:\/(\d+))?)?)?$/.exec(
    text,
  )!
  return {
    ...unchanged,
    addresses: from === '' ? null : { min: parseAddress(from!)!, max: parseAddress(to ?? from!)! },
    ports: low === undefined ? null : { min: Number(low), max: Number(high ?? low) },
    basePort: base === undefined ? null : Number(base),
  }
}

type Rules = Readonly<Partial<Record<Hook, string>>>

/** A router: packets pass PREROUTING and POSTROUTING, and what `rules` say is done to those that begin a connection. */
class Gateway {
  readonly conntrack = new Conntrack(readSettings(250), 3)
  readonly #nat: Nat
  readonly #rules: Rules
  /** Random numbers that the translation asked for. */
  asked = 0

  constructor(rules: Rules) {
    this.#rules = rules
    this.#nat = new Nat(this.conntrack, () => 1000 * this.asked++)
  }

  pass(line: string, nowNs = 0n): string {
    const skb = skbOf(`eth0 ${line}`)
    this.conntrack.in(skb, 'PREROUTING', nowNs)
    for (const hook of ['PREROUTING', 'POSTROUTING'] as const) {
      if (!this.#translate(skb, hook, nowNs)) return 'dropped'
    }
    return this.conntrack.confirm(skb, nowNs) === 'drop' ? 'dropped' : print(skb)
  }

  #translate(skb: Skb, hook: Hook, nowNs: bigint): boolean {
    const info = skb.conntrack as ConntrackInfo
    const { connection, state } = info
    if (connection === null) return true
    const manipulation = manipulationAt(hook)
    if (state === 'NEW' && !this.#nat.isSettled(connection, manipulation)) {
      const rule = this.#rules[hook]
      if (rule === undefined) this.#nat.settleUnchanged(connection, manipulation, nowNs)
      else this.#nat.settle(connection, rangeOf(rule), manipulation, nowNs)
    }
    return this.#nat.apply(skb.packet, info, hook)
  }
}

function print({ packet }: Skb): string {
  const again = new Packet()
  decodeIp(again, packet.bytes)
  expect(again.defect).toBeNull()
  return printPacketLine(describePacket(again, 'eth0', { brief: true })).replace(/^eth0 /, '')
}

test('a source is translated, and its answers and errors are translated back', () => {
  const gateway = new Gateway({ POSTROUTING: '203.0.113.1' })
  expect(gateway.pass('udp 192.168.1.9:4000 > 198.51.100.7:53')).toBe(
    'udp 203.0.113.1:4000 > 198.51.100.7:53',
  )
  expect(gateway.pass('udp 198.51.100.7:53 > 203.0.113.1:4000')).toBe(
    'udp 198.51.100.7:53 > 192.168.1.9:4000',
  )
  expect(
    gateway.pass('icmp 192.0.2.1 > 203.0.113.1 host-unreachable [ udp 203.0.113.1:4000 > 198.51.100.7:53 ]'),
  ).toBe('icmp 192.0.2.1 > 192.168.1.9 host-unreachable [ udp 192.168.1.9:4000 > 198.51.100.7:53 ]')
  expect(gateway.pass('udp 198.51.100.8:53 > 203.0.113.1:4000')).toBe('udp 203.0.113.1:53 > 203.0.113.1:4000')
})

test('a destination with its port', () => {
  const gateway = new Gateway({ PREROUTING: '192.168.1.9:8080' })
  expect(gateway.pass('tcp 198.51.100.7:4000 > 203.0.113.1:80 syn seq=1')).toBe(
    'tcp 198.51.100.7:4000 > 192.168.1.9:8080 syn seq=1',
  )
  expect(gateway.pass('tcp 192.168.1.9:8080 > 198.51.100.7:4000 syn-ack seq=5 ack=2')).toBe(
    'tcp 203.0.113.1:80 > 198.51.100.7:4000 syn-ack seq=5 ack=2',
  )
  expect(
    gateway.pass(
      'icmp 192.168.1.9 > 198.51.100.7 port-unreachable [ tcp 198.51.100.7:4000 > 192.168.1.9:8080 syn seq=1 ]',
    ),
  ).toBe(
    'icmp 203.0.113.1 > 198.51.100.7 port-unreachable [ tcp 198.51.100.7:4000 > 203.0.113.1:80 syn seq=1 ]',
  )
})

describe('ports', () => {
  test('of a destination count up while they are taken', () => {
    const gateway = new Gateway({ PREROUTING: '192.168.1.9:8000-8002' })
    const knock = (port: number): string => gateway.pass(`udp 198.51.100.7:4000 > 203.0.113.1:${port}`)
    expect([80, 81, 82].map(knock).map((line) => /9:(\d+)/.exec(line)![1])).toEqual(['8000', '8001', '8002'])
    // None is left: the last one tried stays, and so the source has to give way behind routing.
    expect(knock(83)).toBe('udp 198.51.100.7:1024 > 192.168.1.9:8002')
    expect(gateway.conntrack.count).toBe(4)
  })

  test('may be shifted', () => {
    const gateway = new Gateway({ PREROUTING: '192.168.1.9:8000-8100/50' })
    expect(gateway.pass('udp 198.51.100.7:4000 > 203.0.113.1:53')).toBe(
      'udp 198.51.100.7:4000 > 192.168.1.9:8003',
    )
  })

  test('of a source stay while they are free, and are chosen by chance when not', () => {
    const gateway = new Gateway({ POSTROUTING: '203.0.113.1' })
    expect(gateway.pass('udp 192.168.1.9:4000 > 198.51.100.7:53')).toContain('203.0.113.1:4000 >')
    expect(gateway.asked).toBe(0)
    expect(gateway.pass('udp 192.168.1.10:4000 > 198.51.100.7:53')).toContain('203.0.113.1:1024 >')
    expect(gateway.pass('udp 192.168.1.11:500 > 198.51.100.7:53')).toContain('203.0.113.1:500 >')
    expect(gateway.pass('udp 192.168.1.12:500 > 198.51.100.7:53')).toMatch(/203\.0\.113\.1:(\d{1,3}) >/)
    // Another destination: the port is free there.
    expect(gateway.pass('udp 192.168.1.12:4000 > 198.51.100.8:53')).toContain('203.0.113.1:4000 >')
  })

  test('a source that was mapped keeps its mapping for other destinations', () => {
    const gateway = new Gateway({ POSTROUTING: '203.0.113.1' })
    gateway.pass('udp 192.168.1.9:4000 > 198.51.100.7:53')
    expect(gateway.pass('udp 192.168.1.10:4000 > 198.51.100.7:53')).toContain('203.0.113.1:1024 >')
    expect(gateway.pass('udp 192.168.1.10:4000 > 198.51.100.9:53')).toContain('203.0.113.1:1024 >')
  })
})

test('an untranslated connection gives way to one that has its looks', () => {
  const gateway = new Gateway({ POSTROUTING: '203.0.113.1' })
  gateway.pass('udp 192.168.1.9:4000 > 198.51.100.7:53')
  const plain = new Gateway({})
  plain.pass('udp 192.168.1.9:4000 > 198.51.100.7:53')
  expect(plain.asked).toBe(0)
  // The host itself, from the address and port that the other was given.
  expect(gateway.pass('udp 203.0.113.1:4000 > 198.51.100.7:53')).toContain('203.0.113.1:1024 >')
})

test('a range of addresses is picked from by both ends, or by the client alone', () => {
  const picked = (range: NatRange, destination: string): string => {
    const conntrack = new Conntrack(readSettings(250), 3)
    const skb = skbOf(`eth0 udp 192.168.1.9:4000 > ${destination}:53`)
    conntrack.in(skb, 'PREROUTING', 0n)
    const info = skb.conntrack as ConntrackInfo
    const nat = new Nat(conntrack, () => 0)
    nat.settle(info.connection!, range, 'source', 0n)
    nat.apply(skb.packet, info, 'POSTROUTING')
    return /udp (\S+):/.exec(print(skb))![1]!
  }
  const range = rangeOf('203.0.113.16-203.0.113.31')
  const destinations = Array.from({ length: 20 }, (_, at) => `198.51.100.${at + 1}`)
  expect(new Set(destinations.map((to) => picked(range, to))).size).toBeGreaterThan(5)
  expect(new Set(destinations.map((to) => picked({ ...range, persistent: true }, to))).size).toBe(1)
})

test('a closed connection in the way of a new SYN is removed', () => {
  const gateway = new Gateway({ POSTROUTING: '203.0.113.1:5000' })
  for (const line of [
    '192.168.1.9:4000 > 198.51.100.7:80 syn seq=100',
    '198.51.100.7:80 > 203.0.113.1:5000 syn-ack seq=500 ack=101',
    '192.168.1.9:4000 > 198.51.100.7:80 fin-ack seq=101 ack=501',
    '198.51.100.7:80 > 203.0.113.1:5000 fin-ack seq=501 ack=102',
    '192.168.1.9:4000 > 198.51.100.7:80 ack seq=102 ack=502',
  ]) {
    expect(gateway.pass(`tcp ${line}`)).not.toBe('dropped')
  }
  // Sequence numbers that the old connection may still answer: no room, and TCP does not share.
  expect(gateway.pass('tcp 192.168.1.10:4000 > 198.51.100.7:80 syn seq=50')).toBe('dropped')
  expect(gateway.pass('tcp 192.168.1.10:4000 > 198.51.100.7:80 syn seq=9000')).toContain('203.0.113.1:5000 >')
  expect(gateway.conntrack.count).toBe(1)
})
