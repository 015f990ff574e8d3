/**
 * Conditionals, `(?(group)yes|no)`, resolved into alternatives, because JavaScript has none: where a group is decided by
 * an option or a choice, everything after it is written twice, once for each decision.
 *
 * The order in which alternatives are tried stays the same, so the first match found stays the same. Where that cannot
 * be had, null: a program (`program.ts`) runs such expressions.
 */
import { choiceOf, empty, mapTree, type Node, sequenceOf, someNode } from './tree.ts'

/** One way a node may go, and whether a group is set then. */
interface Way {
  readonly node: Node
  readonly set: boolean
}

/** Copies beyond this many nodes are not worth it. */
const largestTree = 4000

/** The same expression without conditionals, or null. A group may then stand in several alternatives. */
export function withoutConditionals(root: Node): Node | null {
  let node: Node | null = root
  for (let group = firstCondition(node); group !== null; group = firstCondition(node)) {
    const ways = waysOf(node, group, false)
    if (ways === null) return null
    node = choiceOf(ways.map((way) => way.node))
    if (sizeOf(node) > largestTree) return null
  }
  return node
}

function firstCondition(root: Node): number | null {
  let found: number | null = null
  someNode(root, (node) => {
    if (node.kind !== 'conditional') return false
    found = node.index
    return true
  })
  return found
}

function sizeOf(node: Node): number {
  let size = 0
  someNode(node, () => {
    size++
    return false
  })
  return size
}

const defines = (node: Node, group: number): boolean =>
  someNode(node, (inner) => inner.kind === 'group' && inner.index === group)

const asks = (node: Node, group: number): boolean =>
  someNode(node, (inner) => inner.kind === 'conditional' && inner.index === group)

/** Every conditional on a group replaced by one of its branches. */
const decided = (node: Node, group: number, set: boolean): Node =>
  mapTree(node, (inner) =>
    inner.kind === 'conditional' && inner.index === group
      ? decided(set ? inner.yes : inner.no, group, set)
      : null,
  )

/**
 * The ways of a node in the order in which they are tried; a single one where nobody outside asks about the group. Null
 * where the state of the group is not decided along a line of alternatives.
 */
function waysOf(node: Node, group: number, asked: boolean): Way[] | null {
  if (!defines(node, group)) return [{ node: decided(node, group, false), set: false }]
  switch (node.kind) {
    case 'group': {
      if (node.index === group) return asks(node.body, group) ? null : [{ node, set: true }]
      const ways = waysOf(node.body, group, asked)
      return ways?.map(({ node: body, set }) => ({ node: { ...node, body }, set })) ?? null
    }
    case 'choice': {
      const ways: Way[] = []
      for (const branch of node.branches) {
        const inner = waysOf(branch, group, asked)
        if (inner === null) return null
        ways.push(...inner)
      }
      return asked ? ways : merged(ways)
    }
    case 'repeat': {
      if (!asked && !asks(node, group)) return [{ node, set: false }]
      if (node.min === 1 && node.max === 1) return waysOf(node.body, group, asked)
      if (node.min !== 0 || node.max !== 1 || node.mode === 'possessive') return null
      const taken = waysOf(node.body, group, asked)
      if (taken === null) return null
      const left: Way = { node: empty, set: false }
      const ways = node.mode === 'greedy' ? [...taken, left] : [left, ...taken]
      return asked ? ways : merged(ways)
    }
    case 'sequence':
      return waysOfSequence(node.items, group, asked)
    default:
      return asked || asks(node, group) ? null : [{ node, set: false }]
  }
}

function waysOfSequence(items: readonly Node[], group: number, asked: boolean): Way[] | null {
  const at = items.findIndex((item) => defines(item, group))
  const before = items.slice(0, at).map((item) => decided(item, group, false))
  const rest = items.slice(at + 1)
  if (rest.some((item) => defines(item, group))) return null
  const inner = waysOf(items[at]!, group, asked || rest.some((item) => asks(item, group)))
  if (inner === null) return null
  const ways = inner.map(({ node, set }) => ({
    node: sequenceOf([node, ...rest.map((item) => decided(item, group, set))]),
    set,
  }))
  // What comes before stays outside the alternatives: it is tried another way only after all of them failed.
  if (!asked || ways.length === 1) {
    const [way] = merged(ways)
    return [{ node: sequenceOf([...before, way!.node]), set: way!.set }]
  }
  if (!before.every(hasOneWay)) return null
  return ways.map(({ node, set }) => ({ node: sequenceOf([...before, node]), set }))
}

const merged = (ways: readonly Way[]): Way[] => [
  { node: choiceOf(ways.map((way) => way.node)), set: ways[0]!.set },
]

/** Whether a node can match in one way only, so that writing it twice changes nothing. */
const hasOneWay = (node: Node): boolean =>
  !someNode(
    node,
    ({ kind }) => kind === 'choice' || kind === 'repeat' || kind === 'conditional' || kind === 'group',
  )
