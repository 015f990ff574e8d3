/**
 * Damaged packets through a real Linux router: what its receive path drops is what `defect` says, and where ip6_tables
 * finds the transport header is where we find it.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  concatBytes,
  decodeFrame,
  describePacket,
  encodeFrame,
  encodePacketLine,
  ipProtocol,
  ipv4Option,
  Packet,
  parsePacketLine,
  printPacketLine,
  refreshIpv4Checksum,
} from '../../src/net/index.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'
import { Router, routerUnavailable } from './router.ts'

const unavailable = routerUnavailable()
const routerMac = Uint8Array.of(2, 0, 0, 0, 0, 1)
const clientMac = Uint8Array.of(2, 0, 0, 0, 1, 7)
const knownPort = 4242
/** Those that changes of bytes often make. */
const askedProtocols = [1, 4, 6, 17, 50, 58, 59, 132, 253, 255]

// --- Frames: a good packet, some of its bytes changed, cut or padded, and sometimes tagged.

const four = '203.0.113.7 > 203.0.113.1'
const six = '2001:db8:1::7 > 2001:db8:1::1'
const udpEnds = { ipv4: '203.0.113.7:4242 > 203.0.113.1:9', ipv6: '[2001:db8:1::7]:4242 > [2001:db8:1::1]:9' }

const good = {
  ipv4: fc.constantFrom(
    `proto=253 ${four} payload="abcdefgh"`,
    `udp ${udpEnds.ipv4} payload="abcdefgh"`,
    `udp ${udpEnds.ipv4} frag=0+ payload="abcdefgh"`,
    `udp ${four} frag=1 payload="abcdefgh"`,
    ...[
      '94040000',
      '07070400000000',
      '83070400000000',
      '440c0500',
      '440c0501',
      '0101',
      '86050000',
      '0000ff',
    ].map((options) => `proto=253 ${four} opts=${options.padEnd(24, '0')} payload="abcdefgh"`),
  ),
  ipv6: fc.constantFrom(
    `proto=253 ${six} payload="abcdefgh"`,
    `udp ${udpEnds.ipv6} payload="abcdefgh"`,
    ...[
      'hop',
      'dst',
      'route',
      'ah',
      'hop,route,dst,ah',
      'dst,hop',
      'hop:3e04000000000502000001000000',
    ].flatMap((list) => [
      `udp ${udpEnds.ipv6} ext=${list} payload="abcdefgh"`,
      `udp ${udpEnds.ipv6} ext=${list} frag=0+ payload="abcdefgh"`,
      `udp ${six} ext=${list} frag=1 payload="abcdefgh"`,
      `udp ${udpEnds.ipv6} ext=frag,${list} frag=0+ payload="abcdefgh"`,
    ]),
    ...['hop', 'dst', 'frag'].map(
      (list) => `proto=59 ${six} frag=3+ ext=${list === 'frag' ? '' : `${list},`}frag`,
    ),
  ),
}

const change = fc.oneof(
  { weight: 8, arbitrary: fc.record({ place: fc.nat(120), value: fc.oneof(fc.nat(255), likelyBytes()) }) },
  // The low byte of the IPv6 payload length: 0 before hop-by-hop options is a case of its own.
  { weight: 1, arbitrary: fc.constant({ place: 5, value: 0 }) },
)

/** Protocols, extension headers, and the ends of the range. */
function likelyBytes() {
  return fc.constantFrom(0, 1, 6, 17, 43, 44, 51, 59, 60, 4, 255)
}

const damaged = (family: 'ipv4' | 'ipv6') =>
  fc
    .record({
      text: good[family],
      changes: fc.array(change, { maxLength: 3 }),
      cut: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }),
      padding: fc.oneof(fc.constant(0), fc.nat(30)),
      mendsChecksum: fc.oneof(
        { weight: 5, arbitrary: fc.constant(true) },
        { weight: 1, arbitrary: fc.constant(false) },
      ),
      tags: fc.constantFrom([], [], [], [0], [0xe000], [0, 0]),
    })
    .map(({ text, changes, cut, padding, mendsChecksum, tags }) => {
      const result = parsePacketLine(`eth0 ${text}`)
      if ('error' in result) throw new Error(`${result.error.message}: ${text}`)
      const bytes = encodePacketLine(result.line).slice()
      const addresses = family === 'ipv4' ? { start: 12, end: 20 } : { start: 8, end: 40 }
      for (const { place, value } of changes) {
        const at = place % bytes.length
        // Which addresses a device accepts is no question of headers.
        if (at < addresses.start || addresses.end <= at) bytes[at] = value
      }
      if (family === 'ipv4' && mendsChecksum && (bytes[0]! & 15) * 4 <= bytes.length)
        refreshIpv4Checksum(bytes)
      const whole = concatBytes(bytes.subarray(0, Math.max(0, bytes.length - cut)), new Uint8Array(padding))
      const etherType = family === 'ipv4' ? 0x0800 : 0x86dd
      return encodeFrame({ destination: routerMac, source: clientMac, etherType, vlan: tags }, whole)
    })

// --- What we say

type Counts = Readonly<Record<string, number>>

