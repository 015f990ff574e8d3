/** Numbers as C reads them with base 0. Source: `xtables_strtoull()`, libxtables/xtables.c, iptables 1.8.9. */

export interface Scanned {
  readonly value: bigint
  /** What follows the number. */
  readonly rest: string
}

/**
 * `strtoull` with base 0: blanks, an optional `+`, then decimal, `0x` hex or `0` octal digits. A `-` is refused,
 * and so is what does not fit 64 bits. Null when there is no number or it lies outside [min, max].
 */
export function scanNumber(text: string, min: bigint, max: bigint): Scanned | null {
  const plain = plainNumber(text)
  if (plain >= 0) {
    const value = BigInt(plain)
    return value < min || max < value ? null : { value, rest: '' }
  }
  const [, sign, digits] = /^[ \t\n\v\f\r]*(\+?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text) ?? []
  if (sign === undefined || digits === undefined) return null
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits)
  if (value < min || max < value) return null
  return { value, rest: text.slice(text.indexOf(digits) + digits.length) }
}

/** Decimal digits and nothing else, without a leading zero: what nearly all numbers are; -1 for any other text. */
function plainNumber(text: string): number {
  const { length } = text
  if (length === 0 || 15 < length || (text.charCodeAt(0) === 0x30 && length > 1)) return -1
  let value = 0
  for (let at = 0; at < length; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || 9 < digit) return -1
    value = value * 10 + digit
  }
  return value
}

/** A whole word as a number in [min, max]; see `scanNumber`. */
export function parseNumber(text: string, min: bigint, max: bigint): bigint | null {
  const scanned = scanNumber(text, min, max)
  return scanned !== null && scanned.rest === '' ? scanned.value : null
}

/** The same for bounds that are no more than 2^53, and in plain numbers: most are ports. */
export function parseSmallNumber(text: string, min: number, max: number): number | null {
  const plain = plainNumber(text)
  if (plain >= 0) return min <= plain && plain <= max ? plain : null
  const number = parseNumber(text, BigInt(min), BigInt(max))
  return number === null ? null : Number(number)
}

export const uint32Max = 0xffff_ffffn
