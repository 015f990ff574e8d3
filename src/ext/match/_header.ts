/** What the matches of IPv6 extension headers share: they find theirs wherever it stands. */
import { findHeader, headerLength } from '../../net/headers/ipv6-extension.ts'
import type { HookContext, Skb } from '../context.ts'

/**
 * Offset of the header, or -1 where there is none. A chain that ends within a header drops the packet at once, and so
 * does a header of which fewer than `length` bytes are there.
 */
export function locateHeader(
  { packet }: Skb,
  context: HookContext,
  protocol: number,
  length: number,
): number {
  const at = findHeader(packet, protocol)
  if (at === 'absent') return -1
  if (at === 'broken' || packet.endOffset - at < length) {
    context.hotdrop = true
    return -1
  }
  return at
}

/** Like `locateHeader`, for a header that must be there as far as its own length field says. */
export function locateWholeHeader(skb: Skb, context: HookContext, protocol: number, length: number): number {
  const at = locateHeader(skb, context, protocol, length)
  if (at < 0 || headerLength(skb.packet, at, protocol) <= skb.packet.endOffset - at) return at
  context.hotdrop = true
  return -1
}

/** Why `locateHeader` found none, or null. */
export function explainMissing(
  { packet }: Skb,
  protocol: number,
  length: number,
  word: string,
): string | null {
  const at = findHeader(packet, protocol)
  if (at === 'absent') return `it has no ${word}`
  if (at === 'broken') return 'its extension headers are cut off'
  return packet.endOffset - at < length ? `its ${word} is cut off` : null
}

/** Why `locateWholeHeader` found none, or null. */
export function explainMissingWhole(skb: Skb, protocol: number, length: number, word: string): string | null {
  const missing = explainMissing(skb, protocol, length, word)
  const at = findHeader(skb.packet, protocol)
  if (missing !== null || typeof at !== 'number') return missing
  const isWhole = headerLength(skb.packet, at, protocol) <= skb.packet.endOffset - at
  return isWhole ? null : `its ${word} is cut off`
}
