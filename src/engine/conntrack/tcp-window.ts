/**
 * Which segments can belong to a TCP connection, by sequence and acknowledgement numbers and windows.
 *
 * For each end we remember how far it has sent (`end`), how far it may send (`maxEnd`, from the other's
 * acknowledgements and windows), and the largest window it offered (`maxWindow`). A segment is in the window when
 *   I.   it begins at or before the sender's maxEnd,
 *   II.  it ends no further than the receiver's maxWindow before the sender's end,
 *   III. it acknowledges (or selectively acknowledges) no more than the receiver has sent,
 *   IV.  nor something acknowledged very long ago.
 * Sequence numbers are signed 32-bit integers here and compare by the sign of their difference.
 *
 * Read first: G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"; RFC 9293, RFC 7323, RFC 2018.
 * Kernel: tcp_in_window(), net/netfilter/nf_conntrack_proto_tcp.c, Linux 6.18.
 */
import type { Packet } from '../../net/packet.ts'
import type { TcpTrack } from './tcp.ts'
import { readSackEdge, readSynOptions } from './tcp-options.ts'
import { segmentKind, tcpState } from './tcp-states.ts'

/** Source: IP_CT_TCP_FLAG_*, include/uapi/linux/netfilter/nf_conntrack_tcp.h. */
export const tcpFlag = {
  windowScale: 0x01,
  sackPermitted: 0x02,
  /** This end began to close. */
  closeInit: 0x04,
  /** Taken up in the middle: the window is not known well enough to judge by it. */
  beLiberal: 0x08,
  dataUnacknowledged: 0x10,
  maxAckSet: 0x20,
  /** In `lastFlags`: a SYN went through that may be answered by a challenge ACK (RFC 5961). */
  expectChallengeAck: 0x40,
  simultaneousOpen: 0x80,
} as const

/** What is known of one end (`struct ip_ct_tcp_state`). */
export class TcpEnd {
  end = 0
  maxEnd = 0
  /** Bytes, scaled; 0 before anything was seen of this end. */
  maxWindow = 0
  maxAck = 0
  /** Shift of its window field. */
  scale = 0
  flags = 0

  /** Source: nf_ct_tcp_state_reset(). */
  forget(): void {
    this.end = 0
    this.maxEnd = 0
    this.maxWindow = 0
    this.maxAck = 0
    this.scale = 0
    this.flags &= tcpFlag.beLiberal
  }

  /** As if the connection began with a segment that ends here. A window of 0 counts as 1. */
  begin(end: number, maxEnd: number, window: number): void {
    this.end = end
    this.maxEnd = maxEnd
    this.maxWindow = window === 0 ? 1 : window
  }
}

/** A TCP header, read once. */
export interface Segment {
  readonly packet: Packet
  readonly headerOffset: number
  readonly headerLength: number
  readonly kind: number
  readonly flags: number
  readonly sequence: number
  /** Sequence number behind its last byte; SYN and FIN count one each. */
  readonly end: number
  readonly acknowledgement: number
  /** How much longer translation has made what it acknowledges. */
  readonly acknowledgementShift: number
  /** The field as it stands. */
  readonly window: number
}

export const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0
const isAfter = (a: number, b: number): boolean => isBefore(b, a)

/** Acknowledgements may lag behind by this much, or by the sender's largest window. Source: MAXACKWINCONST. */
const leastAckWindow = 66000

export type WindowVerdict = 'in' | 'out' | 'ignored'

