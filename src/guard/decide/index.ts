/**
 * The guard's decisions: which failures ban whom, from when, for how long.
 *
 * Pure and deterministic: lines' times and the clock come in, bans come out, and what is remembered can be saved and
 * taken up again. What lines mean is not here (the filters know), nor what a ban does (the actions know).
 */
export { AllowList } from './allow-list.ts'
export { BanList, banEndMs, isOver } from './ban-list.ts'
export { banTimeRule } from './ban-time.ts'
export type { FailureCount } from './counter.ts'
export { FormulaError, parseFormula } from './expression.ts'
export { type BanHistory, type EarlierBans, MemoryHistory } from './history.ts'
export {
  type DeciderOptions,
  type DeciderSettings,
  type Decision,
  type IgnoredWhy,
  JailDecider,
} from './jail-decider.ts'
export { lineTime } from './line-time.ts'
export { canonicalAddress, networkOf, subjectOf } from './subject.ts'
