/**
 * Longest-prefix match over addresses of one family: which of many prefixes contain this address, and which is the
 * narrowest?
 *
 * A binary trie with compressed paths (PATRICIA), its nodes in typed arrays: two nodes a prefix at most, whatever the
 * length, and a look-up that allocates nothing. Prefixes are an address and a length; masks with holes, which netfilter
 * knows too, have no place in a trie and are `Prefix` in `address.ts`.
 */
import {
  type Address,
  addressBits,
  addressOf,
  type Family,
  maskAddress,
  maskOfLength,
  wordCount,
} from './address.ts'
import type { Reader } from './headers/reader.ts'

export interface TrieEntry<Value> {
  readonly address: Address
  /** Leading bits that count. */
  readonly length: number
  readonly value: Value
}

const none = -1
const root = 0
const firstCapacity = 16

/**
 * Each node stands for the prefix of `#lengths` bits of its key. A node other than the root has a value or two children,
 * its children lie within it, left those whose next bit is 0.
 */
export class PrefixTrie<Value> {
  readonly family: Family
  readonly #wordCount: number
  readonly #bits: number
  /** `#wordCount` words a node, bits beyond the length zero. */
  #keys: Uint32Array
  #lengths: Uint8Array
  /** Left and right child of each node, or `none`. Free nodes are chained by the left one. */
  #children: Int32Array
  /** Holds the value of each node that has one. */
  #values: (Value | undefined)[] = []
  #hasValue: Uint8Array
  #nodeCount = 0
  #firstFree = none
  #size = 0
  /** The key that is looked for. */
  readonly #sought: Uint32Array

  constructor(family: Family) {
    this.family = family
    this.#wordCount = wordCount(family)
    this.#bits = addressBits(family)
    this.#keys = new Uint32Array(firstCapacity * this.#wordCount)
    this.#lengths = new Uint8Array(firstCapacity)
    this.#children = new Int32Array(firstCapacity * 2)
    this.#hasValue = new Uint8Array(firstCapacity)
    this.#sought = new Uint32Array(this.#wordCount)
    this.#newNode(0)
  }

  /** Prefixes that have a value. */
  get size(): number {
    return this.#size
  }

