/**
 * `list:set`: a row of other sets, asked one after the other.
 *
 * Kernel: net/netfilter/ipset/ip_set_list_set.c, Linux 6.18.
 */
import type { CreateAttributes, ElementAttributes, SetError } from '../../lang/ipset/kernel.ts'
import {
  type Extensions,
  elementBytes,
  kindsOf,
  type PacketTest,
  Records,
  readExtensions,
  sameKinds,
} from './record.ts'
import type { PacketQuestion, SetOfKind, TestAnswer } from './set.ts'

/** A place among the sets: what rules and lists hold, and swapping changes. */
export interface SetSlot {
  readonly name: string
  readonly set: SetOfKind
  /** Rules and lists that hold it. */
  references: number
}

/** What a list asks of its sets. */
export interface ListServices {
  slot(name: string): SetSlot | null
  test(slot: SetSlot, question: PacketQuestion, packet: PacketTest & ListTest, nowTicks: number): boolean
  change(
    kind: 'add' | 'del',
    slot: SetSlot,
    question: PacketQuestion,
    extensions: PacketExtensions,
    exist: boolean,
    nowTicks: number,
  ): boolean
}

/** What a packet brings to what it adds; a null timeout is the set's own. */
export interface PacketExtensions {
  readonly bytes: number
  readonly timeout: number | null
}

interface Member {
  readonly slot: SetSlot
  readonly record: number
}

const defaultSize = 8
const leastSize = 4
/** Measured on Linux 6.18. */
const mapBytes = 80
const memberBytes = 48

export class ListSet implements SetOfKind {
  readonly type = 'list:set'
  readonly family = null
  readonly dimension = 1
  readonly create: CreateAttributes
  readonly #services: ListServices
  readonly #records: Records
  #capacity = 8
  #nextRecord = 0
  #members: Member[] = []

  constructor(attributes: CreateAttributes, hz: number, services: ListServices) {
    const { size, timeout, counters, comment, skbinfo } = attributes
    this.create = {
      size: Math.max(leastSize, size ?? defaultSize),
      ...(timeout !== undefined && { timeout }),
      ...(counters && { counters }),
      ...(comment && { comment }),
      ...(skbinfo && { skbinfo }),
    }
    this.#services = services
    this.#records = new Records(kindsOf(attributes), hz, this.#capacity)
  }

  memoryBytes(): number {
    const each = elementBytes(this.#records.kinds, memberBytes, 8)
    return mapBytes + this.#members.length * each + this.#records.commentBytes
  }

  count(): number {
    return this.#members.length
  }

  isLike(other: SetOfKind): boolean {
    return (
      other instanceof ListSet &&
      other.create.size === this.create.size &&
      sameKinds(this.#records.kinds, other.#records.kinds)
    )
  }

  flush(): void {
    for (const member of this.#members) this.#release(member)
    this.#members = []
  }

  sweep(nowTicks: number): void {
    this.#members = this.#members.filter((member) => {
      if (!this.#records.isOver(member.record, nowTicks)) return true
      this.#release(member)
      return false
    })
  }

  #release({ slot, record }: Member): void {
    slot.references--
    this.#records.drop(record)
  }

  *members(nowTicks: number, exact: boolean): Iterable<ElementAttributes> {
    for (const { slot, record } of this.#live(nowTicks)) {
      const element: ElementAttributes = { name: slot.name }
      this.#records.list(record, element, nowTicks, exact)
      yield element
    }
  }

  #live(nowTicks: number): Member[] {
    return this.#members.filter(({ record }) => !this.#records.isOver(record, nowTicks))
  }

  // --- Commands

