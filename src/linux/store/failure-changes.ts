/**
 * Counts of failures, kept as what became of them: a row of text each time, which costs a fraction of a row for each
 * count. When such rows have become many more than the counts themselves, one row with all counts takes their place.
 */
import type { FailureCount } from '../../guard/decide/index.ts'
import type { Statement } from './sqlite.ts'

interface Changes {
  readonly changed: readonly FailureCount[]
  readonly forgotten: readonly string[]
}

/** Characters of changes, and times those of all counts, up to which they are kept. */
const fewCharacters = 1 << 22
const mostTimes = 3
const countsInRow = 500

/** How long what is kept of a jail is. */
interface Kept {
  next: number
  characters: number
  /** Of the row with all counts. */
  whole: number
}

export class FailureChanges {
  readonly #sql: (text: string) => Statement
  readonly #kept = new Map<string, Kept>()

  constructor(sql: (text: string) => Statement) {
    this.#sql = sql
  }

  save(
    jail: string,
    changed: readonly FailureCount[],
    forgotten: readonly string[],
    all: () => Iterable<FailureCount>,
  ): void {
    if (changed.length === 0 && forgotten.length === 0) return
    const kept = this.#keptOf(jail)
    if (kept.characters > Math.max(fewCharacters, mostTimes * kept.whole)) {
      this.#sql('DELETE FROM failure_changes WHERE jail = ?').run(jail)
      kept.characters = 0
      kept.whole = this.#add(jail, kept, { changed: [...all()], forgotten: [] })
    } else kept.characters += this.#add(jail, kept, { changed, forgotten })
  }

  counts(jail: string): FailureCount[] {
    const counts = new Map<string, FailureCount>()
    for (const { changes } of this.#sql(
      'SELECT changes FROM failure_changes WHERE jail = ? ORDER BY number',
    ).all(jail)) {
      const { changed, forgotten } = JSON.parse(String(changes)) as Changes
      for (const id of forgotten) counts.delete(id)
      for (const count of changed) counts.set(count.id, count)
    }
    return [...counts.values()]
  }

  /** Rows of some hundred kilobytes at most: texts of many megabytes would be copied several times on their way. */
  #add(jail: string, kept: Kept, { changed, forgotten }: Changes): number {
    let characters = 0
    for (let at = 0; at === 0 || at < changed.length; at += countsInRow) {
      const row = { changed: changed.slice(at, at + countsInRow), forgotten: at === 0 ? forgotten : [] }
      const text = JSON.stringify(row)
      this.#sql('INSERT INTO failure_changes VALUES (?, ?, ?)').run(jail, kept.next++, text)
      characters += text.length
    }
    return characters
  }

  #keptOf(jail: string): Kept {
    const known = this.#kept.get(jail)
    if (known !== undefined) return known
    const row = this.#sql(
      'SELECT max(number) AS last, sum(length(changes)) AS characters FROM failure_changes WHERE jail = ?',
    ).get(jail)
    const kept = { next: Number(row?.last ?? -1) + 1, characters: Number(row?.characters ?? 0), whole: 0 }
    this.#kept.set(jail, kept)
    return kept
  }
}
