/** Ranges of IPv4 addresses. Kernel: net/netfilter/ipset/pfxlen.c, ip_set_mask_from_to(), Linux 6.18. */
import { maskWord } from './layout.ts'

/** First and last address of a network. */
export function networkRange(address: number, length: number): readonly [from: number, to: number] {
  const mask = maskWord(length)
  const from = (address & mask) >>> 0
  return [from, (from | ~mask) >>> 0]
}

/** The largest network that begins with `from` and ends at `to` or before: its length and last address. */
export function networkWithin(from: number, to: number): { readonly length: number; readonly last: number } {
  for (let length = 1; length < 32; length++) {
    const mask = maskWord(length)
    if ((from & mask) >>> 0 !== from) continue
    const last = (from | ~mask) >>> 0
    // Compared as the kernel does it: whether one is less than half the space behind the other.
    if (((to - last) | 0) >= 0) return { length, last }
  }
  return { length: 32, last: from }
}
