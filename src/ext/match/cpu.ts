/**
 * `-m cpu`: the processor that handles the packet. Nothing says which one that is, so the answer is unknown.
 *
 * Kernel: net/netfilter/xt_cpu.c, `cpu_mt()`. Syntax: iptables extensions/libxt_cpu.c.
 */
import { uint32 } from '../../lang/options.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Cpu {
  readonly cpu: number
  readonly inverted: boolean
}

export const cpu = defineMatch<Cpu>()({
  name: 'cpu',
  families: bothFamilies,
  doc: 'Match by the processor that handles the packet.',
  stateful: true,
  options: { cpu: uint32({ doc: 'number of the processor, from 0', invertible: true, required: true }) },
  examples: ['--cpu 0', '! --cpu 3'],

  parse: ({ cpu }) => ({ cpu: cpu!.value, inverted: cpu!.inverted }),
  print: ({ cpu, inverted }) => `${inverted ? '! ' : ''}--cpu ${cpu}`,
  list: ({ cpu, inverted }) => ` cpu ${inverted ? '! ' : ''}${cpu}`,

  evaluate: (_data, _skb, context) => {
    context.unknown = 'which processor handles it'
    return false
  },
  analyse: (_data, space) => ({ must: space.none, may: space.all }),
})
