/** `-m hl`: the hops an IPv6 packet has left. See `_hops.ts`. */
import { defineHops } from './_hops.ts'

export const hl = defineHops({ name: 'hl', family: 'ipv6', doc: 'Match packets by their hop limit.' })
