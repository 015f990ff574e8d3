/**
 * What the program ipset and the kernel say to each other: the contract between the command language here and whoever
 * keeps the sets (`engine/set/`).
 *
 * Source: include/uapi/linux/netfilter/ipset/ip_set.h, Linux 6.18 (protocol 7). An absent field is an attribute that
 * was not sent, which means something else than one that is zero.
 */
import type { Family } from '../../net/address.ts'
import type { KnownSets } from '../syntax.ts'

/** The types that Linux 6.18 is built with here. */
export const setTypeNames = [
  'bitmap:ip',
  'bitmap:ip,mac',
  'bitmap:port',
  'hash:ip',
  'hash:ip,port',
  'hash:ip,port,ip',
  'hash:ip,port,net',
  'hash:net',
  'hash:net,port',
  'hash:net,iface',
  'list:set',
] as const

export type SetTypeName = (typeof setTypeNames)[number]

/** Errors by the kernel's names; those of one kind of set begin with `BITMAP_`, `HASH_` or `LIST_`. */
export type SetError =
  | 'ENOENT'
  | 'EEXIST'
  | 'EINVAL'
  | 'FIND_TYPE'
  | 'INVALID_FAMILY'
  | 'BUSY'
  | 'EXIST_SETNAME2'
  | 'TYPE_MISMATCH'
  | 'EXIST'
  | 'INVALID_CIDR'
  | 'INVALID_NETMASK'
  | 'TIMEOUT'
  | 'REFERENCED'
  | 'COUNTER'
  | 'COMMENT'
  | 'SKBINFO'
  | 'BITMAP_RANGE'
  | 'BITMAP_RANGE_SIZE'
  | 'HASH_FULL'
  | 'HASH_ELEM'
  | 'HASH_INVALID_PROTO'
  | 'HASH_RANGE_UNSUPPORTED'
  | 'HASH_RANGE'
  | 'LIST_NAME'
  | 'LIST_LOOP'
  | 'LIST_BEFORE'
  | 'LIST_NAMEREF'
  | 'LIST_REF_EXIST'

/** Of an address: unsigned words in network order, one for IPv4 and four for IPv6. */
export type Words = readonly number[]

/** How a set is made; also its header in listings. */
export interface CreateAttributes {
  /** Of what `hashsize` asks for, the next power of two counts, and at least 64. */
  hashsize?: number
  maxelem?: number
  /** Prefix length that is kept of addresses. */
  netmask?: number
  bitmask?: Words
  bucketsize?: number
  /** Of the hash; drawn at random unless given. */
  initval?: number
  /** Seconds until elements are forgotten, unless they say otherwise; 0 for never. Absent: no element has a time. */
  timeout?: number
  counters?: boolean
  comment?: boolean
  skbinfo?: boolean
  forceadd?: boolean
  /** Of a bitmap: first and last address, or a network. */
  ip?: Words
  ipTo?: Words
  cidr?: number
  port?: number
  portTo?: number
  /** Of a list. */
  size?: number
}

/** An element, or several: what `add`, `del` and `test` name, and what listings show. */
export interface ElementAttributes {
  ip?: Words
  ipTo?: Words
  cidr?: number
  proto?: number
  /** Port, or type * 256 + code of ICMP. */
  port?: number
  portTo?: number
  ip2?: Words
  ip2To?: Words
  cidr2?: number
  /** Six bytes. */
  ether?: Uint8Array
  iface?: string
  /** The interface is a port of a bridge. */
  physdev?: boolean
  /** The interface's name only has to begin so. */
  wildcard?: boolean
  nomatch?: boolean
  /** Of lists: a set, and the one that it stands before or behind. */
  name?: string
  nameref?: string
  before?: boolean
  /** Seconds; 0 for ever. Fractions are for those who keep sets in a file. */
  timeout?: number
  packets?: bigint
  bytes?: bigint
  comment?: string
  skbmark?: number
  skbmarkmask?: number
  skbprio?: number
  skbqueue?: number
}

export interface SetHeader {
  readonly name: string
  readonly type: SetTypeName
  /** Null where elements have no addresses. */
  readonly family: Family | null
  readonly create: CreateAttributes
  readonly memoryBytes: number
  readonly references: number
  readonly entries: number
}

export interface ListedSet {
  readonly header: SetHeader
  /** In the order in which the kernel lists them. */
  members(): Iterable<ElementAttributes>
}

/** All sets of a network namespace, at a moment. Null is success. */
export interface SetKernel {
  find(name: string): { readonly type: SetTypeName; readonly family: Family | null } | null
  create(
    name: string,
    type: SetTypeName,
    family: Family | null,
    attributes: CreateAttributes,
    exist: boolean,
  ): SetError | null
  /** All of them when the name is null. */
  destroy(name: string | null, exist: boolean): SetError | null
  flush(name: string | null): SetError | null
  rename(from: string, to: string): SetError | null
  swap(from: string, to: string): SetError | null
  add(name: string, element: ElementAttributes, exist: boolean): SetError | null
  delete(name: string, element: ElementAttributes, exist: boolean): SetError | null
  /** Whether it is in the set. */
  test(name: string, element: ElementAttributes): boolean | SetError
  list(name: string | null): readonly ListedSet[] | 'ENOENT'
  /** Names, for rules. */
  readonly known: KnownSets
}
