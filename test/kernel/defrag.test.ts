/** Random fragments through a real Linux router with conntrack, and through `Reassembler` and `fragmentsFor`. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reassembler } from '../../src/engine/defrag.ts'
import { fragmentsFor, isTooBigToForward } from '../../src/engine/fragment.ts'
import { parseAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import {
  concatBytes,
  encodeFrame,
  encodeIpv4,
  encodeIpv6,
  encodeIpv6Extension,
  encodeIpv6Fragment,
  refreshIpv4Checksum,
} from '../../src/net/encode.ts'
import { Packet } from '../../src/net/packet.ts'
import { etherType } from '../../src/net/protocol.ts'
import { seed } from '../seed.ts'
import { hex, runs } from './budget.ts'
import { Router, routerUnavailable } from './router.ts'

interface Piece {
  readonly start: number
  readonly length: number
  readonly more: boolean
  readonly dontFragment: boolean
  readonly tos: number
  /** Bytes of IPv4 options, or units of 8 of a destination options header before the IPv6 fragment header. */
  readonly options: number
}

const mtu = 1400
const unavailable = routerUnavailable()
const mac = (text: string): Uint8Array =>
  Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16))
const routerMac = '02:00:00:00:00:01'
const clientMac = '02:00:00:00:01:07'

const frameTo = (family: 'ipv4' | 'ipv6', packet: Uint8Array): Uint8Array =>
  encodeFrame({ destination: mac(routerMac), source: mac(clientMac), etherType: etherType[family] }, packet)

/** A packet's pieces: its own cuts in some order, and a few that do not fit. */
const pieces = fc
  .record({
    cuts: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
    lastLength: fc.integer({ min: 1, max: 600 }),
    dontFragment: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
    tos: fc.oneof(
      { weight: 6, arbitrary: fc.constant([0]) },
      { weight: 1, arbitrary: fc.array(fc.constantFrom(0, 1, 2, 3, 0x11), { minLength: 1, maxLength: 3 }) },
    ),
    options: fc.oneof(
      { weight: 4, arbitrary: fc.constant([0]) },
      { weight: 1, arbitrary: fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 3 }) },
    ),
    order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    odd: fc.array(
      fc.record({
        start: fc.integer({ min: 0, max: 200 }).map((unit) => unit * 8),
        length: fc.oneof(
          fc.integer({ min: 0, max: 700 }),
          fc.integer({ min: 1, max: 60 }).map((unit) => unit * 8),
        ),
        more: fc.boolean(),
        at: fc.nat({ max: 6 }),
      }),
      { maxLength: 2 },
    ),
    repeat: fc.option(fc.record({ which: fc.nat(), at: fc.nat({ max: 6 }) }), { nil: null, freq: 4 }),
    leaveOut: fc.option(fc.nat(), { nil: null, freq: 8 }),
  })
  .map(({ cuts, lastLength, dontFragment, tos, options, order, odd, repeat, leaveOut }) => {
    const list: Piece[] = []
    let start = 0
    const dressed = (piece: { start: number; length: number; more: boolean }, at: number): Piece => ({
      ...piece,
      dontFragment: dontFragment[at % dontFragment.length]!,
      tos: tos[at % tos.length]!,
      options: options[at % options.length]!,
    })
    for (const units of cuts) {
      list.push(dressed({ start, length: units * 8, more: true }, list.length))
      start += units * 8
    }
    list.push(dressed({ start, length: lastLength, more: false }, list.length))
    const keys = new Map(list.map((piece, at) => [piece, order[at % order.length]!]))
    list.sort((a, b) => keys.get(a)! - keys.get(b)!)
    if (leaveOut !== null) list.splice(leaveOut % list.length, 1)
    for (const { at, ...piece } of odd) list.splice(at % (list.length + 1), 0, dressed(piece, at))
    if (repeat !== null && list.length > 0)
      list.splice(repeat.at % list.length, 0, list[repeat.which % list.length]!)
    return list
  })

const payloadOf = ({ start, length }: Piece): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (start + at === 1 ? 53 : ((start + at) * 31) >>> 3))

const ends = {
  ipv4: { source: parseAddress('203.0.113.7')!, destination: parseAddress('192.168.1.9')! },
  ipv6: { source: parseAddress('2001:db8:1::7')!, destination: parseAddress('2001:db8:2::9')! },
}

/** An option that no host knows, not copied; then router alert, copied. */
const ipv4Options = [new Uint8Array(0), hex('1e040000'), hex('1e04000094040000')]

