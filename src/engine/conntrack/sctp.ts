/**
 * Tracking of SCTP associations.
 *
 * Read first: RFC 9260 sections 3.2 (chunks) and 8.5 (verification tags).
 * Kernel: net/netfilter/nf_conntrack_proto_sctp.c, Linux 6.18.
 */
import { sctpChecksum } from '../../net/checksum.ts'
import type { Packet } from '../../net/packet.ts'
import { connectionStatus, type TrackedConnection } from './connection.ts'
import { checksChecksum, type PacketAtHook, type TrackerVerdict } from './protocol.ts'
import type { ConntrackSettings } from './settings.ts'

/** As listings name them. The index is the state's number in `enum sctp_conntrack`. */
export const sctpStateNames = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
] as const

const none = 0
const closed = 1
const established = 4
const invalid = 9

/**
 * From each state (top line) to another: N none, C CLOSED, W COOKIE_WAIT, E COOKIE_ECHOED, O ESTABLISHED (open),
 * S SHUTDOWN_SENT, R SHUTDOWN_RECD, A SHUTDOWN_ACK_SENT, H HEARTBEAT_SENT; `-` invalid.
 */
const letters = 'NCWEOSRAH-'

const moves = {
  original: `
                       N C W E O S R A H
    init               C C W E O C C A W
    init-ack           C C W E O S R A C
    abort              C C C C C C C C C
    shutdown           C C W E S S R A C
    shutdown-ack       A C W E O A A A A
    error              C C W E O S R A C
    cookie-echo        C C E E O S R A C
    cookie-ack         C C W O O S R A C
    shutdown-complete  C C W E O S R C C
    heartbeat          H C W E O S R A H
    heartbeat-ack      C C W E O S R A H`,
  reply: `
                       N C W E O S R A H
    init               - C W E O S R A -
    init-ack           - W W E O S R A -
    abort              - C C C C C C C -
    shutdown           - C W E R S R A -
    shutdown-ack       - C W E O A A A -
    error              - C W C O S R A -
    cookie-echo        - C E E O S R A -
    cookie-ack         - C W O O S R A -
    shutdown-complete  - C W E O S R C -
    heartbeat          - C W E O S R A H
    heartbeat-ack      - C W E O S R A O`,
}

const compiled = [moves.original, moves.reply].map((text) => {
  const rows = text.trim().split('\n').slice(1)
  return Uint8Array.from(
    rows.flatMap((row) => row.trim().split(/\s+/).slice(1)),
    (letter) => letters.indexOf(letter),
  )
})

