import { describe, expect, test } from 'vitest'
import { parseAddress } from '../net/address.ts'
import { decodeIp } from '../net/decode.ts'
import { encodeIpv4, encodeIpv6, encodeIpv6Extension } from '../net/encode.ts'
import { Packet } from '../net/packet.ts'
import type { FragmentOrigin } from './defrag.ts'
import { fragmentsFor, isTooBigToForward } from './fragment.ts'

const ipv4 = {
  source: parseAddress('198.51.100.7')!,
  destination: parseAddress('203.0.113.1')!,
  protocol: 17,
}
const ipv6 = {
  source: parseAddress('2001:db8::7')!,
  destination: parseAddress('2001:db8:1::1')!,
  nextHeader: 17,
}

const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at)

/** `OFFSET+LENGTH` of each fragment's payload, `m` for more, `d` for DF; checks that headers and bytes are right. */
function print(packets: readonly Uint8Array[] | 'too-big'): string {
  if (packets === 'too-big') return packets
  return packets
    .map((bytes) => {
      const packet = new Packet()
      decodeIp(packet, bytes)
      expect(packet.defect).toBeNull()
      const start = packet.fragmentOffset * 8
      const data = bytes.subarray(packet.transportOffset)
      expect([...data]).toEqual([...data.keys()].map((at) => (start + at) & 255))
      return `${start}+${data.length}${packet.moreFragments ? 'm' : ''}${packet.dontFragment ? 'd' : ''}`
    })
    .join(' ')
}

const origin = (maxSize: number, pieces: readonly number[], dontFragment = false): FragmentOrigin => ({
  maxSize,
  pieces,
  dontFragment,
})

describe('IPv4', () => {
  const cut = (length: number, mtu: number, from: FragmentOrigin | null, dontFragment = false): string =>
    print(fragmentsFor(encodeIpv4({ ...ipv4, dontFragment }, payload(length)), mtu, from, () => 0))

  test.each([
    ['fits', cut(80, 100, null), '0+80'],
    ['is cut evenly', cut(200, 100, null), '0+80m 80+80m 160+40'],
    ['data that is no multiple of 8', cut(101, 100, null), '0+80m 80+21'],
    ['must not be cut', cut(101, 100, null, true), 'too-big'],
    [
      'as the sender cut it, though it would fit',
      cut(100, 1500, origin(68, [48, 48, 4])),
      '0+48m 48+48m 96+4',
    ],
    ['no larger than the sender cut it', cut(100, 1500, origin(68, [48, 52])), '0+48m 48+48m 96+4'],
    ['a device for less than the sender sent', cut(100, 60, origin(68, [48, 48, 4])), '0+40m 40+40m 80+20'],
    [
      'DF fragments go without DF as they came',
      cut(100, 1500, origin(68, [48, 48, 4], true), true),
      '0+48m 48+48m 96+4',
    ],
    ['DF fragments too large for the device', cut(100, 60, origin(68, [48, 48, 4], true), true), 'too-big'],
  ])('%s', (_, got, expected) => expect(got).toBe(expected))

  test('options that are not copied become no-operations behind the first', () => {
    const options = Uint8Array.of(0x1e, 4, 0, 0, 0x94, 4, 0, 0)
    const sent = fragmentsFor(encodeIpv4({ ...ipv4, options }, payload(100)), 96, null, () => 0)
    expect(sent).toHaveLength(2)
    expect([...sent[0]!.slice(20, 28)]).toEqual([...options])
    expect([...(sent[1] as Uint8Array).slice(20, 28)]).toEqual([1, 1, 1, 1, 0x94, 4, 0, 0])
  })
})

describe('IPv6', () => {
  const cut = (length: number, mtu: number, from: FragmentOrigin | null, isDatagram = true): string =>
    print(fragmentsFor(encodeIpv6(ipv6, payload(length)), mtu, from, () => 7, { isDatagram }))

  test.each([
    ['fits', cut(1240, 1280, null), '0+1240'],
    ['is cut evenly', cut(2000, 1280, null), '0+1232m 1232+768'],
    ['is not for the host to cut', cut(2000, 1280, null, false), 'too-big'],
    ['as the sender cut it', cut(600, 1500, origin(448, [400, 200])), '0+400m 400+200'],
    ['an atomic fragment goes whole', cut(100, 1500, origin(148, [100])), '0+100'],
    [
      'never below 1280 where the cuts are lost',
      cut(1500, 1500, origin(448, [400, 200])),
      '0+1232m 1232+268',
    ],
    ['fragments too large for the device', cut(2000, 1280, origin(1448, [1400, 600])), 'too-big'],
  ])('%s', (_, got, expected) => expect(got).toBe(expected))

  test('the fragment header stands behind routing and before destination options', () => {
    const inner = encodeIpv6Extension(17, new Uint8Array(6), payload(2000))
    const bytes = encodeIpv6({ ...ipv6, nextHeader: 43 }, encodeIpv6Extension(60, new Uint8Array(6), inner))
    const nextId = (): number => 0x01020304
    const [first] = fragmentsFor(bytes, 1280, null, nextId, { isDatagram: true }) as readonly Uint8Array[]
    expect([...first!.slice(40, 58)]).toEqual([44, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 1, 1, 2, 3, 4, 17, 0])
  })
})

test('what is too big to be forwarded', () => {
  const free = encodeIpv4(ipv4, payload(100))
  const fixed = encodeIpv4({ ...ipv4, dontFragment: true }, payload(100))
  const six = encodeIpv6(ipv6, payload(100))
  const answers = [free, fixed, six].map((packet) => [
    isTooBigToForward(packet, 140, null),
    isTooBigToForward(packet, 100, null),
    isTooBigToForward(packet, 100, origin(100, [80, 20])),
    isTooBigToForward(packet, 100, origin(108, [88, 12])),
  ])
  expect(answers).toEqual([
    [false, false, false, false],
    [false, true, false, true],
    [false, true, false, true],
  ])
})
