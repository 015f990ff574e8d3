/**
 * `-j NFQUEUE`: let a program decide about the packet.
 *
 * Kernel: net/netfilter/xt_NFQUEUE.c and nf_queue.c, Linux 6.18. Syntax: iptables extensions/libxt_NFQUEUE.c, 1.8.9.
 *
 * A host here has no such program. The kernel then drops the packet, or with `--queue-bypass` lets it leave the table as
 * if accepted.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, range16, uint16, value } from '../../lang/options.ts'
import type { OptionEnvironment } from '../../lang/syntax.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface Nfqueue {
  /** Number of the first queue, 0 to 65535. */
  readonly first: number
  /** Of the last one, between which connections are shared out; equal to `first` for one queue. */
  readonly last: number
  readonly bypass: boolean
  readonly cpuFanout: boolean
}

export const NFQUEUE = defineTarget<Nfqueue>()({
  name: 'NFQUEUE',
  families: bothFamilies,
  doc: 'Let a program decide about the packet.',
  options: {
    'queue-num': uint16({ doc: 'the queue it listens to, 0 by default', excludes: ['queue-balance'] }),
    'queue-balance': value(parseBalance, {
      doc: 'share connections out between queues',
      metavar: 'FIRST:LAST',
      excludes: ['queue-num'],
    }),
    'queue-bypass': flag({ doc: 'accept where no program listens, instead of dropping' }),
    'queue-cpu-fanout': flag({ doc: "take the queue of the packet's processor", needs: ['queue-balance'] }),
  },
  examples: [
    '--queue-num 0',
    '--queue-num 10 --queue-bypass',
    '--queue-balance 0:6 --queue-bypass --queue-cpu-fanout',
  ],

  parse(given) {
    const number = given['queue-num']?.value ?? 0
    const { low, high } = given['queue-balance']?.value ?? { low: number, high: number }
    return {
      first: low,
      last: high,
      bypass: given['queue-bypass'] !== undefined,
      cpuFanout: given['queue-cpu-fanout'] !== undefined,
    }
  },

  print: ({ first, last, bypass, cpuFanout }) =>
    [
      first === last ? `--queue-num ${first}` : `--queue-balance ${first}:${last}`,
      ...(bypass ? ['--queue-bypass'] : []),
      ...(cpuFanout ? ['--queue-cpu-fanout'] : []),
    ].join(' '),

  list: ({ first, last, bypass, cpuFanout }) =>
    ` NFQUEUE ${first === last ? `num ${first}` : `balance ${first}:${last}`}${bypass ? ' bypass' : ''}${
      cpuFanout ? ' cpu-fanout' : ''
    }`,

  // Their number does not fit into 16 bits, and counts as none.
  check: ({ first, last }) =>
    last - first < 65535
      ? null
      : {
          code: 'too-many-queues',
          message: 'the kernel shares out between 65535 queues at most',
          help: '0:65534',
        },

  act({ bypass }, _skb, { note }) {
    note?.(`no program listens to the queue: ${bypass ? 'it goes on' : 'dropped'}`)
    return { kind: bypass ? 'accept' : 'drop' }
  },
})

const range = range16({ doc: '' }).value!

function parseBalance(text: string, environment: OptionEnvironment) {
  const queues = range(text, environment)
  if (!text.includes(':'))
    return refuse('no-range', 'is a single queue: give FIRST:LAST', { said: 'Bad range "%value"' })
  return queues.low < queues.high
    ? queues
    : refuse('empty-range', `is no range: ${queues.low} is not less than ${queues.high}`, {
        said: `${queues.low} should be less than ${queues.high}`,
      })
}
