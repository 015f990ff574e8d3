/**
 * `-m realm`: the realm of the packet's route. Routes here have none, which is realm 0.
 *
 * Kernel: net/netfilter/xt_realm.c, `realm_mt()`. Syntax: iptables extensions/libipt_realm.c.
 */
import type { MarkMask } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import { exactly } from '../../space/space.ts'
import { defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'
import { namedMask, printNamedMask } from './_named-mask.ts'

export interface Realm extends MarkMask {
  readonly inverted: boolean
}

/** /etc/iproute2/rt_realms. */
const names = { cosmos: 0 }
const allowedHooks: readonly Hook[] = ['INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']

export const realm = defineMatch<Realm>()({
  name: 'realm',
  families: ['ipv4'],
  doc: 'Match by the realm of the packet’s route; routes have none here.',
  options: {
    realm: namedMask(names, { doc: 'the realm, ANDed with MASK', invertible: true, required: true }),
  },
  examples: ['--realm 0x2a', '! --realm 0x1/0x2a'],

  parse: ({ realm }) => ({ ...realm!.value, inverted: realm!.inverted }),
  print: (data) => `${data.inverted ? '! ' : ''}--realm ${printNamedMask(data, names)}`,
  list: (data, { numeric }) =>
    `${data.inverted ? ' !' : ''} realm ${printNamedMask(data, numeric ? {} : names)}`,

  check: (_data, _rule, place) => requireHooks(allowedHooks, place, 'before routing there is no route'),

  evaluate: ({ value, inverted }) => (value === 0) !== inverted,
  analyse: ({ value, inverted }, space) => exactly((value === 0) !== inverted ? space.all : space.none),
  explain: () => 'its route has no realm',
})
