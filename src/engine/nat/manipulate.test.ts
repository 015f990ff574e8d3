import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../net/address.ts'
import { decodeIp } from '../../net/decode.ts'
import { jhash2 } from '../../net/jhash.ts'
import { describePacket, encodePacketLine, parsePacketLine, printPacketLine } from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import { TupleKey } from '../conntrack/tuple.ts'
import { type Manipulation, manipulate } from './manipulate.ts'

function packetOf(line: string): Packet {
  const parsed = parsePacketLine(line)
  if ('error' in parsed) throw new Error(`${line}: ${parsed.error.message}`)
  const packet = new Packet()
  decodeIp(packet, encodePacketLine(parsed.line))
  return packet
}

const print = (packet: Packet): string => {
  const again = new Packet()
  decodeIp(again, packet.bytes)
  expect(again.defect).toBeNull()
  return printPacketLine(describePacket(again, 'eth0'))
}

/** Changes a packet's source (`<`) or destination (`>`) to `ADDRESS` and `PORT` (or id). */
function change(line: string, to: string): string {
  const [, way, address, port] = /^([<>]) (\S+) (\d+)$/.exec(to)!
  const packet = packetOf(line)
  const manipulation: Manipulation = way === '<' ? 'source' : 'destination'
  const target = new TupleKey()
  const { family, protocol, bytes, endOffset } = packet
  target.rest = family === 'ipv4' ? [] : [0, 0, 0, 0, 0, 0]
  target.setAddress(manipulation, parseAddress(address!)!.words)
  target.setPort(/icmp/.test(line) ? 'source' : manipulation, Number(port))
  return manipulate(bytes, family!, 0, endOffset, target, protocol, manipulation) ? print(packet) : 'refused'
}

describe('a translation keeps checksums right (a wrong one would be printed)', () => {
  test.each([
    [
      'eth0 tcp 10.0.0.1:4000 > 10.0.0.2:80 syn seq=5',
      '< 192.0.2.1 6000',
      'eth0 tcp 192.0.2.1:6000 > 10.0.0.2:80 syn seq=5',
    ],
    [
      'eth0 tcp 10.0.0.1:4000 > 10.0.0.2:80 syn',
      '> 192.0.2.1 8080',
      'eth0 tcp 10.0.0.1:4000 > 192.0.2.1:8080 syn',
    ],
    [
      'eth0 udp 10.0.0.1:4000 > 10.0.0.2:53 payload="hello"',
      '> 192.0.2.1 54',
      'eth0 udp 10.0.0.1:4000 > 192.0.2.1:54 payload="hello"',
    ],
    [
      'eth0 udp 10.0.0.1:4000 > 10.0.0.2:53 sum=0',
      '> 192.0.2.1 54',
      'eth0 udp 10.0.0.1:4000 > 192.0.2.1:54 sum=0',
    ],
    [
      'eth0 udplite 10.0.0.1:4000 > 10.0.0.2:53 coverage=8 payload="hello"',
      '< 192.0.2.1 54',
      'eth0 udplite 192.0.2.1:54 > 10.0.0.2:53 coverage=8 payload="hello"',
    ],
    [
      'eth0 icmp 10.0.0.1 > 10.0.0.2 echo-request id=7 seq=1',
      '< 192.0.2.1 9',
      'eth0 icmp 192.0.2.1 > 10.0.0.2 echo-request id=9 seq=1',
    ],
    [
      'eth0 sctp 10.0.0.1:4000 > 10.0.0.2:80 chunks=data',
      '< 192.0.2.1 6000',
      'eth0 sctp 192.0.2.1:6000 > 10.0.0.2:80 chunks=data',
    ],
    [
      'eth0 gre 10.0.0.1 > 10.0.0.2 payload=00000000',
      '< 192.0.2.1 9',
      'eth0 gre 192.0.2.1 > 10.0.0.2 payload=00000000',
    ],
    ['eth0 esp 10.0.0.1 > 10.0.0.2 spi=5', '< 192.0.2.1 9', 'eth0 esp 192.0.2.1 > 10.0.0.2 spi=5'],
    [
      'eth0 tcp [2001:db8::1]:4000 > [2001:db8::2]:80 syn',
      '< 2001:db8:9::9 6000',
      'eth0 tcp [2001:db8:9::9]:6000 > [2001:db8::2]:80 syn',
    ],
    [
      'eth0 udp [2001:db8::1]:4000 > [2001:db8::2]:80 ext=dst',
      '> 2001:db8:9::9 6000',
      'eth0 udp [2001:db8::1]:4000 > [2001:db8:9::9]:6000 ext=dst',
    ],
    [
      'eth0 icmp6 2001:db8::1 > 2001:db8::2 echo-request id=7',
      '< 2001:db8:9::9 8',
      'eth0 icmp6 2001:db8:9::9 > 2001:db8::2 echo-request id=8',
    ],
    [
      'eth0 icmp6 2001:db8::1 > 2001:db8::2 neighbour-solicitation',
      '< 2001:db8:9::9 8',
      'eth0 icmp6 2001:db8:9::9 > 2001:db8::2 neighbour-solicitation',
    ],
  ])('%s %s', (line, to, expected) => {
    expect(change(line, to)).toBe(print(packetOf(expected)))
  })

  test('a wrong checksum stays wrong', () => {
    expect(change('eth0 tcp 10.0.0.1:4000 > 10.0.0.2:80 syn badsum', '< 192.0.2.1 6000')).toBe(
      'eth0 tcp 192.0.2.1:6000 > 10.0.0.2:80 syn badsum',
    )
  })
})

describe('what cannot be changed', () => {
  test.each([
    ['eth0 proto=6 10.0.0.1 > 10.0.0.2 payload=0fa00050000000', 'refused'],
    // Eight bytes, as an ICMP error quotes: the checksum lies beyond.
    [
      'eth0 proto=6 10.0.0.1 > 10.0.0.2 payload=0fa0005000000000',
      'eth0 proto=6 192.0.2.1 > 10.0.0.2 payload=1770005000000000',
    ],
    ['eth0 proto=17 10.0.0.1 > 10.0.0.2 payload=0fa00050000800', 'refused'],
    ['eth0 proto=47 10.0.0.1 > 10.0.0.2 payload=00000800', 'refused'],
  ])('%s', (line, expected) =>
    expect(change(line, '< 192.0.2.1 6000')).toBe(
      expected === 'refused' ? expected : print(packetOf(expected)),
    ))
})

// Worked out by hand from the reference implementation; the kernel's choices are compared in test/kernel.
test('jhash2 of nothing is its start value', () => {
  expect(jhash2([], 0)).toBe(0xdeadbeef)
  expect(jhash2([], 1)).toBe(0xdeadbef0)
})
