/** Makes a case that shows a difference as small as it gets, by leaving things out and asking again. */
import type { CaseDraft, ChainDraft, RuleDraft, RulesDraft, TableDraft } from './draft.ts'

/** Which of the candidates still show the difference. */
export type StillDiffers = (candidates: readonly CaseDraft[]) => Promise<boolean[]>

/** Candidates tried at the same time. */
const breadth = 12

/**
 * `step`: where the difference showed; later steps are left out at once. `onProgress` hears of every smaller case.
 * Gives up improving after `budget` rounds of candidates.
 */
export async function shrink(
  draft: CaseDraft,
  step: number,
  stillDiffers: StillDiffers,
  onProgress: (smaller: CaseDraft) => void,
  budget = 60,
): Promise<CaseDraft> {
  let best: CaseDraft = { ...draft, steps: draft.steps.slice(0, step) }
  let rounds = 0
  const attempt = async (candidates: Iterable<CaseDraft>): Promise<boolean> => {
    let batch: CaseDraft[] = []
    const ask = async (): Promise<boolean> => {
      if (batch.length === 0 || rounds >= budget) return false
      rounds++
      const answers = await stillDiffers(batch)
      const found = answers.indexOf(true)
      const chosen = batch[found]
      batch = []
      if (chosen === undefined) return false
      best = chosen
      onProgress(best)
      return true
    }
    for (const candidate of candidates) {
      batch.push(candidate)
      if (batch.length === breadth && (await ask())) return true
    }
    return ask()
  }
  const repeat = async (candidates: (current: CaseDraft) => Iterable<CaseDraft>): Promise<void> => {
    while (rounds < budget && (await attempt(candidates(best)))) {}
  }

  await repeat(withoutTime)
  await repeat(withFewerSteps)
  await repeat(withFewerTables)
  await repeat(withFewerRules)
  await repeat(withFewerSteps)
  await repeat(withSimplerRules)
  await repeat(withFewerChains)
  return best
}

/** Everything at once is quickest to ask again. */
function* withoutTime(current: CaseDraft): Generator<CaseDraft> {
  if (current.steps.some(({ atMs }) => atMs > 0)) {
    yield { ...current, steps: current.steps.map((step) => ({ ...step, atMs: 0 })) }
  }
}

/** Halves, quarters ... single steps left out; the last one, which shows the difference, stays. */
function* withFewerSteps(current: CaseDraft): Generator<CaseDraft> {
  const { steps } = current
  const earlier = steps.length - 1
  for (let size = earlier; size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < earlier; start += size) {
      const end = Math.min(start + size, earlier)
      yield { ...current, steps: steps.filter((_, at) => at < start || at >= end) }
    }
  }
}

function* withFewerTables(current: CaseDraft): Generator<CaseDraft> {
  for (const [at, rules] of current.rules.entries()) {
    if (current.rules.length > 1)
      yield { ...current, rules: current.rules.filter((other) => other !== rules) }
    for (const table of rules.tables) {
      if (rules.tables.length === 1) continue
      yield replaceRules(current, at, { ...rules, tables: rules.tables.filter((other) => other !== table) })
    }
  }
}

function* everyChain(current: CaseDraft): Generator<[ChainDraft, (changed: ChainDraft | null) => CaseDraft]> {
  for (const [at, rules] of current.rules.entries()) {
    for (const table of rules.tables) {
      for (const chain of table.chains) {
        yield [
          chain,
          (changed) => {
            const chains = table.chains.flatMap((other) => (other !== chain ? other : (changed ?? [])))
            const changedTable: TableDraft = { ...table, chains }
            const tables = rules.tables.map((other) => (other === table ? changedTable : other))
            return replaceRules(current, at, { ...rules, tables })
          },
        ]
      }
    }
  }
}

/** Chains emptied, then rule after rule left out. */
function* withFewerRules(current: CaseDraft): Generator<CaseDraft> {
  for (const [chain, change] of everyChain(current)) {
    if (chain.rules.length > 1) yield change({ ...chain, rules: [] })
  }
  for (const [chain, change] of everyChain(current)) {
    for (const rule of chain.rules)
      yield change({ ...chain, rules: chain.rules.filter((other) => other !== rule) })
  }
}

/** Clauses left out, single words of them, and the target; policies back to ACCEPT. */
function* withSimplerRules(current: CaseDraft): Generator<CaseDraft> {
  for (const [chain, change] of everyChain(current)) {
    if (chain.policy === 'DROP') yield change({ ...chain, policy: 'ACCEPT' })
    for (const rule of chain.rules) {
      const withRule = (changed: RuleDraft): CaseDraft =>
        change({ ...chain, rules: chain.rules.map((other) => (other === rule ? changed : other)) })
      if (rule.target !== '') yield withRule({ ...rule, target: '' })
      for (const clause of rule.clauses) {
        yield withRule({ ...rule, clauses: rule.clauses.filter((other) => other !== clause) })
      }
      for (const text of shorterTexts(rule.target)) yield withRule({ ...rule, target: text })
      for (const clause of rule.clauses) {
        for (const text of shorterTexts(clause)) {
          yield withRule({ ...rule, clauses: rule.clauses.map((other) => (other === clause ? text : other)) })
        }
      }
    }
  }
}

/** The text with one option (`--name a`, `! --set`) left out. */
function shorterTexts(text: string): string[] {
  const [head, ...options] = text.split(/ (?=(?:! )?--)/)
  return options.map((_, at) => [head, ...options.filter((__, other) => other !== at)].join(' '))
}

function* withFewerChains(current: CaseDraft): Generator<CaseDraft> {
  for (const [chain, change] of everyChain(current)) if (chain.policy === null) yield change(null)
}

function replaceRules(current: CaseDraft, at: number, rules: RulesDraft): CaseDraft {
  return { ...current, rules: current.rules.map((other, index) => (index === at ? rules : other)) }
}
