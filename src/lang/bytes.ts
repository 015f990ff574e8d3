/**
 * Files into text and back. Rules are UTF-8 nearly always, but iptables takes any bytes; a byte that is no UTF-8
 * becomes a lone surrogate (U+DC80 to U+DCFF) and turns back into itself.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes looked at to tell whether data is text at all. */
const lookAhead = 65536

/** Bytes kept of data that is no text; enough to say what it is. */
const binaryHead = 4096

/** The text of a file; of binary data only the head. */
export function decodeText(bytes: Uint8Array): string {
  const text = decodeStrictly(bytes)
  if (text !== null && !odd.test(text.slice(0, lookAhead))) return text
  if (isBinaryHead(bytes.subarray(0, lookAhead))) return decodeWithEscapes(bytes.subarray(0, binaryHead))
  return text ?? decodeWithEscapes(bytes)
}

function decodeStrictly(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes)
  } catch {
    return null
  }
}

/** Characters that count against a text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const odd = /[\x00-\x08\x0e-\x1f\x7f\ufffd\udc80-\udcff]/

/** A zero byte, or more than a fifth of bytes that no text of rules has. */
function isBinaryHead(head: Uint8Array): boolean {
  let count = 0
  for (let at = 0; at < head.length; ) {
    const length = sequenceLength(head, at)
    if (head[at] === 0) return true
    if (length === 0 || isControl(head[at]!)) count++
    at += Math.max(1, length)
  }
  return count > head.length / 5
}

const isControl = (code: number): boolean => code < 9 || (0x0e <= code && code < 0x20) || code === 0x7f

/** Whether a text is that of binary data. */
export function isBinary(text: string): boolean {
  const head = text.slice(0, lookAhead)
  if (!odd.test(head)) return false
  let count = 0
  for (let at = 0; at < head.length; at++) {
    const code = head.charCodeAt(at)
    if (code === 0) return true
    if (isControl(code) || code === 0xfffd || (0xdc80 <= code && code <= 0xdcff && !isPaired(head, at)))
      count++
  }
  return count > head.length / 5
}

const isPaired = (text: string, at: number): boolean => (text.charCodeAt(at - 1) & 0xfc00) === 0xd800

/** UTF-16 units turned into text at once; calls take no more arguments than this everywhere. */
const unitsAtOnce = 8192

function decodeWithEscapes(bytes: Uint8Array): string {
  const parts: string[] = []
  const units = new Uint16Array(unitsAtOnce)
  let used = 0
  for (let at = 0; at < bytes.length; ) {
    if (used > unitsAtOnce - 2) {
      parts.push(String.fromCharCode(...units.subarray(0, used)))
      used = 0
    }
    const length = sequenceLength(bytes, at)
    const code = length === 0 ? 0xdc00 + bytes[at]! : codeAt(bytes, at, length)
    if (code > 0xffff) units[used++] = 0xd7c0 + (code >> 10)
    units[used++] = code > 0xffff ? 0xdc00 + (code & 0x3ff) : code
    at += Math.max(1, length)
  }
  parts.push(String.fromCharCode(...units.subarray(0, used)))
  return parts.join('')
}

function codeAt(bytes: Uint8Array, at: number, length: number): number {
  if (length === 1) return bytes[at]!
  let code = bytes[at]! & (0xff >> (length + 1))
  for (let next = at + 1; next < at + length; next++) code = (code << 6) | (bytes[next]! & 0x3f)
  return code
}

/** Bytes of the well-formed sequence at a place; 0 when there is none. Source: RFC 3629, section 4. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0 || bytes.length < at + length) return 0
  const second = bytes[at + 1]!
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < least || most < second) return 0
  for (let next = at + 2; next < at + length; next++) if ((bytes[next]! & 0xc0) !== 0x80) return 0
  return length
}

const encoder = new TextEncoder()

/** The bytes of a text that `decodeText` or a truncation made. */
export function encodeText(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return encoder.encode(text)
  const parts: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (0xdc80 <= code && code <= 0xdcff) parts.push(code - 0xdc00)
    else parts.push(...encoder.encode(character))
  }
  return Uint8Array.from(parts)
}

/** The first `limit` bytes of a text's UTF-8, even in the middle of a character, as the kernel's fields keep them. */
export function cutBytes(text: string, limit: number): string {
  if (text.length * 3 <= limit) return text
  const bytes = encodeText(text)
  return bytes.length <= limit ? text : decodeWithEscapes(bytes.subarray(0, limit))
}

/** What binary data seems to be, in words, and how to make something readable of it. */
export function binaryKind(text: string): { readonly what: string; readonly help: string | null } {
  const hex = [...encodeText(text.slice(0, 8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const kind = kinds.find(([magic]) => magic.test(hex))
  return { what: kind?.[1] ?? 'binary data', help: kind?.[2] ?? null }
}

/** First bytes in hex, what begins with them, and the way out. Source: file(1)'s magic numbers. */
const kinds: readonly (readonly [magic: RegExp, what: string, help: string | null])[] = [
  [/^7f454c46/, 'a program', null],
  [/^1f8b/, 'compressed data', 'unpack it first: gunzip -c FILE | postern ... -'],
  [/^(fd377a58|28b52ffd|425a68|504b0304)/, 'compressed data', 'unpack it first'],
  [
    /^(d4c3b2a1|a1b2c3d4|4d3cb2a1|a1b23c4d|0a0d0d0a)/,
    'a capture of packets',
    'postern replay RULES CAPTURE runs a capture through rules',
  ],
  [/^(..00){3}|^(00..){3}|^fffe|^feff/, 'UTF-16 text', 'iconv -f UTF-16 -t UTF-8 FILE | postern ... -'],
]
