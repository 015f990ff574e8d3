/**
 * `-m connbytes`: how much has passed in the packet's connection, the packet itself included.
 *
 * Kernel: net/netfilter/xt_connbytes.c, connbytes_mt(), Linux 6.18. Syntax: iptables extensions/libxt_connbytes.c, 1.8.9.
 *
 * Loading such a rule makes the kernel count from then on, whatever `nf_conntrack_acct` said, and for good: connections
 * that began before have no counts, and match nothing.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { scanNumber } from '../../lang/numbers.ts'
import { type OptionText, value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import type { ConnectionCounters } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface ConnectionBytes {
  /** From 0 to 2^64 - 1. Where `from` is above `to`, everything outside `to` to `from` matches. */
  readonly from: bigint
  readonly to: bigint
  readonly mode: (typeof modes)[number]
  readonly direction: (typeof directions)[number]
}

const modes = ['packets', 'bytes', 'avgpkt'] as const
const directions = ['original', 'reply', 'both'] as const
const most = (1n << 64n) - 1n

export const connbytes = defineMatch<ConnectionBytes>()({
  name: 'connbytes',
  families: bothFamilies,
  doc: 'Match packets by how much their connection has carried.',
  stateful: true,
  needsConntrack: true,
  options: {
    connbytes: value(parseRange, {
      doc: 'from so many, to so many',
      metavar: 'FROM[:TO]',
      invertible: true,
      required: true,
    }),
    'connbytes-dir': word(directions, { doc: 'whose packets are counted', required: true }),
    'connbytes-mode': word(modes, {
      doc: 'what is counted; avgpkt: bytes for each packet',
      required: true,
    }),
  },
  examples: [
    '--connbytes 10000:100000 --connbytes-mode bytes --connbytes-dir both',
    '! --connbytes 5:7 --connbytes-mode avgpkt --connbytes-dir reply',
  ],

  parse(given) {
    const { inverted, value: range } = given.connbytes!
    const { from, to } = inverted ? { from: range.to, to: range.from } : range
    return { from, to, mode: given['connbytes-mode']!.value, direction: given['connbytes-dir']!.value }
  },

  print: (data) =>
    `${isOutside(data) ? '! ' : ''}--connbytes ${printRange(data)} --connbytes-mode ${data.mode} --connbytes-dir ${data.direction}`,
  list: (data) =>
    ` ${isOutside(data) ? '! ' : ''}connbytes ${printRange(data)} connbytes mode ${data.mode} connbytes direction ${data.direction}`,

  load(_data, host) {
    host.tracking.countTraffic()
    return undefined
  },

  evaluate(data, skb, context) {
    const counters = skb.conntrack?.connection?.counters ?? null
    if (counters === null) return false
    const amount = amountOf(data, counters)
    context.note?.(tell(data, amount))
    const { from, to } = data
    return from <= to ? from <= amount && amount <= to : amount < to || from < amount
  },

  looksAt: () => 'header',

  analyse: (_data, space) => ({ must: space.none, may: space.fact('connection') }),

  explain(data, skb) {
    const connection = skb.conntrack?.connection ?? null
    if (connection === null) return 'it belongs to no connection'
    if (connection.counters === null) return 'its connection began before anything was counted'
    return tell(data, amountOf(data, connection.counters))
  },
})

/** Source: connbytes_mt(); averages are cut to whole bytes, and 0 where no packet was counted. */
function amountOf({ mode, direction }: ConnectionBytes, { packets, bytes }: ConnectionCounters): number {
  const sum = ([original, reply]: readonly [number, number]): number =>
    direction === 'original' ? original : direction === 'reply' ? reply : original + reply
  if (mode === 'packets') return sum(packets)
  if (mode === 'bytes') return sum(bytes)
  return sum(packets) === 0 ? 0 : Math.floor(sum(bytes) / sum(packets))
}

const units = { packets: 'packet', bytes: 'byte', avgpkt: 'byte' }
const sides = {
  original: ' in its original direction',
  reply: ' in answers',
  both: '',
}

const tell = ({ mode, direction }: ConnectionBytes, amount: number): string =>
  `${amount} ${units[mode]}${amount === 1 ? '' : 's'}${mode === 'avgpkt' ? ' a packet' : ''} so far${sides[direction]}`

const isOutside = ({ from, to }: ConnectionBytes): boolean => from > to

/** iptables leaves out the end where it is 0 or as large as can be. */
function printRange({ from, to }: ConnectionBytes): string {
  const [low, high] = from > to ? [to, from] : [from, to]
  return high === 0n || high === most ? String(low) : `${low}:${high}`
}

function word<const Word extends string>(words: readonly Word[], spec: OptionText) {
  return value(
    (text): Word =>
      words.find((each) => each === text) ??
      refuse('unknown-word', `is none of ${words.join(', ')}`, {
        ...didYouMean(text, words),
        said: "Unknown %option `%value'",
      }),
    { metavar: words.join('|'), ...spec },
  )
}

function parseRange(text: string): { readonly from: bigint; readonly to: bigint } {
  if (text.split(':').length > 2) {
    return refuse('too-many-parts', 'has more than two parts', {
      said: '%name: Too many components for option "%option" (max: 2)\n',
    })
  }
  const from = scanEnd(text)
  const to = scanEnd(from.rest.slice(1))
  const [low, high] = [from.end ?? 0n, to.end ?? most]
  if (low <= high) return { from: low, to: high }
  return refuse('backwards', `has its end ${high} before its beginning ${low}`, {
    said: `${low} should be less than ${high}`,
  })
}

/** One end, and what stands behind it: nothing or a colon. Source: xtopt_parse_mint(). */
function scanEnd(text: string): { readonly end: bigint | null; readonly rest: string } {
  if (text === '' || text.startsWith(':')) return { end: null, rest: text }
  const found = scanNumber(text, 0n, most)
  if (found === null) {
    return refuse('out-of-range', `is not a number from 0 to ${most}`, {
      said: `%name: bad value for option "%option" near "${text}", or out of range (0-${most}).\n`,
    })
  }
  const { value: end, rest } = found
  if (rest === '' || rest.startsWith(':')) return { end, rest }
  return refuse('bad-range', `has "${rest}" behind its number`, {
    said: `%name: Argument to "%option" has unexpected characters near "${rest}".\n`,
  })
}
