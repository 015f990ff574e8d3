/** What a text must contain for an expression to match it: a cheap question that spares the dear one. */
import type { Node } from './tree.ts'

/** Texts of which every match contains at least one; null where nothing is known. */
export type Required = readonly string[] | null

/** More alternatives than this are no cheap question any more. */
const mostAlternatives = 12

/** The best set of texts that can be told from the tree: the one whose shortest text is longest. */
export function requiredTexts(root: Node): Required {
  return best(collect(root).candidates)
}

interface Found {
  readonly candidates: readonly (readonly string[])[]
  /** What the node matches, where that is one text. */
  readonly exact: string | null
}

function best(candidates: readonly (readonly string[])[]): Required {
  let found: Required = null
  for (const candidate of candidates) if (found === null || score(candidate) > score(found)) found = candidate
  return found
}

/** Longer is better; a text of one character is worth little, and a word more than signs. */
function score(texts: readonly string[]): number {
  const shortest = Math.min(...texts.map((text) => text.length + 2 * (/[a-z]{3}/i.test(text) ? 1 : 0)))
  return shortest - texts.length / 4
}

const nothing: Found = { candidates: [], exact: null }

function collect(node: Node): Found {
  switch (node.kind) {
    case 'char':
      // surrogates and case variants are left to the expression
      return node.ignoreCase ? nothing : known(String.fromCodePoint(node.code))
    case 'assert':
      return { candidates: [], exact: '' }
    case 'look':
      return { candidates: [], exact: '' }
    case 'group':
    case 'atomic':
      return collect(node.body)
    case 'repeat': {
      if (node.min === 0) return nothing
      const body = collect(node.body)
      return node.max === 1 ? body : { candidates: body.candidates, exact: null }
    }
    case 'sequence':
      return ofSequence(node.items.map(collect))
    case 'choice':
      return ofChoice(node.branches.map(collect))
    case 'conditional':
      return ofChoice([collect(node.yes), collect(node.no)])
    default:
      return nothing
  }
}

const known = (text: string): Found => ({ candidates: text === '' ? [] : [[text]], exact: text })

function ofSequence(items: readonly Found[]): Found {
  const candidates: (readonly string[])[] = []
  let run = ''
  let whole = true
  for (const item of items) {
    if (item.exact !== null) {
      run += item.exact
      continue
    }
    whole = false
    if (run !== '') candidates.push([run])
    run = ''
    candidates.push(...item.candidates)
  }
  if (run !== '') candidates.push([run])
  return { candidates, exact: whole ? run : null }
}

function ofChoice(branches: readonly Found[]): Found {
  const [first] = branches
  if (first!.exact !== null && branches.every(({ exact }) => exact === first!.exact)) return first!
  const texts = new Set<string>()
  for (const branch of branches) {
    const part = best(branch.candidates)
    if (part === null) return nothing
    for (const text of part) texts.add(text)
  }
  return texts.size > mostAlternatives ? nothing : { candidates: [[...texts]], exact: null }
}