function packetOf(family: 'ipv4' | 'ipv6', id: number, piece: Piece): Uint8Array {
  const payload = payloadOf(piece)
  const { more: moreFragments, dontFragment, tos } = piece
  const fragmentOffset = piece.start / 8
  if (family === 'ipv4') {
    const options = ipv4Options[piece.options]!
    return encodeIpv4(
      { ...ends.ipv4, protocol: 17, id, tos, options, moreFragments, dontFragment, fragmentOffset },
      payload,
    )
  }
  const fragment = encodeIpv6Fragment({ nextHeader: 17, id, fragmentOffset, moreFragments }, payload)
  const padN = (units: number): Uint8Array =>
    concatBytes(hex('01'), Uint8Array.of(units * 8 - 4), new Uint8Array(units * 8 - 4))
  const body = piece.options === 0 ? fragment : encodeIpv6Extension(44, padN(piece.options), fragment)
  return encodeIpv6({ ...ends.ipv6, nextHeader: piece.options === 0 ? 44 : 60, trafficClass: tos }, body)
}

/** What the engine's host does with a packet to be forwarded, in short. */
function forwarded(table: Reassembler, frame: Uint8Array, nowNs: bigint): string[] {
  const packet = new Packet()
  decodeFrame(packet, frame)
  const isFragment = packet.family === 'ipv4' ? packet.isFragment : packet.fragmentHeaderOffset >= 0
  let whole = frame.slice(14)
  let origin = null
  if (isFragment) {
    const result = table.add(packet, 'conntrack-in', 2, nowNs)
    if (result.kind === 'whole') {
      whole = result.bytes.slice(result.networkOffset)
      origin = result.origin
    } else if (result.kind !== 'untouched') return []
  }
  if (isTooBigToForward(whole, mtu, origin)) return ['too big']
  if (packet.family === 'ipv4') {
    whole[8]!--
    refreshIpv4Checksum(whole)
  } else whole[7]!--
  const cut = fragmentsFor(whole, mtu, origin, () => 0)
  return cut === 'too-big' ? ['too big'] : cut.map(print)
}

/** Everything but the id of an IPv6 fragment that the router made. */
function print(packet: Uint8Array): string {
  const copy = new Packet()
  decodeFrame(copy, frameTo(packet[0]! >>> 4 === 4 ? 'ipv4' : 'ipv6', packet))
  if (copy.family === 'ipv6' && copy.fragmentHeaderOffset >= 0)
    copy.bytes.fill(0, copy.fragmentHeaderOffset + 4, copy.fragmentHeaderOffset + 8)
  return Buffer.from(copy.bytes.subarray(14)).toString('hex')
}

describe.skipIf(unavailable !== null)(`fragments through the kernel (${unavailable ?? 'here'})`, () => {
  let router: Router
  let nextId = 1
  const tables = { ipv4: new Reassembler('ipv4'), ipv6: new Reassembler('ipv6-conntrack') }

  beforeAll(() => {
    router = new Router({
      eth0: {
        mac: routerMac,
        addresses: ['203.0.113.1/24', '2001:db8:1::1/64'],
        neighbours: { '203.0.113.7': clientMac, '2001:db8:1::7': clientMac },
      },
      eth1: {
        mac: '02:00:00:00:00:02',
        addresses: ['192.168.1.1/24', '2001:db8:2::1/64'],
        neighbours: { '192.168.1.9': '02:00:00:00:02:09', '2001:db8:2::9': '02:00:00:00:02:09' },
      },
    })
    router.run(`ip link set eth1 mtu ${mtu}`)
    const rules = '*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n'
    router.load('ipv4', rules)
    router.load('ipv6', rules)
    router.drain()
  })
  afterAll(() => router.close())

  const throughKernel = (frame: Uint8Array): string[] => {
    router.write('eth0', frame)
    const out = router.read('eth1').map((sent) => print(sent.subarray(14)))
    // Only the too-big answer is of interest here, not its bytes.
    const isIcmp = (sent: Uint8Array): boolean => sent[23] === 1 || sent[20] === 58
    return router.read('eth0').some(isIcmp) ? [...out, 'too big'] : out
  }

  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`${family}: the same packets leave`, () => {
      fc.assert(
        fc.property(pieces, (list) => {
          const id = nextId++ & 0xffff
          for (const piece of list) {
            const frame = frameTo(family, packetOf(family, id, piece))
            const nowNs = process.hrtime.bigint()
            expect(forwarded(tables[family], frame, nowNs).join('|')).toBe(throughKernel(frame).join('|'))
          }
        }),
        { seed, numRuns: runs(1500), includeErrorInReport: true },
      )
    })
  }
})
