/** Random rules about rates: `-j RATEEST` that estimates, `-m rateest` that compares. */
import type { CaseDraft, RuleDraft, RulesDraft, TableDraft } from './draft.ts'
import { saveTextOf } from './draft.ts'
import type { Random } from './random.ts'

/** All rules of a name must agree on its terms. */
const averages = { r1: '500ms', r2: '2s' } as const
const names = ['r1', 'r2'] as const

/** Milliseconds between two estimates: HZ/4 ticks of 4 ms each, rounded down. */
export const estimateEveryMs = 248

const target = (name: (typeof names)[number]): string =>
  `-j RATEEST --rateest-name ${name} --rateest-interval 250ms --rateest-ewmalog ${averages[name]}`

export const estimateTarget = (random: Random): string => target(random.pick(names))

export function estimateClause(random: Random): string {
  const not = random.chance(0.25) ? '! ' : ''
  const how = random.pick(['lt', 'gt', 'eq'])
  const amount = random.pick([
    '--rateest-pps 0',
    '--rateest-pps 2',
    '--rateest-pps 20',
    '--rateest-bps 8kbit',
    '--rateest-bps 100kbit',
  ])
  return random.weighted<() => string>([
    [4, () => `-m rateest --rateest ${random.pick(names)} ${not}--rateest-${how} ${amount}`],
    [
      1,
      () =>
        `-m rateest --rateest-delta --rateest1 r1 --rateest-pps1 30 ${not}--rateest-${how} --rateest-pps2 ${random.pick([0, 10, 40])} --rateest2 r2`,
    ],
    [
      1,
      () =>
        `-m rateest --rateest-delta --rateest ${random.pick(names)} --rateest-bps1 40kbit ${not}--rateest-${how} --rateest-bps2 20kbit`,
    ],
  ])()
}

/** Whether anything in the rules is decided by when estimates are made. */
export const hasEstimates = ({ rules }: CaseDraft): boolean =>
  rules.some((draft) => saveTextOf(draft).includes('-m rateest'))

/** Who compares rates must find them: rules that estimate what is asked, in front of all others. */
export function withEstimates(random: Random, draft: RulesDraft): RulesDraft {
  const text = saveTextOf(draft)
  if (!text.includes('-m rateest')) return draft
  const founders = names
    .filter((name) => new RegExp(`--rateest[12]? ${name}`).test(text))
    .map((name): RuleDraft => {
      return { clauses: random.chance(0.3) ? ['-p udp'] : [], target: target(name) }
    })
  const [first, ...others] = draft.tables
  return { ...draft, tables: [inFront(first!, founders), ...others] }
}

function inFront(table: TableDraft, rules: readonly RuleDraft[]): TableDraft {
  const [first, ...others] = table.chains
  return { ...table, chains: [{ ...first!, rules: [...rules, ...first!.rules] }, ...others] }
}
