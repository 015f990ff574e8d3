/**
 * Where tracked connections are kept: outside the JavaScript heap, in arrays of integers, so that a million of them take
 * little room and no garbage collection walks over them.
 *
 * A connection has a slot: its two tuples, three links of hash chains (`chains.ts`), and, while it sleeps, what else is to
 * know of it. Packets meet objects; the table puts those to sleep that have not been asked for lately and hold nothing but
 * numbers (UDP, ICMP ..., no TCP), and wakes them when they are. Slots come in chunks, so that nothing is ever copied to
 * make room; a slot that is free again is taken first.
 */
import { TrackedConnection, type TupleStore } from './connection.ts'
import { isIpv6Kind, noRest, type TupleKey, TupleNode, type TupleWords } from './tuple.ts'
import { defaultZone } from './zone.ts'

/** 8192 slots a chunk. */
const chunkBits = 13
const chunkSlots = 1 << chunkBits

// A slot's words: two tuples of four, three links of two, then what a sleeping connection consists of.
const tupleWords = 4
const firstLink = 2 * tupleWords
/** 0 where the slot is free. */
const serialWord = firstLink + 3 * 2
const statusWord = serialWord + 1
const markWord = serialWord + 2
const timeoutWord = serialWord + 3
const trackWord = serialWord + 4
const masqueradeWord = serialWord + 5
const slotWords = serialWord + 6
/** The lower words of IPv6 addresses: two tuples of six. */
const restWords = 6
const slotRestWords = 2 * restWords

/** A link names the slot in its upper bits and what it is for in the lowest two. */
export const linkFor = { original: 0, reply: 1, source: 2 } as const
export type LinkFor = keyof typeof linkFor
export const noLink = -1

export const linkOf = (slot: number, what: LinkFor): number => (slot << 2) | linkFor[what]
export const slotOfLink = (link: number): number => link >>> 2
export const isReplyLink = (link: number): boolean => (link & 3) === linkFor.reply

interface Chunk {
  readonly words: Int32Array
  /** Null until an IPv6 connection comes. */
  rest: Int32Array | null
  /** Those that are awake. */
  readonly connections: (TrackedConnection | null)[]
}

export class Slab {
  readonly #hz: number
  readonly #tuples: TupleStore
  readonly #chunks: Chunk[] = []
  /** Slots given out at least once. */
  #used = 0
  /** The last slot that was given back; each names the one before in its first word. */
  #free = noLink

  /** `tuples` and `hz` are those of every connection in it. */
  constructor(tuples: TupleStore, hz: number) {
    this.#tuples = tuples
    this.#hz = hz
  }

  /** Slots there are; those behind it were never taken. */
  get size(): number {
    return this.#used
  }

