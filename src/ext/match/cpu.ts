/**
 * `-m cpu`: the processor that handles the packet (`cpu=` of the packet or the host); unknown where nobody said it.
 *
 * Kernel: net/netfilter/xt_cpu.c, `cpu_mt()`. Syntax: iptables extensions/libxt_cpu.c.
 */
import { uint32 } from '../../lang/options.ts'
import { askUnknown, bothFamilies, circumstance, defineMatch } from '../define.ts'

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

  evaluate: ({ cpu, inverted }, skb, context) => {
    const said = circumstance('cpu', skb, context)
    const isIt =
      said === undefined ? askUnknown(context, `cpu=${cpu}`, 'which processor handles it') : said === cpu
    return isIt !== null && isIt !== inverted
  },
  analyse: (_data, space) => ({ must: space.none, may: space.all }),
  explain: (_data, skb, context) => {
    const said = circumstance('cpu', skb, context)
    return said === undefined ? null : `processor ${said} handles it`
  },
})
