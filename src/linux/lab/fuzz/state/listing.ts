/** What `/proc/net/nf_conntrack` says of connections, as far as the next packets follow from it. */
import { type Address, parseAddress } from '../../../../net/address.ts'

/** How the packets of one direction look. An ICMP id stands for both ports. */
export interface Look {
  readonly source: Address
  readonly destination: Address
  readonly sourcePort: number
  readonly destinationPort: number
}

export interface ListedConnection {
  readonly protocol: number
  readonly original: Look
  readonly reply: Look
}

const tuple =
  /src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+)| type=\d+ code=\d+ id=(\d+)| srckey=(\w+) dstkey=(\w+))?/g

export function readListing(line: string): ListedConnection | null {
  const [original, reply] = [...line.matchAll(tuple)].map(lookOf)
  if (original == null || reply == null) return null
  return { protocol: Number(line.split(/ +/)[3]), original, reply }
}

function lookOf([
  ,
  source,
  destination,
  sport,
  dport,
  id,
  sourceKey,
  destinationKey,
]: RegExpMatchArray): Look | null {
  const [from, to] = [parseAddress(source!), parseAddress(destination!)]
  if (from === null || to === null) return null
  return {
    source: from,
    destination: to,
    sourcePort: Number(sport ?? id ?? sourceKey ?? 0),
    destinationPort: Number(dport ?? id ?? destinationKey ?? 0),
  }
}

/** What tells a connection from all others: protocol, both tuples, and its zone. */
export const tuplesOf = (line: string): string => {
  const [family, , protocol] = line.split(/ +/)
  return [family, protocol, ...(line.match(tuple) ?? []), ...(line.match(/zone\S*/g) ?? [])].join(' ')
}