/** Judges a segment by the window and, when it is in, updates what is known of both ends. */
export function judgeWindow(
  track: TcpTrack,
  direction: number,
  segment: Segment,
  alwaysLiberal: boolean,
): WindowVerdict {
  const sender = track.ends[direction]!
  const receiver = track.ends[1 - direction]!
  const isSyn = (segment.flags & 2) !== 0
  const isRst = (segment.flags & 4) !== 0
  const isAck = (segment.flags & 16) !== 0
  let { sequence, end, acknowledgement: ack } = segment
  let sack = receiver.flags & tcpFlag.sackPermitted ? readSackEdge(segment, ack) : ack
  ack = (ack - segment.acknowledgementShift) | 0
  sack = (sack - segment.acknowledgementShift) | 0
  let window = segment.window

  const reinitialised =
    isSyn &&
    isAfter(end, sender.end) &&
    (track.state === tcpState.synSent || track.state === tcpState.synRecv)
  if (sender.maxWindow === 0) {
    if (isSyn) {
      beginSender(sender, receiver, segment, direction)
      // A simultaneous open: nothing to compare with yet.
      if (!isAck) return 'in'
    } else beginInTheMiddle(sender, receiver, end, window, sack)
  } else if (reinitialised) {
    beginSender(sender, receiver, segment, direction)
    if (direction === 1 && !isAck) return 'in'
  }

  // Some stacks set ACK in their resets, and acknowledge 0.
  if (!isAck || (isRst && ack === 0)) {
    ack = receiver.end
    sack = receiver.end
  }
  // A reset that answers the SYN.
  if (isRst && sequence === 0 && track.state === tcpState.synSent) {
    sequence = sender.end
    end = sender.end
  }

  const isLiberal = alwaysLiberal || (sender.flags & tcpFlag.beLiberal) !== 0
  const failure = compare(sender, receiver, sequence, end, sack)
  if (failure !== null && !isLiberal) return failure
  // The kernel updates nothing where it lets a segment through that failed.
  if (failure !== null) return 'in'

  if (!isSyn) window <<= sender.scale
  sender.maxWindow = Math.max(sender.maxWindow, (window + (sack - ack)) >>> 0)
  if (isAfter(end, sender.end)) {
    sender.end = end
    sender.flags |= tcpFlag.dataUnacknowledged
  }
  if (isAck && ((sender.flags & tcpFlag.maxAckSet) === 0 || isAfter(ack, sender.maxAck))) {
    sender.maxAck = ack
    sender.flags |= tcpFlag.maxAckSet
  }
  if (receiver.maxWindow !== 0 && isAfter(end, sender.maxEnd)) {
    receiver.maxWindow = (receiver.maxWindow + (end - sender.maxEnd)) >>> 0
  }
  if (isAfter(sack + window, receiver.maxEnd - 1)) {
    receiver.maxEnd = (sack + Math.max(window, 1)) | 0
  }
  if (ack === receiver.end) receiver.flags &= ~tcpFlag.dataUnacknowledged
  if (segment.kind === segmentKind.ack) countRetransmission(track, direction, segment, sequence, ack, end)
  return 'in'
}

/** Null in the window, else how the segment fails. Conditions I to IV of the head of this file. */
function compare(
  sender: TcpEnd,
  receiver: TcpEnd,
  sequence: number,
  end: number,
  sack: number,
): 'out' | 'ignored' | null {
  const ackWindow = Math.max(sender.maxWindow, leastAckWindow)
  const ackIsRecent = isAfter(sack, receiver.end - ackWindow - 1)
  const ackIsSent = isBefore(sack, receiver.end + 1)
  const isInReceiveWindow = isAfter(end, sender.end - receiver.maxWindow - 1)
  if (!isBefore(sequence, sender.maxEnd + 1)) {
    const overshoot = (end - sender.maxEnd + 1) >>> 0
    const isSmall = receiver.maxWindow !== 0 && isInReceiveWindow && overshoot <= receiver.maxWindow
    if (!isSmall || !ackIsRecent || !ackIsSent) return 'out'
    // More bytes than the receiver allowed, nothing else wrong: the receiver may acknowledge them yet.
    sender.end = end
    sender.flags |= tcpFlag.dataUnacknowledged
    return 'ignored'
  }
  if (!ackIsSent) return 'out'
  if (receiver.maxWindow !== 0 && !isInReceiveWindow) return 'ignored'
  return ackIsRecent ? null : 'ignored'
}

/** The first SYN or SYN-ACK of an end, or a better one. Source: tcp_init_sender(). */
function beginSender(sender: TcpEnd, receiver: TcpEnd, segment: Segment, direction: number): void {
  sender.begin(segment.end, segment.end, segment.window)
  readSynOptions(segment, sender)
  // Windows are scaled only if both ends offered it.
  if (direction === 1 && (sender.flags & receiver.flags & tcpFlag.windowScale) === 0) {
    sender.scale = 0
    receiver.scale = 0
  }
}

function beginInTheMiddle(sender: TcpEnd, receiver: TcpEnd, end: number, window: number, sack: number): void {
  const scaled = Math.max(1, window << sender.scale)
  sender.begin(end, (end + scaled) | 0, scaled)
  if (receiver.maxWindow === 0) {
    receiver.end = sack
    receiver.maxEnd = sack
  } else if (sack === ((receiver.end + 1) | 0)) {
    // It may well answer a keepalive.
    receiver.end = sack
  }
}

function countRetransmission(
  track: TcpTrack,
  direction: number,
  segment: Segment,
  sequence: number,
  ack: number,
  end: number,
): void {
  const isSame =
    track.lastDirection === direction &&
    track.lastSequence === sequence &&
    track.lastAck === ack &&
    track.lastEnd === end &&
    track.lastWindow === segment.window
  if (isSame) {
    track.retransmissions++
    return
  }
  track.lastDirection = direction
  track.lastSequence = sequence
  track.lastAck = ack
  track.lastEnd = end
  track.lastWindow = segment.window
  track.retransmissions = 0
}
