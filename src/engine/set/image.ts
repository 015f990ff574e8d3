/**
 * A set as one piece of bytes, for keeping it between two runs: its arrays as they lie in memory, so that a million
 * elements are there again in the time it takes to read a file.
 *
 * Layout: a word that says what it is and in which order bytes stand, the length of a JSON text, that text, and the arrays
 * behind each other, each at a multiple of eight bytes.
 */

export type ImageArray = Int32Array | Uint8Array | Uint32Array | Float64Array | BigUint64Array

export interface SetImage {
  /** What is no array, as JSON has it. */
  readonly facts: unknown
  readonly arrays: readonly ImageArray[]
}

const magic = 0x31534550
const headBytes = 8

const kinds = { Int32Array, Uint8Array, Uint32Array, Float64Array, BigUint64Array } as const
type Kind = keyof typeof kinds

interface Contents {
  readonly facts: unknown
  readonly arrays: readonly { readonly kind: Kind; readonly length: number }[]
}

const alignTo8 = (at: number): number => (at + 7) & ~7

export function encodeImage({ facts, arrays }: SetImage): Uint8Array {
  const contents: Contents = {
    facts,
    arrays: arrays.map((array) => ({ kind: array.constructor.name as Kind, length: array.length })),
  }
  const text = new TextEncoder().encode(JSON.stringify(contents))
  let at = alignTo8(headBytes + text.length)
  const bytes = new Uint8Array(arrays.reduce((end, { byteLength }) => alignTo8(end + byteLength), at))
  new Uint32Array(bytes.buffer, 0, 2).set([magic, text.length])
  bytes.set(text, headBytes)
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at)
    at = alignTo8(at + array.byteLength)
  }
  return bytes
}

/** Null for what is no image, or not a whole one. The arrays are views of the bytes where these lie as they must. */
export function decodeImage(given: Uint8Array): SetImage | null {
  const bytes = given.byteOffset % 8 === 0 ? given : given.slice()
  if (bytes.length < headBytes) return null
  const [word, length = 0] = new Uint32Array(bytes.buffer, bytes.byteOffset, 2)
  if (word !== magic || bytes.length < headBytes + length) return null
  const contents = parse(new TextDecoder().decode(bytes.subarray(headBytes, headBytes + length)))
  if (contents === null) return null
  let at = alignTo8(headBytes + length)
  const arrays: ImageArray[] = []
  for (const { kind, length: count } of contents.arrays) {
    const Kind = kinds[kind]
    if (bytes.length < at + count * Kind.BYTES_PER_ELEMENT) return null
    arrays.push(new Kind(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, count))
    at = alignTo8(at + count * Kind.BYTES_PER_ELEMENT)
  }
  return { facts: contents.facts, arrays }
}

function parse(text: string): Contents | null {
  try {
    const contents = JSON.parse(text) as Contents
    return contents.arrays.every(({ kind }) => Object.hasOwn(kinds, kind)) ? contents : null
  } catch {
    return null
  }
}
