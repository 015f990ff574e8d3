/** The sets of ipset as a text, and what brings them back to it. */

interface SavedSet {
  /** `create NAME TYPE ...` */
  readonly create: string
  /** `add NAME ...`, in the order of the text. */
  readonly adds: readonly string[]
}

function readSets(text: string): Map<string, SavedSet> {
  const sets = new Map<string, { create: string; adds: string[] }>()
  for (const line of text.split('\n')) {
    const [word, name = ''] = line.split(' ', 2)
    if (word === 'create') sets.set(name, { create: line, adds: [] })
    else if (word === 'add') sets.get(name)?.adds.push(line)
  }
  return sets
}

export const setNames = (text: string): string[] => [...readSets(text).keys()]

/** The options of an entry that go on by themselves: time that is left, and what was counted. */
const running = / (timeout|packets|bytes) \d+/g

const membersOf = ({ adds }: SavedSet): string =>
  adds
    .map((line) => line.replace(running, ''))
    .sort()
    .join('\n')

/**
 * What `ipset restore` is to be told so that the sets hold again what they held: those that differ are made anew beside and
 * swapped in, so that no packet meets half a set; those that are gone are made. `elapsedSeconds` is taken off the time
 * that entries had left. '' where nothing is to be done.
 */
export function commandsForSets(before: string, now: string, elapsedSeconds: number): string {
  const present = readSets(now)
  const lines: string[] = []
  let number = 0
  for (const [name, set] of readSets(before)) {
    const current = present.get(name)
    if (current !== undefined && membersOf(current) === membersOf(set)) continue
    const adds = set.adds.flatMap((line) => aged(line, elapsedSeconds) ?? [])
    if (current === undefined) {
      lines.push(set.create, ...adds)
      continue
    }
    const beside = `postern-undo-${++number}`
    lines.push(renamed(set.create, beside), ...adds.map((line) => renamed(line, beside)))
    lines.push(`swap ${beside} ${name}`, `destroy ${beside}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Commands for `ipset restore` that destroy the sets which were not there. Preconditions: no rule names them any more. */
export function commandsForNewSets(before: string, now: string): string {
  const old = readSets(before)
  const added = [...readSets(now)].filter(([name]) => !old.has(name))
  // A list of sets holds its members, so it goes first.
  const inOrder = added.toSorted(([, a], [, b]) => Number(isList(b)) - Number(isList(a)))
  return inOrder.map(([name]) => `destroy ${name}\n`).join('')
}

const isList = ({ create }: SavedSet): boolean => create.split(' ')[2] === 'list:set'

const renamed = (line: string, name: string): string => line.replace(/^(\S+) \S+/, `$1 ${name}`)

/** A line whose entry has less time left; null where that is over. 0 is for ever. */
function aged(line: string, elapsedSeconds: number): string | null {
  const left = Number(/ timeout (\d+)/.exec(line)?.[1] ?? 0)
  if (left === 0) return line
  const rest = left - Math.floor(elapsedSeconds)
  return rest <= 0 ? null : line.replace(/ timeout \d+/, ` timeout ${rest}`)
}
