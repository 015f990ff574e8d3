/**
 * Sets and rules of a country block in the kernel. New networks are loaded into a set beside the one that rules ask, and
 * the two change places in one step: nobody ever asks half a list.
 */

import { type Family, lengthOfMask, parsePrefix, printAddress } from '../../net/address.ts'
import { countrySets, countrySetType } from '../../recipe/country.ts'
import { type Prepared, prepare, recipeNamed } from '../../recipe/index.ts'
import { chainsText } from '../../recipe/piece.ts'
import { marked, type Plan } from '../../recipe/plan.ts'
import { removeScript } from '../../recipe/script.ts'
import { type RunProgram, runOrFail } from '../bans/run-program.ts'
import { UnavailableError } from '../unavailable.ts'
import type { CountrySettings } from './settings.ts'

export const families: readonly Family[] = ['ipv4', 'ipv6']
/** Time for a restore of a million networks. */
const timeoutMs = 300_000

export type Networks = Readonly<Record<Family, readonly string[]>>

/** The networks of a list that are of a family. */
export const ofFamily = (family: Family, prefixes: readonly string[]): string[] =>
  prefixes.filter((text) => parsePrefix(text)!.address.family === family)

/** What `ipset restore` reads to fill a new set, which is made as large as it will be. */
function fillText(name: string, family: Family, networks: readonly string[]): string {
  const size = Math.max(1024, 2 ** Math.ceil(Math.log2(networks.length / 2 + 1)))
  const adds = networks.map((each) => `add ${name} ${each}\n`).join('')
  return `create ${name} ${countrySetType(family)} hashsize ${size}\n${adds}`
}

const beside = (set: string): string => `${set}~new`

/** Puts all networks in force, of both families, or leaves everything as it was and throws. */
export async function loadSets(
  set: string,
  block: Networks,
  allow: readonly string[],
  run: RunProgram,
): Promise<void> {
  const sets = families.flatMap((family) => {
    const names = countrySets(family, set)
    return [
      { name: names.block, family, networks: block[family] },
      { name: names.allow, family, networks: ofFamily(family, allow).map(canonical) },
    ]
  })
  const clear = async () => {
    for (const { name } of sets) await run('ipset', ['-q', 'destroy', beside(name)])
  }
  await clear()
  try {
    const fill = sets.map(({ name, family, networks }) => fillText(beside(name), family, networks)).join('')
    await runOrFail(run, 'ipset', ['restore'], { input: fill, timeoutMs })
    const swap = sets
      .map(
        ({ name, family }) =>
          `create -exist ${name} ${countrySetType(family)}\nswap ${beside(name)} ${name}\n`,
      )
      .join('')
    await runOrFail(run, 'ipset', ['restore'], { input: swap, timeoutMs })
  } finally {
    await clear()
  }
}

const canonical = (text: string): string => {
  const { address, mask } = parsePrefix(text)!
  return `${printAddress(address)}/${lengthOfMask(mask) ?? 0}`
}

/** The recipe that asks those sets. */
export function recipeFor(
  { set, refuse, forward, outgoing }: Pick<CountrySettings, 'set' | 'refuse' | 'forward' | 'outgoing'>,
  family: Family,
): Prepared {
  const given = { set, refuse, ...(forward && { forward: true }), ...(outgoing && { outgoing: true }) }
  return prepare(recipeNamed('country')!, given, family)
}

const programOf = (family: Family): string => (family === 'ipv4' ? 'iptables' : 'ip6tables')

/** Makes the rules what they should be. Those that are right are not touched. */
export async function ensureRules(settings: Parameters<typeof recipeFor>[0], run: RunProgram): Promise<void> {
  for (const family of families) {
    const { plan } = recipeFor(settings, family)
    const program = programOf(family)
    if (!(await hasChains(plan, program, run)))
      await runOrFail(run, `${program}-restore`, ['-w', '10', '--noflush'], { input: chainsText(plan) })
    for (const { chain, rule } of plan.jumps.toReversed()) {
      const words = marked(rule, plan).split(' ')
      if ((await run(program, ['-w', '10', '-C', chain, ...words])).status === 0) continue
      await runOrFail(run, program, ['-w', '10', '-I', chain, '1', ...words])
    }
    // What an earlier sync was asked for and this one is not.
    const all = recipeFor({ ...settings, forward: true, outgoing: true }, family).plan
    for (const { chain, rule } of all.jumps) {
      if (plan.jumps.some((jump) => jump.chain === chain)) continue
      while ((await run(program, ['-w', '10', '-D', chain, ...marked(rule, all).split(' ')])).status === 0);
    }
  }
}

/** Whether the chains of the plan have its rules, word for word: then their counters go on. */
async function hasChains(plan: Plan, program: string, run: RunProgram): Promise<boolean> {
  for (const { name, rules } of plan.chains) {
    const { status, stdout } = await run(program, ['-w', '10', '-S', name])
    const wanted = [`-N ${name}`, ...rules.map((rule) => `-A ${name} ${marked(rule, plan)}`)]
    if (status !== 0 || stdout.trim().replaceAll('"', '') !== wanted.join('\n')) return false
  }
  return true
}

/** Throws `UnavailableError` where a program is missing. */
export async function requireTools(run: RunProgram): Promise<void> {
  for (const [program, debianPackage] of [
    ['ipset', 'ipset'],
    ['iptables', 'iptables'],
    ['ip6tables', 'iptables'],
  ] as const)
    if ((await run(program, ['--version'])).status === 127)
      throw new UnavailableError(`${program} is not installed`, `apt-get install ${debianPackage}`)
}

/** Takes rules and sets away; what is not there is no mistake. */
export async function removeAll(set: string, run: RunProgram): Promise<void> {
  for (const family of families) {
    const { plan } = recipeFor({ set, refuse: 'drop', forward: true, outgoing: true }, family)
    await run('sh', ['-c', removeScript(plan)])
    const names = countrySets(family, set)
    for (const name of [names.block, names.allow, beside(names.block), beside(names.allow)])
      await run('ipset', ['-q', 'destroy', name])
  }
}

/** Entries of the set that rules ask; null when it is not there. */
export async function entriesInForce(set: string, family: Family, run: RunProgram): Promise<number | null> {
  const { status, stdout } = await run('ipset', ['list', '-t', countrySets(family, set).block])
  const found = /^Number of entries: (\d+)$/m.exec(stdout)
  return status === 0 && found !== null ? Number(found[1]) : null
}

/** Whether the rule that leads into the block is there. */
export async function isAsked(set: string, family: Family, run: RunProgram): Promise<boolean> {
  const { plan } = recipeFor({ set, refuse: 'drop', forward: false, outgoing: false }, family)
  const { chain, rule } = plan.jumps[0]!
  return (
    (await run(programOf(family), ['-w', '10', '-C', chain, ...marked(rule, plan).split(' ')])).status === 0
  )
}
