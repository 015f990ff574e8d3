/**
 * The forwarding table of one family: longest prefix first, then the smaller metric.
 *
 * Kernel: net/ipv4/fib_trie.c, net/ipv6/ip6_fib.c, Linux 6.18, without rules for several tables.
 */
import type { Device, RouteType } from '../ext/context.ts'
import { type Address, lengthOfMask, maskAddress, type Prefix } from '../net/address.ts'

export interface FibEntry {
  readonly to: Prefix
  readonly type: RouteType
  /** Null for routes that lead nowhere (unreachable, blackhole, prohibit). */
  readonly device: Device | null
  /** Null when the destination is on the link. */
  readonly gateway: Address | null
  /** Address that the host takes as its own on this way, or null: chosen by the device. */
  readonly source: Address | null
  readonly metric: number
}

export class Fib {
  /** Longest prefix first, then smallest metric, then oldest: the first that fits is the answer. */
  readonly #entries: readonly FibEntry[]

  constructor(entries: readonly FibEntry[]) {
    this.#entries = [...entries].sort((a, b) => lengthOf(b) - lengthOf(a) || a.metric - b.metric)
  }

  /** The best entry for an address, over one device only when it is given; null when none fits. */
  lookup({ words }: Address, device: Device | null = null): FibEntry | null {
    for (const entry of this.#entries) {
      if (device !== null && entry.device !== device) continue
      if (contains(entry.to, words)) return entry
    }
    return null
  }
}

/** As `prefixContains`, for addresses of one family, on the path of every packet. */
function contains({ address, mask }: Prefix, words: readonly number[]): boolean {
  for (let at = 0; at < words.length; at++) {
    if (((words[at]! ^ address.words[at]!) & mask.words[at]!) !== 0) return false
  }
  return true
}

const lengthOf = ({ to }: FibEntry): number => lengthOfMask(to.mask) ?? 0

/** The network of an interface's address: host bits cleared. */
export const networkOf = ({ address, mask }: Prefix): Prefix => ({
  address: maskAddress(address, mask),
  mask,
})
