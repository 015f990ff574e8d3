import { ipProtocol } from '../../net/protocol.ts'
import { defineIpv6Options } from './_ipv6-options.ts'

/** `-m hbh`: the hop-by-hop options of an IPv6 packet. */
export const hbh = defineIpv6Options({
  name: 'hbh',
  protocol: ipProtocol.hopByHop,
  header: 'hop-by-hop options header',
})
