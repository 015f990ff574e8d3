/**
 * A change carried out and undone: nothing but texts, files and the system's own programs, so that what stands between the
 * administrator and a locked door is short.
 *
 * Legacy tables are exchanged one after the other. The chain that holds recency lists alive is in the first one; the old
 * tables come back in the reverse order, so that it goes last.
 */
import { closeSync, openSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { kernelTicks, uptimeSeconds } from './clock.ts'
import { jsonOf, textOf, writeDurably } from './durable.ts'
import { type PutBack, putBackLists, readLists } from './recency.ts'
import { commandsForNewSets, commandsForSets } from './sets.ts'
import type { Change, Pending } from './state.ts'
import { onlyTables, splitTables, withoutCounters } from './tables.ts'
import { type Family, families, type Ran, runTool, type Tools } from './tools.ts'

/** Names of the files of each family. */
const suffix: Readonly<Record<Family, string>> = { ipv4: 'v4', ipv6: 'v6' }
export const rulesFile = (family: Family): string => `rules.${suffix[family]}`

/** Seconds to wait for others who hold the lock of xtables, at each try. */
const lockSeconds = '5'

/** A program that must do its work did not. */
export class LoadError extends Error {}

function must(ran: Ran, what: string): string {
  if (ran.status === 0) return ran.stdout
  const said = ran.stderr.trim()
  throw new LoadError(`${what}: ${said === '' ? `status ${ran.status}` : said}`)
}

/** All rules of a family as they are now, with counters. */
export const saveRules = (tools: Tools, family: Family): string =>
  must(runTool(tools.save[family], ['-c']), tools.save[family])

/** The same; '' for a family that this kernel does not filter. */
export function saveRulesIfAny(tools: Tools, family: Family): string {
  const { status, stdout } = runTool(tools.save[family], ['-c'])
  return status === 0 ? stdout : ''
}

/** All sets; null without ipset. */
export const saveSets = (tools: Tools): string | null =>
  tools.ipset === null ? null : must(runTool(tools.ipset, ['save']), tools.ipset)

/** Loads a file of rules. The program reads the file itself: it gets the whole text, whatever becomes of us. */
function restoreRules(tools: Tools, family: Family, path: string, options: readonly string[]): void {
  const inputFd = openSync(path, 'r')
  try {
    must(
      runTool(tools.restore[family], ['-w', lockSeconds, '-c', ...options], { inputFd }),
      tools.restore[family],
    )
  } finally {
    closeSync(inputFd)
  }
}

function restoreSets({ ipset }: Tools, commands: string): void {
  if (commands === '') return
  if (ipset === null) throw new LoadError('ipset is not installed')
  must(runTool(ipset, ['-exist', 'restore'], { input: commands }), ipset)
}

/** Families that the change is about, in the order in which they are loaded. */
const familiesOf = ({ tables }: Change): Family[] => families.filter((family) => tables[family] !== undefined)

interface Snapshot {
  readonly uptimeSeconds: number
  readonly lists: Readonly<Record<string, string[]>>
}

/**
 * Writes down everything that the undo puts back. Throws `LoadError` where the rules are not those that the change was
 * planned for.
 */
export function takeSnapshot(pending: Pending): void {
  const { change } = pending
  for (const family of families) {
    const tables = change.tables[family]
    const text = (tables === undefined ? saveRulesIfAny : saveRules)(change.tools, family)
    writeDurably(pending.path(`before/${rulesFile(family)}`), text)
    if (tables === undefined) continue
    if (withoutCounters(text, tables) !== change.seen[family])
      throw new LoadError('somebody else changed the rules meanwhile')
    const undo = onlyTables(text, [...tables].reverse())
    writeDurably(pending.path(`before/undo.${suffix[family]}`), undo)
  }
  const sets = saveSets(change.tools)
  if (sets !== null) writeDurably(pending.path('before/sets'), sets)
  const snapshot: Snapshot = { uptimeSeconds: uptimeSeconds(), lists: readLists() }
  writeDurably(pending.path('before/snapshot.json'), JSON.stringify(snapshot))
}

/** Loads the new sets and rules. Throws `LoadError` at the first that is refused; what came before it is in force then. */
export function loadNew(pending: Pending): void {
  const { change } = pending
  restoreSets(change.tools, textOf(pending.path('after/sets')) ?? '')
  for (const family of familiesOf(change))
    restoreRules(change.tools, family, pending.path(`after/${rulesFile(family)}`), [])
}

/** Takes away the chain that holds recency lists. Policies keep what they counted. */
export function release({ change }: Pending): void {
  const { holder, tools } = change
  if (holder === null) return
  const { family, table, chain } = holder
  const lines = splitTables(saveRules(tools, family)).get(table) ?? []
  if (!lines.some((line) => line.startsWith(`:${chain} `))) return
  // A change of a legacy table sets the counters of its policies to zero.
  const policies = tools.backend === 'nft' ? [] : lines.filter((line) => /^:\S+ (ACCEPT|DROP) /.test(line))
  const input = [`*${table}`, ...policies, `-F ${chain}`, `-X ${chain}`, 'COMMIT', ''].join('\n')
  must(
    runTool(tools.restore[family], ['-w', lockSeconds, '-c', '--noflush'], { input }),
    tools.restore[family],
  )
}

export interface Undone {
  /** Why the old rules are not in force. Empty when they are. */
  readonly failed: readonly string[]
  readonly lists: readonly PutBack[]
  /** Everything that is not as it was. */
  readonly problems: readonly string[]
}

/** Tries of the undo, and the time between them: others may hold the lock of xtables for long. */
const undoTries = 600
const undoChecks = 3
const betweenTriesMs = 1000

/** Puts everything back, again and again until it is done. Doing it twice is doing it once. */
export async function undo(pending: Pending, say: (line: string) => void): Promise<Undone> {
  for (let attempt = 1; ; attempt++) {
    const { failed, differs } = putBackRules(pending)
    // Rules that differ although they were loaded are somebody's else work: he is not fought for ever.
    if (failed.length === 0 && (differs.length === 0 || attempt >= undoChecks))
      return { failed, ...lastSteps(pending, differs) }
    if (attempt === undoTries) return { failed, lists: [], problems: [...failed, ...differs] }
    say(`try ${attempt}: ${[...failed, ...differs].join('; ')}`)
    await pause(betweenTriesMs)
  }
}

/** What could not be loaded, and what is not as it was although it could. */
interface PutBackRules {
  readonly failed: readonly string[]
  readonly differs: readonly string[]
}

function putBackRules(pending: Pending): PutBackRules {
  const { change } = pending
  const failed: string[] = []
  const differs: string[] = []
  const attempt = (step: () => void): void => {
    try {
      step()
    } catch (error) {
      failed.push((error as Error).message)
    }
  }
  // Rules may name sets that are gone: those come first.
  attempt(() => putBackSets(pending))
  for (const family of familiesOf(change).reverse()) {
    attempt(() => restoreRules(change.tools, family, pending.path(`before/undo.${suffix[family]}`), []))
    attempt(() => {
      const now = withoutCounters(saveRules(change.tools, family), change.tables[family]!)
      if (now !== change.seen[family]) differs.push(`the ${family} rules are not what they were`)
    })
  }
  return { failed, differs }
}

function putBackSets(pending: Pending): void {
  const before = textOf(pending.path('before/sets'))
  if (before === null) return
  const { tools } = pending.change
  const since = jsonOf<Snapshot>(pending.path('before/snapshot.json'))?.uptimeSeconds ?? uptimeSeconds()
  restoreSets(tools, commandsForSets(before, saveSets(tools) ?? '', uptimeSeconds() - since))
}

/** What comes when the old rules are in force again: sets and tables that were not there, and recency lists. */
function lastSteps(pending: Pending, found: readonly string[]): Omit<Undone, 'failed'> {
  const problems = [...found]
  const { change } = pending
  const { tools } = change
  const before = textOf(pending.path('before/sets'))
  if (before !== null)
    for (const command of commandsForNewSets(before, saveSets(tools) ?? '').split('\n'))
      if (command !== '') {
        const { status, stderr } = runTool(tools.ipset!, command.split(' '))
        if (status !== 0) problems.push(stderr.trim())
      }
  dropNewTables(pending)
  const lists = jsonOf<Snapshot>(pending.path('before/snapshot.json'))?.lists ?? {}
  try {
    return { lists: putBackLists(lists, { needs: change.listNeeds, ticks: kernelTicks() }), problems }
  } catch (error) {
    return { lists: [], problems: [...problems, `recency lists: ${(error as Error).message}`] }
  }
}

/** Tables of nf_tables can go again; those of the legacy backend stay, and are empty. */
function dropNewTables({ change, folder }: Pending): void {
  const { nft, backend } = change.tools
  if (backend !== 'nft' || nft === null) return
  for (const family of familiesOf(change)) {
    const before = splitTables(textOf(`${folder}/before/${rulesFile(family)}`) ?? '')
    for (const table of change.tables[family]!)
      if (!before.has(table)) runTool(nft, ['delete', 'table', family === 'ipv4' ? 'ip' : 'ip6', table])
  }
}
