/**
 * `-m physdev`: the bridge ports of a bridged packet. There are no bridges here, so a packet has none.
 *
 * Kernel: net/netfilter/xt_physdev.c, `physdev_mt()`. Syntax: iptables extensions/libxt_physdev.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, type OptionText, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { OptionSpec, Seen } from '../../lang/syntax.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'

/** Each null when not asked. */
export interface PhysDev {
  readonly isIn: Negatable<true> | null
  /** A name; with `+` behind, what names begin with. */
  readonly in: Negatable<string> | null
  readonly isOut: Negatable<true> | null
  readonly out: Negatable<string> | null
  readonly isBridged: Negatable<true> | null
}

/** IFNAMSIZ less the zero behind. */
const nameBytes = 15

const port = (spec: OptionText): OptionSpec<string> =>
  value(
    (text) => {
      if (text === '') return refuse('bad-port', 'is the name of no interface')
      return text.length <= nameBytes
        ? text
        : refuse('bad-port', `is too long: names of interfaces have at most ${nameBytes} letters`)
    },
    { metavar: 'NAME[+]', invertible: true, ...spec },
  )

export const physdev = defineMatch<PhysDev>()({
  name: 'physdev',
  families: bothFamilies,
  doc: 'Match bridged packets by their bridge ports; there are no bridges here.',
  options: {
    'physdev-in': port({ doc: 'the bridge port it came by' }),
    'physdev-out': port({ doc: 'the bridge port it leaves by' }),
    'physdev-is-in': flag({ doc: 'it came by a bridge port', invertible: true }),
    'physdev-is-out': flag({ doc: 'it leaves by a bridge port', invertible: true }),
    'physdev-is-bridged': flag({ doc: 'it is bridged, not routed', invertible: true }),
  },
  examples: ['--physdev-is-in --physdev-in eth+', '! --physdev-is-bridged'],

  parse: (given) => {
    if (Object.keys(given).length === 0) return refuse('no-test', 'physdev needs an option')
    return {
      isIn: negatable(given['physdev-is-in']),
      in: negatable(given['physdev-in']),
      isOut: negatable(given['physdev-is-out']),
      out: negatable(given['physdev-out']),
      isBridged: negatable(given['physdev-is-bridged']),
    }
  },
  print: (data) => words(data).join(' '),
  list: (data) => [' PHYSDEV match', ...words(data)].join(' '),

  check: ({ isOut, out, isBridged }, _rule, { hooks }) => {
    const asksOut = isOut !== null || out !== null
    const isRouted = isBridged === null || isBridged.inverted
    if (!asksOut || !isRouted || !hooks.includes('OUTPUT')) return null
    return {
      code: 'wrong-hook',
      message: 'the bridge port that a packet leaves by is not known in OUTPUT',
      help: 'ask for --physdev-is-bridged too',
    }
  },

  evaluate: (data) => holds(data),
  analyse: (data, space) => exactly(holds(data) ? space.all : space.none),
  explain: () => 'no packet is bridged: the host has no bridge',
})

const negatable = <T>(seen: Seen<T> | undefined): Negatable<T> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

/** What is not bridged fits where every question is inverted. */
const holds = (data: PhysDev): boolean =>
  [data.isIn, data.in, data.isOut, data.out, data.isBridged].every((test) => test === null || test.inverted)

const words = ({ isIn, in: inPort, isOut, out, isBridged }: PhysDev): string[] =>
  [
    word('--physdev-is-in', isIn),
    word('--physdev-in', inPort),
    word('--physdev-is-out', isOut),
    word('--physdev-out', out),
    word('--physdev-is-bridged', isBridged),
  ].filter((each) => each !== '')

function word(option: string, test: Negatable<string | true> | null): string {
  if (test === null) return ''
  return `${test.inverted ? '! ' : ''}${option}${test.value === true ? '' : ` ${test.value}`}`
}
