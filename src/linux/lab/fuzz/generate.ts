/** One random case: a host, rules, and packets on a time grid. */
import type { Family } from '../../../net/address.ts'
import type { Action, HostConfig } from '../../../scenario/scenario.ts'
import { type CaseDraft, type StepDraft, saveTextOf } from './draft.ts'
import { randomArrival } from './packets.ts'
import { Random } from './random.ts'
import { randomRules, type Taste } from './rules.ts'
import { randomSets } from './sets.ts'
import { accounts, addresses, randomHost, recentNames } from './world.ts'

export function generateCase(seed: number, taste: Taste): CaseDraft {
  const random = new Random(seed)
  const bare = randomHost(random)
  const families = random.weighted<readonly Family[]>([
    [5, ['ipv4']],
    [3, ['ipv6']],
    [1, ['ipv4', 'ipv6']],
  ])
  const rules = families.map((family) => randomRules(random, family, taste))
  const host = { ...bare, ...furniture(random, rules.map(saveTextOf).join('')) }
  return { seed, host, rules, steps: randomSteps(random, host, families) }
}

/** What rules speak of: sets, and objects that count. */
function furniture(random: Random, text: string): Pick<HostConfig, 'accounts' | 'sets'> {
  const sets = randomSets(random, text)
  return { accounts: text.includes('-m nfacct') ? accounts : [], ...(sets !== '' && { sets }) }
}

/**
 * Moments of one timeline, in milliseconds. Any two differ by at least 110 ms from every multiple of half a second,
 * zero included, so that no `--seconds` and no credit of a limit is decided by how late a step was.
 *
 * Each phase of the half second is used once, because the same phase twice would be a multiple apart.
 */
export function randomMoments(random: Random): number[] {
  const phases = random.some([0, 130, 260, 390], 2, 4)
  const moments = phases.map((phase) => phase + 500 * random.between(0, 4))
  return moments.sort((a, b) => a - b).map((moment, _, [first]) => moment - first!)
}

function randomSteps(random: Random, host: HostConfig, families: readonly Family[]): StepDraft[] {
  return randomMoments(random).flatMap((atMs) => {
    const actions: Action[] = []
    const wanted = random.between(6, 24)
    while (actions.length < wanted) {
      const family = random.pick(families)
      if (random.chance(0.03)) actions.push(randomWrite(random, family))
      else actions.push(...randomArrival(random, host, family))
      // The same again: recency and limits count.
      const last = actions.at(-1)!
      if (random.chance(0.35)) for (let times = random.between(1, 4); times > 0; times--) actions.push(last)
    }
    return actions.map((action) => ({ atMs, action }))
  })
}

function randomWrite(random: Random, family: Family): Action {
  const address = random.pick([...addresses[family].outside, ...addresses[family].inside])
  const text = random.weighted([
    [4, `+${address}`],
    [3, `-${address}`],
    [1, '/'],
    [1, `+${address}\n`],
    [0.5, address],
    [0.3, '+nonsense'],
    [0.2, ''],
  ])
  return { kind: 'write', list: random.pick(recentNames), text }
}
