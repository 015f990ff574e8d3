/** What a text must contain for an expression to match it: a cheap question that spares the dear one. */
import type { Node, SetNode } from './tree.ts'

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
  /** All that the node matches, where that is a few texts. */
  readonly exact: readonly string[] | null
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
    case 'look':
      return { candidates: [], exact: [''] }
    case 'set':
      return ofSet(node)
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

const known = (...texts: readonly string[]): Found => ({ candidates: [texts], exact: texts })

/** A class of a few ASCII characters, such as `[iI]`. */
function ofSet({ negated, ignoreCase, items }: SetNode): Found {
  if (negated || ignoreCase) return nothing
  const texts: string[] = []
  for (const item of items) {
    if (!('lo' in item) || item.hi > 127 || texts.length + item.hi - item.lo >= mostAlternatives)
      return nothing
    for (let code = item.lo; code <= item.hi; code++) texts.push(String.fromCharCode(code))
  }
  return texts.length === 0 ? nothing : known(...new Set(texts))
}

function ofSequence(items: readonly Found[]): Found {
  const candidates: (readonly string[])[] = []
  let run: readonly string[] = ['']
  let whole = true
  const end = (): void => {
    if (!run.includes('')) candidates.push(run)
  }
  for (const { exact, candidates: others } of items) {
    if (exact !== null && run.length * exact.length <= mostAlternatives) {
      // fewer, shorter texts may be the better question
      if (exact.length > 1) end()
      run = run.flatMap((text) => exact.map((more) => text + more))
      continue
    }
    whole = false
    end()
    run = exact ?? ['']
    if (exact === null) candidates.push(...others)
  }
  end()
  return { candidates, exact: whole ? [...new Set(run)] : null }
}

function ofChoice(branches: readonly Found[]): Found {
  const exact = new Set<string>()
  for (const branch of branches) for (const text of branch.exact ?? []) exact.add(text)
  if (exact.size <= mostAlternatives && branches.every((branch) => branch.exact !== null)) {
    return { candidates: exact.has('') ? [] : [[...exact]], exact: [...exact] }
  }
  const texts = new Set<string>()
  for (const branch of branches) {
    const part = best(branch.candidates)
    if (part === null) return nothing
    for (const text of part) texts.add(text)
  }
  return texts.size > mostAlternatives ? nothing : { candidates: [[...texts]], exact: null }
}
