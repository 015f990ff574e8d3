/**
 * The kernel's recency lists through /proc/net/xt_recent: read, written one address an open, put back.
 *
 * The kernel takes `+ADDRESS` (seen now), `-ADDRESS` and `/`; stamps of the past cannot be written. So a list keeps its
 * ages only as long as it lives, which it does while a rule names it, and as long as no rule asks for a longer history than
 * any before: then the kernel empties it (xt_recent.c, recent_mt_check(), Linux 6.18).
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'

const folder = '/proc/net/xt_recent'

export interface RecencyEntry {
  /** As the kernel prints it: IPv6 in eight groups of four digits. */
  readonly address: string
  /** Of the packet that was last seen; 0 where an address was written. */
  readonly ttl: number
  /** Jiffies, oldest first. */
  readonly stamps: readonly number[]
}

/** Names of the lists that rules in force name. */
export function listNames(): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** The lines of a list; null when no rule names it. */
export function readList(name: string): string[] | null {
  try {
    return readFileSync(`${folder}/${name}`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return null
  }
}

export const readLists = (): Record<string, string[]> =>
  Object.fromEntries(
    listNames().flatMap((name) => {
      const lines = readList(name)
      return lines === null ? [] : [[name, lines]]
    }),
  )

/** Null for a line that is none of a list. Stamps stand in a ring: in the order of their slots, not of time. */
export function parseEntry(line: string): RecencyEntry | null {
  const found = /^src=(\S+) ttl: (\d+) last_seen: (\d+) oldest_pkt: \d+(.*)$/.exec(line)
  if (found === null) return null
  const stamps = [...found[4]!.matchAll(/\d+/g)].map(([digits]) => Number(digits))
  return {
    address: found[1]!,
    ttl: Number(found[2]),
    // A ring whose counter wrapped shows no slot at all; the newest is known in any case.
    stamps: (stamps.length === 0 ? [Number(found[3])] : stamps).sort((a, b) => a - b),
  }
}

/** One write an open: the kernel refuses a second one. Throws as node:fs does. */
export function writeList(name: string, text: string): void {
  const file = openSync(`${folder}/${name}`, 'w')
  try {
    writeSync(file, `${text}\n`)
  } finally {
    closeSync(file)
  }
}

/** What is to be kept of a list that had to be made anew. */
export interface ListNeeds {
  /** The longest time that rules ask back for; null where one asks without a limit. */
  readonly windowSeconds: number | null
}

export interface PutBackOptions {
  /** By the name of the list; one that is missing is taken for asked without a limit. */
  readonly needs: Readonly<Record<string, ListNeeds>>
  /** Jiffies and HZ now; null where they are not known: then every stamp counts. */
  readonly ticks: { readonly now: number; readonly hz: number } | null
}

/** What was done to a list, for the record. */
export interface PutBack {
  readonly list: string
  /** Addresses that had come since and were taken out. */
  readonly removed: number
  /** Addresses that had gone and are there again, as seen now. */
  readonly added: number
}

/**
 * Brings lists back to what they held. Entries that are still there keep their ages; those that are gone come back as
 * seen now, with as many stamps as could still count; those that came since go. Lists that no rule names are left out.
 */
export function putBackLists(
  before: Readonly<Record<string, readonly string[]>>,
  options: PutBackOptions,
): PutBack[] {
  return Object.entries(before).flatMap(([list, lines]) => {
    const present = readList(list)
    if (present === null) return []
    const was = entriesOf(lines)
    const now = entriesOf(present)
    const foreign = [...now.keys()].filter((address) => !was.has(address))
    const missing = [...was.values()]
      .filter(({ address }) => !now.has(address))
      .sort((a, b) => a.stamps.at(-1)! - b.stamps.at(-1)!)
    for (const address of foreign) writeList(list, `-${address}`)
    let added = 0
    for (const entry of missing) {
      const stamps = countingStamps(entry, options.needs[list]?.windowSeconds ?? null, options.ticks)
      for (let stamp = 0; stamp < stamps; stamp++) writeList(list, `+${entry.address}`)
      if (stamps > 0) added++
    }
    return foreign.length + added === 0 ? [] : [{ list, removed: foreign.length, added }]
  })
}

/** How many stamps of an entry a rule could still count. */
function countingStamps(
  { stamps }: RecencyEntry,
  windowSeconds: number | null,
  ticks: PutBackOptions['ticks'],
): number {
  if (windowSeconds === null || ticks === null) return stamps.length
  return stamps.filter((stamp) => ticks.now - stamp <= windowSeconds * ticks.hz).length
}

const entriesOf = (lines: readonly string[]): Map<string, RecencyEntry> =>
  new Map(
    lines.flatMap((line) => {
      const entry = parseEntry(line)
      return entry === null ? [] : [[entry.address, entry]]
    }),
  )
