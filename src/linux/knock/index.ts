/** The knocking client: packets from this machine, and the command behind them. */
export { type KnockOrder, type KnockOutcome, knockAt, targetOf } from './knock.ts'
export { type KnockProfile, profileNamed, readProfiles } from './profiles.ts'
export { runAfter } from './run-after.ts'
export type { Answer, Target } from './send.ts'
