/**
 * `-j IDLETIMER`: begin a timer anew that tells programs when no packet came for some time, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_IDLETIMER.c, Linux 6.18. Syntax: iptables extensions/libxt_IDLETIMER.c, 1.8.9.
 *
 * What such programs do is not the packet's affair, so nothing is to be seen here.
 */
import { cutBytes } from '../../lang/bytes.ts'
import type { Refusal } from '../../lang/diagnostic.ts'
import { flag, uint32, value } from '../../lang/options.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface IdleTimer {
  readonly timeoutSeconds: number
  /** Of the timer, which all rules with this label share; at most 27 bytes. */
  readonly label: string
  /** Whether it wakes a machine that sleeps. */
  readonly alarm: boolean
}

const labelBytes = 27
/** Milliseconds must fit into 31 bits. */
const mostSeconds = 2147483
/** Names that every directory of sysfs has. */
const takenLabels: readonly string[] = ['power', 'subsystem', 'uevent']

export const IDLETIMER = defineTarget<IdleTimer>()({
  name: 'IDLETIMER',
  families: bothFamilies,
  doc: 'Begin a timer anew that tells when no packet came.',
  options: {
    timeout: uint32({ doc: 'seconds without a packet', required: true }),
    label: value((text) => cutBytes(text, labelBytes), {
      doc: 'name of the timer',
      metavar: 'NAME',
      required: true,
    }),
    alarm: flag({ doc: 'wake the machine if it sleeps' }),
  },
  examples: ['--timeout 42 --label foo', '--timeout 42 --label bar --alarm'],

  parse: (given) => ({
    timeoutSeconds: given.timeout!.value,
    label: given.label!.value,
    alarm: given.alarm !== undefined,
  }),

  print: ({ timeoutSeconds, label, alarm }) =>
    `--timeout ${timeoutSeconds} --label ${label}${alarm ? ' --alarm' : ''}`,
  list: ({ timeoutSeconds, label, alarm }) =>
    ` timeout:${timeoutSeconds} label:${label}${alarm ? ' alarm' : ''}`,

  check: (data) => whyRefused(data),

  act({ label, timeoutSeconds }, _skb, { note }) {
    note?.(`timer ${label} begins anew: ${timeoutSeconds} s`)
    return { kind: 'continue' }
  },
})

function whyRefused({ timeoutSeconds, label }: IdleTimer): Refusal | null {
  if (timeoutSeconds === 0) return { code: 'no-timeout', message: 'a timer of 0 seconds never runs' }
  if (timeoutSeconds >= mostSeconds) {
    return { code: 'timeout-too-long', message: `${timeoutSeconds} seconds are more than ${mostSeconds - 1}` }
  }
  if (label === '') return { code: 'no-label', message: 'the timer has no name' }
  if (takenLabels.includes(label))
    return { code: 'taken-label', message: `${label} cannot be the name of a timer` }
  return null
}
