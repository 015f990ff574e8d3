/** `<tag>` filled in from other options, after every %()s has been. fail2ban 1.0.2's rules. */

/** A tag may be filled in this often within one value before fail2ban calls it endless. */
const mostRepeats = 25

/** Values that double with each tag would take all memory. In UTF-16 units. */
const longest = 1 << 20

export interface TagOptions {
  /** Tags that stay, and options that stay as they are. */
  readonly ignore?: ReadonlySet<string>
  /** Prefers `tag?CONDITION` to `tag`: `family=inet6`. */
  readonly condition?: string
  /** What a tag means that is no option; null for nothing. */
  readonly more?: (tag: string) => string | null
}

/** An option whose tags lead back to itself; fail2ban refuses the whole configuration for it. */
export class EndlessTagError extends Error {
  readonly option: string
  readonly tag: string

  constructor(option: string, tag: string) {
    super(`<${tag}> in "${option}" leads back to itself`)
    this.option = option
    this.tag = tag
  }
}

/**
 * The options with the tags in their values filled in, tags made of tags (`<a-<mode>>`) too; unknown ones stay. A null
 * value is no text: it fills in nothing.
 */
export function substituteTags(
  options: ReadonlyMap<string, string | null>,
  { ignore = new Set(), condition, more }: TagOptions = {},
): Map<string, string | null> {
  const tags = new Map(options)
  const done = new Set<string>()
  const counts = new Map<string, Map<string, number>>()
  const conditionally = (tag: string) =>
    condition === undefined ? undefined : tags.get(`${tag}?${condition}`)
  const meaningOf = (tag: string): string | null => conditionally(tag) ?? tags.get(tag) ?? more?.(tag) ?? null
  for (let again = true; again; ) {
    again = false
    for (const [option, before] of tags) {
      if (before === null || !before.includes('<') || ignore.has(option) || done.has(option)) continue
      const used = counts.get(option) ?? new Map<string, number>()
      const value = fillIn(option, before, used, ignore, meaningOf)
      if (value !== before) {
        tags.set(option, value)
        if (anyTag.test(value)) {
          counts.set(option, used)
          again = true
        }
      }
      if (!value.includes('<')) done.add(option)
    }
  }
  return tags
}

const anyTag = /<[^ <>]+>/

function fillIn(
  option: string,
  text: string,
  used: Map<string, number>,
  ignore: ReadonlySet<string>,
  meaningOf: (tag: string) => string | null,
): string {
  const next = /<([^ <>]+)>/g
  let value = text
  for (let match = next.exec(value); match !== null; match = next.exec(value)) {
    const tag = match[1]!
    if (ignore.has(tag)) continue
    if (tag === option || (used.get(tag) ?? 1) > mostRepeats) throw new EndlessTagError(option, tag)
    const meaning = meaningOf(tag)
    if (meaning === null) continue
    value = value.replaceAll(`<${tag}>`, () => meaning)
    if (value.length > longest) throw new EndlessTagError(option, tag)
    used.set(tag, (used.get(tag) ?? 0) + 1)
    // What was filled in may hold tags itself, or complete one with what stands around it.
    next.lastIndex = match.index
  }
  return value
}
