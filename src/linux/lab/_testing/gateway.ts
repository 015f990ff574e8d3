/** A gateway with two networks, and packets for it, for the lab's own tests. */
import {
  bareHost,
  defaultMac,
  type HostConfig,
  type InterfaceConfig,
  neighbourMac,
  parseRoute,
} from '../../../engine/config.ts'
import { SourceText } from '../../../lang/source.ts'
import { type Family, parseAddress, parsePrefix } from '../../../net/address.ts'
import { encodeFrame, encodeIcmp, encodeIpv4, encodeIpv6, encodeTcp, encodeUdp } from '../../../net/index.ts'
import type { Action, RulesText, Step } from '../../../scenario/scenario.ts'

const device = (name: string, place: number, ...addresses: string[]): InterfaceConfig => ({
  name,
  addresses: addresses.map((text) => parsePrefix(text)!),
  mac: defaultMac(place),
  mtu: 1500,
})

const route = (text: string) => {
  const parsed = parseRoute(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

export const gateway: HostConfig = {
  ...bareHost,
  interfaces: [
    device('eth0', 0, '203.0.113.1/24', '2001:db8:1::1/64'),
    device('eth1', 1, '192.168.1.1/24', '2001:db8:2::1/64'),
  ],
  forwarding: { ipv4: true, ipv6: true },
  routes: [route('default via 203.0.113.254'), route('default via 2001:db8:1::fe')],
}

export const rulesText = (text: string, family: Family = 'ipv4'): RulesText => ({
  family,
  source: new SourceText('rules', text),
})

export const tcpFlags = { syn: 2, ack: 16, rst: 4 } as const

/** `198.51.100.7:4000 > 203.0.113.1:22`, of either family (`[2001:db8::7]:4000`). */
export function ipPacket(
  protocol: 'tcp' | 'udp' | 'icmp',
  path: string,
  flags = tcpFlags.syn as number,
): Uint8Array {
  const [from, to] = path.split(' > ').map(endOf)
  const ends = { source: from!.address, destination: to!.address }
  const ports = { sourcePort: from!.port, destinationPort: to!.port }
  const none = new Uint8Array(0)
  const number = { tcp: 6, udp: 17, icmp: 1 }[protocol]
  const payload =
    protocol === 'tcp'
      ? encodeTcp({ ...ports, flags }, none, ends)
      : protocol === 'udp'
        ? encodeUdp(ports, none, ends)
        : encodeIcmp({ type: 8, code: 0 }, none)
  return ends.source.family === 'ipv4'
    ? encodeIpv4({ ...ends, protocol: number, ttl: 64, id: 77 }, payload)
    : encodeIpv6({ ...ends, nextHeader: number, hopLimit: 64 }, payload)
}

function endOf(text: string) {
  const parts = /^\[?([0-9a-f:.]+?)\]?(?::(\d+))?$/.exec(text)
  const address = parseAddress(parts?.[1] ?? '')
  if (address === null) throw new Error(`"${text}" is no end of a packet`)
  return { address, port: Number(parts![2] ?? 0) }
}

/** The packet as it arrives on one of the gateway's interfaces. */
export function receive(name: string, packet: Uint8Array, mark = 0): Action {
  const { mac } = gateway.interfaces.find((candidate) => candidate.name === name)!
  const sender = neighbourMac(parseAddress('198.51.100.7')!)
  const etherType = packet[0]! >> 4 === 4 ? 0x0800 : 0x86dd
  return {
    kind: 'receive',
    device: name,
    frame: encodeFrame({ source: sender, destination: mac, etherType }, packet),
    mark,
  }
}

export const send = (packet: Uint8Array, uid = 0, mark = 0): Action => ({
  kind: 'send',
  packet,
  socket: { uid, gid: uid },
  mark,
})

/** Steps from [milliseconds, action] pairs. */
export const timeline = (...steps: readonly (readonly [number, Action])[]): Step[] =>
  steps.map(([atMs, action], at) => ({
    number: at + 1,
    atNs: BigInt(Math.round(atMs * 1e6)),
    action,
    expect: null,
    text: action.kind,
    span: null,
  }))
