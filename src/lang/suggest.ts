/** Near misses: what the writer may have meant. */

/** The candidate nearest to a word, or null when none is near enough to be worth offering. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  // A third of the letters may be wrong, at least one; long garbage resembles nothing.
  if (word.length > 64) return null
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: string | null = null
  // Nothing of a word left is no likeness.
  let bestDistance = Math.min(limit + 1, word.length)
  for (const candidate of candidates) {
    if (candidate === word || Math.abs(candidate.length - word.length) >= bestDistance) continue
    // Of equals, the one that begins alike: people begin words right.
    const alike = word[0]?.toLowerCase() === candidate[0]?.toLowerCase() ? 0 : 0.5
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase()) + alike
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1)
      }
      row.push(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}

/** A help line offering the nearest candidate, as the `more` of a refusal. */
export function didYouMean(word: string, candidates: Iterable<string>): { help?: string; fix?: string } {
  const near = nearest(word, candidates)
  return near === null ? {} : { help: near, fix: near }
}
