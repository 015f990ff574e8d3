/**
 * A regular expression of Python's `re` as a tree. Flags are resolved into the nodes they touch, so that a node means
 * the same wherever it stands.
 *
 * Read first: "Regular Expression Syntax" in the documentation of Python's module `re` (3.11).
 */
import type { SetItem } from './charset.ts'

export type Node =
  | { readonly kind: 'char'; readonly code: number; readonly ignoreCase: boolean }
  /** `.`: anything, or anything but a newline. */
  | { readonly kind: 'any'; readonly newline: boolean }
  | SetNode
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly branches: readonly Node[] }
  /** A capturing group; `index` counts from 1. */
  | { readonly kind: 'group'; readonly index: number; readonly body: Node }
  | { readonly kind: 'atomic'; readonly body: Node }
  | RepeatNode
  | { readonly kind: 'look'; readonly ahead: boolean; readonly negated: boolean; readonly body: Node }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly ascii: boolean }
  | { readonly kind: 'backreference'; readonly index: number; readonly ignoreCase: boolean }
  | { readonly kind: 'conditional'; readonly index: number; readonly yes: Node; readonly no: Node }

export interface SetNode {
  readonly kind: 'set'
  readonly negated: boolean
  readonly items: readonly SetItem[]
  readonly ignoreCase: boolean
}

export interface RepeatNode {
  readonly kind: 'repeat'
  readonly min: number
  /** Infinity where nothing bounds it. */
  readonly max: number
  readonly mode: 'greedy' | 'lazy' | 'possessive'
  readonly body: Node
}

/**
 * `start` is `\A` and `^`, `end` is `$` (also before a final newline), `textEnd` is `\Z`; `lineStart` and `lineEnd` are
 * `^` and `$` of several lines.
 */
export type Assertion = 'start' | 'end' | 'textEnd' | 'lineStart' | 'lineEnd' | 'boundary' | 'noBoundary'

export interface PythonTree {
  readonly root: Node
  /** Number of capturing groups. */
  readonly groups: number
  /** Names of groups with their indices, in the order of the groups. */
  readonly names: ReadonlyMap<string, number>
}

export const empty: Node = { kind: 'sequence', items: [] }

export function sequenceOf(items: readonly Node[]): Node {
  return items.length === 1 ? items[0]! : { kind: 'sequence', items }
}

export function choiceOf(branches: readonly Node[]): Node {
  return branches.length === 1 ? branches[0]! : { kind: 'choice', branches }
}

/** The nodes directly below one. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'sequence':
      return node.items
    case 'choice':
      return node.branches
    case 'group':
    case 'atomic':
    case 'repeat':
    case 'look':
      return [node.body]
    case 'conditional':
      return [node.yes, node.no]
    default:
      return []
  }
}

/** Whether some node of a tree, itself included, fits. */
export function someNode(node: Node, fits: (node: Node) => boolean): boolean {
  return fits(node) || childrenOf(node).some((child) => someNode(child, fits))
}

/** Whether a group stands last, so that each match ends where the group ends; what takes no room may follow it. */
export function endsInGroup(node: Node, index: number): boolean {
  if (node.kind === 'group') return node.index === index
  if (node.kind !== 'sequence') return false
  const last = node.items.findLast(({ kind }) => kind !== 'assert' && kind !== 'look')
  return last !== undefined && endsInGroup(last, index)
}

/** A copy of a tree with some nodes replaced; `replace` gives null for nodes to descend into. */
export function mapTree(node: Node, replace: (node: Node) => Node | null): Node {
  const other = replace(node)
  if (other !== null) return other
  const map = (child: Node) => mapTree(child, replace)
  switch (node.kind) {
    case 'sequence':
      return { ...node, items: node.items.map(map) }
    case 'choice':
      return { ...node, branches: node.branches.map(map) }
    case 'group':
    case 'atomic':
    case 'repeat':
    case 'look':
      return { ...node, body: map(node.body) }
    case 'conditional':
      return { ...node, yes: map(node.yes), no: map(node.no) }
    default:
      return node
  }
}

/** The least and the greatest number of characters a node may match (Infinity where nothing bounds it). */
export function widthOf(node: Node, groupWidth?: (index: number) => Width): Width {
  switch (node.kind) {
    case 'char':
    case 'any':
    case 'set':
      return { min: 1, max: 1 }
    case 'sequence':
      return node.items.reduce<Width>(
        (sum, item) => {
          const width = widthOf(item, groupWidth)
          return { min: sum.min + width.min, max: sum.max + width.max }
        },
        { min: 0, max: 0 },
      )
    case 'choice':
      return spread(node.branches.map((branch) => widthOf(branch, groupWidth)))
    case 'conditional':
      return spread([node.yes, node.no].map((branch) => widthOf(branch, groupWidth)))
    case 'group':
    case 'atomic':
      return widthOf(node.body, groupWidth)
    case 'repeat': {
      const width = widthOf(node.body, groupWidth)
      return { min: width.min * node.min, max: width.max === 0 ? 0 : width.max * node.max }
    }
    case 'backreference':
      return groupWidth?.(node.index) ?? { min: 0, max: Number.POSITIVE_INFINITY }
    case 'look':
    case 'assert':
      return { min: 0, max: 0 }
  }
}

export interface Width {
  readonly min: number
  readonly max: number
}

function spread(widths: readonly Width[]): Width {
  return { min: Math.min(...widths.map(({ min }) => min)), max: Math.max(...widths.map(({ max }) => max)) }
}
