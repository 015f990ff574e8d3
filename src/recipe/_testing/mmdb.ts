/** Writes databases in MaxMind's format, for tests. */

export type Field = string | number | boolean | readonly Field[] | { readonly [name: string]: Field } | Raw
/** Bytes as they are, such as a pointer. */
export type Raw = Uint8Array

export interface Database {
  readonly recordBits?: 24 | 28 | 32
  readonly ipVersion?: 4 | 6
  /** Networks with what is known of them. Those of IPv4 go below ::/96 in a tree for IPv6. */
  readonly networks: readonly {
    readonly words: readonly number[]
    readonly length: number
    readonly record: Field
  }[]
  /** Prefixes of the tree that lead to where IPv4 is, too: bits as a text. */
  readonly aliases?: readonly string[]
  /** Zeros before the records. */
  readonly gap?: number
  readonly metadata?: Readonly<Record<string, Field>>
}

const encoder = new TextEncoder()
const number = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, at) => Math.floor(value / 256 ** (bytes - 1 - at)) % 256)

function control(kind: number, size: number): number[] {
  const [bits, more] = size < 29 ? [size, []] : size < 285 ? [29, [size - 29]] : [30, number(size - 285, 2)]
  return kind > 7 ? [bits, kind - 7, ...more] : [(kind << 5) | bits, ...more]
}

export function encodeField(field: Field): number[] {
  if (field instanceof Uint8Array) return [...field]
  if (typeof field === 'string') {
    const bytes = [...encoder.encode(field)]
    return [...control(2, bytes.length), ...bytes]
  }
  if (typeof field === 'number') return [...control(6, 4), ...number(field, 4)]
  if (typeof field === 'boolean') return control(14, field ? 1 : 0)
  if (Array.isArray(field)) return [...control(11, field.length), ...field.flatMap(encodeField)]
  const entries = Object.entries(field as Readonly<Record<string, Field>>)
  return [
    ...control(7, entries.length),
    ...entries.flatMap(([key, value]) => [...encodeField(key), ...encodeField(value)]),
  ]
}

/** A pointer with an offset among the data, in the given number of bytes behind the first. */
export function pointer(offset: number, bytes: 1 | 2 | 3 | 4): Raw {
  const rest = offset - [0, 2048, 526_336, 0][bytes - 1]!
  const high = bytes === 4 ? 0 : Math.floor(rest / 256 ** bytes)
  return Uint8Array.from([(1 << 5) | ((bytes - 1) << 3) | high, ...number(rest, bytes)])
}

/** A node's branches: another node's number, null for nothing, or where a record begins. */
type Branch = number | null | { readonly data: number }

export function encodeDatabase(database: Database): Uint8Array {
  const { recordBits = 24, ipVersion = 6, networks, aliases = [], gap = 0, metadata = {} } = database
  const nodes: [Branch, Branch][] = [[null, null]]
  const enter = (bits: string): number => {
    let node = 0
    for (const bit of bits) {
      const branch = nodes[node]![Number(bit)]!
      if (typeof branch === 'number') node = branch
      else {
        nodes[node]![Number(bit)] = nodes.length
        node = nodes.length
        nodes.push([null, null])
      }
    }
    return node
  }
  const data: number[] = []
  for (const { words, length, record } of networks) {
    const own = words
      .map((word) => word.toString(2).padStart(32, '0'))
      .join('')
      .slice(0, length)
    const bits = ipVersion === 6 && words.length === 1 ? `${'0'.repeat(96)}${own}` : own
    nodes[enter(bits.slice(0, -1))]![Number(bits.at(-1))] = { data: gap + data.length }
    for (const byte of encodeField(record)) data.push(byte)
  }
  for (const bits of aliases) nodes[enter(bits.slice(0, -1))]![Number(bits.at(-1))] = enter('0'.repeat(96))
  const recordOf = (branch: Branch): number =>
    branch === null ? nodes.length : typeof branch === 'number' ? branch : nodes.length + 16 + branch.data
  const tree = nodes.flatMap(([left, right]) => {
    const [a, b] = [recordOf(left), recordOf(right)]
    if (recordBits !== 28) return [...number(a, recordBits / 8), ...number(b, recordBits / 8)]
    const high = Math.floor(a / 2 ** 24) * 16 + Math.floor(b / 2 ** 24)
    return [...number(a % 2 ** 24, 3), high, ...number(b % 2 ** 24, 3)]
  })
  const about = encodeField({
    ...{ node_count: nodes.length, record_size: recordBits, ip_version: ipVersion },
    ...{ binary_format_major_version: 2, database_type: 'Test', languages: ['en'], ...metadata },
  })
  const head = Uint8Array.from(tree)
  const rest = Uint8Array.from([...data, ...mark, ...about])
  const bytes = new Uint8Array(head.length + 16 + gap + rest.length)
  bytes.set(head)
  bytes.set(rest, bytes.length - rest.length)
  return bytes
}

const mark = [0xab, 0xcd, 0xef, ...encoder.encode('MaxMind.com')]
