/** `-j TTL`: change the time to live of an IPv4 packet. */
import { defineHopChange } from './_hops.ts'

export const TTL = defineHopChange({ name: 'TTL', family: 'ipv4', doc: 'Change the time to live.' })
