/**
 * `-j NFLOG`: hand a copy of the packet to programs that listen for it, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_NFLOG.c, `nflog_tg()`, Linux 6.18. Syntax: iptables extensions/libxt_NFLOG.c, 1.8.9.
 *
 * What such programs do is not the packet's affair, so nothing is to be seen here.
 */
import { cutBytes } from '../../lang/bytes.ts'
import { refuse } from '../../lang/diagnostic.ts'
import { uint16, uint32, value } from '../../lang/options.ts'
import { quoteText } from '../../lang/words.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface Nflog {
  /** At most 63 bytes; '' for none. */
  readonly prefix: string
  /** 0 to 65535. */
  readonly group: number
  /** Bytes of the packet to copy; null for what the listener asks for. */
  readonly size: number | null
  /** A number of bytes that never had any effect; 0 for none. */
  readonly range: number
  /** Messages that are gathered before the listener is woken. */
  readonly threshold: number
}

const prefixBytes = 63

export const NFLOG = defineTarget<Nflog>()({
  name: 'NFLOG',
  families: bothFamilies,
  doc: 'Hand a copy of the packet to programs that listen.',
  options: {
    'nflog-group': uint16({ doc: 'the group they listen to, 0 by default' }),
    'nflog-prefix': value(parsePrefix, { doc: 'text that goes with it', metavar: 'TEXT' }),
    'nflog-range': uint32({
      doc: 'has never had any effect',
      excludes: ['nflog-size'],
      warning: {
        code: 'no-effect',
        message: '--nflog-range has never had any effect',
        help: '--nflog-size',
        said: 'warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead',
      },
    }),
    'nflog-size': uint32({ doc: 'bytes of the packet to copy', excludes: ['nflog-range'] }),
    'nflog-threshold': uint16({ doc: 'messages to gather before the listener is woken' }),
  },
  examples: ['', '--nflog-prefix "drop: " --nflog-group 5 --nflog-size 64 --nflog-threshold 10'],

  parse: (given) => ({
    prefix: given['nflog-prefix']?.value ?? '',
    group: given['nflog-group']?.value ?? 0,
    size: given['nflog-size']?.value ?? null,
    range: given['nflog-range']?.value ?? 0,
    threshold: given['nflog-threshold']?.value ?? 0,
  }),

  print: (data) => words(data, '--').join(' '),
  list: (data) =>
    words(data, '')
      .map((word) => ` ${word}`)
      .join(''),

  act({ group }, _skb, { note }) {
    note?.(`a copy goes to the listeners of group ${group}`)
    return { kind: 'continue' }
  },
})

const words = ({ prefix, group, size, range, threshold }: Nflog, dashes: string): string[] => [
  ...(prefix === '' ? [] : [`${dashes}nflog-prefix ${quoteText(prefix)}`]),
  ...(group === 0 ? [] : [`${dashes}nflog-group ${group}`]),
  ...(size === null ? [] : [`${dashes}nflog-size ${size}`]),
  ...(range === 0 ? [] : [`${dashes}nflog-range ${range}`]),
  ...(threshold === 0 ? [] : [`${dashes}nflog-threshold ${threshold}`]),
]

function parsePrefix(text: string): string {
  if (text === '') return refuse('too-short', 'is too short: a prefix has at least 1 character')
  if (text.includes('\n')) return refuse('newline', 'has a line break, which a prefix must not have')
  return cutBytes(text, prefixBytes)
}
