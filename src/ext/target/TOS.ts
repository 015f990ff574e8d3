/**
 * `-j TOS`: change the type of service, or the traffic class of IPv6.
 *
 * Kernel: net/netfilter/xt_DSCP.c, `tos_tg()` and `tos_tg6()`, Linux 6.18. Syntax: iptables extensions/libxt_TOS.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint8 } from '../../lang/options.ts'
import { setTos } from '../../net/change.ts'
import { hexByte, printTosMask, type TosMask, tosMask, tosName } from '../_service-type.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireTable } from './_tables.ts'

/** `tos = (tos & ~mask) ^ value`. */
export type TosChange = TosMask

const names = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'] as const

const others = (name: (typeof names)[number]) => names.filter((other) => other !== name)

export const TOS = defineTarget<TosChange>()({
  name: 'TOS',
  families: bothFamilies,
  doc: 'Change the type of service, or the traffic class.',
  options: {
    'set-tos': tosMask({ doc: 'clear the bits of MASK, then XOR with VALUE', excludes: others('set-tos') }),
    'and-tos': uint8({ doc: 'keep only these bits', metavar: 'BITS', excludes: others('and-tos') }),
    'or-tos': uint8({ doc: 'set these bits', metavar: 'BITS', excludes: others('or-tos') }),
    'xor-tos': uint8({ doc: 'flip these bits', metavar: 'BITS', excludes: others('xor-tos') }),
  },
  examples: ['--set-tos 0x10/0xff', '--set-tos 0x08/0x3f'],

  parse(given) {
    const set = given['set-tos']?.value
    if (set !== undefined) return set
    const and = given['and-tos']?.value
    if (and !== undefined) return { value: 0, mask: ~and & 0xff }
    const or = given['or-tos']?.value
    if (or !== undefined) return { value: or, mask: or }
    const xor = given['xor-tos']?.value
    if (xor !== undefined) return { value: xor, mask: 0 }
    return refuse('no-change', 'TOS does not say what to do with the type of service', {
      said: 'TOS: An action is required',
      help: 'give one of --set-tos, --and-tos, --or-tos and --xor-tos',
    })
  },

  print: (data) => `--set-tos ${printTosMask(data)}`,

  list(data, { numeric }) {
    const { value, mask } = data
    const name = numeric ? null : tosName(data)
    // iptables forgets the blank between.
    if (name !== null) return `  TOS set${name}`
    if (numeric) return ` TOS set ${printTosMask(data)}`
    if (value === 0) return ` TOS and ${hexByte(~mask & 0xff)}`
    if (value === mask) return ` TOS or ${hexByte(value)}`
    return mask === 0 ? ` TOS xor ${hexByte(value)}` : ` TOS set ${printTosMask(data)}`
  },

  check: (_data, _rule, place) => requireTable('mangle', place, 'other tables do not change packets so'),

  act({ value, mask }, { packet }, { note }) {
    const before = packet.tos
    setTos(packet, (before & ~mask & 0xff) ^ value)
    note?.(`tos ${hexByte(before)} becomes ${hexByte(packet.tos)}`)
    return { kind: 'continue' }
  },
})
