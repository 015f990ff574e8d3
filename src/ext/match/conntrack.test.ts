import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, addressOf, type Family } from '../../net/address.ts'
import { decodeIp } from '../../net/decode.ts'
import { encodeIpv4, encodeIpv6 } from '../../net/encode.ts'
import { Packet } from '../../net/packet.ts'
import { newSpace } from '../../space/packet-space.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { Connection, ConntrackState, HookContext, Skb, Tuple } from '../context.ts'
import { pointOf } from '../facts.ts'
import { conntrack } from './conntrack.ts'

const text4 = {
  '--ctstate new,n,E': '--ctstate NEW,ESTABLISHED',
  '! --ctstate U,D,S,E,R,N,I': '! --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT',
  '--ctstate wrong': 'error conntrack/unknown-state',
  '--ctstate ""': 'error conntrack/unknown-state',
  '--ctproto tcp': '--ctproto 6',
  '! --ctproto all': '! --ctproto 0',
  '--ctproto 256': 'error conntrack/unknown-protocol',
  '--ctorigsrc 1.2.3.4/24': '--ctorigsrc 1.2.3.4/24',
  '! --ctorigdst 1.2.3.4/255.0.255.0': '! --ctorigdst 1.2.3.4',
  '--ctreplsrc 0.0.0.0/0': '--ctreplsrc 0.0.0.0/0',
  '--ctreplsrc 10/8': '--ctreplsrc 0.0.0.10/8',
  '--ctrepldst 1.2.3.4/32': '--ctrepldst 1.2.3.4',
  '--ctorigsrcport 80': '--ctorigsrcport 80',
  '--ctorigsrcport 5:0': '--ctorigsrcport 5',
  '--ctorigsrcport :90': '--ctorigsrcport 0:90',
  '--ctorigsrcport 80:': '--ctorigsrcport 80:65535',
  '! --ctorigdstport 90:80': '! --ctorigdstport 90:80',
  '--ctreplsrcport ssh:http': '--ctreplsrcport 22:80',
  '--ctrepldstport 70000': '--ctrepldstport 4464',
  '--ctstatus NONE': '--ctstatus NONE',
  '--ctstatus NONE,a': '--ctstatus ASSURED',
  '! --ctstatus CONFIRMED,EXPECTED,s': '! --ctstatus EXPECTED,SEEN_REPLY,CONFIRMED',
  '--ctstatus ""': 'error conntrack/unknown-status',
  '--ctexpire 5:3': '--ctexpire 5:3',
  '--ctexpire 5:': '--ctexpire 5:4294967295',
  '! --ctexpire 0x10': '! --ctexpire 16',
  '--ctexpire 42949672956': 'error conntrack/out-of-range',
  '--ctexpire -1': 'error conntrack/out-of-range',
  '--ctdir original': '--ctdir ORIGINAL',
  '--ctdir REPL': 'error conntrack/unknown-direction',
  '-m conntrack': 'error conntrack/no-condition',
  '--ctdir REPLY --ctexpire 1 --ctstatus a --ctrepldstport 1 --ctreplsrcport 2 --ctorigdstport 3 --ctorigsrcport 4 --ctrepldst 1.1.1.1 --ctreplsrc 2.2.2.2 --ctorigdst 3.3.3.3 --ctorigsrc 4.4.4.4 --ctproto tcp --ctstate NEW':
    '--ctstate NEW --ctproto 6 --ctorigsrc 4.4.4.4 --ctorigdst 3.3.3.3 --ctreplsrc 2.2.2.2 --ctrepldst 1.1.1.1 --ctorigsrcport 4 --ctorigdstport 3 --ctreplsrcport 2 --ctrepldstport 1 --ctstatus ASSURED --ctexpire 1 --ctdir REPLY',
}

