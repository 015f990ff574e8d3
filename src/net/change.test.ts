import { expect, it } from 'vitest'
import { insertBytes, setDontFragment, setTos, setTtl } from './change.ts'
import { internetChecksum } from './checksum.ts'
import { decodeFrame, decodeIp } from './decode.ts'
import { concatBytes, setU16 } from './encode.ts'
import { encodePacketLine, parsePacketLine } from './notation.ts'
import { Packet } from './packet.ts'

function packetOf(text: string): Packet {
  const parsed = parsePacketLine(text)
  if ('error' in parsed) throw new Error(parsed.error.message)
  const packet = new Packet()
  decodeIp(packet, encodePacketLine(parsed.line))
  return packet
}

const four = 'out udp 192.0.2.1:53 > 192.0.2.9:53 ttl=9 tos=0x10 payload="abcd"'
const six = 'out udp [2001:db8::1]:53 > [2001:db8::9]:53 ttl=9 tos=0x1f flow=0xabcde payload="abcd"'

/** What the bytes say, read afresh. */
function reread({ bytes, linkOffset }: Packet): Packet {
  const packet = new Packet()
  if (linkOffset < 0) decodeIp(packet, bytes)
  else decodeFrame(packet, bytes)
  return packet
}

it.each([four, six])('changes bytes and fields alike: %s', (text) => {
  const packet = packetOf(text)
  setTtl(packet, 255)
  setTos(packet, 0xa5)
  if (packet.family === 'ipv4') setDontFragment(packet)
  expect(packet).toMatchObject({ ttl: 255, tos: 0xa5, dontFragment: packet.family === 'ipv4' })
  const { defect, ttl, tos, flowLabel, dontFragment } = reread(packet)
  expect({ defect, ttl, tos, flowLabel, dontFragment }).toEqual({
    defect: null,
    ttl: 255,
    tos: 0xa5,
    flowLabel: packet.flowLabel,
    dontFragment: packet.dontFragment,
  })
})

it('leaves a wrong checksum wrong', () => {
  const packet = packetOf(four)
  setU16(packet.bytes, 10, packet.u16(10) ^ 1)
  setTtl(packet, 8)
  expect(internetChecksum(packet.bytes, 0, 20)).not.toBe(0)
})

it.each([four, six])('makes room in a packet: %s', (text) => {
  const bare = packetOf(text)
  const link = Uint8Array.from([
    2,
    0,
    0,
    0,
    0,
    1,
    2,
    0,
    0,
    0,
    0,
    2,
    ...(bare.family === 'ipv4' ? [8, 0] : [0x86, 0xdd]),
  ])
  const packet = new Packet()
  // Behind the packet stands padding of the link layer.
  decodeFrame(packet, concatBytes(link, bare.bytes, new Uint8Array(5)))
  insertBytes(packet, packet.transportOffset + 8, Uint8Array.of(1, 2, 3))
  expect(packet.bytes.length).toBe(link.length + bare.bytes.length + 3)
  expect(packet.bytes.slice(packet.transportOffset + 8, packet.transportOffset + 13)).toEqual(
    Uint8Array.from([1, 2, 3, 0x61, 0x62]),
  )
  expect(reread(packet)).toMatchObject({ defect: null, totalLength: bare.totalLength + 3 })
  expect(packet).toMatchObject({ etherType: reread(packet).etherType, linkOffset: 0 })
})
