/**
 * `-j CLASSIFY`: put the packet in a class of the device's queueing discipline.
 *
 * Kernel: net/netfilter/xt_CLASSIFY.c, `classify_tg()`, Linux 6.18. Syntax: iptables extensions/libxt_CLASSIFY.c, 1.8.9.
 *
 * Nothing here queues packets, so a class changes nothing that can be seen.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireHooks } from '../match/_hooks.ts'

/** 16 bits each. */
export interface TrafficClass {
  readonly major: number
  readonly minor: number
}

const hex = (number: number, digits = 0): string => number.toString(16).padStart(digits, '0')

export const CLASSIFY = defineTarget<TrafficClass>()({
  name: 'CLASSIFY',
  families: bothFamilies,
  doc: 'Put the packet in a class of the queue it waits in.',
  options: {
    'set-class': value(parseClass, {
      doc: 'the class, in hexadecimal digits',
      metavar: 'MAJOR:MINOR',
      required: true,
    }),
  },
  examples: ['--set-class 0001:0010'],

  parse: (given) => given['set-class']!.value,
  print: ({ major, minor }) => `--set-class ${hex(major, 4)}:${hex(minor, 4)}`,
  list: ({ major, minor }) => ` CLASSIFY set ${hex(major)}:${hex(minor)}`,

  check: (_data, _rule, place) =>
    requireHooks(['FORWARD', 'OUTPUT', 'POSTROUTING'], place, 'only packets that leave are queued', 'target'),

  act({ major, minor }, _skb, { note }) {
    note?.(`it is queued in class ${hex(major)}:${hex(minor)}`)
    return { kind: 'continue' }
  },
})

/** As sscanf("%x:%x") reads it: signs and 0x are taken, what follows is overlooked, and 16 bits are kept of each. */
function parseClass(text: string): TrafficClass {
  const number = String.raw`[ \t\n\v\f\r]*([-+]?)(?:0[xX])?([0-9a-fA-F]+)`
  const [, sign, major, minorSign, minor] = new RegExp(`^${number}:${number}`).exec(text) ?? []
  if (major === undefined || minor === undefined) {
    return refuse('bad-class', 'is no class: two hexadecimal numbers with a colon between', {
      said: 'Bad class value "%value"',
    })
  }
  return { major: sixteenBits(sign!, major), minor: sixteenBits(minorSign!, minor) }
}

const sixteenBits = (sign: string, digits: string): number =>
  Number(BigInt.asUintN(16, BigInt(`0x${digits}`) * (sign === '-' ? -1n : 1n)))
