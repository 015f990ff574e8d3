/**
 * All sets of a host: named, counted, swapped, and asked by packets and by the program ipset.
 *
 * Kernel: net/netfilter/ipset/ip_set_core.c, Linux 6.18. Time comes in as timer ticks. What is over is swept away when the
 * kernel would do it, at the latest as soon as somebody looks.
 */
import type {
  CreateAttributes,
  ElementAttributes,
  ListedSet,
  SetError,
  SetKernel,
  SetTypeName,
} from '../../lang/ipset/kernel.ts'
import type { KnownSets } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { type BitmapTypeName, createBitmap } from './bitmap-set.ts'
import { HashSet } from './hash-set.ts'
import { type ListServices, ListSet, type ListTest, type PacketExtensions, type SetSlot } from './list-set.ts'
import type { PacketTest } from './record.ts'
import type { PacketQuestion, SetOfKind } from './set.ts'

/** A rule's question about a packet. */
export interface SetTest extends PacketTest, ListTest {}

/** The most sets that can be counted by 16 bits, less one that means none. */
const mostSets = 65534

/** Three minutes are the longest that what is over stays. */
const sweepSeconds = 180

interface Slot extends SetSlot {
  name: string
  set: SetOfKind
  references: number
  /** When it is swept next; null where nothing is ever over. */
  sweepAtTicks: number | null
}

export interface SetsOptions {
  readonly hz: number
  /** Unsigned 32 bits: where the kernel draws the seed of a set's hash. */
  random(): number
}

export class Sets implements ListServices {
  readonly #options: SetsOptions
  /** In the order of their making; a slot that a set leaves is the next one's. */
  readonly #slots: (Slot | null)[] = []
  readonly #byName = new Map<string, Slot>()

  constructor(options: SetsOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0
  }

  /** The sets as ipset sees them at a moment. `references` says how many rules hold a set, where that is known elsewhere. */
  at(nowTicks: number, options: KernelOptions = {}): SetKernel {
    return new KernelAt(this, nowTicks, options)
  }

