/**
 * How often IPv4 tells one sender that there is no way to where it writes: five times at once, then once a second.
 *
 * The limit is a bucket of tokens for each sender and cannot be switched off in a namespace of its own.
 * Kernel: ip_error(), net/ipv4/route.c (ip_rt_error_cost, ip_rt_error_burst); inet_getpeer(), net/ipv4/inetpeer.c, which
 * gives a new sender a full bucket; Linux 6.18.
 */

const costSeconds = 1
const burstSeconds = 5

/** More senders than this are not remembered; a forgotten one has a full bucket again. Source: inet_peer_threshold. */
const mostSenders = 65_664

interface Bucket {
  ticks: number
  lastTick: number
}

export class ErrorBudget {
  readonly #hz: number
  /** By the sender's address; the longest silent first. */
  readonly #buckets = new Map<number, Bucket>()

  constructor(hz: number) {
    this.#hz = hz
  }

  /** Whether the sender may be told once more at `tick`; takes the tokens if so. */
  spend(sender: number, tick: number): boolean {
    const full = burstSeconds * this.#hz
    const old = this.#buckets.get(sender)
    const filled = old === undefined ? full : Math.min(full, old.ticks + tick - old.lastTick)
    const cost = costSeconds * this.#hz
    const isEnough = filled >= cost
    this.#buckets.delete(sender)
    if (this.#buckets.size >= mostSenders) this.#buckets.delete(this.#buckets.keys().next().value!)
    this.#buckets.set(sender, { ticks: isEnough ? filled - cost : filled, lastTick: tick })
    return isEnough
  }
}
