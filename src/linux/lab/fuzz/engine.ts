/** The engine, as the contest wants it. */
import { EngineJudge } from '../../../scenario/engine-judge.ts'
import { RulesRefused } from '../../../scenario/rules.ts'
import { RulesRefusedError } from '../_load.ts'
import type { OpenEngine } from './contest.ts'

export const openEngine: OpenEngine = async (host, rules) => {
  try {
    return new EngineJudge({ name: '', host, rules, steps: [] })
  } catch (error) {
    if (!(error instanceof RulesRefused)) throw error
    throw new RulesRefusedError('the engine', rules[0]!.family, 1, error.message)
  }
}
