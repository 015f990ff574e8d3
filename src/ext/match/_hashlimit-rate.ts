/**
 * Rates and bursts of `-m hashlimit` as iptables reads and prints them.
 *
 * Source: iptables extensions/libxt_hashlimit.c, 1.8.9. All arithmetic is in unsigned 64 bits.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { scanNumber } from '../../lang/numbers.ts'

export interface Rate {
  readonly unit: 'packets' | 'bytes'
  /** Of packets: millionths of a second for one. Of bytes: the cost of 16 of them, 2^32 - 1 being a second's worth. */
  readonly average: bigint
  /** Seconds of the unit of time it was given in; 15 for bytes. */
  readonly seconds: number
}

/** XT_HASHLIMIT_SCALE_v2. */
export const scale = 1_000_000n
/** XT_HASHLIMIT_BYTE_SHIFT: bytes are counted in pieces of 16. */
export const byteShift = 4n
export const uint32Limit = 0xffff_ffffn

const wrap = (number: bigint): bigint => BigInt.asUintN(64, number)

/** In printing order. */
const units = [
  { name: 'day', seconds: 86_400, word: 'day' },
  { name: 'hour', seconds: 3600, word: 'hour' },
  { name: 'min', seconds: 60, word: 'minute' },
  { name: 'sec', seconds: 1, word: 'second' },
] as const

/** `5/sec`, `10mb/s`: the number is read as `atoll` does, so what follows it is not looked at. */
export function parseRate(text: string): Rate {
  const bytes = parseByteRate(text)
  if (bytes !== null) return bytes
  const slash = text.indexOf('/')
  const word = slash < 0 ? 'second' : text.slice(slash + 1).toLowerCase()
  const unit = units.findLast((each) => word !== '' && each.word.startsWith(word))
  const rate = readInteger(text)
  if (unit === undefined || rate === 0n) {
    return refuse('bad-rate', 'is not a rate: packets per second, minute, hour or day, or bytes per second', {
      said: '%name: Bad value for "%option" option: "%value"',
      help: '5/sec, 512kb/s',
    })
  }
  const average = (scale * BigInt(unit.seconds)) / rate
  if (average === 0n)
    return refuse('too-fast', `is too fast: at most ${scale * BigInt(unit.seconds)}/${unit.word}`)
  return { unit: 'packets', average, seconds: unit.seconds }
}

/** XT_HASHLIMIT_BYTE_EXPIRE. */
const byteSeconds = 15

function parseByteRate(text: string): Rate | null {
  const at = text.indexOf('b/s')
  const rate = readInteger(text)
  if (at <= 0 || rate === 0n) return null
  const pieces = BigInt.asUintN(32, wrap(rate * factorOf(text[at - 1]!)) >> byteShift)
  return { unit: 'bytes', average: uint32Limit / BigInt.asUintN(32, pieces + 1n), seconds: byteSeconds }
}

const factorOf = (letter: string): bigint => (letter === 'm' ? 1n << 20n : letter === 'k' ? 1n << 10n : 1n)

/** `atoll` into an unsigned 64-bit number. */
function readInteger(text: string): bigint {
  const [, digits = '0'] = /^[ \t\n\v\f\r]*([-+]?\d+)/.exec(text) ?? []
  const most = (1n << 63n) - 1n
  const number = BigInt(digits.replace(/^\+/, ''))
  return wrap(number > most ? most : number < -most - 1n ? -most - 1n : number)
}

/** The greatest burst in packets. */
export const mostBurst = 1_000_000n

/** A number of packets, or of bytes with k or m. */
export function parseBurst(text: string): bigint {
  const scanned = scanNumber(text, 1n, (1n << 64n) - 1n)
  if (scanned === null || (scanned.rest === '' && scanned.value > mostBurst))
    return refuse('bad-burst', `is not a number from 1 to ${mostBurst}, nor bytes such as 400kb`)
  return wrap(scanned.value * factorOf(scanned.rest[0] ?? ''))
}

/** Bytes a second that a cost stands for. Source: cost_to_bytes(). */
export const bytesOfCost = (cost: bigint): bigint =>
  ((cost === 0n ? uint32Limit : uint32Limit / cost) - 1n) << byteShift

const costOfBytes = (bytes: bigint): bigint =>
  uint32Limit / BigInt.asUintN(32, BigInt.asUintN(32, bytes >> byteShift) + 1n)

/** The largest unit in which the rate comes out nearly whole; `seconds` is that unit. Source: print_rate(). */
export function printPacketRate(period: bigint): { readonly text: string; readonly seconds: number } {
  const perUnit = (at: number): bigint => scale * BigInt(units[at]!.seconds)
  let best = 0
  for (let at = 1; at < units.length; at++) {
    if (period > perUnit(at) || perUnit(at) / period < perUnit(at) % period) break
    best = at
  }
  const { name, seconds } = units[best]!
  return { text: `${perUnit(best) / period}/${name}`, seconds }
}

const byteUnits = [
  { letter: 'm', size: 1n << 20n },
  { letter: 'k', size: 1n << 10n },
  { letter: '', size: 1n },
] as const

/** `512kb/s`. Source: print_bytes(). */
export function printByteRate(cost: bigint): string {
  const bytes = bytesOfCost(cost)
  const { letter, size } = byteUnits.find(
    ({ size }) => size === 1n || (bytes >= size && costOfBytes(bytes & ~(size - 1n)) === cost),
  )!
  return `${bytes / size}${letter}b/s`
}

/** `400kb`: so many times the bytes that a cost stands for. */
export function printByteBurst(cost: bigint, burst: bigint): string {
  const bytes = bytesOfCost(cost) * burst
  const { letter, size } = byteUnits.find(({ size }) => size === 1n || bytes >= size)!
  return `${bytes / size}${letter}b`
}