  /**
   * Gives a prefix its value, in place of any before. Bits of the address beyond the length are ignored.
   *
   * Throws when the family is another or the length not in range.
   */
  set(address: Address, length: number, value: Value): void {
    this.#seekPrefix(address, length)
    const node = this.#insert(length)
    if (this.#hasValue[node] === 0) this.#size++
    this.#hasValue[node] = 1
    this.#values[node] = value
  }

  /** The value of exactly this prefix. */
  get(address: Address, length: number): Value | undefined {
    this.#seekPrefix(address, length)
    const node = this.#descend(length, null)
    return node === none ? undefined : this.#values[node]
  }

  /** Whether exactly this prefix was there. */
  delete(address: Address, length: number): boolean {
    this.#seekPrefix(address, length)
    const path: number[] = []
    const node = this.#descend(length, path)
    if (node === none) return false
    this.#hasValue[node] = 0
    this.#values[node] = undefined
    this.#size--
    const parent = path.at(-2) ?? none
    this.#splice(node, parent)
    if (parent !== none && this.#hasValue[parent] === 0) this.#splice(parent, path.at(-3) ?? none)
    return true
  }

  /** The narrowest prefix that contains the address, or null; null, too, for an address of the other family. */
  match(address: Address): TrieEntry<Value> | null {
    if (address.family !== this.family) return null
    this.#sought.set(address.words)
    const node = this.#longestMatch()
    return node === none ? null : this.#entry(node)
  }

  /**
   * The value of the narrowest prefix that contains the address at `offset`; allocates nothing.
   *
   * Preconditions: an address of this family stands there.
   */
  valueAt(reader: Reader, offset: number): Value | undefined {
    for (let word = 0; word < this.#wordCount; word++) this.#sought[word] = reader.u32(offset + 4 * word)
    const node = this.#longestMatch()
    return node === none ? undefined : this.#values[node]
  }

  /** All prefixes in the order of their addresses, wider before narrower. The trie must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<TrieEntry<Value>> {
    const waiting = [root]
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (this.#hasValue[node] === 1) yield this.#entry(node)
      const left = this.#children[2 * node]!
      const right = this.#children[2 * node + 1]!
      if (right !== none) waiting.push(right)
      if (left !== none) waiting.push(left)
    }
  }

  #entry(node: number): TrieEntry<Value> {
    const start = node * this.#wordCount
    const words = Array.from(this.#keys.subarray(start, start + this.#wordCount))
    return {
      address: addressOf(this.family, words),
      length: this.#lengths[node]!,
      value: this.#values[node]!,
    }
  }

  #seekPrefix(address: Address, length: number): void {
    if (address.family !== this.family)
      throw new RangeError(`a trie of ${this.family} holds no ${address.family}`)
    if (!(Number.isInteger(length) && 0 <= length && length <= this.#bits)) {
      throw new RangeError(`a prefix length is 0 to ${this.#bits}, not ${length}`)
    }
    this.#sought.set(maskAddress(address, maskOfLength(this.family, length)).words)
  }

  #longestMatch(): number {
    let best = none
    let node = root
    while (node !== none && this.#covers(node)) {
      if (this.#hasValue[node] === 1) best = node
      const length = this.#lengths[node]!
      if (length === this.#bits) break
      node = this.#children[2 * node + this.#soughtBit(length)]!
    }
    return best
  }

  /** The node with a value for exactly the sought prefix, or `none`; `path` gets the nodes down to it. */
  #descend(length: number, path: number[] | null): number {
    let node = root
    while (node !== none && this.#lengths[node]! <= length && this.#covers(node)) {
      path?.push(node)
      if (this.#lengths[node] === length) return this.#hasValue[node] === 1 ? node : none
      node = this.#children[2 * node + this.#soughtBit(this.#lengths[node]!)]!
    }
    return none
  }

  /** The node for the sought prefix, made where it is missing. */
  #insert(length: number): number {
    let parentSlot = none
    let node = root
    while (node !== none) {
      const nodeLength = this.#lengths[node]!
      const shared = Math.min(this.#sharedBits(node), length)
      if (shared < nodeLength) return this.#insertAbove(node, shared, length, parentSlot)
      if (nodeLength === length) return node
      parentSlot = 2 * node + this.#soughtBit(nodeLength)
      node = this.#children[parentSlot]!
    }
    return this.#newNode(length, parentSlot)
  }

  /** The sought prefix shares only `shared` bits with `node`: it becomes its parent, or its sibling below a new fork. */
  #insertAbove(node: number, shared: number, length: number, parentSlot: number): number {
    const upper = this.#newNode(shared, parentSlot)
    const nodeSide = this.#bitOf(this.#keys[node * this.#wordCount + (shared >>> 5)]!, shared)
    this.#children[2 * upper + nodeSide] = node
    return shared === length ? upper : this.#newNode(length, 2 * upper + (1 - nodeSide))
  }

  /** A node for the first `length` bits of the sought key, hung up at `slot`. */
  #newNode(length: number, slot: number = none): number {
    const node = this.#firstFree === none ? this.#nodeCount++ : this.#firstFree
    if (this.#firstFree !== none) this.#firstFree = this.#children[2 * node]!
    else if (node === this.#lengths.length) this.#grow()
    for (let word = 0; word < this.#wordCount; word++) {
      const ones = Math.min(32, Math.max(0, length - 32 * word))
      const mask = ones === 0 ? 0 : 0xffffffff << (32 - ones)
      this.#keys[node * this.#wordCount + word] = this.#sought[word]! & mask
    }
    this.#lengths[node] = length
    this.#hasValue[node] = 0
    this.#values[node] = undefined
    this.#children[2 * node] = none
    this.#children[2 * node + 1] = none
    if (slot !== none) this.#children[slot] = node
    return node
  }

  #grow(): void {
    const capacity = this.#lengths.length * 2
    const larger = <A extends Uint32Array | Uint8Array | Int32Array>(next: A, old: A): A => {
      next.set(old)
      return next
    }
    this.#keys = larger(new Uint32Array(capacity * this.#wordCount), this.#keys)
    this.#lengths = larger(new Uint8Array(capacity), this.#lengths)
    this.#children = larger(new Int32Array(capacity * 2), this.#children)
    this.#hasValue = larger(new Uint8Array(capacity), this.#hasValue)
  }

  /** Takes a node without a value out of the trie unless it is the root or a fork. */
  #splice(node: number, parent: number): void {
    const left = this.#children[2 * node]!
    const right = this.#children[2 * node + 1]!
    if (node === root || (left !== none && right !== none)) return
    const side = this.#children[2 * parent] === node ? 0 : 1
    this.#children[2 * parent + side] = left === none ? right : left
    this.#children[2 * node] = this.#firstFree
    this.#firstFree = node
  }

  /** Whether the sought key lies in the node's prefix. */
  #covers(node: number): boolean {
    const length = this.#lengths[node]!
    const start = node * this.#wordCount
    const wholeWords = length >>> 5
    for (let word = 0; word < wholeWords; word++) {
      if (this.#keys[start + word] !== this.#sought[word]) return false
    }
    const rest = length & 31
    return rest === 0 || (this.#keys[start + wholeWords]! ^ this.#sought[wholeWords]!) >>> (32 - rest) === 0
  }

  /** Leading bits that the sought key and the node's prefix have in common. */
  #sharedBits(node: number): number {
    const length = this.#lengths[node]!
    const start = node * this.#wordCount
    for (let word = 0; 32 * word < length; word++) {
      const difference = this.#keys[start + word]! ^ this.#sought[word]!
      if (difference !== 0) return Math.min(length, 32 * word + Math.clz32(difference))
    }
    return length
  }

  #soughtBit(place: number): number {
    return this.#bitOf(this.#sought[place >>> 5]!, place)
  }

  /** The bit at `place` modulo 32 of a word, counted from the left. */
  #bitOf(word: number, place: number): number {
    return (word >>> (31 - (place & 31))) & 1
  }
}