const text6 = {
  '--ctorigsrc fd00::1/64': '--ctorigsrc fd00::1/64',
  '! --ctorigdst fd00::1': '! --ctorigdst fd00::1',
  '--ctreplsrc ::/0': '--ctreplsrc ::/0',
  '--ctrepldst fd00::/ffff:0:ffff::': '--ctrepldst fd00::',
  '--ctorigsrc 1.2.3.4': 'error conntrack/bad-address',
}

describeMatch(conntrack, {
  family: 'ipv4',
  text: text4,
  lossy: ['! --ctorigdst 1.2.3.4/255.0.255.0', '--ctorigsrcport 5:0'],
})
describeMatch(conntrack, {
  family: 'ipv6',
  text: text6,
  lossy: ['--ctrepldst fd00::/ffff:0:ffff::'],
})

// --- Connections

const context = { nowNs: 0n, in: null, out: null } as HookContext

const anyAddress = (family: Family, near: readonly number[]): fc.Arbitrary<Address> =>
  family === 'ipv4'
    ? fc.constantFrom(...near).map((word) => addressOf('ipv4', [word]))
    : fc.constantFrom(...near).map((word) => addressOf('ipv6', [0xfd000000, word & 1, 0, word & 3]))

const near = [0x01020304, 0x01020305, 0x01020a04, 0x01010101, 0x02020202, 0]
const anyTuple = (family: Family): fc.Arbitrary<Tuple> =>
  fc.record({
    source: anyAddress(family, near),
    destination: anyAddress(family, near),
    protocol: fc.constantFrom(0, 1, 6, 17),
    sourcePort: fc.constantFrom(0, 1, 22, 80, 85, 90, 4464, 65535),
    destinationPort: fc.constantFrom(0, 3, 5, 22, 80, 85, 90, 4464, 65535),
  })

const plain = {
  zone: { id: 0, direction: 'both' },
  helper: null,
  master: null,
  counters: null,
  labels: null,
  template: null,
} as const

const anyConnection = (family: Family): fc.Arbitrary<Connection> =>
  fc
    .record({
      original: anyTuple(family),
      reply: anyTuple(family),
      status: fc.nat(63),
      mark: fc.constant(0),
      seconds: fc.constantFrom(0, 1, 4, 5, 16, 100),
    })
    .map(({ seconds, ...connection }) => ({ ...plain, ...connection, timeoutSeconds: () => seconds }))

const states: readonly ConntrackState[] = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED']

const anyConntrack = (family: Family): fc.Arbitrary<Skb['conntrack']> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(null) },
    {
      weight: 5,
      arbitrary: fc
        .tuple(fc.constantFrom(...states), fc.boolean(), anyConnection(family))
        .map(([state, isReply, connection]) => ({
          state,
          isReply,
          connection: state === 'INVALID' || state === 'UNTRACKED' ? null : connection,
        })),
    },
  )

function packetIn(family: Family): Packet {
  const ends = { source: addressOf(family, [1, 0, 0, 0]), destination: addressOf(family, [2, 0, 0, 0]) }
  const packet = new Packet()
  if (family === 'ipv4') decodeIp(packet, encodeIpv4({ ...ends, protocol: 6 }, new Uint8Array(20)))
  else decodeIp(packet, encodeIpv6({ ...ends, nextHeader: 6 }, new Uint8Array(20)))
  return packet
}

