/**
 * Databases of countries as MaxMind packs them, `.mmdb`: a binary tree by the bits of addresses, whose leaves point to
 * records. GeoLite2-Country and -City have `country: { iso_code }`; others write `country: "DE"` or `country_code`.
 *
 * Read first: MaxMind DB File Format Specification 2.0. Whoever made the file is not trusted: every offset is checked, a
 * tree with loops or shared branches is refused, and what records may hold is bounded.
 */
import { addressOf } from '../net/address.ts'
import { PrefixUnion } from '../net/prefix-union.ts'
import { checkIpv4, checkIpv6, ZoneRefused } from './zone.ts'

/** Behind its last occurrence are the metadata: `\xAB\xCD\xEFMaxMind.com`. */
const marker = [0xab, 0xcd, 0xef, ...new TextEncoder().encode('MaxMind.com')]
/** Metadata are among the last so many bytes. */
const metadataBytes = 128 * 1024
/** Zeros between the tree and the data. */
const separatorBytes = 16

/** Values within values; GeoLite2 has 4. */
const deepest = 16
/** Values of all records together that are looked at; a database of countries has some tens of thousands. */
const mostValues = 20_000_000
/** Bytes of texts that are of use: names of fields and codes. */
const longestText = 64
const utf8 = new TextDecoder()
/** No country has an IPv4 network so wide by itself, though neighbours of one country are one leaf. */
const widestIpv4 = 5
const widestIpv6 = 12

/** Whether these bytes end as a database does. */
export const isMmdb = (bytes: Uint8Array): boolean => metadataStart(bytes) >= 0

/** Networks of the wanted countries (codes in lower case). Throws ZoneRefused for what is no such database. */
export function readMmdb(bytes: Uint8Array, wanted: ReadonlySet<string>): Map<string, PrefixUnion> {
  const start = metadataStart(bytes)
  if (start < 0) throw new ZoneRefused('this is no MaxMind database: it has no metadata')
  const found = new Map([...wanted].map((code) => [code, new PrefixUnion()]))
  const tree = treeOf(bytes, start)
  const data = bytes.subarray(tree.bytes + separatorBytes, start - marker.length)
  const records = new Records(new Decoder(data, fieldsOfRecords))
  walk(tree, (record, words, length, family) => {
    const union = found.get(records.countryAt(record) ?? '')
    if (union !== undefined) add(union, words, length, family)
  })
  return found
}

function add(union: PrefixUnion, words: readonly number[], length: number, family: 'ipv4' | 'ipv6'): void {
  if (family === 'ipv6') {
    const address = addressOf('ipv6', words)
    checkIpv6(address, Math.max(length, 16), null)
    if (length < widestIpv6) throw new ZoneRefused(`/${length} is wider than any country’s network`)
    union.addIpv6(address, length)
    return
  }
  if (length < widestIpv4) throw new ZoneRefused(`/${length} is wider than any country’s network`)
  // Each /8 of it for itself.
  const size = 2 ** (32 - Math.max(length, 8))
  for (let part = 0; part < 2 ** (32 - length); part += size)
    checkIpv4(words[0]! + part, Math.max(length, 8), null)
  union.addIpv4(words[0]!, length)
}

/** Where the metadata begin; -1 where there are none. */
function metadataStart(bytes: Uint8Array): number {
  const lowest = Math.max(0, bytes.length - metadataBytes)
  for (let at = bytes.length - marker.length; at >= lowest; at--)
    if (marker.every((byte, index) => bytes[at + index] === byte)) return at + marker.length
  return -1
}

// --- The tree

interface Tree {
  /** Of the whole tree. */
  readonly bytes: number
  readonly nodes: number
  readonly family: 'ipv4' | 'ipv6'
  /** The node behind a node, or a leaf, by a bit. */
  next(node: number, bit: 0 | 1): number
}

