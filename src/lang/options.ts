/**
 * Builders of option specifications: each knows how libxtables reads a kind of value, and its type for `Given`.
 *
 *   options: {
 *     'ttl-eq': uint8({ doc: 'exactly', alias: ['ttl'], invertible: true }),
 *     'src-range': addressRange({ doc: 'source in the range', invertible: true, metavar: 'FROM[-TO]' }),
 *   }
 *
 * Refusals continue a sentence that begins with the option and its value: "--ttl-eq 256" + "is not a number from
 * 0 to 255". Source: libxtables/xtoptions.c, iptables 1.8.9.
 */
import { cutBytes } from './bytes.ts'
import { type Refusal, refuse } from './diagnostic.ts'
import { parseNumber, parseSmallNumber, scanNumber, uint32Max } from './numbers.ts'
import { type OptionText, type Range, value } from './option.ts'
import { didYouMean } from './suggest.ts'
import type { OptionSpec } from './syntax.ts'

export { type OptionText, type Range, value } from './option.ts'
export { type AddressRange, addressRange, hostAddress, mac, prefix } from './option-addresses.ts'
export { looselyParsedPort, looselyParsedPortRange, port, portList, portRange } from './option-ports.ts'

/** An option without a value; `Given` holds `true`. */
export function flag(spec: OptionText): OptionSpec<true> {
  return { ...spec, value: null }
}

interface Bounds {
  /** Least and greatest value allowed; default is what the width allows. */
  readonly min?: number
  readonly max?: number
}

/** `near`: the part of the value where iptables stopped reading, when the value is a range. */
const notInRange = (min: bigint | number, max: bigint | number, near: string | null = null): never =>
  refuse('out-of-range', `is not a number from ${min} to ${max}`, {
    said: `%name: bad value for option "%option"${near === null ? '' : ` near "${near}"`}, or out of range (${min}-${max}).\n`,
    notes: ['numbers are decimal, 0x hexadecimal, or octal with a leading 0; a minus sign is refused'],
  })

const unsigned =
  (widest: number) =>
  ({ min = 0, max = widest, ...spec }: OptionText & Bounds): OptionSpec<number> =>
    value((text) => parseSmallNumber(text, min, max) ?? notInRange(min, max), { metavar: 'NUMBER', ...spec })

export const uint8 = unsigned(0xff)
export const uint16 = unsigned(0xffff)
export const uint32 = unsigned(0xffff_ffff)

export function uint64({
  min = 0n,
  max = (1n << 64n) - 1n,
  ...spec
}: OptionText & BigBounds): OptionSpec<bigint> {
  return value((text) => parseNumber(text, min, max) ?? notInRange(min, max), { metavar: 'NUMBER', ...spec })
}

interface BigBounds {
  readonly min?: bigint
  readonly max?: bigint
}

/** `a:b`, `a:` (to the greatest), `:b` (from 0), or one number for both ends. Source: `xtopt_parse_mint()`. */
const range =
  (widest: number) =>
  ({ max = widest, ...spec }: OptionText & { readonly max?: number }): OptionSpec<Range> =>
    value((text) => parseRange(text, max), { metavar: 'LOW[:HIGH]', ...spec })

function parseRange(text: string, max: number): Range {
  const parts = text.split(':')
  if (parts.length > 2)
    return refuse('too-many-parts', 'has more than two parts', {
      said: '%name: Too many components for option "%option" (max: 2)\n',
    })
  const [low, high] = parts.map((part, at) => {
    const rest = parts.slice(at).join(':')
    return part === '' ? null : Number(parseNumber(part, 0n, BigInt(max)) ?? notInRange(0, max, rest))
  })
  return { low: low ?? 0, high: high === undefined ? (low ?? 0) : (high ?? max) }
}

export const range8 = range(0xff)
export const range16 = range(0xffff)
export const range32 = range(0xffff_ffff)

interface TextBounds {
  /** Bytes of UTF-8 kept; the rest is cut without a word, as iptables does, even within a character. */
  readonly maxLength?: number
  readonly minLength?: number
}

