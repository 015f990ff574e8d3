/**
 * `-m state`: the state of the packet's connection, the short form of `-m conntrack --ctstate`.
 *
 * Kernel: net/netfilter/xt_conntrack.c, Linux 6.18. Syntax: iptables extensions/libxt_conntrack.c, 1.8.9.
 */
import { say } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
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

export type State = States

const known = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED'] as const

export const state = defineMatch<State>()({
  name: 'state',
  families: bothFamilies,
  doc: 'Match packets by the state of their connection.',
  stateful: true,
  needsConntrack: true,
  options: {
    state: value(parseStates(known, 'state'), {
      doc: 'any of these states',
      metavar: 'STATE[,...]',
      invertible: true,
      required: true,
    }),
  },
  examples: ['--state RELATED,ESTABLISHED', '! --state INVALID'],

  parse: ({ state }) => ({ value: state!.value, inverted: state!.inverted }),
  print: (data) => printStates('state', data),
  list: (data) => listStates('state', data),
  advise: (data) =>
    say('state/old-form', '-m state is the old form of -m conntrack --ctstate', {
      notes: ['iptables keeps it for old rules; both ask the same'],
      help: `-m conntrack ${printStates('ctstate', data)}`,
    }),
  evaluate: statesHold,
  compile: compileStates,
  looksAt: () => 'flow',

  analyse: (data, space) => exactly(stateSet(data, space)),
  explain: explainStates,
})
