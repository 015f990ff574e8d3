import { describe, expect, it } from 'vitest'
import { transportChecksumOk } from '../../net/checksum.ts'
import { decodeIp } from '../../net/decode.ts'
import { describePacket, encodePacketLine, parsePacketLine, printPacketLine } from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import { SequenceOffset, type SequenceOffsets, shiftSequence } from './sequence.ts'

describe('an offset', () => {
  /** `SEQUENCE+DIFFERENCE` changes one after the other, then what is added at some numbers. */
  it.each([
    ['100+5', { 90: 0, 100: 0, 101: 5, 900: 5 }],
    ['100-3', { 100: 0, 101: -3 }],
    // Said again.
    ['100+5 100+5', { 100: 0, 101: 5 }],
    // An older one sent again, between two that changed.
    ['100+5 200+7 100+5', { 200: 5, 201: 12 }],
    ['100+5 200-2', { 50: 5, 200: 5, 201: 3 }],
    // Numbers go round.
    ['4294967290+5', { 4294967290: 0, 4294967295: 5, 3: 5 }],
  ])('%s', (changes, expected) => {
    const offset = new SequenceOffset()
    for (const change of changes.split(' ')) {
      const [, sequence, difference] = /^(\d+)([+-]\d+)$/.exec(change)!
      offset.change(Number(sequence), Number(difference))
    }
    const got = Object.keys(expected).map((sequence) => [sequence, offset.at(Number(sequence))])
    expect(Object.fromEntries(got)).toEqual(expected)
  })
})

describe('a segment', () => {
  const ends = 'eth0 tcp 198.51.100.7:21 > 203.0.113.1:4000'

  /** The client has said 5 bytes more than it knows behind 100, the server 2 less behind 500. */
  function shifted(words: string, direction: 0 | 1): string {
    const offsets: SequenceOffsets = [new SequenceOffset(), new SequenceOffset()]
    offsets[0].change(100, 5)
    offsets[1].change(500, -2)
    const parsed = parsePacketLine(`${ends} ${words}`)
    if ('error' in parsed) throw new Error(parsed.error.message)
    const packet = new Packet()
    decodeIp(packet, encodePacketLine(parsed.line))
    if (!shiftSequence(packet, packet.transportOffset, offsets, direction)) return 'refused'
    expect(transportChecksumOk(packet)).toBe(true)
    return printPacketLine(describePacket(packet, 'eth0', {})).slice(ends.length + 1)
  }

  it.each([
    ['ack seq=100 ack=500', 0, 'ack seq=100 ack=500'],
    ['ack seq=101 ack=500', 0, 'ack seq=106 ack=500'],
    ['ack seq=101 ack=501', 0, 'ack seq=106 ack=503'],
    ['ack seq=501 ack=106', 1, 'ack seq=499 ack=101'],
    // Without an ACK the number means nothing.
    ['rst seq=501', 1, 'rst seq=499'],
    // NOP NOP SACK 90-100, 106-120.
    [
      'ack seq=500 ack=50 tcpopt=01010512000000500000006400000069000000cd',
      1,
      'ack seq=500 ack=50 tcpopt=01010512000000500000006400000064000000c8',
    ],
    // SACK of no whole block, and options that do not fit.
    ['ack seq=500 ack=50 tcpopt=0504ffff', 1, 'ack seq=500 ack=50 tcpopt=0504ffff'],
    ['ack seq=500 ack=50 tcpopt=01052800', 1, 'refused'],
  ] as const)('%s in direction %i becomes %s', (words, direction, expected) => {
    expect(shifted(words, direction)).toBe(expected)
  })
})
