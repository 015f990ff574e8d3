/**
 * TCP sequence numbers behind a segment whose length was changed on the way: what follows it is shifted, and what
 * acknowledges it shifted back.
 *
 * Kernel: net/netfilter/nf_conntrack_seqadj.c, Linux 6.18.
 */
import { adjustChecksum, setU16, setU32 } from '../../net/encode.ts'
import type { Packet } from '../../net/packet.ts'

/** `struct nf_ct_seqadj`: how much longer one direction has become, before and behind the last change. */
export class SequenceOffset {
  /** Where the last changed segment began, as its sender counts. */
  changedAt = 0
  before = 0
  behind = 0

  /**
   * A segment that begins at `sequence` has become longer by `difference` bytes. Only the last change is remembered;
   * what is sent again does not count again.
   *
   * Source: nf_ct_seqadj_set().
   */
  change(sequence: number, difference: number): void {
    if (difference === 0) return
    if (this.before !== this.behind && !isAfter(sequence, this.changedAt)) return
    this.changedAt = sequence | 0
    this.before = this.behind
    this.behind += difference
  }

  /** All that comes is shifted by so much. Source: nf_ct_seqadj_init(). */
  begin(difference: number): void {
    this.before = difference
    this.behind = difference
  }

  /** What is to be added to a sequence number. Source: nf_ct_seq_offset(). */
  at(sequence: number): number {
    return isAfter(sequence, this.changedAt) ? this.behind : this.before
  }

  /** What is to be taken from a number of the other end that counts the changed bytes. */
  forAcknowledgement(number: number): number {
    return this.at(number - this.before)
  }
}

export type SequenceOffsets = readonly [original: SequenceOffset, reply: SequenceOffset]

const isAfter = (a: number, b: number): boolean => ((b - a) | 0) < 0

/**
 * Writes the shifted numbers into the segment at `at`: sequence, acknowledgement, selective acknowledgements. False
 * where its options are broken: the kernel then drops it.
 *
 * Source: nf_ct_seq_adjust(). It takes an ICMP error of the connection's first direction for a segment, too.
 */
export function shiftSequence(
  packet: Packet,
  at: number,
  offsets: SequenceOffsets,
  direction: 0 | 1,
): boolean {
  if (packet.endOffset < at + 20) return false
  const own = offsets[direction]
  const other = offsets[1 - direction]!
  const sequence = packet.u32(at + 4)
  replaceU32(packet, at, at + 4, sequence + own.at(sequence))
  if ((packet.u8(at + 13) & ackFlag) === 0) return true
  const acknowledgement = packet.u32(at + 8)
  replaceU32(packet, at, at + 8, acknowledgement - other.forAcknowledgement(acknowledgement))
  return shiftSelective(packet, at, other)
}

const ackFlag = 16

const endOfList = 0
const noOperation = 1
const sack = 5

/** Source: nf_ct_sack_adjust(). */
function shiftSelective(packet: Packet, at: number, other: SequenceOffset): boolean {
  const end = at + (packet.u8(at + 12) >>> 4) * 4
  if (packet.endOffset < end) return false
  for (let option = at + 20; option < end; ) {
    const kind = packet.u8(option)
    if (kind === endOfList) return true
    if (kind === noOperation) {
      option++
      continue
    }
    const length = packet.u8(option + 1)
    if (option + 1 === end || option + length > end || length < 2) return false
    if (kind === sack && length >= 10 && (length - 2) % 8 === 0) {
      for (let edge = option + 2; edge < option + length; edge += 4) {
        const number = packet.u32(edge)
        replaceU32(packet, at, edge, number - other.forAcknowledgement(number))
      }
    }
    option += length
  }
  return true
}

/** Writes a word of the segment at `headerAt`, and what becomes of its checksum. */
export function replaceU32(packet: Packet, headerAt: number, offset: number, value: number): void {
  const { bytes } = packet
  let checksum = packet.u16(headerAt + 16)
  const after = value >>> 0
  for (const [place, word] of [
    [offset, after >>> 16],
    [offset + 2, after & 0xffff],
  ] as const) {
    checksum = adjustChecksum(checksum, packet.u16(place), word)
  }
  setU32(bytes, offset, after)
  setU16(bytes, headerAt + 16, checksum)
}
