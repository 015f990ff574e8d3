/**
 * One TCP connection of the host's, as a server has it. It keeps no timers: nothing is sent twice, and what a lost
 * packet leaves open stays open. Options are the MSS alone (as with `net.ipv4.tcp_sack`, `tcp_timestamps`,
 * `tcp_window_scaling` and `tcp_ecn` off), and every segment that needs an acknowledgement gets it at once.
 *
 * Kernel: net/ipv4/tcp_input.c (`tcp_validate_incoming`, `tcp_rcv_state_process`, `tcp_data_queue`), tcp_minisocks.c
 * (`tcp_check_req`, `tcp_timewait_state_process`), Linux 6.18. Read first: RFC 9293 section 3.10.7, RFC 5961.
 */
import * as tcp from '../../net/headers/tcp.ts'
import { after, distance, TcpSender } from './tcp-sender.ts'

const { fin, syn, rst, psh, ack } = tcp.flag

/** A received segment. */
export interface Segment {
  readonly flags: number
  readonly sequence: number
  readonly acknowledgement: number
  readonly window: number
  readonly length: number
}

/** A segment to be sent. `alone`: it is no connection's own, so it takes no id from it. */
export interface Answer {
  readonly flags: number
  readonly sequence: number
  readonly acknowledgement: number
  readonly window: number
  readonly payload?: Uint8Array
  /** Of a SYN-ACK. */
  readonly mss?: number
  /** Sent without a socket of its own: IP id 0. */
  readonly isBare?: true
}

type State =
  | 'syn-received'
  | 'established'
  | 'close-wait'
  | 'last-ack'
  | 'fin-wait-1'
  | 'fin-wait-2'
  | 'closing'
  | 'time-wait'
  | 'closed'

/** Windows that the host offers; the kernel's move with its memory, so they stand for "large". */
const firstWindow = 64240
const laterWindow = 65535
/** TCP_TIMEOUT_INIT: when the SYN-ACK would be sent again, were it ever (`net.ipv4.tcp_synack_retries` is 0). */
const halfOpenNs = 1_000_000_000n
/** TCP_TIMEWAIT_LEN. */
const timeWaitNs = 60_000_000_000n

export interface TcpStart {
  /** The SYN. */
  readonly segment: Segment
  readonly initialSequence: number
  /** Announced, and of a segment that is sent. */
  readonly ownMss: number
  readonly sendMss: number
  readonly nowNs: bigint
}

export class TcpConnection {
  #state: State = 'syn-received'
  readonly #initialSequence: number
  readonly #ownMss: number
  readonly #sendMss: number
  readonly #peerSequence: number
  /** The next byte that is expected. */
  #expected: number
  #sender: TcpSender | null = null
  /** When a half-open or waiting connection is forgotten; null for others. */
  #endsNs: bigint | null
  /** Segments beyond a gap, by sequence number. */
  readonly #early: Segment[] = []

  constructor({ segment, initialSequence, ownMss, sendMss, nowNs }: TcpStart) {
    this.#initialSequence = initialSequence
    this.#ownMss = ownMss
    this.#sendMss = sendMss
    this.#peerSequence = segment.sequence
    this.#expected = after(segment.sequence, 1)
    this.#endsNs = nowNs + halfOpenNs
  }

  isGone(nowNs: bigint): boolean {
    return this.#state === 'closed' || (this.#endsNs !== null && this.#endsNs <= nowNs)
  }

  /** Whether a process has it. */
  get isAccepted(): boolean {
    return this.#sender !== null
  }

