/** Makes conversations that show a difference as short as they get, by leaving things out and asking again. */
import type { RulesDraft } from '../draft.ts'
import type { Move, StateDraft } from './moves.ts'

export type Differs = (candidate: StateDraft) => Promise<boolean>

/** Tries `budget` candidates at most. `moves`: those up to the difference; the others are left out at once. */
export async function shrink(
  draft: StateDraft,
  moves: number,
  differs: Differs,
  budget = 250,
): Promise<StateDraft> {
  let best: StateDraft = { ...draft, moves: draft.moves.slice(0, moves) }
  let left = budget
  const improve = async (candidates: (current: StateDraft) => Iterable<StateDraft>): Promise<void> => {
    for (let improved = true; improved; ) {
      improved = false
      for (const candidate of candidates(best)) {
        if (left-- <= 0) return
        if (!(await differs(candidate))) continue
        best = candidate
        improved = true
        break
      }
    }
  }
  await improve(withFewerFlows)
  await improve(withFewerMoves)
  await improve(withFewerRules)
  await improve(withFewerMoves)
  await improve(withPlainerMoves)
  return best
}

/** All moves of one flow at once. */
function* withFewerFlows(current: StateDraft): Generator<StateDraft> {
  const last = current.moves.at(-1)!.flow
  for (const flow of new Set(current.moves.map((move) => move.flow))) {
    if (flow !== last) yield { ...current, moves: current.moves.filter((move) => move.flow !== flow) }
  }
}

/** Halves, quarters ... single moves; the last one, which shows the difference, stays. */
function* withFewerMoves(current: StateDraft): Generator<StateDraft> {
  const { moves } = current
  const earlier = moves.length - 1
  for (let size = earlier; size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < earlier; start += size) {
      const end = Math.min(start + size, earlier)
      yield { ...current, moves: moves.filter((_, at) => at < start || at >= end) }
    }
  }
}

function* withFewerRules(current: StateDraft): Generator<StateDraft> {
  const { tables } = current.rules
  const withTables = (changed: RulesDraft['tables']): StateDraft => ({
    ...current,
    rules: { ...current.rules, tables: changed },
  })
  if (current.sysctls.length > 0) yield { ...current, sysctls: [] }
  for (const table of tables)
    if (tables.length > 1) yield withTables(tables.filter((other) => other !== table))
  for (const table of tables) {
    for (const chain of table.chains) {
      for (const rule of chain.rules) {
        const chains = table.chains.map((other) =>
          other === chain ? { ...chain, rules: chain.rules.filter((one) => one !== rule) } : other,
        )
        yield withTables(tables.map((other) => (other === table ? { ...table, chains } : other)))
      }
    }
  }
}

function* withPlainerMoves(current: StateDraft): Generator<StateDraft> {
  for (const [at, move] of current.moves.entries()) {
    const withMove = (changed: Move): StateDraft => ({ ...current, moves: current.moves.with(at, changed) })
    if (move.spoil !== 'nothing') yield withMove({ ...move, spoil: 'nothing' })
    if (move.pieces.count > 1) yield withMove({ ...move, pieces: { count: 1, how: 'in-order' } })
  }
}