  /** The set that is named, and where it stands or is to stand; or what is wrong. Source: list_set_uadt(). */
  #named(element: ElementAttributes): NamedMember | SetError {
    const slot = this.#services.slot(element.name!)
    if (slot === null) return 'LIST_NAME'
    if (slot.set instanceof ListSet) return 'LIST_LOOP'
    const { nameref, before = false } = element
    if (nameref === undefined) return before ? 'LIST_BEFORE' : { slot, reference: null, before }
    const reference = this.#services.slot(nameref)
    return reference === null ? 'LIST_NAMEREF' : { slot, reference, before }
  }

  change(kind: 'add' | 'del', element: ElementAttributes, exist: boolean, nowTicks: number): SetError | null {
    const extensions = readExtensions(this.#records.kinds, element)
    if (typeof extensions === 'string') return extensions
    const named = this.#named(element)
    if (typeof named === 'string') return named
    this.sweep(nowTicks)
    const error = kind === 'add' ? this.#add(named, extensions, exist, nowTicks) : this.#delete(named)
    return error === 'EXIST' && exist ? null : error
  }

  #add(
    { slot, reference, before }: NamedMember,
    extensions: Extensions,
    exist: boolean,
    nowTicks: number,
  ): SetError | null {
    const at = this.#members.findIndex((member) => member.slot === slot)
    // A set is not looked for at its own place.
    const beside = reference === slot ? -1 : this.#members.findIndex((member) => member.slot === reference)
    if (reference !== null && beside < 0) return 'LIST_REF_EXIST'
    if (at >= 0) {
      if (!exist) return 'EXIST'
      this.#records.write(this.#members[at]!.record, extensions, nowTicks)
      return null
    }
    const record = this.#nextRecord++
    if (record >= this.#capacity) {
      this.#capacity *= 2
      this.#records.grow(this.#capacity)
    }
    this.#records.write(record, extensions, nowTicks)
    const place = reference === null ? this.#members.length : before ? beside : beside + 1
    this.#members.splice(place, 0, { slot, record })
    slot.references++
    return null
  }

  #delete({ slot, reference, before }: NamedMember): SetError | null {
    const at = this.#members.findIndex((member) => member.slot === slot)
    if (at < 0) return reference === null ? 'EXIST' : 'LIST_REF_EXIST'
    if (reference !== null && this.#members[before ? at + 1 : at - 1]?.slot !== reference) {
      return 'LIST_REF_EXIST'
    }
    const [member] = this.#members.splice(at, 1)
    this.#release(member!)
    return null
  }

  test(element: ElementAttributes, nowTicks: number): boolean {
    const named = this.#named(element)
    if (typeof named === 'string') return false
    const members = this.#live(nowTicks)
    const at = members.findIndex(({ slot }) => slot === named.slot)
    if (at < 0) return false
    if (named.reference === null) return true
    return members[named.before ? at + 1 : at - 1]?.slot === named.reference
  }

  // --- Packets

  /** What its sets count, the list's own rule does not ask for. Source: list_set_ktest(). */
  testPacket(question: PacketQuestion, packet: PacketTest & ListTest, nowTicks: number): TestAnswer {
    const inner: PacketTest & ListTest = {
      ...packet,
      counters: null,
      keepsCounters: packet.keepsCounters || packet.keepsSubcounters,
    }
    for (const { slot, record } of this.#members) {
      if (!this.#services.test(slot, question, inner, nowTicks)) continue
      packet.skbinfo = inner.skbinfo
      if (this.#records.match(record, packet, nowTicks)) return 'yes'
    }
    return 'no'
  }

  changeByPacket(): boolean {
    throw new Error('a list hands packets on')
  }

  /** The first set that takes it ends the row. Source: list_set_kadd(), list_set_kdel(). */
  changeMembers(
    kind: 'add' | 'del',
    question: PacketQuestion,
    extensions: PacketExtensions,
    exist: boolean,
    nowTicks: number,
  ): void {
    for (const { slot } of this.#live(nowTicks)) {
      if (this.#services.change(kind, slot, question, extensions, exist, nowTicks)) return
    }
  }
}

interface NamedMember {
  readonly slot: SetSlot
  readonly reference: SetSlot | null
  readonly before: boolean
}

/** What matters to lists only. */
export interface ListTest {
  /** Whether the counters of a list's own sets stay as they are. */
  readonly keepsSubcounters: boolean
  /** Whether `nomatch` elements are what is sought. */
  readonly returnsNomatch: boolean
}