  /** Names and families, as rules want to know them; it stays up to date. */
  get known(): KnownSets {
    return new Map([...this.#byName].map(([name, { set }]) => [name, set.family]))
  }

  slot(name: string): Slot | null {
    return this.#byName.get(name) ?? null
  }

  *slots(): Iterable<Slot> {
    for (const slot of this.#slots) if (slot !== null) yield slot
  }

  // --- Making and unmaking

  create(
    name: string,
    type: SetTypeName,
    family: Family | null,
    attributes: CreateAttributes,
    exist: boolean,
    nowTicks: number,
  ): SetError | null {
    const made = this.#make(type, family, attributes)
    if (typeof made === 'string') return made
    const clash = this.#byName.get(name)
    if (clash !== undefined) return exist && made.isLike(clash.set) ? null : 'EEXIST'
    const free = this.#slots.indexOf(null)
    const place = free < 0 ? this.#slots.length : free
    if (place >= mostSets) return 'EEXIST'
    const slot: Slot = { name, set: made, references: 0, sweepAtTicks: null }
    this.#slots[place] = slot
    this.#byName.set(name, slot)
    this.#planSweep(slot, nowTicks)
    return null
  }

  #make(type: SetTypeName, family: Family | null, attributes: CreateAttributes): SetOfKind | SetError {
    const { hz } = this.#options
    if (type === 'list:set') return new ListSet(attributes, hz, this)
    if (type.startsWith('bitmap:')) return createBitmap(type as BitmapTypeName, attributes, hz)
    if (family === null) return 'INVALID_FAMILY'
    if (attributes.bitmask?.every((word) => word === 0)) return 'INVALID_NETMASK'
    return new HashSet(type, family, attributes, hz, this.#options.random())
  }

  #planSweep(slot: Slot, nowTicks: number): void {
    const { timeout } = slot.set.create
    const seconds = timeout === undefined ? null : Math.min(Math.floor(timeout / 3) || 1, sweepSeconds)
    slot.sweepAtTicks = seconds === null ? null : nowTicks + seconds * this.#options.hz
  }

  /** Does what the kernel's timer would have done by now. */
  sweepUntil(slot: Slot, nowTicks: number): void {
    while (slot.sweepAtTicks !== null && slot.sweepAtTicks <= nowTicks) {
      const at = slot.sweepAtTicks
      const { timeout = 0 } = slot.set.create
      const period = Math.min(Math.floor(timeout / 3) || 1, sweepSeconds) * this.#options.hz
      // Only the last of several rounds leaves anything to see.
      const last = at + Math.floor((nowTicks - at) / period) * period
      slot.set.sweep(last)
      slot.sweepAtTicks = last + period
    }
  }

  remove(slot: Slot): void {
    slot.set.flush()
    this.#slots[this.#slots.indexOf(slot)] = null
    this.#byName.delete(slot.name)
  }

  rename(slot: Slot, name: string): void {
    this.#byName.delete(slot.name)
    slot.name = name
    this.#byName.set(name, slot)
  }

  /** Rules and lists keep the place, and find the other set there. */
  swap(from: Slot, to: Slot): void {
    ;[from.set, to.set] = [to.set, from.set]
    ;[from.sweepAtTicks, to.sweepAtTicks] = [to.sweepAtTicks, from.sweepAtTicks]
  }

  // --- Rules

  /** A rule takes part in a set; `release` undoes it. Null where there is none of that name. */
  acquire(name: string): SetSlot | null {
    const slot = this.#byName.get(name)
    if (slot === undefined) return null
    slot.references++
    return slot
  }

  release(slot: SetSlot): void {
    slot.references--
  }

  /** Source: ip_set_test(). */
  test(slot: SetSlot, question: PacketQuestion, packet: SetTest, nowTicks: number): boolean {
    const { set } = slot
    if (!fits(set, question)) return false
    this.sweepUntil(slot as Slot, nowTicks)
    const answer = set.testPacket(question, packet, nowTicks)
    if (answer === 'complete') {
      this.change('add', slot, question, { bytes: packet.bytes, timeout: null }, false, nowTicks)
      return true
    }
    const hasNomatch = set.type.includes('net')
    return answer === (packet.returnsNomatch && hasNomatch ? 'nomatch' : 'yes')
  }

  /** Whether the packet was added or deleted. Source: ip_set_add(), ip_set_del(). */
  change(
    kind: 'add' | 'del',
    slot: SetSlot,
    question: PacketQuestion,
    extensions: PacketExtensions,
    exist: boolean,
    nowTicks: number,
  ): boolean {
    const { set } = slot
    if (!fits(set, question)) return false
    this.sweepUntil(slot as Slot, nowTicks)
    if (set instanceof ListSet) {
      set.changeMembers(kind, question, extensions, exist, nowTicks)
      return true
    }
    const brought = {
      timeout: extensions.timeout ?? set.create.timeout ?? 0,
      packets: 1n,
      bytes: BigInt(extensions.bytes),
      comment: undefined,
      skbmark: 0,
      skbmarkmask: 0,
      skbprio: 0,
      skbqueue: 0,
    }
    return set.changeByPacket(kind, question, brought, exist, nowTicks)
  }
}

/** The rule has to name as many sides as elements have parts, and be of the family. */
const fits = (set: SetOfKind, { family, isSource }: PacketQuestion): boolean =>
  set.dimension <= isSource.length && (set.family === null || set.family === family)

export interface KernelOptions {
  /** Rules that hold a set of this name, beyond those that acquired it. */
  readonly references?: (name: string) => number
  /** Times are listed with fractions of seconds. */
  readonly exact?: boolean
}

class KernelAt implements SetKernel {
  readonly #sets: Sets
  readonly #nowTicks: number
  readonly #references: (name: string) => number
  readonly #exact: boolean

  constructor(sets: Sets, nowTicks: number, { references = () => 0, exact = false }: KernelOptions) {
    this.#sets = sets
    this.#nowTicks = nowTicks
    this.#references = references
    this.#exact = exact
  }

  get known(): KnownSets {
    return this.#sets.known
  }

  #slot(name: string): Slot | null {
    const slot = this.#sets.slot(name)
    if (slot !== null) this.#sets.sweepUntil(slot, this.#nowTicks)
    return slot
  }

  #referencesOf(slot: Slot): number {
    return slot.references + this.#references(slot.name)
  }

