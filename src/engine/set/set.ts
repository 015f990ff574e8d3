/** What all kinds of sets have in common, towards `sets.ts`. */
import type { CreateAttributes, ElementAttributes, SetError, SetTypeName } from '../../lang/ipset/kernel.ts'
import type { Family } from '../../net/address.ts'
import type { Extensions, PacketTest } from './record.ts'

/** What a packet asks of a set, in terms of sets. */
export interface PacketQuestion {
  readonly family: Family
  /** For each dimension whether it is taken from the source; as many as the rule names. */
  readonly isSource: readonly boolean[]
  /** The address of a side, in words. */
  address(isSource: boolean): readonly number[]
  /** Port and protocol of a side; null where the packet has none to tell. */
  port(isSource: boolean): { readonly port: number; readonly proto: number } | null
  /** The link address of a side; null where the packet came without an Ethernet header. */
  ether(isSource: boolean): Uint8Array | null
  /** The device of a side: the one it came by is the source. Empty for none. */
  device(isSource: boolean): string
}

/** `nomatch`: what was found turns a match round. `complete`: it was found, and lacks its link address. */
export type TestAnswer = 'yes' | 'no' | 'nomatch' | 'complete'

export interface SetOfKind {
  readonly type: SetTypeName
  /** Null where elements have no addresses. */
  readonly family: Family | null
  /** Parts of an element. */
  readonly dimension: number
  readonly create: CreateAttributes
  memoryBytes(): number
  /** How the header counts elements. */
  count(nowTicks: number): number
  /** Null is success; elements that are there (or not, to be deleted) are ignored when `exist`. */
  change(kind: 'add' | 'del', element: ElementAttributes, exist: boolean, nowTicks: number): SetError | null
  /** Whether it is there; what cannot be is not there. */
  test(element: ElementAttributes, nowTicks: number): boolean
  flush(): void
  members(nowTicks: number, exact: boolean): Iterable<ElementAttributes>
  /** Removes what is over. */
  sweep(nowTicks: number): void
  /** Whether `create -exist` takes the other one for this. */
  isLike(other: SetOfKind): boolean
  testPacket(question: PacketQuestion, packet: PacketTest, nowTicks: number): TestAnswer
  /** Whether something was added or deleted. */
  changeByPacket(
    kind: 'add' | 'del',
    question: PacketQuestion,
    extensions: Extensions,
    exist: boolean,
    nowTicks: number,
  ): boolean
}
