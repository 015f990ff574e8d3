/** Whose address a request comes from: the connection's, or what a trusted proxy says of it. */
import { canonicalAddress } from '../../guard/decide/index.ts'
import { type Prefix, parseAddress, prefixContains } from '../../net/address.ts'

/**
 * The caller's address, canonical; null when a proxy in front does not tell it, so that a login never opens the port for
 * the proxy itself.
 *
 * Of `X-Forwarded-For` the last entry that is no trusted proxy counts: those before it are the caller's own words.
 */
export function callerOf(
  peer: string,
  forwardedFor: string | undefined,
  proxies: readonly Prefix[],
): string | null {
  const connected = canonicalAddress(peer)
  if (connected === null) return null
  const isProxy = (address: string): boolean => {
    const parsed = parseAddress(address)
    return parsed !== null && proxies.some((prefix) => prefixContains(prefix, parsed))
  }
  if (!isProxy(connected)) return connected
  const hops = (forwardedFor ?? '').split(',').reverse()
  for (const hop of hops) {
    const address = canonicalAddress(hopAddress(hop.trim()))
    if (address === null) return null
    if (!isProxy(address)) return address
  }
  return null
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const hopAddress = (hop: string): string =>
  /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