  take(connection: TrackedConnection): number {
    let slot = this.#free
    if (slot === noLink) {
      slot = this.#used++
      if (slot >>> chunkBits === this.#chunks.length) this.#chunks.push(newChunk())
    } else {
      this.#free = this.#chunkOf(slot).words[wordsAt(slot)]!
    }
    const { connections, words } = this.#chunkOf(slot)
    connections[slot & (chunkSlots - 1)] = connection
    words[wordsAt(slot) + serialWord] = connection.serial
    return slot
  }

  release(slot: number): void {
    const { words, connections } = this.#chunkOf(slot)
    connections[slot & (chunkSlots - 1)] = null
    words[wordsAt(slot) + serialWord] = 0
    words[wordsAt(slot)] = this.#free
    this.#free = slot
  }

  isFree(slot: number): boolean {
    return this.#chunkOf(slot).words[wordsAt(slot) + serialWord] === 0
  }

  /** The first of the slots from one on to before another in which a connection has ended by a tick; -1 if there is none. */
  firstEnded(from: number, to: number, tick: number): number {
    for (let slot = from; slot < to; ) {
      const { words, connections } = this.#chunkOf(slot)
      const stop = Math.min(to, ((slot >>> chunkBits) + 1) << chunkBits)
      for (; slot < stop; slot++) {
        const connection = connections[slot & (chunkSlots - 1)]!
        if (connection !== null) {
          if (connection.timeout <= tick) return slot
          continue
        }
        const at = wordsAt(slot)
        if (words[at + serialWord] !== 0 && words[at + timeoutWord]! >>> 0 <= tick) return slot
      }
    }
    return -1
  }

  /** The tick at which the connection in a slot ends. */
  timeoutAt(slot: number): number {
    const { words, connections } = this.#chunkOf(slot)
    return connections[slot & (chunkSlots - 1)]?.timeout ?? words[wordsAt(slot) + timeoutWord]! >>> 0
  }

  // --- Sleep

  /** The object of a slot; null where it sleeps. */
  awakeAt(slot: number): TrackedConnection | null {
    return this.#chunkOf(slot).connections[slot & (chunkSlots - 1)]!
  }

  /** Makes the object of a sleeping connection. Unless it is for a short look, it stays awake. */
  wake(slot: number, staysAwake = true): TrackedConnection {
    const { words, connections } = this.#chunkOf(slot)
    const at = wordsAt(slot)
    const connection = TrackedConnection.wake(words[at + serialWord]! >>> 0, this.#hz, this.#tuples, slot)
    connection.status = words[at + statusWord]!
    connection.mark = words[at + markWord]! >>> 0
    connection.timeout = words[at + timeoutWord]! >>> 0
    connection.track = words[at + trackWord]! >>> 0
    connection.masqueradeDevice = words[at + masqueradeWord]!
    if (staysAwake) connections[slot & (chunkSlots - 1)] = connection
    return connection
  }

  /** Writes the object of a slot down and lets it go, if it can be written. */
  putToSleep(slot: number): void {
    const { words, connections } = this.#chunkOf(slot)
    const connection = connections[slot & (chunkSlots - 1)]!
    const { status, mark, timeout, track, masqueradeDevice } = connection
    if (typeof track !== 'number' || !canSleep(connection)) return
    const at = wordsAt(slot)
    words[at + statusWord] = status
    words[at + markWord] = mark
    words[at + timeoutWord] = timeout
    words[at + trackWord] = track
    words[at + masqueradeWord] = masqueradeDevice
    connections[slot & (chunkSlots - 1)] = null
  }

  // --- Tuples

  write(slot: number, way: 0 | 1, tuple: TupleWords): void {
    const chunk = this.#chunkOf(slot)
    const at = wordsAt(slot) + way * tupleWords
    chunk.words[at] = tuple.source
    chunk.words[at + 1] = tuple.destination
    chunk.words[at + 2] = tuple.ports
    chunk.words[at + 3] = tuple.kind
    if (tuple.rest.length === 0) return
    chunk.rest ??= new Int32Array(chunkSlots * slotRestWords)
    chunk.rest.set(tuple.rest, restAt(slot, way))
  }

  read(slot: number, way: 0 | 1, connection: TrackedConnection): TupleNode {
    const { words } = this.#chunkOf(slot)
    const at = wordsAt(slot) + way * tupleWords
    const tuple = {
      source: words[at]!,
      destination: words[at + 1]!,
      ports: words[at + 2]!,
      kind: words[at + 3]!,
      rest: this.#restOf(slot, way),
    }
    return new TupleNode(connection, tuple, way === 1)
  }

  /** As `read`, into a key. */
  copyTo(slot: number, way: 0 | 1, key: TupleKey): void {
    const { words, rest } = this.#chunkOf(slot)
    const at = wordsAt(slot) + way * tupleWords
    key.source = words[at]!
    key.destination = words[at + 1]!
    key.ports = words[at + 2]!
    key.kind = words[at + 3]!
    const count = isIpv6Kind(key.kind) ? restWords : 0
    const from = restAt(slot, way)
    if (key.rest.length !== count) key.rest.length = count
    for (let index = 0; index < count; index++) key.rest[index] = rest![from + index]!
  }

  isTuple(slot: number, way: 0 | 1, tuple: TupleWords): boolean {
    const { words, rest } = this.#chunkOf(slot)
    const at = wordsAt(slot) + way * tupleWords
    if (words[at] !== tuple.source || words[at + 1] !== tuple.destination) return false
    if (words[at + 2] !== tuple.ports || words[at + 3] !== tuple.kind) return false
    const lower = tuple.rest
    const from = restAt(slot, way)
    for (let index = 0; index < lower.length; index++) if (rest![from + index] !== lower[index]) return false
    return true
  }

  /** Tuples of one kind have equally many of them. */
  #restOf(slot: number, way: 0 | 1): readonly number[] {
    const { words, rest } = this.#chunkOf(slot)
    if (!isIpv6Kind(words[wordsAt(slot) + 3]!)) return noRest
    const from = restAt(slot, way)
    return Array.from(rest!.subarray(from, from + restWords))
  }

  // --- Links

  hashAt(link: number): number {
    return this.#chunkOf(link >>> 2).words[linkAt(link)]!
  }

  nextOf(link: number): number {
    return this.#chunkOf(link >>> 2).words[linkAt(link) + 1]!
  }

  setLink(link: number, hash: number, next: number): void {
    const { words } = this.#chunkOf(link >>> 2)
    const at = linkAt(link)
    words[at] = hash
    words[at + 1] = next
  }

  #chunkOf(slot: number): Chunk {
    return this.#chunks[slot >>> chunkBits]!
  }
}

const wordsAt = (slot: number): number => (slot & (chunkSlots - 1)) * slotWords
const restAt = (slot: number, way: 0 | 1): number =>
  (slot & (chunkSlots - 1)) * slotRestWords + way * restWords
const linkAt = (link: number): number => wordsAt(link >>> 2) + firstLink + 2 * (link & 3)

const mostWord = 0xffffffff

/** Whether it holds nothing but what a slot has words for. */
const canSleep = (connection: TrackedConnection): boolean =>
  connection.counters === null &&
  connection.labels === null &&
  connection.help === null &&
  connection.master === null &&
  connection.zone === defaultZone &&
  connection.serial <= mostWord &&
  connection.timeout <= mostWord &&
  (connection.track as number) <= mostWord

const newChunk = (): Chunk => ({
  words: new Int32Array(chunkSlots * slotWords),
  rest: null,
  connections: Array<TrackedConnection | null>(chunkSlots).fill(null),
})
