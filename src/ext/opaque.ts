/**
 * Matches whose answer no field of the packet space can carry: their analysis is a proposition of its own, named by the
 * match and its data, which asks the match itself.
 */
import { exactly } from '../space/space.ts'
import type { HookContext, Skb } from './context.ts'
import type { FactJudge, MatchDefinition } from './define.ts'

interface Answer {
  readonly matched: boolean
  readonly hotdrop: boolean
}

type Evaluate<Data> = (data: Data, skb: Skb, context: HookContext) => boolean

function answer<Data>(evaluate: Evaluate<Data>, data: Data, skb: Skb, context: HookContext): Answer {
  const own = { ...context, hotdrop: false }
  const matched = evaluate(data, skb, own)
  return { matched, hotdrop: own.hotdrop }
}

interface OpaqueOptions {
  /** Whether a rule and the same one with `!` (`inverted` in its data) have opposite answers for every packet. */
  readonly isComplement?: boolean
}

/** `evaluate`, and the analysis of it. Data are plain values that JSON can hold. */
export function opaque<Data extends object>(
  name: string,
  evaluate: Evaluate<Data>,
  { isComplement = false }: OpaqueOptions = {},
): Required<Pick<MatchDefinition<Data>, 'evaluate' | 'analyse' | 'hotdrops' | 'facts'>> {
  const judge =
    (of: (answer: Answer) => boolean): FactJudge =>
    (value, skb, context) =>
      of(answer(evaluate, JSON.parse(value) as Data, skb, context))
  return {
    evaluate,
    analyse: (data, space) => {
      if (isComplement && 'inverted' in data && data.inverted === true)
        return exactly(space.fact(`${name}=${JSON.stringify({ ...data, inverted: false })}`).not())
      return exactly(space.fact(`${name}=${JSON.stringify(data)}`))
    },
    hotdrops: (data, space) =>
      isComplement ? space.none : space.fact(`${name}-drops=${JSON.stringify(data)}`),
    facts: {
      [name]: judge(({ matched }) => matched),
      [`${name}-drops`]: judge(({ hotdrop }) => hotdrop),
    },
  }
}
