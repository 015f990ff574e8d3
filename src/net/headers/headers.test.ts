import { describe, expect, it } from 'vitest'
import { missingTools, runTool } from '../../../test/tools.ts'
import { decoded, fromHex, v4, v6, wrap } from '../_testing/packets.ts'
import * as encode from '../encode.ts'
import * as dccp from './dccp.ts'
import * as ethernet from './ethernet.ts'
import * as gre from './gre.ts'
import * as icmp from './icmp.ts'
import { ah, esp } from './ipsec.ts'
import * as ipv4Option from './ipv4-option.ts'
import { hopByHopIsRefused } from './ipv6-extension.ts'
import * as sctp from './sctp.ts'
import * as tcp from './tcp.ts'
import * as udp from './udp.ts'

const ports = { sourcePort: 4000, destinationPort: 22 }
const payload = fromHex('c0ffee')

/** What the readers of a module say of a packet, by name. */
function readings<Name extends string>(
  protocol: number,
  transport: Uint8Array,
  readers: Readonly<Record<Name, (packet: ReturnType<typeof decoded>, at: number) => unknown>>,
): Record<string, unknown> {
  const packet = decoded(wrap(v4, protocol, transport))
  const at = packet.transportOffset
  return Object.fromEntries(
    Object.entries<(typeof readers)[Name]>(readers).map(([name, read]) => [name, read(packet, at)]),
  )
}

describe('readers agree with encoders, every field differing', () => {
  it('TCP', () => {
    const fields = {
      ...ports,
      sequence: 0x01020304,
      acknowledgement: 0x05060708,
      flags: 0x52,
      window: 0x1234,
    }
    const { sourcePort, destinationPort, sequence, acknowledgement, flags, window, urgentPointer, checksum } =
      tcp
    const { reserved, headerLength } = tcp
    const more = { urgentPointer: 0x4321, reserved: 5, checksum: 0xabcd }
    const bytes = encode.encodeTcp(
      { ...fields, ...more, options: fromHex('0204 05b4 03 03 07') },
      payload,
      v4,
    )
    const readers = { sourcePort, destinationPort, sequence, acknowledgement, flags, window, urgentPointer }
    expect(readings(6, bytes, { ...readers, reserved, checksum, headerLength })).toEqual({
      ...fields,
      ...more,
      headerLength: 28,
    })
  })

  it('UDP', () => {
    const { sourcePort, destinationPort, length, checksum } = udp
    const fields = { ...ports, length: 99, checksum: 0x1234 }
    const bytes = encode.encodeUdp(fields, payload, v4)
    expect(readings(17, bytes, { sourcePort, destinationPort, length, checksum })).toEqual(fields)
  })

  it('ICMP', () => {
    const { type, code, checksum, id, sequence, rest } = icmp
    const bytes = encode.encodeIcmp({ type: 8, code: 3, rest: 0x00070009, checksum: 0x1234 }, payload)
    expect(readings(1, bytes, { type, code, checksum, id, sequence, rest })).toEqual({
      ...{ type: 8, code: 3, checksum: 0x1234, id: 7, sequence: 9, rest: 0x00070009 },
    })
  })

  it('SCTP', () => {
    const { sourcePort, destinationPort, verificationTag, checksum } = sctp
    const fields = { ...ports, verificationTag: 0xdeadbeef, checksum: 0x01020304 }
    const bytes = encode.encodeSctp(fields, fromHex('0e000004'))
    expect(readings(132, bytes, { sourcePort, destinationPort, verificationTag, checksum })).toEqual(fields)
  })

  it('DCCP', () => {
    const { sourcePort, destinationPort, type, sequence, checksum, headerLength, isLong } = dccp
    const fields = { ...ports, type: 7, sequence: 0x123456789abc, checksum: 0x1234 }
    const bytes = encode.encodeDccp(fields, new Uint8Array(12), 28, v4)
    const readers = { sourcePort, destinationPort, type, sequence, checksum, headerLength, isLong }
    expect(readings(33, bytes, readers)).toEqual({ ...fields, headerLength: 28, isLong: true })
  })

  it('AH, ESP, GRE', () => {
    const authenticated = encode.encodeAh({ nextHeader: 17, spi: 0xdeadbeef, sequence: 5 }, payload)
    const { headerBytes: _ah, ...ahReaders } = ah
    expect(readings(51, authenticated, ahReaders)).toEqual({
      ...{ nextHeader: 17, length: 4, reserved: 0, spi: 0xdeadbeef, sequence: 5 },
    })
    const { headerBytes: _esp, ...espReaders } = esp
    const sealed = encode.encodeEsp({ spi: 0xdeadbeef, sequence: 5 }, payload)
    expect(readings(50, sealed, espReaders)).toEqual({ spi: 0xdeadbeef, sequence: 5 })
    const { protocol, key, hasKey, hasChecksum, hasSequence, version } = gre
    const tunnelled = encode.encodeGre({ protocol: 0x6558, key: 0xdeadbeef }, payload)
    expect(readings(47, tunnelled, { protocol, key, hasKey, hasChecksum, hasSequence, version })).toEqual({
      ...{
        protocol: 0x6558,
        key: 0xdeadbeef,
        hasKey: true,
        hasChecksum: false,
        hasSequence: false,
        version: 0,
      },
    })
  })
})

