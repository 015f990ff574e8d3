/** `-m icmp6`: type and code of an ICMPv6 message. See `_icmp.ts`. Unlike ICMP's, type 255 is a type like any other. */
import { ipProtocol } from '../../net/protocol.ts'
import { defineIcmp } from './_icmp.ts'

export const icmp6 = defineIcmp({
  name: 'icmp6',
  aliases: ['icmpv6', 'ipv6-icmp'],
  family: 'ipv6',
  protocol: ipProtocol.icmp6,
  option: 'icmpv6-type',
  doc: 'Match ICMPv6 messages by type and code.',
  anyType: null,
  examples: ['--icmpv6-type 128', '--icmpv6-type 1/4', '! --icmpv6-type 135'],
})