describe.each([
  ['ipv4', text4],
  ['ipv6', text6],
] as const)('connections in %s', (family, texts) => {
  const options = Object.entries(texts).flatMap(([text, canonical]) =>
    canonical.startsWith('error ') ? [] : [text],
  )
  const space = newSpace(family)
  const rules = [...options, ...options.map((text) => `--ctstate NEW,DNAT ${text}`)]
    .filter((text) => !/--ctstate .*--ctstate /.test(text))
    .map((text) => {
      const data = readOptions(conntrack, text, { family })
      return { text, data, bounds: conntrack.analyse(data, space) }
    })
  const packet = packetIn(family)

  it('are judged as the analysis says, and misses have reasons', () => {
    fc.assert(
      fc.property(anyConntrack(family), fc.boolean(), (tracked, untracked) => {
        const skb = { packet, conntrack: tracked, untracked, mark: 0, socket: null } as unknown as Skb
        const point = pointOf(skb, context, space.facts)
        for (const { text, data, bounds } of rules) {
          const matched = conntrack.evaluate(data, skb, context, undefined)
          expect({ text, matched }).toEqual({ text, matched: bounds.must.has(point) })
          expect(bounds.may.equals(bounds.must)).toBe(true)
          if (!matched) expect(conntrack.explain!(data, skb, context, undefined)).toMatch(/^\S.*\S$/)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('one connection', () => {
  const tuple = (
    source: string,
    destination: string,
    sourcePort: number,
    destinationPort: number,
  ): Tuple => ({
    source: readOptions(conntrack, `--ctorigsrc ${source}`).asks[0]!.value.address,
    destination: readOptions(conntrack, `--ctorigsrc ${destination}`).asks[0]!.value.address,
    protocol: 6,
    sourcePort,
    destinationPort,
  })
  const connection: Connection = {
    ...plain,
    original: tuple('192.0.2.7', '203.0.113.1', 40000, 80),
    reply: tuple('10.0.0.5', '192.0.2.7', 8080, 40000),
    status: 2 + 4 + 8 + 32,
    mark: 0,
    timeoutSeconds: () => 431999,
  }
  const skbOf = (tracked: Skb['conntrack']) => ({ conntrack: tracked, untracked: false }) as Skb
  const reply = skbOf({ state: 'ESTABLISHED', isReply: true, connection })
  const invalid = skbOf({ state: 'INVALID', isReply: false, connection: null })

  it.each([
    ['--ctstate ESTABLISHED', 'yes'],
    ['--ctstate DNAT', 'yes'],
    ['--ctstate SNAT', 'no'],
    ['! --ctstate ESTABLISHED', 'no'],
    ['--ctproto 6', 'yes'],
    ['--ctorigsrc 192.0.2.0/24', 'yes'],
    ['! --ctorigsrc 192.0.2.0/24', 'no'],
    ['--ctorigdst 10.0.0.5', 'no'],
    ['--ctreplsrc 10.0.0.5', 'yes'],
    ['--ctrepldst 192.0.2.7', 'yes'],
    ['--ctorigsrcport 40000', 'yes'],
    ['--ctorigdstport 80:90', 'yes'],
    ['--ctorigdstport 90:80', 'no'],
    ['--ctreplsrcport 8080', 'yes'],
    ['--ctrepldstport 1', 'no'],
    ['--ctstatus EXPECTED,ASSURED', 'yes'],
    ['--ctstatus NONE', 'no'],
    ['! --ctstatus NONE', 'yes'],
    ['--ctexpire 431999', 'yes'],
    ['--ctexpire 0:60', 'no'],
    ['--ctdir REPLY', 'yes'],
    ['--ctdir ORIGINAL', 'no'],
    ['--ctstate ESTABLISHED --ctproto 17', 'no'],
  ])('%s: %s', (options, expected) => {
    const matched = conntrack.evaluate(readOptions(conntrack, options), reply, context, undefined)
    expect(matched ? 'yes' : 'no').toBe(expected)
  })

  // Seen on Linux 6.18 with NOTRACK and in raw.
  it.each([
    ['--ctstate INVALID', 'yes'],
    ['--ctstate INVALID --ctproto 99', 'yes'],
    ['! --ctstate NEW --ctdir REPLY', 'yes'],
    ['--ctstate NEW --ctproto 6', 'no'],
    ['--ctproto 6', 'no'],
    ['! --ctproto 6', 'no'],
    ['! --ctstatus ASSURED', 'no'],
  ])('none at all: %s: %s', (options, expected) => {
    const matched = conntrack.evaluate(readOptions(conntrack, options), invalid, context, undefined)
    expect(matched ? 'yes' : 'no').toBe(expected)
  })
})
