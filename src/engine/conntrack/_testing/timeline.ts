/**
 * Connection tracking as timelines. One row a packet: time, direction and packet, then what it is, then the table.
 *
 *     0s    > syn seq=100                  | NEW               | SYN_SENT 120 unreplied
 *     0.1s  < syn-ack seq=500 ack=101      | ESTABLISHED reply | SYN_RECV 60
 *
 * `>` is client to server, `<` the answer. The packet is in the notation, TCP from port 4000 to 22 unless it names
 * another protocol (and, if it likes, `A > B`); `out` before it makes it one that the host sends. `~` before it stands for
 * a packet that is dropped on its way, so that its connection is not confirmed. A row with `...` only looks at the table.
 */
import { expect } from 'vitest'
import type { Skb } from '../../../ext/context.ts'
import { decodeIp } from '../../../net/decode.ts'
import { encodePacketLine, parsePacketLine } from '../../../net/notation.ts'
import { Packet } from '../../../net/packet.ts'
import { connectionStatus, tickAt } from '../connection.ts'
import { Conntrack } from '../conntrack.ts'
import { printConnection } from '../listing.ts'
import { readSettings } from '../settings.ts'

const hz = 250

interface Row {
  readonly nowNs: bigint
  readonly packet: string
  readonly rest: readonly string[]
}

/** Plays the packets of a timeline and compares what it says of each. */
export function play(text: string, sysctls: Readonly<Record<string, number>> = {}): void {
  const names = Object.entries(sysctls).map(
    ([name, value]) => [`net.netfilter.nf_conntrack_${name}`, String(value)] as const,
  )
  const conntrack = new Conntrack(readSettings(hz, new Map(names)), 7)
  const rows = text.split('\n').filter((line) => line.trim() !== '')
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row.split('|')[column]!.trim().length)))
  const table = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.trim().padEnd(widths[at] ?? 0))
      .join(' | ')
      .trimEnd()
  const played = rows.map((row) => {
    const { nowNs, packet } = readRow(row)
    return table([row.split('|')[0]!, track(conntrack, packet, nowNs), printTable(conntrack, nowNs)])
  })
  expect(`\n${played.join('\n')}\n`).toBe(`\n${rows.map((row) => table(row.split('|'))).join('\n')}\n`)
}

function readRow(row: string): Row {
  const [, seconds, packet, rest] = /^\s*([\d.]+)s\s+([^|]*)\|(.*)$/.exec(row)!
  return { nowNs: BigInt(Math.round(Number(seconds) * 1e9)), packet: packet!.trim(), rest: rest!.split('|') }
}

function track(conntrack: Conntrack, text: string, nowNs: bigint): string {
  if (text === '...') return ''
  const [, dropped, out, way, words] = /^(~)? *(out)? *([<>]) *(.*)$/.exec(text)!
  const skb = skbOf(lineOf(way === '>', words!))
  if (conntrack.in(skb, out === undefined ? 'PREROUTING' : 'OUTPUT', nowNs) === 'drop') return 'dropped'
  const { state, isReply, connection } = skb.conntrack!
  const known = [
    state,
    ...(isReply ? ['reply'] : []),
    ...(isAssured(connection?.status ?? 0) ? ['assured'] : []),
  ]
  if (dropped === undefined && conntrack.confirm(skb, nowNs) === 'drop') return `${known.join(' ')}, dropped`
  return known.join(' ')
}

const isAssured = (status: number): boolean => (status & connectionStatus.assured) !== 0

export function skbOf(line: string): Skb {
  const parsed = parsePacketLine(line)
  if ('error' in parsed) throw new Error(`${line}: ${parsed.error.message}`)
  const packet = new Packet()
  decodeIp(packet, encodePacketLine(parsed.line))
  return {
    packet,
    mark: 0,
    packetType: 'host',
    socket: null,
    circumstances: {},
    conntrack: null,
    untracked: false,
    traced: false,
  }
}

const withPorts = ['tcp', 'udp', 'udplite', 'sctp']

function lineOf(isForward: boolean, words: string): string {
  const [, named = 'tcp', rest] = /^(tcp|udplite|udp|icmp6?|sctp|gre|esp|proto=\d+)?(?:(?<=\S) )?(.*)$/.exec(
    words,
  )!
  if (rest!.split('[ ')[0]!.includes('>')) return `eth0 ${named} ${rest}`
  const six = named === 'icmp6'
  const [client, server] = six ? ['2001:db8::7', '2001:db8:1::1'] : ['198.51.100.7', '203.0.113.1']
  const ends = withPorts.includes(named) ? [`${client}:4000`, `${server}:22`] : [client, server]
  if (!isForward) ends.reverse()
  return `eth0 ${named} ${ends.join(' > ')} ${rest}`
}

/** State and seconds of every connection, and `unreplied` or `assured`. */
function printTable(conntrack: Conntrack, nowNs: bigint): string {
  const tick = tickAt(nowNs, hz)
  return conntrack
    .list(nowNs)
    .map((connection) => {
      const line = printConnection(connection, tick, conntrack.settings)
      const [, seconds, state = ''] = /^\S+ +\d+ \S+ +\d+ (\d+) ([A-Z_0-9]+ )?/.exec(line)!
      const end = line.includes('[UNREPLIED]') ? ' unreplied' : line.includes('[ASSURED]') ? ' assured' : ''
      return `${state}${seconds}${end}`
    })
    .join(', ')
}
