/** The rules and sets of a host that never was, kept in a file between commands. */
import { makeRandom } from '../engine/random.ts'
import { HashSet } from '../engine/set/hash-set.ts'
import { decodeImage, encodeImage } from '../engine/set/image.ts'
import type { SetOfKind } from '../engine/set/set.ts'
import { Sets } from '../engine/set/sets.ts'
import { registry } from '../ext/registry.ts'
import { decodeText, encodeText } from '../lang/bytes.ts'
import { printSets } from '../lang/ipset/listing.ts'
import { runIpset } from '../lang/ipset/program.ts'
import { printTable } from '../lang/print.ts'
import { Problems } from '../lang/problems.ts'
import { linux618 } from '../lang/profile.ts'
import type { Machine, Rulesets } from '../lang/program/answer.ts'
import { readRestore } from '../lang/restore.ts'
import { type Family, newRuleset, type Ruleset } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { type Environment, UsageError } from './environment.ts'

interface StateFile {
  readonly postern: 'state'
  readonly version: 1
  /** Tables in the order of their first use, with counters. */
  readonly ipv4: string
  readonly ipv6: string
  /** The sets of ipset, times with fractions of seconds left at that moment; absent where there are none. */
  readonly sets?: {
    readonly atMs: number
    readonly text: string
    /** Sets of many elements by name; of those the text has only how they were made. */
    readonly images?: Readonly<Record<string, ImageRef>>
  }
}

/** Where a set's elements are kept: a file beside the state file that is never changed, only replaced by another. */
interface ImageRef {
  readonly file: string
  /** When the set is swept next, in ticks; null for never. */
  readonly sweepAtTicks: number | null
}

/** Elements from which a set is kept in a file of its own. */
const manyElements = 10_000

/**
 * Runs an action on the machine of a state file and writes back what it changed. Nobody else changes the file
 * meanwhile. A file that does not exist is a machine without tables.
 */
export async function withMachine<T>(
  path: string,
  environment: Environment,
  action: (machine: Machine) => T | Promise<T>,
  { looksIntoSets = true }: { readonly looksIntoSets?: boolean } = {},
): Promise<T> {
  return environment.exclusively(path, async () => {
    const before = environment.exists(path) ? decodeText(await environment.readFile(path)) : ''
    const kept = before === '' ? emptyKept() : parseState(path, before)
    const imagesBefore = [...kept.images.values()].map(({ file }) => file)
    if (looksIntoSets) await loadImages(path, kept, environment)
    const answer = await action(machineOf(kept, environment))
    const nowMs = environment.nowMs()
    const images = await keepImages(path, kept, nowMs, environment)
    const after = printState(kept, images, nowMs)
    if (after !== before) await environment.replaceFile(path, encodeText(after))
    // Only now does nobody need them.
    const files = new Set(Object.values(images).map(({ file }) => file))
    for (const file of imagesBefore) if (!files.has(file)) await environment.removeFile(besideOf(path, file))
    return answer
  })
}

interface KeptImage extends ImageRef {
  /** Of the set when it was read; null where it was not. */
  readonly changes: number | null
}

/** What a machine consists of. */
interface Kept {
  readonly rulesets: Rulesets
  readonly sets: Sets
  /** Of the sets that are kept in files, where. */
  readonly images: Map<SetOfKind, KeptImage>
}

/** Sets keep the time of the day. */
const ticksAt = (ms: number): number => Math.floor((ms * linux618.hz) / 1000)

function machineOf({ rulesets, sets }: Kept, environment: Environment): Machine {
  return {
    rulesets,
    syntax: registry,
    profile: linux618,
    get sets() {
      return sets.known
    },
    get ipset() {
      return sets.at(ticksAt(environment.nowMs()), { references: (name) => countUses(rulesets, name) })
    },
  }
}

/** Rules that name a set, once for each time. */
function countUses({ ipv4, ipv6 }: Rulesets, name: string): number {
  let count = 0
  for (const { family, tables } of [ipv4, ipv6]) {
    for (const { chains } of tables.values()) {
      for (const { rules } of chains.values()) {
        for (const { matches, target } of rules) {
          for (const use of [...matches, target]) {
            if (!('data' in use)) continue
            const extension =
              use === target ? registry.target(use.name, family) : registry.match(use.name, family)
            count += extension?.setsUsed?.(use.data).filter((each) => each === name).length ?? 0
          }
        }
      }
    }
  }
  return count
}

/** A machine without tables and sets. */
export const emptyMachine = (environment: Environment): Machine => machineOf(emptyKept(), environment)

const emptyKept = (): Kept => ({
  rulesets: { ipv4: newRuleset('ipv4'), ipv6: newRuleset('ipv6') },
  sets: new Sets({ hz: linux618.hz, random: makeRandom(Math.floor(Math.random() * 2 ** 32)) }),
  images: new Map(),
})

