/** Why a packet fared as it did, in a line or two, from its trace. */
import { type Outcome, printRuleRef, type TraceEvent } from '../../engine/outcome.ts'

type RuleEvent = Extract<TraceEvent, { kind: 'rule' }>

/**
 * What the rules that matched read and wrote; and, where a policy decided, the rule that came nearest: of those that
 * missed only for what is remembered, the one with the most conditions.
 */
export function reasonsOf(events: readonly TraceEvent[], { by, why }: Outcome): string[] {
  const rules = events.filter((event) => event.kind === 'rule')
  const notes = rules.filter(({ matched }) => matched).flatMap((event) => event.notes)
  if (by === 'host') return [why]
  if (by !== 'policy') return notes
  const misses = rules.filter(({ matched, notes }) => !matched && notes.length > 0)
  const nearest = misses.reduce<RuleEvent | null>(
    (best, miss) => (best === null || conditions(best) < conditions(miss) ? miss : best),
    null,
  )
  return nearest === null ? notes : [...notes, describeMiss(nearest)]
}

function conditions({ rule }: RuleEvent): number {
  const given = [
    rule.source,
    rule.destination,
    rule.inInterface,
    rule.outInterface,
    rule.protocol,
    rule.fragment,
  ]
  return given.filter((condition) => condition !== null).length + rule.matches.length
}

const describeMiss = ({ ref, notes }: RuleEvent): string =>
  `${printRuleRef(ref).replace('filter/', '')} missed: ${notes.join('; ')}`

/** A packet line without its fields: interface, protocol, addresses, flags or type. */
export function headline(text: string): string {
  const [head = '', quoted] = text.split(/ (?=\[ )/)
  const words = head.split(' ').filter((word) => !word.includes('=') && word !== 'df' && word !== 'sackok')
  return quoted === undefined ? words.join(' ') : `${words.join(' ')} ${headline(quoted)}`
}
