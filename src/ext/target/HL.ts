/** `-j HL`: change the hop limit of an IPv6 packet. */
import { defineHopChange } from './_hops.ts'

export const HL = defineHopChange({ name: 'HL', family: 'ipv6', doc: 'Change the hop limit.' })
