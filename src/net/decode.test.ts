import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoded, decodedFrame, fromHex, v4, v6, wrap } from './_testing/packets.ts'
import { printAddress } from './address.ts'
import { decodeFrame, decodeIp, isLengthFrame } from './decode.ts'
import * as encode from './encode.ts'
import { Packet } from './packet.ts'

const udp4 = encode.encodeUdp({ sourcePort: 1, destinationPort: 2 }, fromHex('aabbcc'), v4)
const udp6 = encode.encodeUdp({ sourcePort: 1, destinationPort: 2 }, fromHex('aabbcc'), v6)
const macs = { destination: fromHex('020000000001'), source: fromHex('020000000002') }
const router = fromHex('0502 0000 0100')

describe('IPv4', () => {
  it('reads every field', () => {
    const fields = { ...v4, protocol: 17, ttl: 9, id: 0x1234, tos: 0x10, options: fromHex('94040000') }
    const packet = decoded(encode.encodeIpv4({ ...fields, dontFragment: true }, udp4))
    expect(packet).toMatchObject({
      family: 'ipv4',
      ttl: 9,
      id: 0x1234,
      tos: 0x10,
      protocol: 17,
      defect: null,
    })
    expect(packet).toMatchObject({
      networkHeaderLength: 24,
      transportOffset: 24,
      totalLength: 35,
      endOffset: 35,
    })
    expect(packet).toMatchObject({ dontFragment: true, moreFragments: false, fragmentOffset: 0 })
    expect(printAddress(packet.source)).toBe('198.51.100.7')
    expect(printAddress(packet.destination)).toBe('203.0.113.1')
  })

  it('reads fragments', () => {
    const packet = decoded(
      encode.encodeIpv4({ ...v4, protocol: 17, fragmentOffset: 185, moreFragments: true }, udp4),
    )
    expect(packet).toMatchObject({
      fragmentOffset: 185,
      moreFragments: true,
      isFragment: true,
      transportOffset: 20,
    })
  })

  const whole = wrap(v4, 17, udp4)
  const changed = (change: Record<number, number>, length = whole.length) => {
    const bytes = whole.slice(0, length)
    for (const [at, value] of Object.entries(change)) bytes[Number(at)] = value
    if (change[10] === undefined && length > 20) encode.refreshIpv4Checksum(bytes)
    return bytes
  }
  it.each([
    ['ip-truncated', new Uint8Array(0)],
    ['ip-truncated', changed({}, 19)],
    ['ip-truncated', changed({ 0: 0x4f })],
    ['ip-version', changed({ 0: 0x55 })],
    ['ip-header-length', changed({ 0: 0x44 })],
    ['ip-checksum', changed({ 10: 0 })],
    ['ip-length', changed({ 3: 200 })],
    ['ip-length', changed({ 3: 19 })],
    [null, changed({ 3: 20 })],
    [null, changed({})],
  ])('defect %s', (defect, bytes) => expect(decoded(bytes).defect).toBe(defect))

  it('leaves link padding out', () => {
    const frame = encode.encodeFrame(
      { ...macs, etherType: 0x800 },
      encode.concatBytes(whole, new Uint8Array(15)),
    )
    expect(decodedFrame(frame)).toMatchObject({
      totalLength: 31,
      endOffset: 45,
      transportLength: 11,
      defect: null,
    })
  })

  it('tells what a capture cut from what is short on the wire', () => {
    const packet = new Packet()
    decodeIp(packet, whole.slice(0, 25), 0, -1, whole.length)
    expect(packet).toMatchObject({ defect: null, missingBytes: 6, endOffset: 25 })
  })
})

