/** Random TCP segments, in terms of what was sent before. */

import type { Ends } from '../../../../net/encode.ts'
import { encodeTcp } from '../../../../net/encode.ts'
import type { Random } from '../random.ts'
import type { Side } from './moves.ts'

export interface Segment {
  readonly flags: number
  /** Where the sequence number counts from, and how far. */
  readonly from: 'next' | 'first' | 'window' | 'zero' | 'anywhere'
  readonly offset: number
  /** What it acknowledges. */
  readonly ack: 'next' | 'old' | 'zero' | 'anywhere' | 'own'
  readonly ackOffset: number
  readonly length: number
  readonly window: number
  /** Hex, or `sack:N` for a selective acknowledgement N bytes behind the usual one. */
  readonly options: string
  readonly hasBadOffset: boolean
}

const fin = 1
const syn = 2
const rst = 4
const psh = 8
const ack = 16
const urg = 32

const usual = (flags: number, length = 0, options = ''): Segment => ({
  flags,
  from: 'next',
  offset: 0,
  ack: 'next',
  ackOffset: 0,
  length,
  window: 65535,
  options,
  hasBadOffset: false,
})

interface Sent {
  readonly side: Side
  readonly segment: Segment
}
const near = (flags: number, length = 0, options = ''): Sent => ({
  side: 'near',
  segment: usual(flags, length, options),
})
const far = (flags: number, length = 0, options = ''): Sent => ({
  side: 'far',
  segment: usual(flags, length, options),
})

const synOptions = ['', '', '0402', '030307', '03030704020101', '02040580040203030801', '03031f00', '0303']
const laterOptions = [
  '',
  '',
  '',
  '0101080a0000000100000002',
  'sack:0',
  'sack:1',
  'sack:-1',
  'sack:100',
  '050a00000000',
  '0101050200',
]

/** A conversation as it should be, from one of many beginnings to one of many ends. */
export function naturalSegments(random: Random): Sent[] {
  const options = random.pick(synOptions)
  const segments: Sent[] = random.weighted([
    [8, [near(syn, 0, options), far(syn | ack, 0, options), near(ack)]],
    [1, [near(syn), far(syn), near(syn | ack), far(syn | ack), near(ack)]],
    [1, [near(ack, 10), far(ack, 10)]],
    [1, [near(syn), far(rst | ack)]],
  ])
  for (let left = random.between(0, 4); left > 0; left--) {
    segments.push(
      random.pick([
        near(psh | ack, random.between(1, 1300)),
        far(psh | ack, random.between(1, 1300)),
        near(ack),
        far(ack),
      ]),
    )
  }
  segments.push(
    ...random.weighted<Sent[]>([
      [2, []],
      [4, [near(fin | ack), far(ack), far(fin | ack), near(ack)]],
      [2, [far(fin | ack), near(fin | ack), far(ack)]],
      [1, [near(fin | ack), far(fin | ack), near(ack), far(ack)]],
      [1, [far(rst | ack)]],
      [1, [near(rst)]],
    ]),
  )
  // The same ports again, as a busy client uses them.
  if (random.chance(0.3)) segments.push(near(syn), far(syn | ack), near(ack))
  return segments
}

export function randomSegment(random: Random): Segment {
  return {
    flags: random.weighted([
      [10, random.pick([ack, ack, psh | ack])],
      [5, random.pick([syn, syn | ack])],
      [4, fin | ack],
      [4, random.pick([rst, rst | ack])],
      [1, random.pick([0, fin, syn | fin, syn | rst, urg | ack, 0xc0 | syn, 0xff, psh, fin | rst])],
    ]),
    from: random.weighted<Segment['from']>([
      [12, 'next'],
      [4, random.pick(['window', 'first'] as const)],
      [1, random.pick(['zero', 'anywhere'] as const)],
    ]),
    offset: nearby(random),
    ack: random.weighted<Segment['ack']>([
      [12, 'next'],
      [2, random.pick(['old', 'zero', 'anywhere', 'own'] as const)],
    ]),
    ackOffset: nearby(random),
    length: random.weighted([
      [4, 0],
      [2, random.between(1, 10)],
      [1, random.between(1, 1300)],
    ]),
    window: random.weighted([
      [3, random.pick([65535, 1000])],
      [1, random.pick([0, 1, 2, 10, 500])],
    ]),
    options: random.pick([...synOptions, ...laterOptions]),
    hasBadOffset: random.chance(0.02),
  }
}

const farAway = [-66001, -66000, -65999, -65536, -65535, 65535, 65536, 70000, 1 << 30, -(1 << 31)]

const nearby = (random: Random): number =>
  random.weighted([
    [8, 0],
    [3, random.between(0, 6) - 3],
    [1, random.between(0, 6000) - 3000],
    [1, random.pick(farAway)],
  ])

/** Where the two ends of a connection have got to. */
export class Sequences {
  readonly #next = { near: 0x3fff_fff0, far: 0x7fff_ff00 }
  readonly #first = { ...this.#next }
  readonly #offered = { near: 0, far: 0 }

  encode(
    side: Side,
    { flags, from, offset, ack: what, ackOffset, length, window, options, hasBadOffset }: Segment,
    ports: { readonly sourcePort: number; readonly destinationPort: number },
    ends: Ends,
  ): Uint8Array {
    const other = side === 'near' ? 'far' : 'near'
    const sequences = {
      next: this.#next[side],
      first: this.#first[side],
      window: this.#offered[side],
      zero: 0,
      anywhere: 0x1234_5678,
    }
    const acknowledgements = {
      next: this.#next[other],
      old: this.#first[other],
      zero: 0,
      anywhere: 0x8765_4321,
      own: this.#next[side],
    }
    const sequence = (sequences[from] + offset) >>> 0
    const says = (flags & ack) !== 0 || what !== 'next'
    const acknowledgement = says ? (acknowledgements[what] + ackOffset) >>> 0 : 0
    const fields = {
      ...ports,
      sequence,
      acknowledgement,
      flags,
      window,
      options: optionBytes(options, acknowledgement),
    }
    const bytes = encodeTcp(fields, new Uint8Array(length).fill(0x61), ends)
    if (hasBadOffset) bytes[12] = 0x40
    if (from === 'next' && offset === 0)
      this.#next[side] = (sequence + length + ((flags & syn) >>> 1) + (flags & fin)) >>> 0
    if (flags & syn && from !== 'first') this.#first[side] = sequence
    this.#offered[other] = acknowledgement + window
    return bytes
  }
}

function optionBytes(text: string, acknowledgement: number): Uint8Array {
  const [, beyond] = /^sack:(-?\d+)$/.exec(text) ?? []
  const edge = ((acknowledgement + Number(beyond)) >>> 0).toString(16).padStart(8, '0')
  const hex = beyond === undefined ? text : `0101050a${edge}${edge}`
  return Uint8Array.from(hex.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16))
}