describe('TCP options', () => {
  const withOptions = (options: string) => {
    const bytes = encode.encodeTcp({ ...ports, flags: 2, options: fromHex(options) }, payload, v4)
    const packet = decoded(wrap(v4, 6, bytes))
    return {
      packet,
      at: packet.transportOffset,
      end: packet.transportOffset + tcp.headerLength(packet, packet.transportOffset),
    }
  }
  it.each([
    ['0204 05b4', 2, 0],
    ['01 01 0204 05b4', 2, 2],
    ['0101 0402 0303 07', 3, 4],
    ['0402', 3, -1],
    // Kernel ways: an end does not end, and a length of zero counts as one.
    ['00 00 0204 05b4', 2, 2],
    ['0300 0204 05b4', 2, 2],
    ['0828 0204 05b4', 2, -1],
    ['', 2, -1],
  ])('%s: kind %i at %i', (options, kind, place) => {
    const { packet, at, end } = withOptions(options)
    const found = tcp.findOption(packet, at, end, kind)
    expect(found < 0 ? found : found - at - 20).toBe(place)
  })

  it.each([
    ['0204 05b4 0101 0402', [4, 5, 6, 8]],
    ['0204 05b4 00', [4]],
    ['0300 0402', []],
    ['0828 0402', []],
    ['0101 0108', [1, 2, 3]],
  ])('%s: walked to %j', (options, places) => {
    const { packet, at, end } = withOptions(options)
    const walked: number[] = []
    for (
      let option = tcp.nextOption(packet, at + 20, end);
      option >= 0;
      option = tcp.nextOption(packet, option, end)
    ) {
      walked.push(option - at - 20)
    }
    expect(walked).toEqual(places)
  })
})

describe('IPv4 options', () => {
  const withOptions = (options: string) =>
    decoded(encode.encodeIpv4({ ...v4, protocol: 99, options: fromHex(options) }, payload))
  it.each([
    ['', -1],
    ['94040000', -1],
    ['01 94040000', -1],
    ['00 ffffff', -1],
    // Length missing, too short, too long.
    ['010101 94', 23],
    ['94010000', 20],
    ['94050000', 20],
    ['94030000', 21],
    // Record route: pointer too small, room for less than an address, full, twice.
    ['0707 03 00000000', 22],
    ['0707 05 00000000', 22],
    ['0707 08 00000000', -1],
    ['0707 04 00000000 0707 04 00000000', 27],
    // Source routes, once only, whichever.
    ['8307 04 0a000001', -1],
    ['8307 04 0a000001 8907 04 0a000001', 27],
    // Timestamps: no flags, small pointer, overflow counter full, no room for address and time.
    ['4403 05 00', 21],
    ['4408 04 00 00000000', 22],
    ['4408 09 f0 00000000', 23],
    ['4408 09 e0 00000000', -1],
    ['4408 05 01 00000000', 22],
    ['440c 05 01 0000000000000000', -1],
    // CIPSO: no domain is known.
    ['8606 00000001', 21],
    ['8608 00000001 0000', 22],
  ])('%s: refused at %i', (options, place) =>
    expect(ipv4Option.refusedOption(withOptions(options))).toBe(place))

  it('are found', () => {
    expect(ipv4Option.findOption(withOptions('01 01 94040000'), ipv4Option.optionType.routerAlert)).toBe(22)
    expect(ipv4Option.findOption(withOptions('01 00 94040000'), ipv4Option.optionType.routerAlert)).toBe(-1)
  })
})

