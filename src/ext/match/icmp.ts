/** `-m icmp`: type and code of an ICMP message. See `_icmp.ts`. */
import { ipProtocol } from '../../net/protocol.ts'
import { defineIcmp } from './_icmp.ts'

export const icmp = defineIcmp({
  name: 'icmp',
  family: 'ipv4',
  protocol: ipProtocol.icmp,
  option: 'icmp-type',
  doc: 'Match ICMP messages by type and code.',
  anyType: 255,
  examples: ['--icmp-type 8', '--icmp-type 3/4', '! --icmp-type any'],
})
