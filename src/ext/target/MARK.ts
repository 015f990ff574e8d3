/**
 * `-j MARK`: change the packet's mark, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_mark.c, `mark_tg()`, Linux 6.18. Syntax: iptables extensions/libxt_MARK.c, 1.8.9.
 *
 * The kernel knows one operation, "clear these bits, then flip those"; iptables words the others in its terms and
 * always prints `--set-xmark`.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { type MarkMask, markMask, uint32 } from '../../lang/options.ts'
import { bothFamilies, defineTarget } from '../define.ts'

/** `mark = (mark & ~mask) ^ value`; unsigned 32 bits each. */
export type Remark = MarkMask

const names = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const

const others = (name: (typeof names)[number]) => names.filter((other) => other !== name)

export const MARK = defineTarget<Remark>()({
  name: 'MARK',
  families: bothFamilies,
  doc: 'Change the mark of the packet.',
  options: {
    'set-xmark': markMask({
      doc: 'clear the bits of MASK, then XOR with VALUE',
      excludes: others('set-xmark'),
    }),
    'set-mark': markMask({ doc: 'put VALUE in the bits of MASK', excludes: others('set-mark') }),
    'and-mark': uint32({ doc: 'keep only these bits', metavar: 'BITS', excludes: others('and-mark') }),
    'or-mark': uint32({ doc: 'set these bits', metavar: 'BITS', excludes: others('or-mark') }),
    'xor-mark': uint32({ doc: 'flip these bits', metavar: 'BITS', excludes: others('xor-mark') }),
  },
  examples: ['--set-xmark 0x5/0xffffffff', '--set-xmark 0x0/0xff'],

  parse(given) {
    const xmark = given['set-xmark']?.value
    if (xmark !== undefined) return xmark
    const set = given['set-mark']?.value
    if (set !== undefined) return { value: set.value, mask: (set.value | set.mask) >>> 0 }
    const and = given['and-mark']?.value
    if (and !== undefined) return { value: 0, mask: ~and >>> 0 }
    const or = given['or-mark']?.value
    if (or !== undefined) return { value: or, mask: or }
    const xor = given['xor-mark']?.value
    if (xor !== undefined) return { value: xor, mask: 0 }
    return refuse('no-change', 'MARK does not say what to do with the mark', {
      said: 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required',
      help: 'give one of --set-mark, --and-mark, --or-mark, --xor-mark or --set-xmark',
    })
  },

  print: ({ value, mask }) => `--set-xmark 0x${value.toString(16)}/0x${mask.toString(16)}`,
  list({ value, mask }) {
    const hex = (number: number) => `0x${(number >>> 0).toString(16)}`
    if (value === 0) return ` MARK and ${hex(~mask)}`
    if (value === mask) return ` MARK or ${hex(value)}`
    if (mask === 0) return ` MARK xor ${hex(value)}`
    return mask === 0xffffffff ? ` MARK set ${hex(value)}` : ` MARK xset ${hex(value)}/${hex(mask)}`
  },

  act({ value, mask }, skb, context) {
    const before = skb.mark
    skb.mark = ((before & ~mask) ^ value) >>> 0
    context.note?.(`mark 0x${before.toString(16)} becomes 0x${skb.mark.toString(16)}`)
    return { kind: 'continue' }
  },
})
