/**
 * Packets of a test's tables: the notation, with what a table leaves out filled in from a base packet whose fields
 * all differ, and behind a bar what no packet says:
 *
 *   > :22 syn
 *   proto=6 payload=0fa00016            (a cut header)
 *   out uid=7 | groups=5,6              (the owner's supplementary groups)
 *   > 224.0.0.251 | multicast           (how the link layer addressed it)
 *   | from-kernel                       (one of the kernel's own sockets sent it)
 *   | in=lo                             (another device; no link header)
 */
import type { Hook } from '../../lang/rule.ts'
import { type Family, printAddress } from '../../net/address.ts'
import { decodeFrame, decodeIp } from '../../net/decode.ts'
import { encodeFrame } from '../../net/encode.ts'
import { encodePacketLine, type PacketLine, parsePacketLine } from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import { etherType } from '../../net/protocol.ts'
import type { HostServices, LocalSocket, PacketType, RouteType, Skb } from '../context.ts'
import { contextOf, eth0, eth1, hostOf, loopback, type Sample } from './samples.ts'

/** What the routing table says of addresses: `203.0.113.1`, or `203.0.113.1@eth0` for one device only. */
export type RouteTypes = Readonly<Record<string, RouteType>>

const sourceMac = Uint8Array.of(2, 0, 0, 0, 1, 0x43)

const basePackets: Readonly<Record<Family, string>> = {
  ipv4: 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn seq=5 id=9 tos=0x10 ttl=63 mark=0x77',
  ipv6: 'eth0 tcp [2001:db8::7]:4000 > [2001:db8:1::1]:22 syn seq=5 tos=0x10 ttl=63 mark=0x77',
}

const packetTypes: readonly string[] = ['host', 'broadcast', 'multicast', 'otherhost', 'outgoing', 'loopback']

export function packetSample(text: string, family: Family, hook: Hook, routes: RouteTypes = {}): Sample {
  const [notation, extras = ''] = text.split('|').map((part) => part.trim())
  const line = readLine(notation!, family)
  const words = extras.split(' ').filter((word) => word !== '')
  const packet = new Packet()
  const inDevice = line.device === null ? null : words.includes('in=lo') ? loopback : eth0
  if (inDevice?.kind === 'ethernet') {
    const type = family === 'ipv4' ? etherType.ipv4 : etherType.ipv6
    const link = { destination: eth0.mac, source: line.sourceMac ?? sourceMac, etherType: type }
    decodeFrame(packet, encodeFrame(link, encodePacketLine(line)))
  } else decodeIp(packet, encodePacketLine(line))
  const outDevice = hook === 'PREROUTING' || hook === 'INPUT' ? null : eth1
  const context = contextOf(packet, hook, { in: inDevice, out: outDevice })
  const skb: Skb = {
    packet,
    mark: line.mark,
    packetType: (words.find((word) => packetTypes.includes(word)) as PacketType | undefined) ?? 'host',
    socket: socketOf(line, words),
    circumstances: line.circumstances,
    conntrack: null,
    untracked: false,
    traced: false,
  }
  return { skb, context: { ...context, host: hostOf(family, routingOf(routes)) } }
}

function readLine(notation: string, family: Family): PacketLine {
  const base = parsePacketLine(basePackets[family])
  if ('error' in base) throw new Error(base.error.message)
  const parsed = parsePacketLine(notation, { base: base.line })
  if ('error' in parsed) throw new Error(`${notation}: ${parsed.error.message}`)
  return parsed.line
}

function socketOf({ uid, gid }: PacketLine, words: readonly string[]): LocalSocket | null {
  if (words.includes('from-kernel')) return { uid: 0, gid: 0, isKernel: true }
  if (uid === null) return null
  const groups = words.find((word) => word.startsWith('groups='))
  return {
    uid,
    gid: gid ?? 0,
    supplementaryGids: groupList(groups),
  }
}

const groupList = (word: string | undefined): number[] => (word?.match(/\d+/g) ?? []).map(Number)

const routingOf = (routes: RouteTypes): HostServices['routing'] => ({
  mtuToward: () => null,
  wayBack: () => null,
  addressType(address, device) {
    const text = printAddress(address)
    return routes[device === null ? text : `${text}@${device.name}`] ?? 'UNICAST'
  },
})