function parseState(path: string, text: string): Kept {
  const state = parseJson(text)
  if (!isStateFile(state)) {
    throw new UsageError(`${path} is no state file of postern`, 'name a file that does not exist yet')
  }
  const { sets, images } = emptyKept()
  if (state.sets !== undefined) {
    const kernel = sets.at(ticksAt(state.sets.atMs))
    const { exitCode, stderr } = runIpset(['restore'], state.sets.text, kernel, { exact: true })
    if (exitCode !== 0) throw new UsageError(`${path} has been damaged: ${stderr.trim()}`)
    for (const [name, { file, sweepAtTicks }] of Object.entries(state.sets.images ?? {})) {
      const slot = sets.slot(name)
      if (slot === null) throw new UsageError(`${path} has been damaged: there is no set ${name}`)
      // What is not read yet is not swept.
      slot.sweepAtTicks = null
      images.set(slot.set, { file, sweepAtTicks, changes: null })
    }
  }
  const rulesets = { ipv4: readTables('ipv4', state.ipv4, path), ipv6: readTables('ipv6', state.ipv6, path) }
  return { rulesets, sets, images }
}

/** The file of an image stands in the folder of the state file. */
const besideOf = (path: string, file: string): string => path.slice(0, path.lastIndexOf('/') + 1) + file

async function loadImages(path: string, { sets, images }: Kept, environment: Environment): Promise<void> {
  for (const slot of sets.slots()) {
    const { set } = slot
    const kept = images.get(set)
    if (kept === undefined) continue
    const name = besideOf(path, kept.file)
    const image = decodeImage(await environment.readFile(name))
    if (image === null || !(set instanceof HashSet) || !set.become(image))
      throw new UsageError(`${name} has been damaged`)
    slot.sweepAtTicks = kept.sweepAtTicks
    images.set(set, { ...kept, changes: set.changes })
  }
}

/** Writes the sets of many elements that changed, and says where each of them is. */
async function keepImages(
  path: string,
  { sets, images }: Kept,
  nowMs: number,
  environment: Environment,
): Promise<Record<string, ImageRef>> {
  const refs: Record<string, ImageRef> = {}
  let number = 0
  for (const { name, set, sweepAtTicks } of sets.slots()) {
    const known = images.get(set)
    if (known !== undefined && known.changes === null) {
      refs[name] = { file: known.file, sweepAtTicks: known.sweepAtTicks }
      continue
    }
    if (known !== undefined && known.changes === (set as HashSet).changes) {
      refs[name] = { file: known.file, sweepAtTicks }
      continue
    }
    if (!(set instanceof HashSet) || set.count(ticksAt(nowMs)) < manyElements) continue
    const own = path.slice(path.lastIndexOf('/') + 1)
    let file: string
    do file = `${own}.set-${nowMs.toString(36)}-${number++}`
    while (environment.exists(besideOf(path, file)))
    await environment.replaceFile(besideOf(path, file), encodeImage(set.image()))
    refs[name] = { file, sweepAtTicks }
  }
  return refs
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isStateFile(value: unknown): value is StateFile {
  if (typeof value !== 'object' || value === null) return false
  const { postern, version, ipv4, ipv6, sets } = value as Record<string, unknown>
  const isWhole = typeof ipv4 === 'string' && typeof ipv6 === 'string'
  return postern === 'state' && version === 1 && isWhole && (sets === undefined || isSetsPart(sets))
}

function isSetsPart(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { atMs, text, images = {} } = value as Record<string, unknown>
  return typeof atMs === 'number' && typeof text === 'string' && typeof images === 'object' && images !== null
}

function readTables(family: Family, text: string, path: string): Ruleset {
  const ruleset = newRuleset(family)
  const problems = new Problems()
  const source = new SourceText(path, text)
  readRestore(source, ruleset, { syntax: registry, profile: linux618, problems, verify: false })
  const error = problems.list.find(({ severity }) => severity === 'error')
  if (error !== undefined) throw new UsageError(`${path} has been damaged: ${error.message}`)
  return ruleset
}

function printState({ rulesets, sets }: Kept, images: Record<string, ImageRef>, nowMs: number): string {
  const state: StateFile = {
    postern: 'state',
    version: 1,
    ipv4: printTables(rulesets.ipv4),
    ipv6: printTables(rulesets.ipv6),
    ...(!sets.isEmpty && { sets: keptSets(sets, images, nowMs) }),
  }
  return `${JSON.stringify(state, null, 1)}\n`
}

function keptSets(
  sets: Sets,
  images: Record<string, ImageRef>,
  nowMs: number,
): NonNullable<StateFile['sets']> {
  const all = sets.at(ticksAt(nowMs), { exact: true }).list(null)
  const listed =
    all === 'ENOENT'
      ? all
      : all.map((each) => (each.header.name in images ? { ...each, members: () => [] } : each))
  const options = { mode: 'save', sorted: false, only: null, isWhole: true } as const
  const text = listed === 'ENOENT' ? '' : printSets(listed, options)
  // Without times the file need not change with the clock.
  return {
    atMs: text.includes(' timeout ') ? nowMs : 0,
    text,
    ...(Object.keys(images).length > 0 && { images }),
  }
}

const printTables = ({ family, tables }: Ruleset): string =>
  [...tables.values()]
    .map((table) => printTable(table, { family, syntax: registry }, { withCounters: true }))
    .join('')
