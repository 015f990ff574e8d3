/** Numbers with masks that may have names, as iproute2's files give them. */
import { refuse } from '../../lang/diagnostic.ts'
import { scanNumber, uint32Max } from '../../lang/numbers.ts'
import { type MarkMask, type OptionText, value } from '../../lang/options.ts'
import type { OptionSpec } from '../../lang/syntax.ts'

const wholeMask = 0xffff_ffff

/**
 * `VALUE[/MASK]`, or a name that every Debian machine knows. Source: `xtables_parse_val_mask()`, libxtables/xtables.c.
 */
export function namedMask(names: Readonly<Record<string, number>>, spec: OptionText): OptionSpec<MarkMask> {
  return value(
    (text) => {
      const first = scanNumber(text, 0n, uint32Max)
      if (first !== null && (first.rest === '' || first.rest.startsWith('/'))) {
        const mask =
          first.rest === '' ? { value: uint32Max, rest: '' } : scanNumber(first.rest.slice(1), 0n, uint32Max)
        if (mask !== null && mask.rest === '') return { value: Number(first.value), mask: Number(mask.value) }
      }
      const named = Object.hasOwn(names, text) ? names[text] : undefined
      if (named !== undefined) return { value: named, mask: wholeMask }
      return refuse('bad-value', 'is neither a number, with a mask or without, nor a name that is known', {
        said: '%name: could not map name %value to an integer value for option "%option".\n',
      })
    },
    { metavar: 'VALUE[/MASK]', ...spec },
  )
}

/** A whole number by its name, unless numbers are asked for. */
export function printNamedMask({ value, mask }: MarkMask, names: Readonly<Record<string, number>>): string {
  const hex = `0x${value.toString(16)}`
  if (mask !== wholeMask) return `${hex}/0x${mask.toString(16)}`
  return Object.keys(names).find((name) => names[name] === value) ?? hex
}
