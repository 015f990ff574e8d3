/**
 * Prefixes of the rules of one chain: which of them an address lies in, by one binary search.
 *
 * The prefixes part the line of all addresses into intervals; an interval knows the longest prefix that it lies in, and a
 * prefix the next longer one around it. Memory is linear in the number of prefixes.
 */
import type { Packet } from '../net/packet.ts'
import type { AddressTest } from './compile.ts'

/** Takes lists of rules, ascending. */
export interface RuleLists {
  add(list: Int32Array): void
}

interface Entry {
  readonly rule: number
  readonly test: AddressTest
}

interface Node {
  readonly rules: Int32Array
  /** The prefix around this one, or -1. */
  readonly parent: number
}

const noNode = -1
const directorySize = 0x10000

export class AddressIndex {
  /** Words of an address: 1 for IPv4, 4 for IPv6. */
  readonly #width: number
  /** Where intervals begin, ascending; `width` words each. The first begins at 0. */
  readonly #starts: Uint32Array
  /** The prefix that each interval lies in. */
  readonly #nodeOf: Int32Array
  readonly #nodes: readonly Node[]
  /** For the first 16 bits of an address: the interval in which the addresses with these bits begin. */
  readonly #directory: Int32Array

  /** Preconditions: at least one entry; every mask is that of a prefix, and they ascend by rule. */
  constructor(entries: readonly Entry[]) {
    this.#width = entries[0]!.test.words.length
    const { nodes, edges } = nest(entries)
    this.#nodes = nodes
    this.#starts = new Uint32Array(edges.length * this.#width)
    this.#nodeOf = new Int32Array(edges.length)
    for (let at = 0; at < edges.length; at++) {
      const { start, node } = edges[at]!
      this.#starts.set(start, at * this.#width)
      this.#nodeOf[at] = node
    }
    this.#directory = directoryOf(this.#starts, this.#width)
  }

  /** Adds the rules of every prefix that the address at `offset` lies in. */
  collect(packet: Packet, offset: number, lists: RuleLists): void {
    const nodes = this.#nodes
    for (let at = this.#nodeOf[this.#intervalOf(packet, offset)]!; at !== noNode; ) {
      const { rules, parent } = nodes[at]!
      lists.add(rules)
      at = parent
    }
  }

  /** The last interval that begins at or before the address. */
  #intervalOf(packet: Packet, offset: number): number {
    const first = packet.u32(offset)
    const starts = this.#starts
    const width = this.#width
    let low = this.#directory[first >>> 16]!
    let high = this.#directory[(first >>> 16) + 1]!
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#beginsBehind(starts, middle * width, first, packet, offset)) high = middle - 1
      else low = middle
    }
    return low
  }

  #beginsBehind(starts: Uint32Array, at: number, first: number, packet: Packet, offset: number): boolean {
    if (starts[at]! !== first || this.#width === 1) return starts[at]! > first
    for (let word = 1; word < this.#width; word++) {
      const ofPacket = packet.u32(offset + 4 * word)
      if (starts[at + word]! !== ofPacket) return starts[at + word]! > ofPacket
    }
    return false
  }
}

// --- Building

interface Edge {
  readonly start: readonly number[]
  node: number
}

/** Prefixes one inside the other, and where the longest prefix around an address changes. */
function nest(entries: readonly Entry[]): { readonly nodes: Node[]; readonly edges: Edge[] } {
  const sorted = [...entries].sort(
    (a, b) => compare(a.test.words, b.test.words) || compare(a.test.masks, b.test.masks),
  )
  const nodes: Node[] = []
  const open: { readonly node: number; readonly last: readonly number[] }[] = []
  const width = sorted[0]!.test.words.length
  const edges: Edge[] = [{ start: new Array<number>(width).fill(0), node: noNode }]
  const begin = (start: readonly number[], node: number): void => {
    const latest = edges.at(-1)!
    if (compare(latest.start, start) === 0) latest.node = node
    else edges.push({ start, node })
  }
  const close = (): void => {
    const { last } = open.pop()!
    const behind = successor(last)
    if (behind !== null) begin(behind, open.at(-1)?.node ?? noNode)
  }

  for (let at = 0; at < sorted.length; ) {
    const { words, masks } = sorted[at]!.test
    let end = at + 1
    while (
      end < sorted.length &&
      compare(sorted[end]!.test.words, words) === 0 &&
      compare(sorted[end]!.test.masks, masks) === 0
    )
      end++
    while (open.length > 0 && compare(open.at(-1)!.last, words) < 0) close()
    nodes.push({ rules: rulesOf(sorted, at, end), parent: open.at(-1)?.node ?? noNode })
    begin(words, nodes.length - 1)
    open.push({ node: nodes.length - 1, last: words.map((word, each) => (word | ~masks[each]!) >>> 0) })
    at = end
  }
  while (open.length > 0) close()
  return { nodes, edges }
}

/** Ascending. Most prefixes have one rule, and arrays made from others cost more than all else here. */
function rulesOf(entries: readonly Entry[], from: number, to: number): Int32Array {
  const rules = new Int32Array(to - from)
  for (let at = from; at < to; at++) rules[at - from] = entries[at]!.rule
  return rules.length > 1 ? rules.sort() : rules
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) {
    if (a[at]! !== b[at]!) return a[at]! - b[at]!
  }
  return 0
}

/** The address behind this one; null behind the last. */
function successor(words: readonly number[]): number[] | null {
  const next = [...words]
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = (next[at]! + 1) >>> 0
    if (next[at] !== 0) return next
  }
  return null
}

function directoryOf(starts: Uint32Array, width: number): Int32Array {
  const directory = new Int32Array(directorySize + 1)
  const count = starts.length / width
  let interval = 0
  for (let top = 0; top <= directorySize; top++) {
    // The address with these bits and zeros behind: the last interval that begins at or before it.
    const address = top * 0x10000
    while (interval + 1 < count && isAtOrBefore(starts, (interval + 1) * width, width, address)) interval++
    directory[top] = interval
  }
  return directory
}

function isAtOrBefore(starts: Uint32Array, at: number, width: number, address: number): boolean {
  if (starts[at]! !== address) return starts[at]! < address
  for (let word = 1; word < width; word++) if (starts[at + word]! !== 0) return false
  return true
}