function treeOf(bytes: Uint8Array, start: number): Tree {
  const metadata = new Decoder(bytes.subarray(start), fieldsOfMetadata).valueAt(0)
  const number = (name: string): number => {
    const value = metadata instanceof Map ? metadata.get(name) : undefined
    if (typeof value !== 'number') throw new ZoneRefused(`its metadata have no ${name}`)
    return value
  }
  const version = number('binary_format_major_version')
  if (version !== 2) throw new ZoneRefused(`it is of version ${version} of the format, not 2`)
  const [nodes, recordBits, ipVersion] = [number('node_count'), number('record_size'), number('ip_version')]
  if (![24, 28, 32].includes(recordBits)) throw new ZoneRefused(`records of ${recordBits} bits`)
  if (ipVersion !== 4 && ipVersion !== 6) throw new ZoneRefused(`addresses of version ${ipVersion}`)
  const nodeBytes = recordBits / 4
  const size = nodes * nodeBytes
  if (nodes < 1 || start - marker.length < size + separatorBytes)
    throw new ZoneRefused(`${nodes} nodes do not fit into it`)
  const byte = (at: number): number => bytes[at]!
  const three = (at: number): number => byte(at) * 0x10000 + byte(at + 1) * 0x100 + byte(at + 2)
  const next: Readonly<Record<number, Tree['next']>> = {
    24: (node, bit) => three(node * 6 + bit * 3),
    // The fourth byte has the highest bits of the left record, then those of the right one.
    28: (node, bit) =>
      bit === 0
        ? (byte(node * 7 + 3) >> 4) * 0x1000000 + three(node * 7)
        : (byte(node * 7 + 3) & 15) * 0x1000000 + three(node * 7 + 4),
    32: (node, bit) => byte(node * 8 + bit * 4) * 0x1000000 + three(node * 8 + bit * 4 + 1),
  }
  return { bytes: size, nodes, family: ipVersion === 4 ? 'ipv4' : 'ipv6', next: next[recordBits]! }
}

/** Told of each network that has a record: where that is among the data, and the network. */
type Visit = (data: number, words: readonly number[], length: number, family: 'ipv4' | 'ipv6') => void

/**
 * Visits the leaves. A tree for IPv6 has IPv4 below ::/96; other prefixes (::ffff:0:0/96, 2002::/16) may lead to the same
 * node and are left out.
 */
function walk(tree: Tree, visit: Visit): void {
  const seen = new Uint8Array(tree.nodes)
  const ipv4 = tree.family === 'ipv4' ? 0 : ipv4Root(tree)
  if (ipv4 !== null) branch({ tree, seen, visit, family: 'ipv4', skip: null }, ipv4)
  if (tree.family === 'ipv6') branch({ tree, seen, visit, family: 'ipv6', skip: ipv4 }, 0)
}

/** Null where the tree has no IPv4, or the same for all of it. */
function ipv4Root(tree: Tree): number | null {
  let node = 0
  for (let bit = 0; bit < 96; bit++) {
    node = tree.next(node, 0)
    if (node >= tree.nodes) return null
  }
  return node
}

interface Branch {
  readonly tree: Tree
  readonly seen: Uint8Array
  readonly visit: Visit
  readonly family: 'ipv4' | 'ipv6'
  /** A node that is not entered. */
  readonly skip: number | null
}

function branch({ tree, seen, visit, family, skip }: Branch, root: number): void {
  const words = family === 'ipv4' ? [0] : [0, 0, 0, 0]
  const bits = words.length * 32
  /** Nodes that wait, each with its depth, and the address that leads there. */
  const waiting: { readonly node: number; readonly depth: number; readonly words: readonly number[] }[] = [
    { node: root, depth: 0, words },
  ]
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (place.node === skip) continue
    if (seen[place.node] === 1) throw new ZoneRefused('its tree has branches that meet')
    seen[place.node] = 1
    for (const bit of [1, 0] as const) {
      const node = tree.next(place.node, bit)
      if (node === tree.nodes) continue
      const depth = place.depth + 1
      const there = bit === 0 ? place.words : withBit(place.words, place.depth)
      if (node > tree.nodes) visit(node - tree.nodes - separatorBytes, there, depth, family)
      else if (depth === bits) throw new ZoneRefused('its tree is deeper than addresses are long')
      else waiting.push({ node, depth, words: there })
    }
  }
}

const withBit = (words: readonly number[], bit: number): number[] =>
  words.map((word, at) => (at === bit >> 5 ? (word | (0x80000000 >>> (bit & 31))) >>> 0 : word))

// --- The data

/** Countries by where their records are. */
class Records {
  readonly #decoder: Decoder
  readonly #known = new Map<number, string | null>()

  constructor(decoder: Decoder) {
    this.#decoder = decoder
  }