describe('IPv6', () => {
  const six = (nextHeader: number, rest: Uint8Array) =>
    decoded(encode.encodeIpv6({ ...v6, nextHeader }, rest))
  const fragment = (nextHeader: number, fragmentOffset: number, rest: Uint8Array) =>
    encode.encodeIpv6Fragment({ nextHeader, id: 77, fragmentOffset, moreFragments: true }, rest)

  it('reads every field', () => {
    const fields = { ...v6, nextHeader: 17, hopLimit: 9, trafficClass: 0xa5, flowLabel: 0x12345 }
    const packet = decoded(encode.encodeIpv6(fields, udp6))
    expect(packet).toMatchObject({ family: 'ipv6', ttl: 9, tos: 0xa5, flowLabel: 0x12345, protocol: 17 })
    expect(packet).toMatchObject({
      totalLength: 51,
      transportOffset: 40,
      networkHeaderLength: 40,
      defect: null,
    })
    expect(printAddress(packet.source)).toBe('2001:db8::7')
    expect(printAddress(packet.destination)).toBe('2001:db8:1::1')
  })

  const chain: [string, number, number, Packet][] = [
    ['UDP', 17, 40, six(17, udp6)],
    ['hop-by-hop', 17, 48, six(0, encode.encodeIpv6Extension(17, router, udp6))],
    [
      'hop, destination',
      17,
      56,
      six(0, encode.encodeIpv6Extension(60, router, encode.encodeIpv6Extension(17, router, udp6))),
    ],
    ['routing', 17, 48, six(43, encode.encodeIpv6Extension(17, new Uint8Array(6), udp6))],
    ['AH', 17, 64, six(51, encode.encodeAh({ nextHeader: 17, spi: 1 }, udp6))],
    ['ESP ends it', 50, 40, six(50, udp6)],
    ['no next header', 59, 40, six(59, udp6)],
    ['first fragment', 17, 48, six(44, fragment(17, 0, udp6))],
    [
      'first fragment before options',
      17,
      56,
      six(44, fragment(60, 0, encode.encodeIpv6Extension(17, router, udp6))),
    ],
    ['later fragment', 17, 48, six(44, fragment(17, 3, udp6))],
    ['later fragment of options: broken', -1, -1, six(44, fragment(60, 3, udp6))],
    ['later fragment of nothing', 59, 48, six(44, fragment(59, 3, udp6))],
    ['fragment header cut: broken', -1, -1, six(44, fromHex('110000'))],
    ['options cut: broken', -1, -1, six(60, fromHex('11'))],
    ['options longer than the packet', 17, 40 + 2048, six(60, fromHex('11ff000000000000'))],
    ['options longer, then more: broken', -1, -1, six(60, fromHex('3cff000000000000'))],
  ]
  it.each(chain)('%s: protocol %i at %i', (_, protocol, transportOffset, packet) => {
    expect(packet).toMatchObject({ protocol, transportOffset, defect: null })
  })

  it('reads the fragment header', () => {
    expect(six(44, fragment(17, 3, udp6))).toMatchObject({ id: 77, fragmentOffset: 3, moreFragments: true })
  })
})

describe('frames', () => {
  const ip = wrap(v4, 17, udp4)
  it.each([
    ['untagged', undefined, { vlanTag: -1, vlanCount: 0, networkOffset: 14 }],
    ['tagged', 0x2064, { vlanTag: 0x2064, vlanCount: 1, networkOffset: 18 }],
    ['twice', [0x0005, 0x2064], { vlanTag: 0x0005, vlanCount: 2, networkOffset: 22 }],
  ])('%s', (_, vlan, expected) => {
    const tags = vlan === undefined ? {} : { vlan }
    const packet = decodedFrame(encode.encodeFrame({ ...macs, etherType: 0x800, ...tags }, ip))
    expect(packet).toMatchObject({ ...expected, etherType: 0x800, defect: null, protocol: 17 })
  })

  it.each([
    ['link-truncated', fromHex('02000000000102000000000208')],
    ['link-truncated', fromHex('020000000001020000000002 8100 0064 0800')],
    ['not-ip', encode.encodeFrame({ ...macs, etherType: 0x806 }, ip)],
    ['not-ip', encode.encodeFrame({ ...macs, etherType: ip.length }, ip)],
    ['ip-version', encode.encodeFrame({ ...macs, etherType: 0x86dd }, encode.concatBytes(ip, ip))],
    ['ip-truncated', encode.encodeFrame({ ...macs, etherType: 0x86dd }, ip)],
  ])('defect %s', (defect, bytes) => expect(decodedFrame(bytes).defect).toBe(defect))

  it('knows 802.3 length frames', () => {
    expect(isLengthFrame(decodedFrame(encode.encodeFrame({ ...macs, etherType: 31 }, ip)))).toBe(true)
  })
})

it('decoding anything never throws, and stays within the bytes', () => {
  const packet = new Packet()
  // Plausible first bytes let the walk go far.
  const start = fc.constantFrom(
    '',
    '45',
    '4f',
    '60',
    `${'02'.repeat(12)}0800`,
    `${'02'.repeat(12)}86dd60`,
    `${'02'.repeat(12)}8100`,
  )
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), fc.boolean(), (head, tail, small) => {
      const bytes = encode.concatBytes(fromHex(head), small ? tail.map((octet) => octet % 62) : tail)
      for (const decode of [decodeFrame, decodeIp]) {
        decode(packet, bytes)
        expect(packet.endOffset).toBeLessThanOrEqual(bytes.length)
        expect(packet.transportLength).toBeLessThanOrEqual(bytes.length)
        expect(packet.missingBytes > 0 && packet.defect === null).toBe(false)
        if (packet.family !== null) {
          expect(packet.source.family).toBe(packet.family)
          expect(packet.destinationOffset + (packet.family === 'ipv4' ? 4 : 16)).toBeLessThanOrEqual(
            bytes.length,
          )
        } else {
          expect(packet.defect).not.toBe(null)
        }
      }
    }),
    { numRuns: 20_000 },
  )
})
