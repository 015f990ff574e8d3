/** Translations in words, for traces. */
import { printAddress } from '../../net/address.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'

/** Source and destination of a packet, as the packet notation writes them. */
export interface Ends {
  readonly source: string
  readonly destination: string
}

const portProtocols: readonly number[] = [
  ipProtocol.tcp,
  ipProtocol.udp,
  ipProtocol.udplite,
  ipProtocol.sctp,
  ipProtocol.dccp,
]

export function endsOf(packet: Packet): Ends {
  const { protocol, transportOffset: at, transportLength, fragmentOffset, family } = packet
  const hasPorts = portProtocols.includes(protocol) && fragmentOffset === 0 && 4 <= transportLength
  const print = (side: 'source' | 'destination'): string => {
    const address = printAddress(packet[side])
    if (!hasPorts) return address
    const port = packet.u16(side === 'source' ? at : at + 2)
    return family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`
  }
  return { source: print('source'), destination: print('destination') }
}

/** A line for each end that changed. */
export function tellTranslation(before: Ends, after: Ends): string[] {
  return (['source', 'destination'] as const)
    .filter((side) => before[side] !== after[side])
    .map((side) => `translation: the ${side} was ${before[side]} and is now ${after[side]}`)
}
