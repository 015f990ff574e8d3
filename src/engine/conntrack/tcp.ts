/**
 * Tracking of TCP connections.
 *
 * Kernel: nf_conntrack_tcp_packet(), tcp_new(), tcp_error(), net/netfilter/nf_conntrack_proto_tcp.c, Linux 6.18.
 */
import { netfilterChecksumOk } from '../../net/checksum.ts'
import { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { connectionStatus, type TrackedConnection } from './connection.ts'
import { checksChecksum, type PacketAtHook, type TrackerVerdict } from './protocol.ts'
import type { ConntrackSettings } from './settings.ts'
import { readSynOptions } from './tcp-options.ts'
import { flagsAreValid, isClosing, nextTcpState, segmentKind, segmentKindOf, tcpState } from './tcp-states.ts'
import { isBefore, judgeWindow, type Segment, TcpEnd, tcpFlag } from './tcp-window.ts'

/** `struct ip_ct_tcp`. */
export class TcpTrack {
  readonly ends: readonly [original: TcpEnd, reply: TcpEnd] = [new TcpEnd(), new TcpEnd()]
  state: number = tcpState.none
  /** Kind and direction of the last segment that counted, with its numbers where they were noted. */
  lastKind: number = segmentKind.none
  lastDirection = 0
  lastSequence = 0
  lastAck = 0
  lastEnd = 0
  lastWindow = 0
  /** Window scale and flags of a SYN that went through unjudged. */
  lastScale = 0
  lastFlags = 0
  retransmissions = 0
}

/** A header that is whole, with a right checksum and flags that can be; else null. */
function readSegment(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): Segment | null {
  const { packet, transportOffset: headerOffset } = at
  const length = packet.endOffset + packet.missingBytes - headerOffset
  if (packet.endOffset - headerOffset < 20) return null
  const headerLength = (packet.u8(headerOffset + 12) >>> 4) * 4
  if (headerLength < 20 || packet.endOffset - headerOffset < headerLength) return null
  if (checksChecksum(at, settings) && !netfilterChecksumOk(packet, ipProtocol.tcp)) return null
  const flags = packet.u8(headerOffset + 13)
  if (!flagsAreValid(flags)) return null
  const sequence = packet.u32(headerOffset + 4) | 0
  const acknowledgement = packet.u32(headerOffset + 8) | 0
  const phantomBytes = ((flags & 2) >>> 1) + (flags & 1)
  const segment = segmentAtHand
  segment.packet = packet
  segment.headerOffset = headerOffset
  segment.headerLength = headerLength
  segment.kind = segmentKindOf(flags)
  segment.flags = flags
  segment.sequence = sequence
  segment.end = (sequence + length - headerLength + phantomBytes) | 0
  segment.acknowledgement = acknowledgement
  segment.acknowledgementShift = connection.sequence?.[1 - at.direction]?.at(acknowledgement - 1) ?? 0
  segment.window = packet.u16(headerOffset + 14)
  return segment
}

/** One for all: nobody keeps a segment. */
const segmentAtHand: { -readonly [Key in keyof Segment]: Segment[Key] } = {
  packet: new Packet(),
  headerOffset: 0,
  headerLength: 0,
  kind: segmentKind.none,
  flags: 0,
  sequence: 0,
  end: 0,
  acknowledgement: 0,
  acknowledgementShift: 0,
  window: 0,
}

/** The record of a connection that begins with this segment, or null where none may. */
function beginTrack(segment: Segment, settings: ConntrackSettings): TcpTrack | null {
  const first = nextTcpState(0, segment.kind, tcpState.none)
  if (first === tcpState.invalid) return null
  const track = new TcpTrack()
  const [original, reply] = track.ends
  if (first === tcpState.synSent) {
    original.begin(segment.end, segment.end, segment.window)
    readSynOptions(segment, original)
    return track
  }
  if (settings.numbers.tcp_loose === 0) return null
  const window = Math.max(1, segment.window)
  original.begin(segment.end, (segment.end + window) | 0, window)
  // What was agreed on is unknown: expect SACK, and windows of any scale.
  original.flags = tcpFlag.sackPermitted | tcpFlag.beLiberal
  reply.flags = original.flags
  return track
}

/** SYN_SENT2 has no sysctl. */
const synSent2Seconds = 120

export function trackTcp(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  const segment = readSegment(connection, at, settings)
  if (segment === null) return 'invalid'
  if (!connection.has(connectionStatus.confirmed)) {
    const begun = beginTrack(segment, settings)
    if (begun === null) return 'invalid'
    connection.track = begun
  }
  const track = connection.track as TcpTrack
  const { direction } = at
  const { kind } = segment
  let oldState = track.state
  let newState = nextTcpState(direction, kind, oldState)

  let skipsWindow = false
  switch (newState) {
    case tcpState.invalid:
      return isKeptAlive(connection, track, direction, segment) ? 'accept' : 'invalid'
    case tcpState.synSent:
      if (oldState < tcpState.timeWait) break
      if (mayReopen(track, direction)) return 'repeat'
      if (!resyncs(track, direction, segment)) return ignore(track, direction, segment, oldState)
      oldState = tcpState.synSent
      newState = tcpState.synRecv
      break
    case tcpState.ignored:
      if (!resyncs(track, direction, segment)) return ignore(track, direction, segment, oldState)
      oldState = tcpState.synSent
      newState = tcpState.synRecv
      break
    case tcpState.timeWait:
      if (isChallengeAck(track, direction, kind, oldState)) {
        track.lastFlags &= ~tcpFlag.expectChallengeAck
        return 'accept'
      }
      break
    case tcpState.synSent2:
      track.lastFlags |= tcpFlag.simultaneousOpen
      break
    case tcpState.synRecv:
      if (direction === 1 && kind === segmentKind.ack && track.lastFlags & tcpFlag.simultaneousOpen) {
        newState = tcpState.established
      }
      break
    case tcpState.close: {
      if (kind !== segmentKind.rst) break
      const reset = judgeReset(connection, track, direction, segment, settings)
      if (reset === 'invalid') return 'invalid'
      if (reset === 'stay') newState = oldState
      skipsWindow = reset === 'close-unseen'
      break
    }
  }

  if (!skipsWindow) {
    const verdict = judgeWindow(track, direction, segment, settings.numbers.tcp_be_liberal !== 0)
    if (verdict === 'ignored') return 'accept'
    if (verdict === 'out') {
      noteInvalid(connection, track, direction, kind, at.tick, settings)
      return 'invalid'
    }
  }

  track.lastKind = kind
  track.lastDirection = direction
  track.state = newState
  if (oldState !== newState && newState === tcpState.finWait)
    track.ends[direction]!.flags |= tcpFlag.closeInit
  return settle(connection, track, at, kind, oldState, newState, settings)
}

/** A SYN after the connection was closed, or aborted by its sender: it begins a new one. */
const mayReopen = (track: TcpTrack, direction: number): boolean =>
  ((track.ends[0].flags | track.ends[1].flags) & tcpFlag.closeInit) !== 0 ||
  (track.lastDirection === direction && track.lastKind === segmentKind.rst)

/**
 * Whether a SYN-ACK answers a SYN that went through unjudged: then the ends agree and our record was wrong, and it is
 * made anew from what was noted of that SYN.
 */
function resyncs(track: TcpTrack, direction: number, segment: Segment): boolean {
  const answers =
    segment.kind === segmentKind.synAck &&
    track.lastKind === segmentKind.syn &&
    track.lastDirection !== direction &&
    segment.acknowledgement === track.lastEnd
  if (!answers) return false
  const asker = track.ends[track.lastDirection]!
  asker.begin(track.lastEnd, track.lastEnd, track.lastWindow)
  asker.scale = track.lastScale
  track.lastFlags &= ~tcpFlag.expectChallengeAck
  asker.flags = track.lastFlags
  track.ends[direction]!.forget()
  return true
}

/** Lets a segment through that our record cannot judge, and notes what an answer to it would refer to. */
function ignore(track: TcpTrack, direction: number, segment: Segment, state: number): TrackerVerdict {
  const { kind } = segment
  track.lastKind = kind
  track.lastDirection = direction
  track.lastSequence = segment.sequence
  track.lastEnd = segment.end
  track.lastWindow = segment.window
  if (kind === segmentKind.syn && direction === 0) {
    const offered = new TcpEnd()
    readSynOptions(segment, offered)
    track.lastFlags = offered.flags
    track.lastScale = offered.scale
    if (state === tcpState.lastAck) track.lastFlags |= tcpFlag.expectChallengeAck
  }
  if (state === tcpState.synSent && kind === segmentKind.ack && direction === 1) {
    track.lastAck = segment.acknowledgement
  }
  return 'accept'
}

/**
 * Whether a client keeps a connection alive that a SYN proxy is only about to open for it: the packet is part of it, so
 * that the proxy asks the server once more.
 */
const isKeptAlive = (
  { proxied }: TrackedConnection,
  { state, lastDirection, ends }: TcpTrack,
  direction: number,
  { kind, sequence }: Segment,
): boolean =>
  proxied !== null &&
  state === tcpState.synSent &&
  kind === segmentKind.ack &&
  direction === 0 &&
  lastDirection === 0 &&
  sequence === ((ends[0].end - 1) | 0)

/** An ACK that answers a SYN in LAST_ACK (RFC 5961) must not pass for the last one. */
const isChallengeAck = (track: TcpTrack, direction: number, kind: number, oldState: number): boolean =>
  oldState === tcpState.lastAck &&
  kind === segmentKind.ack &&
  track.lastDirection !== direction &&
  track.lastKind === segmentKind.syn &&
  (track.lastFlags & tcpFlag.expectChallengeAck) !== 0

/** Source: nf_conntrack_tcp_established(). */
const isEstablished = (connection: TrackedConnection, track: TcpTrack): boolean =>
  track.state === tcpState.established && connection.has(connectionStatus.assured)

/**
 * What a reset does: closes the connection if it is in the window, closes it unseen, leaves the state (its sequence
 * number is not the expected one, and a challenge ACK may follow), or is invalid.
 */
function judgeReset(
  connection: TrackedConnection,
  track: TcpTrack,
  direction: number,
  segment: Segment,
  settings: ConntrackSettings,
): 'close' | 'close-unseen' | 'stay' | 'invalid' {
  // The numbers that we remember may be those of another connection by now.
  if (isClosing(track.state)) return 'close-unseen'
  const { sequence, acknowledgement } = segment
  const peer = track.ends[1 - direction]!
  if (peer.flags & tcpFlag.maxAckSet && track.lastKind !== segmentKind.syn) {
    const established = isEstablished(connection, track)
    // Most likely it answers a SYN that went through unjudged.
    if (sequence === 0 && !established) return 'close'
    if (isBefore(sequence, peer.maxAck) && settings.numbers.tcp_ignore_invalid_rst === 0) return 'invalid'
    if (!established || sequence === peer.maxAck) return 'close'
    const followsOwnSegment =
      track.lastKind === segmentKind.ack && track.lastDirection === direction && sequence === track.lastEnd
    return followsOwnSegment ? 'close' : 'stay'
  }
  const answersUnjudged =
    (connection.has(connectionStatus.seenReply) &&
      track.lastKind === segmentKind.syn &&
      track.lastDirection !== direction) ||
    (!connection.has(connectionStatus.assured) && track.lastKind === segmentKind.ack)
  const skips =
    (answersUnjudged && acknowledgement === track.lastEnd) ||
    (track.state === tcpState.synSent &&
      track.lastKind === segmentKind.ack &&
      track.lastDirection === 1 &&
      sequence === track.lastAck)
  return skips ? 'close-unseen' : 'close'
}

/**
 * A FIN or RST outside the window, answered by another: the ends close, whatever we think of it, so the connection shall
 * not live its whole time. Source: nf_tcp_handle_invalid().
 */
function noteInvalid(
  connection: TrackedConnection,
  track: TcpTrack,
  direction: number,
  kind: number,
  tick: number,
  settings: ConntrackSettings,
): void {
  if (!connection.has(connectionStatus.assured) || connection.has(connectionStatus.fixedTimeout)) return
  if (kind !== segmentKind.rst && kind !== segmentKind.fin) return
  const closesBothWays =
    track.lastDirection !== direction &&
    (track.lastKind === segmentKind.fin || track.lastKind === segmentKind.rst)
  if (!closesBothWays) {
    track.lastKind = kind
    track.lastDirection = direction
    return
  }
  const left = connection.timeout - tick
  const shorter = settings.timeouts.tcp_timeout_unacknowledged
  if (left >= 120 * settings.hz && left > shorter) connection.timeout = tick + shorter
}

/** After a segment that counted: how long the connection lives, and whether it has proved itself. */
function settle(
  connection: TrackedConnection,
  track: TcpTrack,
  at: PacketAtHook,
  kind: number,
  oldState: number,
  newState: number,
  settings: ConntrackSettings,
): TrackerVerdict {
  let timeout = timeoutOf(track, kind, newState, settings)
  const { tcp_timeout_unacknowledged: unacknowledged } = settings.timeouts
  if (!connection.has(connectionStatus.seenReply)) {
    // The first answer is a reset, or the asker takes back what it asked.
    if (kind === segmentKind.rst) {
      at.kill(connection)
      return 'accept'
    }
    // Retransmitted SYNs do not prolong it.
    if (kind === segmentKind.syn && oldState === tcpState.synSent) return 'accept'
    if (newState === tcpState.established) timeout = Math.min(timeout, unacknowledged)
  } else if (
    !connection.has(connectionStatus.assured) &&
    (oldState === tcpState.synRecv || oldState === tcpState.established) &&
    newState === tcpState.established
  ) {
    connection.status |= connectionStatus.assured
  }
  at.refresh(connection, timeout)
  return 'accept'
}

function timeoutOf(track: TcpTrack, kind: number, newState: number, settings: ConntrackSettings): number {
  const { timeouts, numbers, tcpStates } = settings
  const usual = newState === tcpState.synSent2 ? synSent2Seconds * settings.hz : tcpStates[newState - 1]!
  const retransmitted = timeouts.tcp_timeout_max_retrans
  if (track.retransmissions >= numbers.tcp_max_retrans && usual > retransmitted) return retransmitted
  if (kind === segmentKind.rst) return timeouts.tcp_timeout_close
  const isUnacknowledged = ((track.ends[0].flags | track.ends[1].flags) & tcpFlag.dataUnacknowledged) !== 0
  if (isUnacknowledged && usual > timeouts.tcp_timeout_unacknowledged)
    return timeouts.tcp_timeout_unacknowledged
  if (track.lastWindow === 0 && usual > retransmitted) return retransmitted
  return usual
}

/**
 * The host resets the connection itself (REJECT): it is closed at once. Source: nf_conntrack_tcp_set_closing().
 */
export function closeTcp(connection: TrackedConnection, tick: number, settings: ConntrackSettings): void {
  if (!connection.has(connectionStatus.confirmed)) return
  const track = connection.track as TcpTrack
  const wasClosed = track.state === tcpState.close
  track.state = tcpState.close
  if (!wasClosed && !connection.has(connectionStatus.fixedTimeout)) {
    connection.timeout = tick + settings.timeouts.tcp_timeout_close
  }
}
