/**
 * `-m quota`: match until so many bytes have passed.
 *
 * Kernel: net/netfilter/xt_quota.c, quota_mt(), Linux 6.18. Syntax: iptables extensions/libxt_quota.c, 1.8.9.
 *
 * What is left belongs to the rule as it was loaded: whenever its table is replaced, it is whole again.
 */
import { uint64 } from '../../lang/options.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Quota {
  /** Bytes, up to 2^64 - 1. */
  readonly bytes: bigint
  readonly inverted: boolean
}

/** Bytes left. */
interface Left {
  bytes: bigint
}

export const quota = defineMatch<Quota, Left>()({
  name: 'quota',
  families: bothFamilies,
  doc: 'Match until so many bytes have passed by the rule.',
  stateful: true,
  options: { quota: uint64({ doc: 'bytes to let through', invertible: true, required: true }) },
  examples: ['--quota 1000000', '! --quota 0'],

  parse: ({ quota }) => ({ bytes: quota!.value, inverted: quota!.inverted }),

  print: ({ bytes, inverted }) => `${inverted ? '! ' : ''}--quota ${bytes}`,

  list: ({ bytes }) => ` quota: ${bytes} bytes`,

  load: ({ bytes }) => ({ bytes }),

  evaluate: ({ inverted }, { packet }, context, left) => {
    const length = BigInt(packet.endOffset - packet.networkOffset)
    const isWithin = length <= left.bytes
    // The first packet too large for what is left takes it all, so that no small one passes behind it.
    left.bytes = isWithin ? left.bytes - length : 0n
    context.note?.(`${left.bytes} bytes of the quota are left`)
    return isWithin !== inverted
  },

  looksAt: () => 'header',

  analyse: (_data, space) => ({ must: space.none, may: space.all }),

  explain: ({ inverted }, _skb, _context, left) =>
    inverted ? `the quota still had room, ${left.bytes} bytes are left` : 'the quota is used up',
})
