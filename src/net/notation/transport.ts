/** What the notation must know of a transport. */
import type { Family } from '../address.ts'
import type { Ends } from '../encode.ts'
import type { Packet } from '../packet.ts'
import { emptyBytes, type Fields } from './line.ts'
import type { Key } from './values.ts'

export interface Heading extends Ends {
  readonly sourcePort: number
  readonly destinationPort: number
}

export interface Transport {
  readonly word: string
  readonly number: number
  readonly families: readonly Family[]
  readonly hasPorts: boolean
  /** Where the checksum stands in the header, and its size in bytes; null where there is none. */
  readonly checksum: { readonly at: number; readonly bytes: 2 | 4 } | null
  /** What a line means that does not say more. */
  defaults(family: Family): Fields
  /** Stands for the header fields that a capture cut off, where the defaults would mislead. */
  readonly unknown?: Fields
  /** Keys that decide which others there are. */
  readonly selectors?: Readonly<Record<string, Key>>
  keys(fields: Fields, family: Family): Readonly<Record<string, Key>>
  /** Fields that a word without `=` sets, or null when it is no word of this transport. */
  readWord?(word: string, family: Family): Fields | null
  /** Such words, for suggestions. */
  words?(family: Family): readonly string[]
  /** Words, and keys that `keys` does not list. */
  printWords?(fields: Fields, family: Family): readonly string[]
  /** Whether `[ ... ]` may follow. */
  quotes?(fields: Fields, family: Family): boolean
  /** Least bytes of a header. */
  readonly headerBytes: number
  encode(fields: Fields, heading: Heading, payload: Uint8Array): Uint8Array
  /** Reads a header of at least `headerBytes`; null when its own length is absurd. */
  decode(packet: Packet, at: number, end: number): { fields: Fields; payloadOffset: number } | null
}

export const bothFamilies: readonly Family[] = ['ipv4', 'ipv6']

/** A default that no value equals: the key is there or it is not. */
export const absent = { default: -1 }

export const numberOf = (fields: Fields, key: string, fallback = 0): number => {
  const value = fields[key]
  return typeof value === 'number' ? value : fallback
}

export const bytesOf = (fields: Fields, key: string): Uint8Array => {
  const value = fields[key]
  return value instanceof Uint8Array ? value : emptyBytes
}

export const portsOf = ({ sourcePort, destinationPort }: Heading) => ({ sourcePort, destinationPort })