  find(name: string): { readonly type: SetTypeName; readonly family: Family | null } | null {
    const slot = this.#sets.slot(name)
    return slot && { type: slot.set.type, family: slot.set.family }
  }

  create(
    name: string,
    type: SetTypeName,
    family: Family | null,
    attributes: CreateAttributes,
    exist: boolean,
  ): SetError | null {
    return this.#sets.create(name, type, family, attributes, exist, this.#nowTicks)
  }

  destroy(name: string | null, exist: boolean): SetError | null {
    if (name !== null) {
      const slot = this.#slot(name)
      if (slot === null) return exist ? null : 'ENOENT'
      if (this.#referencesOf(slot) > 0) return 'BUSY'
      this.#sets.remove(slot)
      return null
    }
    const slots = [...this.#sets.slots()]
    for (const slot of slots) this.#sets.sweepUntil(slot, this.#nowTicks)
    if (slots.some((slot) => this.#referencesOf(slot) > 0)) return 'BUSY'
    for (const slot of slots) this.#sets.remove(slot)
    return null
  }

  flush(name: string | null): SetError | null {
    if (name === null) {
      for (const { set } of this.#sets.slots()) set.flush()
      return null
    }
    const slot = this.#slot(name)
    if (slot === null) return 'ENOENT'
    slot.set.flush()
    return null
  }

  rename(from: string, to: string): SetError | null {
    const slot = this.#slot(from)
    if (slot === null) return 'ENOENT'
    if (this.#referencesOf(slot) > 0) return 'REFERENCED'
    if (this.#sets.slot(to) !== null) return 'EXIST_SETNAME2'
    this.#sets.rename(slot, to)
    return null
  }

  /** Source: ip_set_swap(). */
  swap(from: string, to: string): SetError | null {
    const [first, second] = [this.#slot(from), this.#slot(to)]
    if (first === null) return 'ENOENT'
    if (second === null) return 'EXIST_SETNAME2'
    const isSame = first.set.type === second.set.type && first.set.family === second.set.family
    if (!isSame) return 'TYPE_MISMATCH'
    this.#sets.swap(first, second)
    return null
  }

  add(name: string, element: ElementAttributes, exist: boolean): SetError | null {
    return this.#slot(name)?.set.change('add', element, exist, this.#nowTicks) ?? this.#absent(name)
  }

  delete(name: string, element: ElementAttributes, exist: boolean): SetError | null {
    return this.#slot(name)?.set.change('del', element, exist, this.#nowTicks) ?? this.#absent(name)
  }

  #absent(name: string): SetError | null {
    return this.#sets.slot(name) === null ? 'ENOENT' : null
  }

  test(name: string, element: ElementAttributes): boolean | SetError {
    return this.#slot(name)?.set.test(element, this.#nowTicks) ?? 'ENOENT'
  }

  /** Lists come last, behind the sets they name. */
  list(name: string | null): readonly ListedSet[] | 'ENOENT' {
    if (name !== null) {
      const slot = this.#slot(name)
      return slot === null ? 'ENOENT' : [this.#listed(slot)]
    }
    const slots = [...this.#sets.slots()]
    for (const slot of slots) this.#sets.sweepUntil(slot, this.#nowTicks)
    const isList = ({ set }: Slot): boolean => set.type === 'list:set'
    return [...slots.filter((slot) => !isList(slot)), ...slots.filter(isList)].map((slot) =>
      this.#listed(slot),
    )
  }

  #listed(slot: Slot): ListedSet {
    const { name, set } = slot
    const now = this.#nowTicks
    return {
      header: {
        name,
        type: set.type,
        family: set.family,
        create: set.create,
        memoryBytes: set.memoryBytes(),
        references: this.#referencesOf(slot),
        entries: set.count(now),
      },
      members: () => set.members(now, this.#exact),
    }
  }
}
