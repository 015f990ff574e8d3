/** Lists of connection states, as `-m state` and `-m conntrack` read them. */
import { refuse } from '../../lang/diagnostic.ts'
import type { Negatable } from '../../lang/rule.ts'
import { didYouMean } from '../../lang/suggest.ts'
import type { PacketSet, PacketSpace } from '../../space/space.ts'
import { hasState, type StateName, stateNames, stateOf } from '../connection-questions.ts'
import type { Skb } from '../context.ts'

/** In printing order, each at most once. */
export type States = Negatable<readonly StateName[]>

/** In the order in which iptables looks for a name that begins with the text given. */
const searchOrder: readonly StateName[] = [
  'INVALID',
  'NEW',
  'ESTABLISHED',
  'RELATED',
  'UNTRACKED',
  'SNAT',
  'DNAT',
]

/** `NEW,ESTABLISHED`: names of `known` or their beginnings, in any case. */
/** `what`: what iptables calls them in a complaint. */
export function parseStates(
  known: readonly StateName[],
  what: 'state' | 'ctstate',
): (text: string) => readonly StateName[] {
  return (text) => {
    const names = text.split(',').map((word) => findState(word, known, what))
    return stateNames.filter((name) => names.includes(name))
  }
}

function findState(word: string, known: readonly StateName[], what: string): StateName {
  if (word === '') return refuse('unknown-state', 'has an empty place', { help: known.join(',') })
  const upper = word.toUpperCase()
  const found = searchOrder.find((name) => known.includes(name) && name.startsWith(upper))
  return (
    found ??
    refuse('unknown-state', `names no state: "${word}" is none of ${known.join(', ')}`, {
      ...didYouMean(upper, known),
      said: `Bad ${what} "${word}"`,
    })
  )
}

export const printStates = (option: string, { value, inverted }: States): string =>
  `${inverted ? '! ' : ''}--${option} ${value.join(',')}`

export const listStates = (word: string, { value, inverted }: States): string =>
  `${inverted ? ' !' : ''} ${word} ${value.join(',')}`

export const statesHold = ({ value, inverted }: States, skb: Skb): boolean =>
  value.some((name) => hasState(name, skb)) !== inverted

/** `statesHold` for one rule: a bit for each state. */
export function compileStates({ value, inverted }: States): (skb: Skb) => boolean {
  if (value.includes('SNAT') || value.includes('DNAT')) return (skb) => statesHold({ value, inverted }, skb)
  const [isNew, isEstablished, isRelated, isInvalid, isUntracked] = (
    ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'] as const
  ).map((name) => value.includes(name) !== inverted)
  return (skb) => {
    switch (stateOf(skb)) {
      case 'ESTABLISHED':
        return isEstablished!
      case 'NEW':
        return isNew!
      case 'RELATED':
        return isRelated!
      case 'INVALID':
        return isInvalid!
      case 'UNTRACKED':
        return isUntracked!
    }
  }
}

export function stateSet({ value, inverted }: States, space: PacketSpace): PacketSet {
  const set = value.reduce((union, name) => union.or(space.fact(`ctstate=${name}`)), space.none)
  return inverted ? set.not() : set
}

export function explainStates({ value, inverted }: States, skb: Skb): string {
  return `state is ${stateOf(skb)}, ${inverted ? 'one' : 'none'} of ${value.join(',')}`
}
