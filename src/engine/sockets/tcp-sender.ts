/**
 * When a TCP socket may send what a process wrote: at most the congestion window, which begins at ten segments and
 * grows by one for each segment acknowledged while it was the limit (slow start, which without losses never ends), and
 * at most what the other side's window takes. Only whole segments wait; a last short one is sent as it is.
 *
 * Kernel: tcp_write_xmit(), tcp_cwnd_validate(), net/ipv4/tcp_output.c; tcp_reno_cong_avoid(), net/ipv4/tcp_cong.c;
 * Linux 6.18. Read first: RFC 5681 section 3.1, RFC 6928.
 */

const initialWindowSegments = 10

/** One segment to be sent. */
export interface SendableSegment {
  readonly sequence: number
  readonly payload: Uint8Array
  readonly push: boolean
}

interface Sent {
  readonly end: number
}

export class TcpSender {
  /** Bytes of a segment. */
  readonly #mss: number
  /** Of the next byte that is sent. */
  next: number
  /** The first that is not acknowledged. */
  unacknowledged: number
  /** What the other side takes beyond `unacknowledged`. */
  #peerWindow: number
  #largestPeerWindow: number
  readonly #flight: Sent[] = []
  readonly #waiting: { readonly payload: Uint8Array; readonly push: boolean }[] = []
  #writtenTo: number
  #pushedTo: number
  #window = initialWindowSegments
  #isLimited = false
  #mostInFlight = 0
  #usageTo: number

  constructor(mss: number, next: number, peerWindow: number) {
    this.#mss = mss
    this.next = next
    this.unacknowledged = next
    this.#peerWindow = peerWindow
    this.#largestPeerWindow = peerWindow
    this.#writtenTo = next
    this.#pushedTo = next
    this.#usageTo = next
  }

  get isDone(): boolean {
    return this.#waiting.length === 0
  }

  /** A process writes: what can be sent at once. */
  write(payload: Uint8Array): SendableSegment[] {
    for (let at = 0; at < payload.length; at += this.#mss) {
      const piece = payload.subarray(at, at + this.#mss)
      this.#writtenTo = after(this.#writtenTo, piece.length)
      // Pushed is the end of a write, and a long one every half of the largest window that was offered.
      const isLast = at + this.#mss >= payload.length
      const push = isLast || distance(this.#pushedTo, this.#writtenTo) > this.#largestPeerWindow >>> 1
      if (push) this.#pushedTo = this.#writtenTo
      this.#waiting.push({ payload: piece, push })
    }
    return this.#transmit()
  }

  /** The other side acknowledges: what can be sent now. Preconditions: the number is sensible. */
  acknowledge(to: number, peerWindow: number): SendableSegment[] {
    this.#peerWindow = peerWindow
    this.#largestPeerWindow = Math.max(this.#largestPeerWindow, peerWindow)
    let segments = 0
    while (this.#flight.length > 0 && distance(this.#flight[0]!.end, to) >= 0) {
      this.#flight.shift()
      segments++
    }
    this.unacknowledged = to
    const mayGrow = this.#isLimited || this.#window < 2 * this.#mostInFlight
    if (mayGrow) this.#window += segments
    return this.#transmit()
  }

  /** A FIN takes a number too. */
  countFin(): void {
    this.next = after(this.next, 1)
    this.#writtenTo = this.next
    this.#flight.push({ end: this.next })
  }

  #transmit(): SendableSegment[] {
    const sent: SendableSegment[] = []
    while (this.#waiting.length > 0 && this.#flight.length < this.#window) {
      const { payload, push } = this.#waiting[0]!
      const sequence = this.next
      const end = after(sequence, payload.length)
      if (distance(this.unacknowledged, end) > this.#peerWindow) break
      this.#waiting.shift()
      this.next = end
      this.#flight.push({ end })
      sent.push({ sequence, payload, push })
    }
    const isLimited = this.#flight.length >= this.#window
    if (sent.length > 0 || isLimited) this.#noteUsage(isLimited)
    return sent
  }

  #noteUsage(isLimited: boolean): void {
    const isNews =
      isLimited ||
      distance(this.#usageTo, this.unacknowledged) >= 0 ||
      (!this.#isLimited && this.#flight.length > this.#mostInFlight)
    if (!isNews) return
    this.#isLimited = isLimited
    this.#mostInFlight = this.#flight.length
    this.#usageTo = this.next
  }
}

/** A sequence number so many further. */
export const after = (sequence: number, bytes: number): number => (sequence + bytes) >>> 0

/** How far `to` lies beyond `from`: negative when it lies before. */
export const distance = (from: number, to: number): number => (to - from) | 0
