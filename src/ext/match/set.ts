/**
 * `-m set`: match packets whose addresses, ports or interfaces are in a set of ipset.
 *
 * Kernel: net/netfilter/xt_set.c, set_match_v4(), Linux 6.18. Syntax: iptables extensions/libxt_set.c, 1.8.9.
 *
 * A rule that names fewer sides than elements have parts matches nothing, and so does a set of the other family; `!` turns
 * that round, too. What a rule asks of counters it asks of the element, after the packet was counted there.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, value } from '../../lang/options.ts'
import type { Seen } from '../../lang/syntax.ts'
import { describeKey, printSetUse, type SetUse, setUse, whyUnfit } from '../_set-use.ts'
import type { CounterQuestion, HeldSet } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface SetMatch extends SetUse {
  readonly inverted: boolean
  /** `nomatch` elements are what is looked for. */
  readonly returnsNomatch: boolean
  /** Whether counters of what is found stay as they are; those of a list's own sets alone. */
  readonly keepsCounters: boolean
  readonly keepsSubcounters: boolean
  readonly packets: CounterQuestion | null
  readonly bytes: CounterQuestion | null
}

type Operator = CounterQuestion['operator']

const operators = ['eq', 'lt', 'gt'] as const

const counter = (name: string, doc: string, isInvertible = false) =>
  value(
    (text) =>
      parseNumber(text, 0n, 2n ** 64n - 1n) ??
      refuse('bad-counter', 'is not a number', { said: `Cannot parse ${text} as a counter value` }),
    {
      doc,
      metavar: 'COUNT',
      ...(isInvertible ? { invertible: true } : { saidInverted: `--${name} option cannot be inverted` }),
    },
  )

export const set = defineMatch<SetMatch, HeldSet | null>()({
  name: 'set',
  families: bothFamilies,
  doc: 'Match packets that are in a set of ipset.',
  stateful: true,
  options: {
    'match-set': setUse({
      doc: 'the set, and which side of the packet stands for each part of an element',
      alias: ['set'],
      invertible: true,
      saidTwice: '--match-set can be specified only once',
    }),
    'return-nomatch': flag({
      doc: 'match elements that say nomatch',
      repeatable: true,
      saidInverted: '--return-nomatch flag cannot be inverted',
    }),
    'update-counters': flag({ doc: 'count in the set, as is the rule', invertible: true, repeatable: true }),
    'update-subcounters': flag({
      doc: "count in a list's own sets, as is the rule",
      invertible: true,
      repeatable: true,
    }),
    'packets-eq': counter('packets-eq', 'so many packets were counted', true),
    'packets-lt': counter('packets-lt', 'fewer'),
    'packets-gt': counter('packets-gt', 'more'),
    'bytes-eq': counter('bytes-eq', 'so many bytes were counted', true),
    'bytes-lt': counter('bytes-lt', 'fewer'),
    'bytes-gt': counter('bytes-gt', 'more'),
  },
  examples: [
    '--match-set banned src',
    '! --match-set services dst,dst --return-nomatch',
    '--match-set seen src ! --update-counters --packets-gt 5 ! --bytes-eq 0',
  ],

  parse(given) {
    const packets = counterOf(given, 'packets')
    const bytes = counterOf(given, 'bytes')
    const use = given['match-set']
    if (use === undefined) {
      return refuse('no-set-named', 'set needs --match-set', {
        said: "You must specify `--match-set' with proper arguments",
      })
    }
    return {
      ...use.value,
      inverted: use.inverted,
      returnsNomatch: given['return-nomatch'] !== undefined,
      keepsCounters: given['update-counters']?.inverted ?? false,
      keepsSubcounters: given['update-subcounters']?.inverted ?? false,
      packets,
      bytes,
    }
  },

  print: (data) => words(data, '--'),
  list: (data) => ` ${words(data, '')}`,

  check: ({ name }, _rule, { family, sets }) => whyUnfit(name, family, sets),
  setsUsed: ({ name }) => [name],

  load: ({ name }, host) => host.acquireSet(name),
  unload(held, host) {
    if (held !== null) host.releaseSet(held)
  },

  evaluate(data, skb, context, held) {
    const isIn = held!.test({ skb, context, sides: data.sides }, data) !== null
    context.note?.(`${data.name}: ${describeKey(data, skb, context)} is ${isIn ? '' : 'not '}in the set`)
    return isIn !== data.inverted
  },

  looksAt: () => 'header',

  analyse: (_data, space) => ({ must: space.none, may: space.all }),

  explain: (data, skb, context) =>
    `${data.name}: ${describeKey(data, skb, context)} is ${data.inverted ? '' : 'not '}in the set`,
})

/** Only one of the three may stand in a rule. */
function counterOf(
  given: { readonly [name: string]: Seen<unknown> | undefined },
  kind: 'packets' | 'bytes',
): CounterQuestion | null {
  const found = operators.filter((operator) => given[`${kind}-${operator}`] !== undefined)
  if (found.length > 1) {
    return refuse(
      'counters-twice',
      `only one of --${kind}-eq, --${kind}-lt and --${kind}-gt may stand here`,
      {
        said: `only one of the --${kind}-[eq|lt|gt] is allowed\n`,
      },
    )
  }
  const [operator] = found
  if (operator === undefined) return null
  const { value: count, inverted } = given[`${kind}-${operator}`]!
  return { operator: operatorOf(operator, inverted), count: count as bigint }
}

const operatorOf = (operator: (typeof operators)[number], inverted: boolean): Operator =>
  inverted ? 'ne' : operator

function words(data: SetMatch, dashes: string): string {
  const counters = (['packets', 'bytes'] as const).flatMap((kind) => {
    const question = data[kind]
    if (question === null) return []
    const { operator, count } = question
    return operator === 'ne' ? [`! ${dashes}${kind}-eq ${count}`] : [`${dashes}${kind}-${operator} ${count}`]
  })
  return [
    `${data.inverted ? '! ' : ''}${dashes}match-set ${printSetUse(data)}`,
    ...(data.returnsNomatch ? [`${dashes}return-nomatch`] : []),
    ...(data.keepsCounters ? [`! ${dashes}update-counters`] : []),
    ...(data.keepsSubcounters ? [`! ${dashes}update-subcounters`] : []),
    ...counters,
  ].join(' ')
}
