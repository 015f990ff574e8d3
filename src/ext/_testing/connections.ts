/** Connections made up for tests of what reads them. */
import { addressOf } from '../../net/address.ts'
import type { Connection, Skb, Tuple } from '../context.ts'

const tuple: Tuple = {
  source: addressOf('ipv4', [0xc0000207]),
  destination: addressOf('ipv4', [0xcb007101]),
  protocol: 6,
  sourcePort: 40000,
  destinationPort: 80,
}

/** An established connection of 192.0.2.7, but for what is given. */
export const connectionWith = (parts: Partial<Connection> = {}): Connection => ({
  original: tuple,
  reply: {
    ...tuple,
    source: tuple.destination,
    destination: tuple.source,
    sourcePort: 80,
    destinationPort: 40000,
  },
  status: 2 + 4 + 8,
  mark: 0,
  zone: { id: 0, direction: 'both' },
  helper: null,
  master: null,
  counters: null,
  labels: null,
  template: null,
  timeoutSeconds: () => 431999,
  ...parts,
})

/** A packet of a connection; one without any is INVALID. */
export const skbOfConnection = (connection: Connection | null, mark = 0): Skb =>
  ({
    conntrack: {
      state: connection === null ? 'INVALID' : 'ESTABLISHED',
      isReply: false,
      connection,
    },
    untracked: false,
    mark,
  }) as Skb
