/**
 * How rules name the kind of service that a packet asks for: classes of Differentiated Services, and types of service.
 *
 * Syntax: iptables extensions/dscp_helper.c, tos_values.c and libxtables/xtoptions.c (`xtopt_parse_tosmask()`), 1.8.9.
 * Read first: RFC 2474; RFC 1349 for the older types.
 */
import { refuse } from '../lang/diagnostic.ts'
import { parseNumber } from '../lang/numbers.ts'
import { type OptionText, value } from '../lang/options.ts'
import { didYouMean } from '../lang/suggest.ts'
import type { OptionSpec } from '../lang/syntax.ts'

/** Code points of six bits. */
const classes = {
  CS0: 0x00,
  CS1: 0x08,
  CS2: 0x10,
  CS3: 0x18,
  CS4: 0x20,
  CS5: 0x28,
  CS6: 0x30,
  CS7: 0x38,
  BE: 0x00,
  AF11: 0x0a,
  AF12: 0x0c,
  AF13: 0x0e,
  AF21: 0x12,
  AF22: 0x14,
  AF23: 0x16,
  AF31: 0x1a,
  AF32: 0x1c,
  AF33: 0x1e,
  AF41: 0x22,
  AF42: 0x24,
  AF43: 0x26,
  EF: 0x2e,
} as const

/** A class by its name in any case; iptables overlooks what stands behind the name. */
export function serviceClass(spec: OptionText): OptionSpec<number> {
  return value(
    (text) => {
      const found = Object.entries(classes).find(([name]) => text.toUpperCase().startsWith(name))
      if (found !== undefined) return found[1]
      const names = Object.keys(classes)
      return refuse('unknown-class', `is none of ${names.join(', ')}`, {
        ...didYouMean(text.toUpperCase(), names),
        said: "Invalid DSCP value `%value'",
      })
    },
    { metavar: 'CLASS', ...spec },
  )
}

/** As iptables prints code points and types of service. */
export const hexByte = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`

/** A TOS byte or traffic class, and the bits of it that are meant; 0 to 255 each. */
export interface TosMask {
  readonly value: number
  readonly mask: number
}

/** In the order in which they are looked up; RFC 1349 calls the last one the default. */
const tosNames = {
  'Minimize-Delay': 0x10,
  'Maximize-Throughput': 0x08,
  'Maximize-Reliability': 0x04,
  'Minimize-Cost': 0x02,
  'Normal-Service': 0x00,
} as const

/** The bits that a name is about. */
const nameMask = 0x3f

/** `VALUE`, `VALUE/MASK` or a name in any case. */
export function tosMask(spec: OptionText): OptionSpec<TosMask> {
  return value(parseTosMask, { metavar: 'VALUE[/MASK]|NAME', ...spec })
}

function parseTosMask(text: string): TosMask {
  const slash = text.indexOf('/')
  const number = parseNumber(slash < 0 ? text : text.slice(0, slash), 0n, 255n)
  const mask = slash < 0 ? 255n : parseNumber(text.slice(slash + 1), 0n, 255n)
  if (number !== null && mask !== null) return { value: Number(number), mask: Number(mask) }
  const names = Object.keys(tosNames)
  const found = Object.entries(tosNames).find(([name]) => name.toLowerCase() === text.toLowerCase())
  if (found !== undefined) return { value: found[1], mask: nameMask }
  const message = `is neither a number from 0 to 255, with or without a mask, nor one of ${names.join(', ')}`
  const said = `Symbolic name "${text}" is unknown`
  return refuse('bad-tos', message, { ...didYouMean(text, names), said })
}

export const printTosMask = ({ value, mask }: TosMask): string => `${hexByte(value)}/${hexByte(mask)}`

/** The name for these bits, or null. */
export function tosName({ value, mask }: TosMask): string | null {
  if (mask !== nameMask) return null
  return Object.entries(tosNames).find(([, each]) => each === value)?.[0] ?? null
}