  /** Whether a new SYN may take its place: it only waits, and the SYN is of a later time. */
  yieldsTo({ flags, sequence }: Segment): boolean {
    return (
      this.#state === 'time-wait' &&
      (flags & (syn | rst | ack)) === syn &&
      distance(this.#expected, sequence) > 0
    )
  }

  synAck(): Answer {
    return {
      flags: syn | ack,
      sequence: this.#initialSequence,
      acknowledgement: this.#expected,
      window: firstWindow,
      mss: this.#ownMss,
      isBare: true,
    }
  }

  // --- What arrives

  receive(segment: Segment, nowNs: bigint): Answer[] {
    if (this.#state === 'syn-received') return this.#receiveHalfOpen(segment, nowNs)
    if (this.#state === 'time-wait') return this.#receiveWaiting(segment, nowNs)
    const { flags, sequence } = segment
    if (!this.#isInWindow(segment)) return (flags & rst) === 0 ? [this.#ack()] : []
    if ((flags & rst) !== 0) {
      if (sequence !== this.#expected) return [this.#ack()]
      this.#state = 'closed'
      return []
    }
    if ((flags & syn) !== 0) return [this.#ack()]
    if ((flags & ack) === 0) return []
    return this.#process(segment, nowNs)
  }

  /** Source: tcp_check_req(). */
  #receiveHalfOpen(segment: Segment, nowNs: bigint): Answer[] {
    const { flags, sequence, acknowledgement, window } = segment
    if (sequence === this.#peerSequence && (flags & (syn | rst | ack)) === syn) return [this.synAck()]
    const isAnswered = after(this.#initialSequence, 1) === acknowledgement
    if ((flags & ack) !== 0 && (flags & rst) === 0 && !isAnswered) return [resetFor(segment)]
    if (!this.#isInWindow(segment)) return (flags & rst) === 0 ? [this.#ackOfRequest()] : []
    if ((flags & (rst | syn)) !== 0) {
      this.#state = 'closed'
      return (flags & rst) !== 0 ? [] : [resetFor(segment)]
    }
    if ((flags & ack) === 0) return []
    this.#state = 'established'
    this.#endsNs = null
    this.#sender = new TcpSender(this.#sendMss, after(this.#initialSequence, 1), window)
    return this.#process(segment, nowNs)
  }

  /** Source: tcp_timewait_state_process(). */
  #receiveWaiting(segment: Segment, nowNs: bigint): Answer[] {
    const { flags, sequence, length } = segment
    const isBare = length === 0 && (flags & (syn | fin)) === 0
    if (sequence === this.#expected && (isBare || (flags & rst) !== 0)) {
      if ((flags & rst) !== 0) this.#state = 'closed'
      else this.#endsNs = nowNs + timeWaitNs
      return []
    }
    if ((flags & rst) !== 0) return []
    if ((flags & ack) !== 0) this.#endsNs = nowNs + timeWaitNs
    return [{ ...this.#ack(), isBare: true }]
  }

  /** Source: tcp_sequence(): the segment's end must not lie before the window, nor its beginning behind it. */
  #isInWindow(segment: Segment): boolean {
    const end = endOf(segment)
    return distance(this.#expected, end) >= 0 && distance(segment.sequence, this.#expected) >= -laterWindow
  }

  #process(segment: Segment, nowNs: bigint): Answer[] {
    const sender = this.#sender!
    const { acknowledgement, window } = segment
    if (distance(sender.next, acknowledgement) > 0) return [this.#ack()]
    const answers: Answer[] = []
    if (distance(sender.unacknowledged, acknowledgement) >= 0) {
      answers.push(...sender.acknowledge(acknowledgement, window).map((each) => this.#data(each)))
      if (acknowledgement === sender.next && sender.isDone) this.#finAcknowledged(nowNs)
    }
    if (this.#state === 'closed') return answers
    const takesSpace = segment.length > 0 || (segment.flags & fin) !== 0
    if (!takesSpace) return answers
    this.#take(segment, nowNs)
    return [...answers, { ...this.#ack(), ...(this.#state === 'time-wait' && { isBare: true as const }) }]
  }

  #take(segment: Segment, nowNs: bigint): void {
    if (distance(this.#expected, segment.sequence) > 0) {
      this.#early.push(segment)
      return
    }
    if (distance(this.#expected, endOf(segment)) <= 0) return
    this.#expected = endOf(segment)
    if ((segment.flags & fin) !== 0) {
      this.#peerFinished(nowNs)
      return
    }
    const next = this.#early.findIndex(({ sequence }) => distance(this.#expected, sequence) <= 0)
    if (next >= 0) this.#take(this.#early.splice(next, 1)[0]!, nowNs)
  }

  #peerFinished(nowNs: bigint): void {
    if (this.#state === 'established') this.#state = 'close-wait'
    else if (this.#state === 'fin-wait-1') this.#state = 'closing'
    else if (this.#state === 'fin-wait-2') this.#wait(nowNs)
  }

  #finAcknowledged(nowNs: bigint): void {
    if (this.#state === 'fin-wait-1') this.#state = 'fin-wait-2'
    else if (this.#state === 'closing') this.#wait(nowNs)
    else if (this.#state === 'last-ack') this.#state = 'closed'
  }

  #wait(nowNs: bigint): void {
    this.#state = 'time-wait'
    this.#endsNs = nowNs + timeWaitNs
  }

  // --- What the process does

  /** Null where the connection cannot send any more. */
  send(payload: Uint8Array): Answer[] | null {
    if (this.#state !== 'established' && this.#state !== 'close-wait') return null
    return this.#sender!.write(payload).map((each) => this.#data(each))
  }

  /** No more is sent from here on; what comes is still taken. Null where that was done before. */
  close(): Answer[] | null {
    if (this.#state === 'established') this.#state = 'fin-wait-1'
    else if (this.#state === 'close-wait') this.#state = 'last-ack'
    else return null
    const sequence = this.#sender!.next
    this.#sender!.countFin()
    return [{ ...this.#ack(), flags: fin | ack, sequence }]
  }

  abort(): Answer[] {
    const answer = { ...this.#ack(), flags: rst | ack }
    this.#state = 'closed'
    return [answer]
  }

  // --- What is sent

  #data({ sequence, payload, push }: { sequence: number; payload: Uint8Array; push: boolean }): Answer {
    return { ...this.#ack(), flags: push ? psh | ack : ack, sequence, payload }
  }

  #ack(): Answer {
    return {
      flags: ack,
      sequence: this.#sender!.next,
      acknowledgement: this.#expected,
      window: laterWindow,
    }
  }

  #ackOfRequest(): Answer {
    const sequence = after(this.#initialSequence, 1)
    return { flags: ack, sequence, acknowledgement: this.#expected, window: firstWindow, isBare: true }
  }
}

/** Behind the last number that a segment takes. */
function endOf({ sequence, length, flags }: Segment): number {
  return after(sequence, length + ((flags & syn) !== 0 ? 1 : 0) + ((flags & fin) !== 0 ? 1 : 0))
}

/**
 * What a segment gets that nobody waits for. A RST gets nothing: ask before. Source: tcp_v4_send_reset(); RFC 9293
 * section 3.10.7.1.
 */
export function resetFor(segment: Segment): Answer {
  const { flags, acknowledgement } = segment
  const common = { window: 0, isBare: true } as const
  return (flags & ack) !== 0
    ? { ...common, flags: rst, sequence: acknowledgement, acknowledgement: 0 }
    : { ...common, flags: rst | ack, sequence: 0, acknowledgement: endOf(segment) }
}
