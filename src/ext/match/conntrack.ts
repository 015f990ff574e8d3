/**
 * `-m conntrack`: the packet's connection, its addresses, ports, direction, status and remaining life.
 *
 * Kernel: net/netfilter/xt_conntrack.c, conntrack_mt(), Linux 6.18. Syntax: iptables extensions/libxt_conntrack.c,
 * 1.8.9.
 *
 * A packet without a connection (INVALID or UNTRACKED) is only asked for its state: where the state fits, all other
 * conditions are passed over, and where none is given nothing matches, whether negated or not.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { addressName, protocolNames, protocolNumber } from '../../lang/names.ts'
import { looselyParsedPortRange, prefix, type Range, range32, value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import type { ListForm } from '../../lang/syntax.ts'
import { printAddress } from '../../net/address.ts'
import { exactly, type PacketSet, type PacketSpace } from '../../space/space.ts'
import {
  type Direction,
  type Meeting,
  meetingOf,
  printStatus,
  type Question,
  type QuestionName,
  questions,
  stateNames,
  statusBits,
  type ValueOf,
} from '../connection-questions.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { printEnd } from './_prefix.ts'
import {
  compileStates,
  explainStates,
  listStates,
  parseStates,
  printStates,
  type States,
  stateSet,
  statesHold,
} from './_states.ts'

export interface Conntrack {
  /** Null when not asked. */
  readonly states: States | null
  /** In printing order. */
  readonly asks: readonly Ask[]
}

/** A question with the answer that the rule wants. */
export type Ask = {
  [Name in QuestionName]: {
    readonly name: Name
    readonly value: ValueOf<Name>
    readonly inverted: boolean
  }
}[QuestionName]

const end = (doc: string) => prefix({ doc, invertible: true })
const port = (doc: string) => looselyParsedPortRange({ doc, invertible: true })

export const conntrack = defineMatch<Conntrack>()({
  name: 'conntrack',
  families: bothFamilies,
  doc: 'Match packets by their connection.',
  stateful: true,
  needsConntrack: true,
  options: {
    ctstate: value(parseStates(stateNames, 'ctstate'), {
      doc: 'any of these states',
      metavar: 'STATE[,...]',
      invertible: true,
    }),
    ctproto: value(parseProtocol, { doc: 'protocol', metavar: 'PROTOCOL', invertible: true }),
    ctorigsrc: end('source of the first packet'),
    ctorigdst: end('destination of the first packet'),
    ctreplsrc: end('source of answers'),
    ctrepldst: end('destination of answers'),
    ctorigsrcport: port('source port of the first packet'),
    ctorigdstport: port('destination port of the first packet'),
    ctreplsrcport: port('source port of answers'),
    ctrepldstport: port('destination port of answers'),
    ctstatus: value(parseStatus, { doc: 'any of these marks', metavar: 'STATUS[,...]', invertible: true }),
    ctexpire: range32({
      doc: 'seconds until it is forgotten',
      metavar: 'SECONDS[:SECONDS]',
      invertible: true,
    }),
    ctdir: value(parseDirection, { doc: 'direction of the packet', metavar: 'ORIGINAL|REPLY' }),
  },
  examples: [
    '--ctstate RELATED,ESTABLISHED',
    '! --ctstate INVALID --ctproto 6 --ctorigsrc 192.0.2.0/24 ! --ctrepldst 198.51.100.7 --ctorigdstport 80:90',
    '--ctstatus ASSURED --ctexpire 5:60 --ctdir REPLY',
  ],

  parse(given) {
    const { ctstate } = given
    const asks = questionNames.flatMap((name) => {
      const seen = given[name]
      return seen === undefined ? [] : [{ name, value: seen.value, inverted: seen.inverted } as Ask]
    })
    if (ctstate === undefined && asks.length === 0) {
      return refuse('no-condition', 'conntrack does not say what to ask', {
        help: 'give --ctstate, for example',
        said: 'conntrack: At least one option is required',
      })
    }
    const states = ctstate === undefined ? null : { value: ctstate.value, inverted: ctstate.inverted }
    return { states, asks }
  },

  print: ({ states, asks }) =>
    [
      ...(states === null ? [] : [printStates('ctstate', states)]),
      ...asks.map((ask) => `${ask.inverted ? '! ' : ''}--${ask.name} ${printValue(ask)}`),
    ].join(' '),
  list: ({ states, asks }, form) =>
    [
      states === null ? '' : listStates('ctstate', states),
      ...asks.map((ask) => `${ask.inverted ? ' !' : ''} ${ask.name} ${listValue(ask, form)}`),
    ].join(''),

  evaluate({ states, asks }, skb, context) {
    if (states !== null && !statesHold(states, skb)) return false
    const meeting = meetingOf(skb, context)
    if (meeting === null) return states !== null
    return asks.every((ask) => holds(ask, meeting))
  },

  compile: ({ states, asks }) => (asks.length === 0 && states !== null ? compileStates(states) : null),

  looksAt: ({ asks }) => (asks.length === 0 ? 'flow' : 'header'),

  analyse({ states, asks }, space) {
    const asked = asks.reduce((set, ask) => set.and(setOf(ask, space)), space.all)
    const connection = space.fact('connection')
    if (states === null) return exactly(connection.and(asked))
    return exactly(stateSet(states, space).and(connection.not().or(asked)))
  },

  explain({ states, asks }, skb, context) {
    if (states !== null && !statesHold(states, skb)) return explainStates(states, skb)
    const meeting = meetingOf(skb, context)
    if (meeting === null) return 'it belongs to no connection'
    const failed = asks.find((ask) => !holds(ask, meeting))
    return failed === undefined
      ? null
      : `${failed.name} of its connection is ${questions[failed.name].actual(meeting)}`
  },
})

