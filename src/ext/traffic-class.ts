/** Values of the TOS byte (IPv6: traffic class) as rules write them. Read first: RFC 2474 and, for the names, RFC 1349. */
import { refuse } from '../lang/diagnostic.ts'
import { scanNumber } from '../lang/numbers.ts'
import { type OptionText, uint8, value } from '../lang/options.ts'
import { didYouMean } from '../lang/suggest.ts'
import type { OptionSpec } from '../lang/syntax.ts'

/** Of the byte, the bits in `mask` are `value`; 0 to 255 each. */
export interface TosMask {
  readonly value: number
  readonly mask: number
}

/** Source: `tos_symbol_names`, iptables extensions/tos_values.c, 1.8.9. */
const tosNames: Readonly<Record<string, number>> = {
  'Minimize-Delay': 0x10,
  'Maximize-Throughput': 0x08,
  'Maximize-Reliability': 0x04,
  'Minimize-Cost': 0x02,
  'Normal-Service': 0x00,
}

const tosNotes = ['a value from 0 to 255, with a mask behind a slash or without, or one of the old names']

/**
 * `VALUE[/MASK]` or a name in any case; a name has the mask that the option says. Source: `xtopt_parse_tosmask()`,
 * libxtables/xtoptions.c.
 */
export function tosMask({
  namedMask,
  ...spec
}: OptionText & { readonly namedMask: number }): OptionSpec<TosMask> {
  return value(
    (text) => {
      const first = scanNumber(text, 0n, 255n)
      if (first === null) return namedTos(text, namedMask)
      const mask = first.rest === '' ? { value: 255n, rest: '' } : slashed(first.rest)
      if (mask === null || mask.rest !== '')
        return refuse('bad-tos', 'is not a TOS value', { notes: tosNotes })
      return { value: Number(first.value), mask: Number(mask.value) }
    },
    { metavar: 'VALUE[/MASK]|NAME', ...spec },
  )
}

const slashed = (rest: string) => (rest.startsWith('/') ? scanNumber(rest.slice(1), 0n, 255n) : null)

function namedTos(text: string, mask: number): TosMask {
  const names = Object.keys(tosNames)
  const name = names.find((each) => each.toLowerCase() === text.toLowerCase())
  if (name !== undefined) return { value: tosNames[name]!, mask }
  return refuse('bad-tos', 'is not a TOS value', { notes: tosNotes, ...didYouMean(text, names) })
}

/** In the order in which iptables looks for a name that the text begins with. Source: extensions/dscp_helper.c. */
const dscpClasses: Readonly<Record<string, number>> = {
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
}

/** 0 to 63. */
export const dscpValue = (spec: OptionText): OptionSpec<number> => uint8({ max: 63, ...spec })

/** The code point of a class: `EF`, `af11`; what follows the name is not looked at. */
export function dscpClass(spec: OptionText): OptionSpec<number> {
  const names = Object.keys(dscpClasses)
  return value(
    (text) => {
      const name = names.find((each) => text.toUpperCase().startsWith(each))
      if (name !== undefined) return dscpClasses[name]!
      return refuse('unknown-class', 'is no DiffServ class', {
        notes: ['BE, EF, CS0 to CS7, AF11 to AF43'],
        ...didYouMean(text, names),
      })
    },
    { metavar: 'CLASS', ...spec },
  )
}

/** `0x0a`: two digits at least. */
export const printByte = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`
