import { ipProtocol } from '../../net/protocol.ts'
import { defineIpv6Options } from './_ipv6-options.ts'

/** `-m dst`: the destination options of an IPv6 packet. */
export const dst = defineIpv6Options({
  name: 'dst',
  protocol: ipProtocol.destination,
  header: 'destination options header',
})