/** Chunk types. RFC 9260 section 3.2. */
const chunk = {
  data: 0,
  init: 1,
  initAck: 2,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const

/** Chunk types in the order of the rows above; every other type leaves the state. */
const rowsOfChunks: readonly number[] = [
  chunk.init,
  chunk.initAck,
  chunk.abort,
  chunk.shutdown,
  chunk.shutdownAck,
  chunk.error,
  chunk.cookieEcho,
  chunk.cookieAck,
  chunk.shutdownComplete,
  chunk.heartbeat,
  chunk.heartbeatAck,
]

function nextState(direction: number, type: number, state: number): number {
  const row = rowsOfChunks.indexOf(type)
  return row < 0 ? state : compiled[direction]![row * 9 + state]!
}

/** ABORT and SHUTDOWN COMPLETE may carry the peer's tag, and say so. */
const reflectedTag = 1

export class SctpTrack {
  state = none
  /** Verification tags that packets in each direction carry; 0 while unknown. */
  readonly tags: [original: number, reply: number] = [0, 0]
  /** Whether an INIT went in each direction and no COOKIE ACK followed: both at once collide. */
  readonly inits: [original: boolean, reply: boolean] = [false, false]
  /** A heartbeat with an unknown tag came by, in this direction; its answer may make it known. */
  heartbeatFailed = false
  lastDirection = 0
}

interface Chunk {
  readonly type: number
  readonly flags: number
  readonly offset: number
}

/** Chunks that begin within the packet, or null where they are not in order. Source: do_basic_checks(). */
function readChunks(packet: Packet, headerOffset: number): readonly Chunk[] | null {
  const chunks: Chunk[] = []
  let mustBeAlone = false
  for (let offset = headerOffset + 12; offset + 4 <= packet.endOffset; ) {
    const type = packet.u8(offset)
    const length = packet.u16(offset + 2)
    mustBeAlone ||= type === chunk.init || type === chunk.initAck || type === chunk.shutdownComplete
    const mustBeFirst = mustBeAlone || type === chunk.cookieAck || type === chunk.cookieEcho
    if ((mustBeFirst && chunks.length > 0) || length === 0) return null
    chunks.push({ type, flags: packet.u8(offset + 1), offset })
    offset += (length + 3) & ~3
  }
  return chunks.length === 0 ? null : chunks
}

export function trackSctp(
  connection: TrackedConnection,
  at: PacketAtHook,
  settings: ConntrackSettings,
): TrackerVerdict {
  const { packet, transportOffset } = at
  if (packet.endOffset - transportOffset < 12) return 'invalid'
  const sumIsWrong = (): boolean =>
    sctpChecksum(packet.bytes, transportOffset, packet.endOffset) !== packet.u32(transportOffset + 8) >>> 0
  if (checksChecksum(at, settings) && sumIsWrong()) return 'invalid'
  const chunks = readChunks(packet, transportOffset)
  if (chunks === null) return 'invalid'
  const types = new Set(chunks.map(({ type }) => type))
  const tag = packet.u32(transportOffset + 4)

  if (!connection.has(connectionStatus.confirmed)) {
    const outOfTheBlue = [chunk.abort, chunk.shutdownComplete, chunk.cookieAck].some((type) =>
      types.has(type),
    )
    const begun = outOfTheBlue ? null : beginTrack(packet, chunks, tag)
    if (begun === null) return 'invalid'
    connection.track = begun
  }
  const track = connection.track as SctpTrack
  const judgedByChunk = chunksWithOwnRule.some((type) => types.has(type))
  if (!judgedByChunk && tag !== track.tags[at.direction]) return 'invalid'

  let newState = none
  let keepsTime = false
  for (const { type, flags, offset } of chunks) {
    const fit = judgeTag(track, at.direction, type, flags, tag, types.has(chunk.data) || keepsTime)
    if (fit === 'invalid') return 'invalid'
    if (fit === 'unknown') {
      keepsTime = true
      continue
    }
    const oldState = track.state
    newState = nextState(at.direction, type, oldState)
    if (newState === invalid) return 'invalid'
    if (type === chunk.init || type === chunk.initAck) {
      if (offset + 20 > packet.endOffset) return 'invalid'
      const initTag = packet.u32(offset + 4)
      if (type === chunk.init) noteInit(track, at.direction, initTag)
      else if (!initAckFits(track, at.direction, initTag)) return 'invalid'
      track.tags[1 - at.direction] = initTag
      // A repeated INIT does not prolong the life of a connection that leads nowhere.
      const isRepeated = type === chunk.init && newState === closed && oldState === closed
      keepsTime ||= isRepeated && connection.has(connectionStatus.confirmed)
    }
    track.state = newState
    if (oldState !== newState && newState === established) connection.status |= connectionStatus.assured
  }
  if (!keepsTime) at.refresh(connection, settings.timeouts[stateTimeouts[Math.max(newState, closed) - 1]!])
  return 'accept'
}

/** An INIT that gives the tag we know already is late or repeated, and tells nothing. */
function noteInit(track: SctpTrack, direction: 0 | 1, initTag: number): void {
  const { inits } = track
  const other = direction === 0 ? 1 : 0
  if (track.state !== none && track.tags[other] === initTag) return
  if (inits[direction] && inits[other]) inits[other] = false
  inits[direction] = true
}

/** An INIT ACK may not change a tag, except in answer to an INIT that did not meet another. */
function initAckFits(track: SctpTrack, direction: 0 | 1, initTag: number): boolean {
  const { inits } = track
  const other = direction === 0 ? 1 : 0
  const known = track.tags[other]
  if (!inits[other] && known !== 0 && known !== initTag) return false
  return !(inits[direction] && inits[other]) || known === initTag
}

const stateTimeouts = [
  'sctp_timeout_closed',
  'sctp_timeout_cookie_wait',
  'sctp_timeout_cookie_echoed',
  'sctp_timeout_established',
  'sctp_timeout_shutdown_sent',
  'sctp_timeout_shutdown_recd',
  'sctp_timeout_shutdown_ack_sent',
  'sctp_timeout_heartbeat_sent',
] as const

/** Packets with one of these are judged chunk by chunk. */
const chunksWithOwnRule: readonly number[] = [
  chunk.init,
  chunk.shutdownComplete,
  chunk.cookieEcho,
  chunk.abort,
  chunk.shutdownAck,
  chunk.heartbeat,
  chunk.heartbeatAck,
]

/** Source: sctp_new(). */
function beginTrack(packet: Packet, chunks: readonly Chunk[], tag: number): SctpTrack | null {
  const track = new SctpTrack()
  for (const { type, offset } of chunks) {
    if (nextState(0, type, none) === none) return null
    if (type === chunk.init) {
      if (tag !== 0 || offset + 20 > packet.endOffset) return null
      track.tags[1] = packet.u32(offset + 4)
    } else if (type === chunk.heartbeat) {
      track.tags[0] = tag
    } else if (type === chunk.shutdownAck) {
      // Out of the blue: the answer carries the same tag (RFC 9260 section 8.4).
      track.tags[1] = tag
    }
  }
  return track
}

/** RFC 9260 section 8.5.1. `unknown`: another path of a multi-homed association may be coming up. */
function judgeTag(
  track: SctpTrack,
  direction: 0 | 1,
  type: number,
  flags: number,
  tag: number,
  isStrict: boolean,
): 'fits' | 'unknown' | 'invalid' {
  const { tags } = track
  const own = tags[direction]
  switch (type) {
    case chunk.init:
      return tag === 0 ? 'fits' : 'invalid'
    case chunk.abort:
    case chunk.shutdownComplete:
      return tag === ((flags & reflectedTag) === 0 ? own : tags[1 - direction]) ? 'fits' : 'invalid'
    case chunk.cookieEcho:
      return tag === own ? 'fits' : 'invalid'
    case chunk.cookieAck:
      track.inits.fill(false)
      return 'fits'
    case chunk.heartbeat:
      if (own !== 0 && tag !== own) {
        if (isStrict) return 'invalid'
        track.heartbeatFailed = true
        track.lastDirection = direction
        return 'unknown'
      }
      break
    case chunk.heartbeatAck:
      if (own !== 0 && tag !== own) {
        if (isStrict || !track.heartbeatFailed || track.lastDirection === direction) return 'invalid'
        track.heartbeatFailed = false
        tags[direction] = tag
        tags[1 - direction] = 0
        return 'fits'
      }
      break
    default:
      return 'fits'
  }
  // A heartbeat or its answer, with a tag that fits or is the first.
  if (own === 0) tags[direction] = tag
  else track.heartbeatFailed = false
  return 'fits'
}
