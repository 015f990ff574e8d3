import { describe, expect, test } from 'vitest'
import type { Hook } from '../../lang/rule.ts'
import { hooks } from '../../lang/rule.ts'
import { parseAddress } from '../../net/address.ts'
import { encodeIpv4 } from '../../net/encode.ts'
import { decodeIp, Packet } from '../../net/index.ts'
import type { RuleTarget, TableCounters } from './_counters.ts'
import { CounterDifference, derive, type StepPacket } from './_derive.ts'
import { type Arrivals, kindsOf, type PacketKind, packetKinds } from './_helper-table.ts'

/** One base chain of the filter table after a step: targets with how often they were met, and the policy's count. */
type ChainSketch = readonly [
  name: string,
  policy: number,
  ...rules: (readonly [target: string, times: number])[],
]

const targetOf = (word: string): RuleTarget => {
  if (word === 'ACCEPT') return { kind: 'accept' }
  if (word === 'DROP') return { kind: 'drop' }
  if (word === '') return { kind: 'none' }
  if (word === 'REJECT') return { kind: 'extension', name: 'REJECT' }
  return { kind: 'chain', chain: word, goto: false }
}

function tableOf(sketch: readonly ChainSketch[], isBefore: boolean): TableCounters {
  return {
    family: 'ipv4',
    name: 'filter',
    chains: sketch.map(([name, policy, ...rules]) => ({
      name,
      policy: hooks.includes(name as Hook)
        ? { verdict: 'accept' as const, packets: isBefore ? 0 : policy }
        : null,
      rules: rules.map(([target, times]) => ({ packets: isBefore ? 0 : times, target: targetOf(target) })),
    })),
  }
}

/** `OUTPUT 2/1 other`: two came, one passed. */
function arrivalsOf(lines: readonly string[], begunByHost: number): Arrivals {
  const places = () =>
    Object.fromEntries(
      hooks.map((hook) => [hook, Object.fromEntries(packetKinds.map((kind) => [kind, 0]))]),
    ) as Record<Hook, Record<PacketKind, number>>
  const [entered, left] = [places(), places()]
  for (const line of lines) {
    const [, hook, came, passed, kind] = /^(\w+) (\d+)\/(\d+) (\w+)$/.exec(line)!
    entered[hook as Hook][kind as PacketKind] = Number(came)
    left[hook as Hook][kind as PacketKind] = Number(passed)
  }
  return { entered, left, begunByHost }
}

const sent: StepPacket = { origin: 'send', kinds: ['other'], emitted: [] }
const received: StepPacket = { origin: 'receive', kinds: ['other'], emitted: [] }

const cases: readonly (readonly [
  name: string,
  packet: StepPacket,
  chains: readonly ChainSketch[],
  places: readonly string[],
  begunByHost: number,
  expected: string,
])[] = [
  [
    'a packet that is delivered',
    received,
    [['INPUT', 1, ['', 1], ['DROP', 0]]],
    ['PREROUTING 1/1 other', 'INPUT 1/1 other'],
    0,
    'accept by policy, delivered',
  ],
  [
    'an answer that is dropped on the chain that rejected its cause',
    sent,
    [['OUTPUT', 0, ['DROP', 1], ['REJECT', 1]]],
    ['OUTPUT 1/0 other', 'OUTPUT 1/0 error'],
    1,
    'reject by filter/OUTPUT:2',
  ],
  [
    'the same the other way round is impossible where an answer came',
    sent,
    [
      ['OUTPUT', 1, ['REJECT', 1]],
      ['INPUT', 1],
    ],
    ['OUTPUT 1/0 other', 'OUTPUT 1/1 error', 'INPUT 1/1 error'],
    1,
    'reject by filter/OUTPUT:1',
  ],
  [
    'a reset that a REJECT refuses too',
    sent,
    [
      ['OUTPUT', 1, ['', 2]],
      ['INPUT', 0, ['REJECT', 1]],
    ],
    ['OUTPUT 1/1 other', 'POSTROUTING 1/1 other', 'PREROUTING 1/1 other', 'OUTPUT 1/0 error'],
    1,
    'drop by host, a guess',
  ],
  [
    'two explanations',
    sent,
    [['OUTPUT', 0, ['DROP', 1], ['DROP', 1]]],
    ['OUTPUT 1/0 other', 'OUTPUT 1/0 error'],
    1,
    'drop by filter/OUTPUT:1, a guess',
  ],
  [
    'a chain called twice, in an order that one rule settles',
    received,
    [
      ['INPUT', 0, ['a', 1], ['a', 1], ['DROP', 1]],
      ['a', 0, ['', 2], ['ACCEPT', 0]],
    ],
    ['PREROUTING 1/1 other', 'INPUT 1/0 other'],
    0,
    'drop by filter/INPUT:3',
  ],
  ['a packet lost between hooks', received, [['INPUT', 0]], ['PREROUTING 1/1 other'], 0, 'drop by host'],
  [
    'a packet that a match could not read',
    received,
    [['INPUT', 0, ['', 1]]],
    ['PREROUTING 1/1 other', 'INPUT 1/0 other'],
    0,
    'drop by host, a guess',
  ],
  [
    'a router that hears its own answer to a broadcast address',
    received,
    [
      ['OUTPUT', 1],
      ['INPUT', 1],
    ],
    [
      'PREROUTING 1/1 other',
      'OUTPUT 1/1 error',
      'POSTROUTING 2/2 error',
      'PREROUTING 1/1 error',
      'INPUT 1/1 error',
    ],
    1,
    'drop by host',
  ],
  [
    'a fragment whose error comes back to the host that forwards it nowhere',
    { origin: 'receive', kinds: kindsOf(firstFragment(20)), emitted: [] },
    [['INPUT', 1]],
    [
      'PREROUTING 1/1 other',
      'OUTPUT 1/1 error',
      'POSTROUTING 1/1 error',
      'PREROUTING 1/1 error',
      'INPUT 1/1 error',
    ],
    1,
    'drop by host',
  ],
  [
    'the same where nothing of the fragment says what it is part of',
    { origin: 'receive', kinds: kindsOf(firstFragment(8)), emitted: [] },
    [['INPUT', 1]],
    ['PREROUTING 1/1 other', 'OUTPUT 1/1 reset', 'PREROUTING 1/1 reset', 'INPUT 1/1 reset'],
    1,
    'accept by policy, delivered, a guess',
  ],
]

function firstFragment(length: number): Packet {
  const packet = new Packet()
  const [source, destination] = [parseAddress('192.0.2.1')!, parseAddress('192.0.2.2')!]
  decodeIp(
    packet,
    encodeIpv4({ source, destination, protocol: 6, moreFragments: true }, new Uint8Array(length)),
  )
  return packet
}

describe('what became of a packet, from counters', () => {
  test.for(cases)('%s', ([, packet, chains, places, begunByHost, expected]) => {
    const difference = new CounterDifference([tableOf(chains, true)], [tableOf(chains, false)], 'ipv4')
    const { verdict, by, delivered, certain } = derive(packet, difference, arrivalsOf(places, begunByHost))
    const said = [`${verdict} by ${by}`, ...(delivered ? ['delivered'] : []), ...(certain ? [] : ['a guess'])]
    expect(said.join(', ')).toBe(expected)
  })
})