describe('IPv6 hop-by-hop options', () => {
  it.each([
    ['1100 0502 0000 0100', false],
    ['1100 0502 0000 0100 11', false],
    ['1100 0503 0000 0000', true],
    // Padding: seven bytes at most, all zero.
    ['1100 0104 0000 0000', false],
    ['1100 0104 0000 0001', true],
    ['1101 010c 0000 0000 0000 0000 0000 0000', true],
    ['1101 0105 0000 0000 00 0105 0000 0000 00', true],
    ['1101 0000 0000 0000 3e05 0000 0000 0000', false],
    ['1101 0000 0000 0000 0000 0000 0000 0000', true],
    // Unknown options: skipped, or not.
    ['1100 3e04 0000 0000', false],
    ['1100 7e04 0000 0000', true],
    ['1100 be04 0000 0000', true],
    // Lengths.
    ['1100 3e05 0000 0000', true],
    ['1101 3e04 0000 0000', true],
    ['1100 3e03 0000 003e', true],
    ['1100', true],
    // Nine options.
    ['1102 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 0104 0000 0000', false],
    ['1102 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 0102 0000', true],
    // A jumbo length in a packet that has a length, too.
    ['1100 c204 0001 0000', true],
  ])('%s: refused %s', (options, refused) => {
    const packet = decoded(encode.encodeIpv6({ ...v6, nextHeader: 0 }, fromHex(options)))
    expect(hopByHopIsRefused(packet)).toBe(refused)
    expect(packet.defect).toBe(refused ? 'ip-extension' : null)
  })
})

describe('SCTP chunks', () => {
  it.each([
    ['0e000004 06000004', [4]],
    ['00000005 aa000000 06000004', [8]],
    ['00000005 aa000000', []],
    ['00000003 06000004', []],
    ['0000ffff 06000004', []],
  ])('%s', (chunks, places) => {
    const packet = decoded(wrap(v4, 132, encode.encodeSctp(ports, fromHex(chunks))))
    const first = packet.transportOffset + sctp.headerBytes
    const walked: number[] = []
    for (
      let at = sctp.nextChunk(packet, first, packet.endOffset);
      at >= 0;
      at = sctp.nextChunk(packet, at, packet.endOffset)
    ) {
      walked.push(at - first)
    }
    expect(walked).toEqual(places)
  })
})

describe('ICMP names', () => {
  it.each([
    ['ipv4', 'echo-request', 8, null],
    ['ipv4', 'ping', 8, null],
    ['ipv4', 'tos-host-redirect', 5, 3],
    ['ipv4', 'any', 255, null],
    ['ipv6', 'neighbor-advertisement', 136, null],
    ['ipv6', 'failed-policy', 1, 5],
  ] as const)('%s %s is %i/%s', (family, name, type, code) => {
    expect(icmp.findName(family, name)).toMatchObject({ type, code })
  })

  it('an alias is not printed', () => {
    expect(icmp.nameOf('ipv4', 11, null)).toBe('time-exceeded')
    expect(icmp.nameOf('ipv6', 135, null)).toBe('neighbour-solicitation')
    expect(icmp.nameOf('ipv4', 3, 99)).toBe(null)
  })

  it.for([
    ['iptables-legacy', 'icmp', icmp.icmpNames],
    ['ip6tables-legacy', 'icmpv6', icmp.icmp6Names],
  ] as const)('are those of %s', ([command, protocol, names], { skip }) => {
    const missing = missingTools(command)
    skip(missing !== null, missing ?? '')
    const listed = runTool(command, '-p', protocol, '-h')
      .split(/Valid ICMP.*:\n/)[1]!
      .match(/[\w-]+/g)
    expect(names.map(({ name }) => name)).toEqual(listed)
  })
})

describe('MAC addresses', () => {
  it('print what they parse', () => {
    expect(ethernet.printMac(ethernet.parseMac('02:0:00:AB:cd:1')!)).toBe('02:00:00:ab:cd:01')
  })
  it.each([
    '',
    '02:00:00:00:00',
    '02:00:00:00:00:00:00',
    '02:00:00:00:00:0g',
    '02-00-00-00-00-00',
  ])('refuse %s', (text) => {
    expect(ethernet.parseMac(text)).toBe(null)
  })
})
