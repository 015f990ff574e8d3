/**
 * What is written down of changes of the firewall: the one that waits to be confirmed, and those before.
 *
 *     pending/      the change that is under way; there is one at most, and making this folder begins it
 *     generations/  what was confirmed, the last 20, by number
 *     undone/       what was put back, the last 20, with what was said meanwhile
 *     last.json     how the last change ended
 */
import { readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createDurably, jsonOf, makeFolder, moveFolder, textOf, writeDurably } from './durable.ts'
import type { ListNeeds, PutBack } from './recency.ts'
import type { Family, Tools } from './tools.ts'

export const defaultStateFolder = '/var/lib/postern'

/** Generations that are kept, and changes that were put back. */
export const keptGenerations = 20

/** A change, as it is planned. Everything that is needed to carry it out and to undo it is in its folder. */
export interface Change {
  readonly id: string
  readonly who: string
  /** ISO 8601, UTC. */
  readonly when: string
  readonly why: string
  readonly tools: Tools
  /** Tables of each family in the order in which they are loaded; the other tables are left alone. */
  readonly tables: Readonly<Partial<Record<Family, readonly string[]>>>
  readonly confirmSeconds: number
  /** The rules that were in force when the change was planned, as `withoutCounters` gives them. */
  readonly seen: Readonly<Partial<Record<Family, string>>>
  /** The chain that keeps recency lists alive which the new rules do not name; null when there is none. */
  readonly holder: { readonly family: Family; readonly table: string; readonly chain: string } | null
  readonly listNeeds: Readonly<Record<string, ListNeeds>>
  /** Of the network namespace whose rules are changed. */
  readonly namespace: string
  readonly bootId: string
}

/**
 * How far a change is. `prepared`: nothing has been changed; `loading`: old, new or both; `waiting`: the new rules are in
 * force until the deadline; `keeping`, `undoing`: it is decided.
 */
export interface Phase {
  readonly name: 'prepared' | 'loading' | 'waiting' | 'keeping' | 'undoing'
  /** Of the process that carries it out. */
  readonly pid: number
  /** On the clock of /proc/uptime. */
  readonly deadlineSeconds?: number
}

/** Whoever makes the file first decides. */
export interface Decision {
  readonly what: 'keep' | 'undo'
  readonly why: string
}

export interface Outcome {
  readonly id: string
  /**
   * `kept`: the new rules are in force. `undone`: the old ones are again. `refused`: the new ones could not be loaded, and
   * the old ones are in force. `gone`: the machine or its namespace is another one, and with it the rules. `broken`: the
   * old rules could not be put back; `problems` says why.
   */
  readonly result: 'kept' | 'undone' | 'refused' | 'gone' | 'broken'
  readonly why: string
  /** ISO 8601, UTC. */
  readonly when: string
  /** Of what was kept. */
  readonly generation?: number
  readonly lists: readonly PutBack[]
  readonly problems: readonly string[]
}

/** Which network namespace this process is in. */
export const networkNamespace = (): string => readlinkSync('/proc/self/ns/net')

export class State {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  get pending(): string {
    return join(this.folder, 'pending')
  }

  /** The folder of the change under way; null when there is none. */
  pendingChange(): Pending | null {
    const change = jsonOf<Change>(join(this.pending, 'change.json'))
    return change === null ? null : new Pending(this.pending, change)
  }

  /**
   * Begins a change: all files are written, then the folder gets its name. Null when another change is under way.
   */
  begin(change: Change, files: Readonly<Record<string, string>>): Pending | null {
    const staging = join(this.folder, `.new-${change.id}`)
    for (const name of ['before', 'after']) makeFolder(join(staging, name))
    writeDurably(join(staging, 'change.json'), `${JSON.stringify(change, null, 2)}\n`)
    for (const [name, text] of Object.entries(files)) writeDurably(join(staging, name), text)
    new Pending(staging, change).setPhase({ name: 'prepared', pid: process.pid })
    this.#sweep()
    if (moveFolder(staging, this.pending)) return new Pending(this.pending, change)
    rmSync(staging, { recursive: true })
    return null
  }

  /** Preparations that a killed process left. */
  #sweep(): void {
    const hourAgo = Date.now() - 3_600_000
    for (const name of namesIn(this.folder).filter((each) => each.startsWith('.new-')))
      if (statSync(join(this.folder, name)).mtimeMs < hourAgo)
        rmSync(join(this.folder, name), { recursive: true })
  }

  /** How the change ended; null when it did not, or another one ended since. */
  outcomeOf(id: string): Outcome | null {
    const last = jsonOf<Outcome>(join(this.folder, 'last.json'))
    return last?.id === id ? last : null
  }

  /** Ends a change: its folder becomes a generation, or goes to those that were put back. */
  end(pending: Pending, outcome: Outcome): void {
    const text = `${JSON.stringify(outcome, null, 2)}\n`
    writeDurably(join(pending.folder, 'outcome.json'), text)
    writeDurably(join(this.folder, 'last.json'), text)
    const kept = outcome.generation !== undefined
    const home = join(this.folder, kept ? 'generations' : 'undone')
    makeFolder(home)
    const name = kept ? String(outcome.generation) : pending.change.id
    rmSync(join(home, name), { recursive: true, force: true })
    moveFolder(pending.folder, join(home, name))
    this.#prune(home)
  }

  #prune(home: string): void {
    const names = namesIn(home).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    for (const name of names.slice(0, -keptGenerations)) rmSync(join(home, name), { recursive: true })
  }

  /** Numbers of the generations that are kept, oldest first. */
  generations(): number[] {
    return namesIn(join(this.folder, 'generations'))
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b)
  }

  generation(number: number): Generation | null {
    const folder = join(this.folder, 'generations', String(number))
    const change = jsonOf<Change>(join(folder, 'change.json'))
    const outcome = jsonOf<Outcome>(join(folder, 'outcome.json'))
    if (change === null || outcome === null) return null
    const text = (name: string): string => textOf(join(folder, name)) ?? ''
    const rules = { ipv4: text('rules.v4'), ipv6: text('rules.v6') }
    return { number, change, outcome, rules, sets: textOf(join(folder, 'sets')) }
  }
}

/** What was in force when a change was confirmed, of all tables, with counters. */
export interface Generation {
  readonly number: number
  readonly change: Change
  readonly outcome: Outcome
  readonly rules: Readonly<Record<Family, string>>
  /** As `ipset save` printed them; null without ipset. */
  readonly sets: string | null
}

/** The folder of a change that is under way. */
export class Pending {
  readonly folder: string
  readonly change: Change

  constructor(folder: string, change: Change) {
    this.folder = folder
    this.change = change
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Null when it has just ended. */
  get phase(): Phase | null {
    return jsonOf<Phase>(this.path('phase.json'))
  }

  setPhase(phase: Phase): void {
    writeDurably(this.path('phase.json'), JSON.stringify(phase))
  }

  get decision(): Decision | null {
    return jsonOf<Decision>(this.path('decision.json'))
  }

  /** The decision that stands: this one, or the one that somebody made before. */
  decide(decision: Decision): Decision {
    createDurably(this.path('decision.json'), JSON.stringify(decision))
    return this.decision ?? decision
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
