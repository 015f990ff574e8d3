/** The engine, as the contest wants it. */

import type { HostConfig } from '../../../engine/config.ts'
import { type Chance, seededChance } from '../../../engine/random.ts'
import { EngineJudge } from '../../../scenario/engine-judge.ts'
import { RulesRefused } from '../../../scenario/rules.ts'
import type { Case } from '../../../scenario/scenario.ts'
import { RulesRefusedError } from '../_load.ts'
import type { ContestEngine, OpenEngine } from './contest.ts'

/** The lab has no IPsec and puts nobody in a class; the kernel goes by the clock of this machine. */
const circumstancesOfLab: HostConfig['circumstances'] = { classid: 0, 'policy-in': [], 'policy-out': [] }

export const openEngine: OpenEngine = async (host, rules) => {
  const startsAtUnixNs = BigInt(Date.now()) * 1_000_000n
  const known: HostConfig = { ...host, startsAtUnixNs, circumstances: circumstancesOfLab }
  try {
    return new WatchedEngine({ name: '', host: known, rules, steps: [] }, new WatchedChance(host.seed))
  } catch (error) {
    if (!(error instanceof RulesRefused)) throw error
    throw new RulesRefusedError('the engine', rules[0]!.family, 1, error.message)
  }
}

class WatchedChance implements Chance {
  readonly #chance: Chance
  hasDrawnPort = false

  constructor(seed: number) {
    this.#chance = seededChance(seed)
  }

  word(): number {
    return this.#chance.word()
  }

  port(manipulation: 'source' | 'destination'): number {
    this.hasDrawnPort = true
    return this.#chance.port(manipulation)
  }
}

class WatchedEngine extends EngineJudge implements ContestEngine {
  readonly #chance: WatchedChance

  constructor(part: Case, chance: WatchedChance) {
    super(part, chance)
    this.#chance = chance
  }

  get hasDrawnPort(): boolean {
    return this.#chance.hasDrawnPort
  }
}
