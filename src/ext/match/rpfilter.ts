/**
 * `-m rpfilter`: whether a packet came by the device by which its sender would be answered.
 *
 * Kernel: net/ipv4/netfilter/ipt_rpfilter.c, `rpfilter_mt()`; net/ipv6/netfilter/ip6t_rpfilter.c. Syntax: iptables
 * extensions/libxt_rpfilter.c. There are no rules of policy routing here, so `--validmark` changes nothing.
 */
import { flag } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import { printAddress } from '../../net/address.ts'
import type { HookContext, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { requireHooks } from './_hooks.ts'

export interface RpFilter {
  /** Any device will do, as long as there is a route. */
  readonly isLoose: boolean
  readonly usesMark: boolean
  /** The host's own addresses may come from outside. */
  readonly acceptsLocal: boolean
  readonly inverted: boolean
}

const allowedHooks: readonly Hook[] = ['PREROUTING']

export const rpfilter = defineMatch<RpFilter>()({
  name: 'rpfilter',
  families: bothFamilies,
  doc: 'Match packets that came by the device by which an answer would leave.',
  options: {
    loose: flag({ doc: 'any device will do' }),
    validmark: flag({ doc: 'the mark counts for the look-up' }),
    'accept-local': flag({ doc: 'the host’s own addresses may come from outside' }),
    invert: flag({ doc: 'match packets that came another way' }),
  },
  examples: ['--loose --accept-local', '--validmark --invert'],

  parse: (given) => ({
    isLoose: given.loose !== undefined,
    usesMark: given.validmark !== undefined,
    acceptsLocal: given['accept-local'] !== undefined,
    inverted: given.invert !== undefined,
  }),
  print: (data) => words(data, '--').join(' '),
  list: (data) => [' rpfilter', ...words(data, '')].join(' '),

  check: (_data, _rule, place) => {
    const wrongHook = requireHooks(allowedHooks, place, 'the question is where a packet came from')
    if (wrongHook !== null || place.table === 'raw' || place.table === 'mangle') return wrongHook
    return { code: 'wrong-table', message: `rpfilter cannot be used in ${place.table}`, help: '-t raw' }
  },

  ...opaque<RpFilter>('rpfilter', (data, skb, context) => fits(data, skb, context) !== data.inverted, {
    isComplement: true,
  }),

  explain: ({ inverted }, { packet }, context) => {
    const source = printAddress(packet.source)
    const device = context.in?.name ?? 'no device'
    return inverted ? `${source} may come by ${device}` : `${source} should not come by ${device}`
  },
})

function fits(
  { isLoose, acceptsLocal }: RpFilter,
  { packet, packetType }: Skb,
  context: HookContext,
): boolean {
  const { in: device, host } = context
  if (device === null || device.kind === 'loopback' || packetType === 'loopback') return true
  const { source } = packet
  const [first] = source.words as [number]
  if (packet.family === 'ipv4') {
    const [destination] = packet.destination.words as [number]
    const isLink = destination === 0xffff_ffff || destination >>> 8 === 0xe0_00_00
    if (first >>> 24 === 0 && isLink) return true
  } else if (source.words.every((word) => word === 0)) return true
  const way = host.routing.wayBack(source, device)
  if (way === null) return false
  if (way.type === 'LOCAL') {
    if (!acceptsLocal) return false
    return packet.family === 'ipv6' || isLoose || way.device.name === device.name
  }
  return way.type === 'UNICAST' && (isLoose || way.device.name === device.name)
}

const words = ({ isLoose, usesMark, acceptsLocal, inverted }: RpFilter, dashes: string): string[] => [
  ...(isLoose ? [`${dashes}loose`] : []),
  ...(usesMark ? [`${dashes}validmark`] : []),
  ...(acceptsLocal ? [`${dashes}accept-local`] : []),
  ...(inverted ? [`${dashes}invert`] : []),
]
