/** `-m ttl`: the hops an IPv4 packet has left. See `_hops.ts`. */
import { defineHops } from './_hops.ts'

export const ttl = defineHops({ name: 'ttl', family: 'ipv4', doc: 'Match packets by their time to live.' })
