import { describe, expect, test } from 'vitest'
import { parseAddress } from '../net/address.ts'
import { decodeIp } from '../net/decode.ts'
import { encodeIpv4, encodeIpv6, encodeIpv6Fragment } from '../net/encode.ts'
import { Packet } from '../net/packet.ts'
import { Reassembler } from './defrag.ts'
import { type FragmentTable, readLimits } from './defrag-limits.ts'

const seconds = 1_000_000_000n

/**
 * One fragment: `START-END`, in units of 8 bytes, `+` behind it for more fragments, `d` for DF, `/N` for the ECN bits,
 * `!N` for N odd bytes more, `#ID` for another packet.
 */
function fragment(table: FragmentTable, text: string): Packet {
  const [, start, end, more, df, ecn, odd, id] =
    /^(\d+)-(\d+)(\+)?(d)?(?:\/(\d))?(?:!(\d))?(?:#(\d+))?$/.exec(text)!
  const payload = Uint8Array.from(
    { length: (Number(end) - Number(start)) * 8 + Number(odd ?? 0) },
    (_, at) => {
      return Number(start) * 8 + at
    },
  )
  const fields = { id: Number(id ?? 1), fragmentOffset: Number(start), moreFragments: more !== undefined }
  const tos = Number(ecn ?? 0)
  const packet = new Packet()
  if (table === 'ipv4') {
    const ends = { source: parseAddress('198.51.100.7')!, destination: parseAddress('203.0.113.1')! }
    const dontFragment = df !== undefined
    decodeIp(packet, encodeIpv4({ ...ends, ...fields, protocol: 17, tos, dontFragment }, payload))
  } else {
    const ends = { source: parseAddress('2001:db8::7')!, destination: parseAddress('2001:db8:1::1')! }
    const inner = encodeIpv6Fragment({ ...fields, nextHeader: 17 }, payload)
    decodeIp(packet, encodeIpv6({ ...ends, nextHeader: 44, trafficClass: tos }, inner))
  }
  return packet
}

/** What became of each fragment: `held`, `-why`, `untouched`, `problem CODE@POINTER`, or `[bytes maxSize pieces df tos]`. */
function replay(table: FragmentTable, text: string): string {
  const reassembler = new Reassembler(table)
  return text
    .split(' ')
    .map((word) => {
      const packet = fragment(table, word)
      const result = reassembler.add(packet, 'conntrack-in', 2, 0n)
      if (result.kind === 'lost') return `-${result.why}`
      if (result.kind === 'problem') return `problem ${result.code}@${result.pointer}`
      if (result.kind !== 'whole') return result.kind
      decodeIp(packet, result.bytes)
      expect(packet.defect).toBeNull()
      expect(packet.isFragment).toBe(false)
      const payload = packet.bytes.subarray(packet.transportOffset)
      expect([...payload]).toEqual([...payload.keys()].map((at) => at & 255))
      const { maxSize, pieces, dontFragment } = result.origin
      return `[${payload.length} ${maxSize} ${pieces.join(',')}${dontFragment ? ' df' : ''}${packet.tos ? ` ${packet.tos}` : ''}]`
    })
    .join(' ')
}

const both: Record<string, string> = {
  '0-2+ 2-4': 'held [32 36 16,16]',
  '2-4 0-2+': 'held [32 36 16,16]',
  '0-1+ 2-3!3 1-2+': 'held held [27 31 8,8,11]',
  '0-2+ 2-4#2 2-4': 'held held [32 36 16,16]',
  // Repetitions are ignored, within what came in order; overlaps end the queue.
  '0-2+ 0-2+ 2-4': 'held -duplicate [32 36 16,16]',
  '0-2+ 2-4+ 0-4+ 4-5': 'held held -duplicate [40 36 16,16,8]',
  '2-4+ 0-2+ 0-4+': 'held held -overlap',
  '0-2+ 1-3+ 2-4 0-2+ 2-4': 'held -overlap held [32 36 16,16] held',
  // Two ends, or bytes behind the end.
  '0-1+ 1-2 1-3': 'held [16 28 8,8] held',
  // ECN: CE survives, a mixture with Not-ECT does not.
  '0-1+/2 1-2/3': 'held [16 28 8,8 3]',
  '0-1+/1 1-2/1': 'held [16 28 8,8 1]',
  '0-1+/0 1-2/3': 'held -ecn',
  '0-1+/0 1-2/1': 'held -ecn',
}

describe.each(['ipv4', 'ipv6', 'ipv6-conntrack'] as const)('%s', (table) => {
  /** IPv6 fragments are longer by 28 bytes of headers, and their first must hold the UDP header: 8 bytes do. */
  const sized = (text: string): string =>
    table === 'ipv4'
      ? text
      : text.replaceAll(/\[(\d+) (\d+)/g, (_, all, max) => `[${all} ${Number(max) + 28}`)

  test.each(Object.entries(both))('%s', (sequence, outcome) => {
    expect(replay(table, sequence)).toBe(sized(outcome))
  })
})

describe('where the tables differ', () => {
  test.each([
    ['ipv4', '1-2 2-3 0-1+', 'held -length held'],
    ['ipv6', '1-2 2-3 0-1+', 'held -length held'],
    ['ipv6-conntrack', '1-2 2-3 0-1+', 'held -length [16 56 8,8]'],
    // Odd bytes in the middle: IPv4 cuts them off.
    ['ipv4', '0-2+!3 2-4', 'held [32 36 16,16]'],
    ['ipv6', '0-2+!3 2-4', 'problem 0@4 held'],
    ['ipv6-conntrack', '0-2+!3 2-4', 'untouched held'],
    ['ipv4', '1-2 0-0+!3', 'held -empty'],
    // The whole packet in one "fragment" (RFC 6946).
    ['ipv6', '0-2', 'untouched'],
    ['ipv6-conntrack', '0-2', '[16 64 16]'],
    // A first fragment without its UDP header (RFC 7112).
    ['ipv6', '0-0+!4', 'problem 3@0'],
    ['ipv6-conntrack', '0-0+!4', 'untouched'],
    // Longer than a packet can be.
    ['ipv4', '0-4000+ 4000-8192', 'held -oversized'],
    ['ipv6', '8190-8192', 'problem 0@42'],
    ['ipv6-conntrack', '8190-8192', '-too-far-in-packet'],
    // DF stays when no fragment without it was longer.
    ['ipv4', '0-2+d 2-4d', 'held [32 36 16,16 df]'],
    ['ipv4', '0-2+ 2-4d', 'held [32 36 16,16 df]'],
    ['ipv4', '0-2+ 2-3d', 'held [24 36 16,8]'],
  ] as const)('%s: %s', (table, sequence, outcome) => {
    expect(replay(table, sequence)).toBe(outcome)
  })
})

describe('time and bounds', () => {
  test('a queue lives 30 s from its first fragment, and gives back the fragment to complain about', () => {
    const reassembler = new Reassembler('ipv4')
    const first = fragment('ipv4', '0-2+')
    reassembler.add(first, 'local', 3, 5n * seconds)
    reassembler.add(fragment('ipv4', '2-4+'), 'local', 3, 30n * seconds)
    reassembler.add(fragment('ipv4', '2-4+#2'), 'conntrack-in', 4, 31n * seconds)
    expect(reassembler.nextExpiryNs).toBe(35n * seconds)
    expect(reassembler.expire(35n * seconds - 1n)).toEqual([])
    expect(reassembler.expire(35n * seconds)).toEqual([
      { user: 'local', inInterface: 3, first: { bytes: first.bytes, networkOffset: 0 } },
    ])
    expect(reassembler.expire(61n * seconds)).toEqual([{ user: 'conntrack-in', inInterface: 4, first: null }])
    expect(reassembler.size).toBe(0)
  })

  test('sysctls say how long and how many', () => {
    const sysctls = new Map([
      ['net.ipv4.ipfrag_time', '5'],
      ['net.ipv6.ip6frag_high_thresh', '100'],
    ])
    expect(readLimits('ipv4', sysctls)).toEqual({
      timeoutSeconds: 5,
      highThreshold: 4 << 20,
      maxDistance: 64,
    })
    expect(readLimits('ipv6', sysctls)).toEqual({ timeoutSeconds: 60, highThreshold: 100, maxDistance: 0 })
  })

  test('users do not mix', () => {
    const reassembler = new Reassembler('ipv4')
    reassembler.add(fragment('ipv4', '0-2+'), 'local', 2, 0n)
    expect(reassembler.add(fragment('ipv4', '2-4'), 'conntrack-in', 2, 0n).kind).toBe('held')
  })

  test('IPv4 begins anew when more than 64 fragments of the source came in between', () => {
    for (const [between, outcome] of [
      [63, 'whole'],
      [64, 'held'],
    ] as const) {
      const reassembler = new Reassembler('ipv4')
      reassembler.add(fragment('ipv4', '0-2+'), 'local', 2, 0n)
      for (let id = 2; id < 2 + between; id++) reassembler.add(fragment('ipv4', `2-4#${id}`), 'local', 2, 0n)
      expect(reassembler.add(fragment('ipv4', '2-4'), 'local', 2, 0n).kind).toBe(outcome)
    }
  })

  test('endless fragments stop at the memory limit until time makes room', () => {
    const reassembler = new Reassembler('ipv4', { highThreshold: 64 << 10 })
    const flood = (nowNs: bigint): number => {
      let taken = 0
      for (let id = 0; id < 300; id++) {
        if (reassembler.add(fragment('ipv4', `0-100+#${id}`), 'local', 2, nowNs).kind === 'held') taken++
      }
      return taken
    }
    // A queue (200) and 832 bytes of frame with what stands around them (640) each; the last one goes over.
    const first = Math.floor((64 << 10) / (200 + 832 + 640)) + 1
    expect(flood(0n)).toBe(first)
    expect(reassembler.size).toBe(first)
    expect(reassembler.expire(30n * seconds)).toHaveLength(first)
    expect(flood(30n * seconds)).toBe(first)
  })
})