  /** The code, in lower case; null for a record of no country. */
  countryAt(offset: number): string | null {
    const known = this.#known.get(offset)
    if (known !== undefined) return known
    const code = codeOf(this.#decoder.valueAt(offset))
    this.#known.set(offset, code)
    return code
  }
}

/** Where nobody lives, who has registered it counts, as in MaxMind's CSV. */
function codeOf(record: Value): string | null {
  if (!(record instanceof Map)) return null
  for (const name of ['country', 'registered_country', 'country_code']) {
    const value = record.get(name)
    const code = value instanceof Map ? value.get('iso_code') : value
    if (typeof code === 'string' && /^[A-Za-z]{2}$/.test(code)) return code.toLowerCase()
  }
  return null
}

/** What is of no use here is null, and what is in it is passed over. */
type Value = string | number | null | ReadonlyMap<string, Value>

const fieldsOfRecords = new Set(['country', 'registered_country', 'country_code', 'iso_code'])
const fieldsOfMetadata = new Set(['binary_format_major_version', 'node_count', 'record_size', 'ip_version'])

/** Types of values; those above 7 have their number in a second byte. */
const type = { pointer: 1, string: 2, uint16: 5, uint32: 6, map: 7, array: 11, boolean: 14 } as const

/** A part of the file with values, in which pointers lead to others. */
class Decoder {
  readonly #bytes: Uint8Array
  readonly #useful: ReadonlySet<string>
  #at = 0
  #values = 0

  /** `useful`: names of the fields that are read. */
  constructor(bytes: Uint8Array, useful: ReadonlySet<string>) {
    this.#bytes = bytes
    this.#useful = useful
  }

  valueAt(offset: number): Value {
    this.#at = offset
    return this.#value(0, true)
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new ZoneRefused('a record of it ends behind the data')
    return byte
  }

  #number(bytes: number): number {
    let value = 0
    for (let left = bytes; left > 0; left--) value = value * 256 + this.#byte()
    return value
  }

  /** Type, and the size in bytes or members; of a pointer, where it leads. */
  #head(): { readonly kind: number; readonly size: number } {
    if (mostValues < ++this.#values) throw new ZoneRefused('its records hold far too much')
    const control = this.#byte()
    const kind = control >> 5 === 0 ? this.#byte() + 7 : control >> 5
    return { kind, size: kind === type.pointer ? this.#target(control) : this.#size(control & 31) }
  }

  /** Lengths up to 28 are said by themselves; longer ones by one, two or three bytes more. */
  #size(bits: number): number {
    if (bits < 29) return bits
    return [29, 285, 65_821][bits - 29]! + this.#number(bits - 28)
  }

  /** Two bits say how many bytes follow; but for the longest, three more are the highest of the offset. */
  #target(control: number): number {
    const width = (control >> 3) & 3
    const high = width === 3 ? 0 : control & 7
    const bytes = width + 1
    return [0, 2048, 526_336, 0][width]! + high * 256 ** bytes + this.#number(bytes)
  }

  #value(depth: number, mayPoint: boolean): Value {
    if (deepest < depth) throw new ZoneRefused('its records nest too deep')
    const start = this.#at
    const { kind, size } = this.#head()
    if (kind === type.pointer) {
      if (!mayPoint) throw new ZoneRefused('a pointer of it leads to a pointer')
      const back = this.#at
      this.#at = size
      const value = this.#value(depth + 1, false)
      this.#at = back
      return value
    }
    if (kind === type.map) return this.#map(size, depth)
    if ((kind === type.uint16 || kind === type.uint32) && size <= 4) return this.#number(size)
    const isText = kind === type.string && size <= longestText
    const text = isText ? utf8.decode(this.#bytes.subarray(this.#at, this.#at + size)) : null
    this.#at = start
    this.#pass()
    return text
  }

  #map(size: number, depth: number): Value {
    const map = new Map<string, Value>()
    for (let left = size; left > 0; left--) {
      const name = this.#value(depth + 1, true)
      if (typeof name !== 'string') throw new ZoneRefused('a name of it is no short text')
      if (map.has(name)) throw new ZoneRefused('a record of it has a field twice')
      if (this.#useful.has(name)) map.set(name, this.#value(depth + 1, true))
      else this.#pass()
    }
    return map
  }

  /** Goes behind the next value and all that stands in it. Pointers are not followed. */
  #pass(): void {
    for (let left = 1; left > 0; left--) {
      const { kind, size } = this.#head()
      if (kind === type.map) left += 2 * size
      else if (kind === type.array) left += size
      else if (kind !== type.pointer && kind !== type.boolean) this.#at += size
      if (this.#bytes.length < this.#at) throw new ZoneRefused('a record of it ends behind the data')
    }
  }
}
