/**
 * `-m eui64`: an IPv6 source that was made from the source MAC.
 *
 * Kernel: net/ipv6/netfilter/ip6t_eui64.c, `eui64_mt6()`. Read first: RFC 4291 appendix A.
 */
import type { Hook } from '../../lang/rule.ts'
import type { Packet } from '../../net/packet.ts'
import { etherType } from '../../net/protocol.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { requireHooks } from './_hooks.ts'

const allowedHooks: readonly Hook[] = ['PREROUTING', 'INPUT', 'FORWARD']

export const eui64 = defineMatch<Readonly<Record<string, never>>>()({
  name: 'eui64',
  families: ['ipv6'],
  doc: 'Match packets whose source address was made from their source MAC.',
  options: {},
  examples: [''],

  parse: () => ({}),
  print: () => '',
  // iptables itself puts the blank behind.
  list: () => 'eui64 ',

  check: (_data, _rule, place) =>
    requireHooks(allowedHooks, place, 'packets that this host sends have no Ethernet header yet'),

  ...opaque<Readonly<Record<string, never>>>('eui64', (_data, { packet }) => firstMiss(packet) === null),

  explain: (_data, { packet }) => firstMiss(packet),
})

function firstMiss(packet: Packet): string | null {
  const { linkOffset: link, etherType: type, sourceOffset: source } = packet
  if (link < 0 || type !== etherType.ipv6) return 'it has no Ethernet header'
  const mac = Array.from({ length: 6 }, (_, at) => packet.u8(link + 6 + at))
  const identifier = [mac[0]! ^ 2, mac[1]!, mac[2]!, 0xff, 0xfe, ...mac.slice(3)]
  const fits = identifier.every((byte, at) => packet.u8(source + 8 + at) === byte)
  return fits ? null : 'its source address was not made from its source MAC'
}