export function text({ maxLength, minLength = 0, ...spec }: OptionText & TextBounds): OptionSpec<string> {
  return value(
    (given) => {
      if (given.length < minLength) {
        return refuse('too-short', `is too short: at least ${count(minLength, 'character')} must be given`, {
          said: `Argument must have a minimum length of ${minLength} characters\n`,
        })
      }
      return maxLength === undefined ? given : cutBytes(given, maxLength)
    },
    { metavar: 'TEXT', ...spec },
  )
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

/** One word of a fixed list. */
export function choice<const Word extends string>(
  words: readonly Word[],
  { said, ...spec }: OptionText & Pick<Refusal, 'said'>,
): OptionSpec<Word> {
  return value(
    (given) =>
      words.find((word) => word === given) ??
      refuse('unknown-word', `is none of ${words.join(', ')}`, {
        ...didYouMean(given, words),
        ...(said === undefined ? {} : { said }),
      }),
    { metavar: words.join('|'), ...spec },
  )
}

export interface MarkMask {
  /** Unsigned 32 bits each; the mask is all ones when not given. */
  readonly value: number
  readonly mask: number
}

/** `VALUE[/MASK]`. Source: `xtopt_parse_markmask()`. */
export function markMask(spec: OptionText): OptionSpec<MarkMask> {
  return value(
    (given) => {
      const slash = given.indexOf('/')
      const first = parseNumber(slash < 0 ? given : given.slice(0, slash), 0n, uint32Max)
      const second = slash < 0 ? uint32Max : parseNumber(given.slice(slash + 1), 0n, uint32Max)
      if (first !== null && second !== null) return { value: Number(first), mask: Number(second) }
      return refuse('bad-mark', 'is not a mark: VALUE or VALUE/MASK, each from 0 to 0xffffffff', {
        said: '%name: bad integer value for option "%option", or out of range.\n',
      })
    },
    { metavar: 'VALUE[/MASK]', ...spec },
  )
}

/** Source: `xtopt_syslog_names`, libxtables/xtoptions.c; the first name of a level is the usual one. */
export const syslogLevels = {
  emerg: 0,
  panic: 0,
  alert: 1,
  crit: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
} as const

/** Forms that syslog itself uses but iptables does not know. */
const syslogNearNames: Readonly<Record<string, string>> = { err: 'error', warn: 'warning', critical: 'crit' }

/** 0 to 7, by number or name. */
export function syslogLevel(spec: OptionText): OptionSpec<number> {
  const names = Object.keys(syslogLevels)
  return value(
    (given) => {
      const number = parseNumber(given, 0n, 7n)
      if (number !== null) return Number(number)
      if (Object.hasOwn(syslogLevels, given)) return syslogLevels[given as keyof typeof syslogLevels]
      const known = syslogNearNames[given.toLowerCase()]
      return refuse('unknown-level', `is not a log level: 0 to 7, or one of ${names.join(', ')}`, {
        said: 'log level "%value" unknown\n',
        ...(known === undefined ? didYouMean(given, names) : { help: known, fix: known }),
      })
    },
    { metavar: 'LEVEL', ...spec },
  )
}

/** `ID` or `LOW-HIGH`, each up to 4294967294. Source: `owner_parse_range()`, libxt_owner.c. */
function idRange(kind: 'user' | 'group', spec: OptionText): OptionSpec<Range> {
  const max = uint32Max - 1n
  return value(
    (given) => {
      const low = given === 'root' ? { value: 0n, rest: '' } : scanNumber(given, 0n, max)
      const high = low === null || low.rest === '' ? low?.value : parseNumber(low.rest.slice(1), 0n, max)
      if (low !== null && high != null && /^([-:]|$)/.test(low.rest)) {
        return { low: Number(low.value), high: Number(high) }
      }
      return refuse('bad-id', `is not a ${kind} id or a range of them (0-500)`, {
        said: '%name: Bad value for "%option" option: "%value"',
        notes: /^[a-z_]/.test(given)
          ? [`${kind} names differ between machines; rules here hold numbers`]
          : [],
      })
    },
    { metavar: 'ID[-ID]', ...spec },
  )
}

export const uid = (spec: OptionText): OptionSpec<Range> => idRange('user', spec)
export const gid = (spec: OptionText): OptionSpec<Range> => idRange('group', spec)
