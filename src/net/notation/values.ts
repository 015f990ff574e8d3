/** Values behind `key=`: how each kind is read and written. */
import { type Address, parseIpv4, printAddress } from '../address.ts'

export interface Key {
  readonly doc: string
  /** What an absent key stands for. */
  readonly default: number | Uint8Array
  /** The value, or what is wrong with the text. */
  parse(text: string): number | Uint8Array | { readonly wrong: string }
  print(value: number | Uint8Array): string
}

/** Decimal or 0x... within `bits`. */
export function parseNumber(text: string, bits: number): number | { readonly wrong: string } {
  const largest = 2 ** bits - 1
  if (!/^(\d{1,15}|0x[0-9a-fA-F]{1,12})$/.test(text)) return { wrong: `"${text}" is not a number` }
  const value = Number(text)
  return value <= largest ? value : { wrong: `${text} is too large: 0 to ${largest}` }
}

export function number(bits: number, doc: string, options: { hex?: boolean; default?: number } = {}): Key {
  return {
    doc,
    default: options.default ?? 0,
    parse: (text) => parseNumber(text, bits),
    print: (value) => (options.hex ? `0x${value.toString(16)}` : String(value)),
  }
}

/** Bytes in hex, padded with zeroes to a multiple of `unit`. */
export function hexBytes(mostBytes: number, unit: number, doc: string): Key {
  return {
    doc,
    default: new Uint8Array(0),
    parse(text) {
      const bytes = parseHex(text)
      if (bytes === null) return { wrong: `"${text}" is not hex: two digits a byte` }
      if (bytes.length > mostBytes) return { wrong: `${bytes.length} bytes, where ${mostBytes} fit` }
      const padded = new Uint8Array(Math.ceil(bytes.length / unit) * unit)
      padded.set(bytes)
      return padded
    },
    print: (value) => printHex(value as Uint8Array),
  }
}

/** An IPv4 address in the 32 bits of a field. */
export function ipv4Address(doc: string): Key {
  return {
    doc,
    default: 0,
    parse: (text) => parseIpv4(text)?.words[0] ?? { wrong: `"${text}" is not an IPv4 address` },
    print: (value) => printAddress({ family: 'ipv4', words: [value as number] } satisfies Address),
  }
}

export function parseHex(text: string): Uint8Array | null {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) return null
  return Uint8Array.from(text.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16))
}

export const printHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('')

const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, '"': 34, '\\': 92 }

/** Hex, or text in double quotes with \n \r \t \" \\ \xNN; characters beyond ASCII count as UTF-8. */
export function parsePayload(text: string): Uint8Array | { readonly wrong: string } {
  if (!text.startsWith('"')) {
    return (
      parseHex(text) ?? { wrong: `"${text}" is neither hex (two digits a byte) nor text in double quotes` }
    )
  }
  const bytes: number[] = []
  const inner = text.slice(1, -1)
  for (let at = 0; at < inner.length; at++) {
    if (inner[at] !== '\\') {
      const character = String.fromCodePoint(inner.codePointAt(at)!)
      bytes.push(...new TextEncoder().encode(character))
      at += character.length - 1
      continue
    }
    at++
    const hex = /^x[0-9a-fA-F]{2}/.exec(inner.slice(at, at + 3))?.[0]
    const simple = escapes[inner[at]!]
    if (hex !== undefined) bytes.push(Number.parseInt(hex.slice(1), 16))
    else if (simple !== undefined) bytes.push(simple)
    else return { wrong: `\\${inner[at]} is no escape: \\n \\r \\t \\" \\\\ \\xNN are` }
    at += hex === undefined ? 0 : 2
  }
  return Uint8Array.from(bytes)
}

/** Text where every byte is printable ASCII or a common blank, else hex. */
export function printPayload(bytes: Uint8Array): string {
  const isText = bytes.every(
    (octet) => (32 <= octet && octet < 127) || octet === 9 || octet === 10 || octet === 13,
  )
  if (!isText) return printHex(bytes)
  const escaped = Array.from(bytes, (octet) => {
    const letter = Object.keys(escapes).find((key) => escapes[key] === octet)
    return letter === undefined ? String.fromCharCode(octet) : `\\${letter}`
  })
  return `"${escaped.join('')}"`
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, at) => octet === b[at])

export const sameValue = (a: number | Uint8Array, b: number | Uint8Array): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : sameBytes(a, b)
