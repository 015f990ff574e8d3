/**
 * `%(option)s` filled in: Python's BasicInterpolation with fail2ban's additions.
 *
 * A value looks in the caller's variables, its own section, then [DEFAULT]; `%(section/option)s` in another section,
 * `%(known/option)s` at what a later file has overridden, `%(__name__)s` is the section's name, `%%` a percent sign.
 */
import { nearest } from '../../lang/suggest.ts'
import { ConfigFailure, errorOf } from './complaint.ts'
import { presetValue, spanOf, type Value, ValueBuilder } from './value.ts'

export interface Lookup {
  /** Where the value stands. */
  readonly section: string
  readonly option: string
  /** By name in lower case; null for what is no text, undefined for what is not there. */
  find(name: string): Value | null | undefined
  /** An option of another section as it is written there. */
  findIn(section: string, option: string): Value | null | undefined
  /** Names that could have been meant. */
  names(): readonly string[]
}

/** Python's MAX_INTERPOLATION_DEPTH. */
const deepest = 10

/** A value that fills itself in again and again grows without end; fail2ban would take all memory. In UTF-16 units. */
const longest = 1 << 20

const otherSection = /%\(([\p{L}\p{N}_-]+\/([^)]+))\)s/gu

/** Throws `ConfigFailure` for what makes fail2ban refuse the configuration. */
export function interpolate(value: Value, lookup: Lookup): Value {
  if (!value.text.includes('%')) return value
  const builder = new ValueBuilder()
  fill(value, lookup, new Map(), builder, 1)
  return builder.build(value.key)
}

function fill(
  value: Value,
  lookup: Lookup,
  outer: ReadonlyMap<string, Value | null>,
  builder: ValueBuilder,
  depth: number,
): void {
  const { text } = value
  if (depth > deepest || builder.text.length > longest) throw tooDeep(value, lookup)
  const named = new Map(outer)
  named.set('__name__', presetValue(lookup.section))
  for (const [, name, option] of text.matchAll(otherSection)) {
    if (named.has(name!) || lookup.find(name!) !== undefined) continue
    const found = lookup.findIn(name!.slice(0, -option!.length - 1), option!)
    if (found !== undefined) named.set(name!, found)
  }
  for (let at = 0; at < text.length; ) {
    const percent = text.indexOf('%', at)
    const plainEnd = percent < 0 ? text.length : percent
    builder.addPart(value, at, plainEnd)
    if (percent < 0) return
    if (text[percent + 1] === '%') {
      builder.addPart(value, percent, percent + 1)
      at = percent + 2
      continue
    }
    const reference = /^%\(([^)]+)\)s/.exec(text.slice(percent))
    if (reference === null) throw badPercent(value, lookup, percent)
    const name = reference[1]!.toLowerCase()
    at = percent + reference[0].length
    const found = named.has(name) ? named.get(name) : lookup.find(name)
    if (found === undefined) throw missing(value, lookup, name, percent, at)
    if (found === null) throw noText(value, name, percent, at)
    if (found.text.includes('%')) fill(found, lookup, named, builder, depth + 1)
    else builder.addPart(found, 0, found.text.length)
  }
}

const fatalNote = 'fail2ban refuses the whole configuration'

function missing(value: Value, lookup: Lookup, name: string, start: number, end: number): ConfigFailure {
  const near = nearest(name, lookup.names())
  return new ConfigFailure(
    errorOf('unknown-reference', spanOf(value, start, end), `%(${name})s is set nowhere`, {
      notes: [`"${lookup.option}" of [${lookup.section}] needs it; ${fatalNote}`],
      help: near === null ? 'write %% for a percent sign' : `%(${near})s`,
    }),
  )
}

const noText = (value: Value, name: string, start: number, end: number): ConfigFailure =>
  new ConfigFailure(
    errorOf(
      'not-text',
      spanOf(value, start, end),
      `%(${name})s is a number or not set, which cannot be filled in`,
      {
        notes: [fatalNote],
      },
    ),
  )

function badPercent(value: Value, { section, option }: Lookup, at: number): ConfigFailure {
  const open = value.text[at + 1] === '('
  return new ConfigFailure(
    errorOf(
      'bad-percent',
      spanOf(value, at, Math.min(value.text.length, at + 2)),
      open ? 'this reference does not end in ")s"' : 'a single percent sign means nothing',
      {
        notes: [`in "${option}" of [${section}]; ${fatalNote}`],
        help: open ? '%(name)s' : '%%',
      },
    ),
  )
}

const tooDeep = (value: Value, { section, option }: Lookup): ConfigFailure =>
  new ConfigFailure(
    errorOf(
      'endless-reference',
      spanOf(value),
      `"${option}" of [${section}] refers to itself, or ${deepest} levels deep`,
      {
        notes: [fatalNote],
      },
    ),
  )