const questionNames = Object.keys(questions) as QuestionName[]

/** The question of an ask; the type of its value is that of the ask. */
const questionOf = ({ name }: Ask) => questions[name] as Question<unknown>

const holds = (ask: Ask, meeting: Meeting): boolean =>
  questionOf(ask).holds(ask.value, meeting) !== ask.inverted

function setOf(ask: Ask, space: PacketSpace): PacketSet {
  const set = space.fact(`${ask.name}=${questionOf(ask).name(ask.value)}`)
  return ask.inverted ? set.not() : set
}

// --- Values

function parseProtocol(text: string): number {
  const number = protocolNumber(text)
  return (
    number ??
    refuse('unknown-protocol', 'is not a protocol', {
      ...didYouMean(text.toLowerCase(), protocolNames()),
      said: 'unknown protocol "%value" specified',
    })
  )
}

/** Names or their beginnings, in any case; NONE adds nothing. */
function parseStatus(text: string): number {
  const known = ['NONE', 'SEEN_REPLY', 'EXPECTED', 'ASSURED', 'CONFIRMED'] as const
  let bits = 0
  for (const word of text.split(',')) {
    const upper = word.toUpperCase()
    const found = word === '' ? undefined : known.find((name) => name.startsWith(upper))
    if (found === undefined) {
      return refuse('unknown-status', `names no status: "${word}" is none of ${known.join(', ')}`, {
        ...didYouMean(upper, known),
        said: `Bad ctstatus "${word}"`,
      })
    }
    if (found !== 'NONE') bits |= statusBits[found]
  }
  return bits
}

function parseDirection(text: string): Direction {
  const upper = text.toUpperCase()
  if (upper === 'ORIGINAL' || upper === 'REPLY') return upper
  return refuse('unknown-direction', 'is neither ORIGINAL nor REPLY', {
    ...didYouMean(upper, ['ORIGINAL', 'REPLY']),
    said: '%name: Bad value for "%option" option: "%value"',
  })
}

/** Plain listings name hosts, and call any network that begins with zeros "anywhere". */
function listValue(ask: Ask, { numeric }: ListForm): string {
  switch (ask.name) {
    case 'ctorigsrc':
    case 'ctorigdst':
    case 'ctreplsrc':
    case 'ctrepldst': {
      const { address } = ask.value
      if (numeric) return printValue(ask)
      if (address.words.every((word) => word === 0)) return 'anywhere'
      return printValue(ask).replace(printAddress(address), () => addressName(address))
    }
    default:
      return printValue(ask)
  }
}

function printValue(ask: Ask): string {
  switch (ask.name) {
    case 'ctproto':
      return String(ask.value)
    case 'ctstatus':
      return printStatus(ask.value)
    case 'ctdir':
      return ask.value
    case 'ctexpire':
      return printRange(ask.value, false)
    case 'ctorigsrc':
    case 'ctorigdst':
    case 'ctreplsrc':
    case 'ctrepldst':
      return printEnd(ask.value)
    default:
      return printRange(ask.value, true)
  }
}

/** A port range that ends at 0 is printed as if it were one port. */
const printRange = ({ low, high }: Range, isPort: boolean): string =>
  low === high || (isPort && high === 0) ? String(low) : `${low}:${high}`