/** Packets and bytes that the rules below should count. */
function expected(packet: Packet): Counts {
  if (packet.defect !== null) return {}
  const counts: Record<string, number> = {}
  counts.all = 1
  counts['all bytes'] = packet.endOffset - packet.networkOffset
  if (packet.family === 'ipv4') {
    if (packet.fragmentOffset > 0) counts.fragment = 1
    if (packet.protocol === 253) counts['protocol 253'] = 1
  } else {
    // A rule with -p drops a packet whose extension headers are broken.
    if (packet.protocol < 0) return counts
    if (askedProtocols.includes(packet.protocol)) counts[`protocol ${packet.protocol}`] = 1
  }
  if (packet.protocol === ipProtocol.udp && packet.fragmentOffset === 0) {
    // A match drops a packet whose header is cut off.
    if (packet.transportLength < 8) return counts
    if (packet.u16(packet.transportOffset) === knownPort) counts.port = 1
  }
  counts.end = 1
  if (packet.family === 'ipv4' && !packet.isFragment && acceptsOptions(packet)) counts.input = 1
  return counts
}

const acceptsOptions = (packet: Packet): boolean =>
  ipv4Option.refusedOption(packet) < 0 && !hasSourceRoute(packet)

/** Refused, too, unless net.ipv4.conf.all.accept_source_route is set. */
const hasSourceRoute = (packet: Packet): boolean =>
  ipv4Option.findOption(packet, ipv4Option.optionType.looseSourceRoute) >= 0 ||
  ipv4Option.findOption(packet, ipv4Option.optionType.strictSourceRoute) >= 0

// --- What the kernel says

const rule = (name: string, condition: string): string =>
  `-A PREROUTING ${condition} -m comment --comment "${name}"`
const common = [rule('port', `-p udp -m udp --sport ${knownPort}`), rule('end', '')]
const rules = {
  ipv4: [
    ...['*raw', rule('all', ''), rule('fragment', '-f'), rule('protocol 253', '-p 253'), ...common, 'COMMIT'],
    ...['*mangle', '-A INPUT -m comment --comment "input" -j DROP', 'COMMIT', ''],
  ],
  ipv6: [
    ...['*raw', rule('all', '')],
    ...askedProtocols.map((protocol) => rule(`protocol ${protocol}`, `-p ${protocol}`)),
    // Nothing shall be answered.
    ...[...common, '-A PREROUTING -j DROP', 'COMMIT', ''],
  ],
}

function readCounts(router: Router, family: 'ipv4' | 'ipv6'): Counts {
  const text = router.run(family === 'ipv4' ? 'iptables-legacy-save -c' : 'ip6tables-legacy-save -c')
  const counts: Record<string, number> = {}
  for (const [, packets, bytes, name] of text.matchAll(
    /^\[(\d+):(\d+)\].*--comment "?([^"\n]*?)"?(?: -j DROP)?$/gm,
  )) {
    counts[name!] = Number(packets)
    if (name === 'all') counts['all bytes'] = Number(bytes)
  }
  return counts
}

function difference(after: Counts, before: Counts): Counts {
  const changed = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
  return Object.fromEntries(changed.filter(([, count]) => count !== 0))
}

/** The pointer of an ICMP parameter problem among the frames, or null. */
function parameterPointer(frames: readonly Uint8Array[]): number | null {
  const packet = new Packet()
  for (const frame of frames) {
    decodeFrame(packet, frame)
    const at = packet.transportOffset
    if (packet.protocol === ipProtocol.icmp && packet.u8(at) === 12) return packet.u8(at + 4)
  }
  return null
}

describe('damaged packets through the kernel', () => {
  let router: Router
  beforeEach(({ skip }) => skip(unavailable !== null, unavailable ?? ''))
  beforeAll(() => {
    if (unavailable !== null) return
    router = new Router({
      eth0: {
        mac: '02:00:00:00:00:01',
        addresses: ['203.0.113.1/24', '2001:db8:1::1/64'],
        neighbours: { '203.0.113.7': '02:00:00:00:01:07', '2001:db8:1::7': '02:00:00:00:01:07' },
      },
    })
    router.load('ipv4', rules.ipv4.join('\n'))
    router.load('ipv6', rules.ipv6.join('\n'))
    router.drain()
  })
  afterAll(() => router?.close())

  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`${family}: dropped, measured and found alike`, { timeout: runs(60_000) }, () => {
      const packet = new Packet()
      let before = readCounts(router, family)
      let defects = 0
      fc.assert(
        fc.property(damaged(family), (frame) => {
          decodeFrame(packet, frame)
          if (packet.defect !== null) defects++
          router.write('eth0', frame)
          const pointer = parameterPointer(router.read('eth0'))
          const after = readCounts(router, family)
          const counted = difference(after, before)
          before = after
          const title = `${packet.defect ?? 'sound'}: ${printPacketLine(describePacket(packet, 'eth0'))}`
          expect(counted, title).toEqual(expected(packet))
          if (pointer !== null) expect(pointer, title).toBe(ipv4Option.refusedOption(packet))
        }),
        { seed, numRuns: runs(600), includeErrorInReport: true },
      )
      expect(defects).toBeGreaterThan(20)
    })
  }
})
