/**
 * The tags of fail2ban's action files.
 *
 * Options are put in again and again until none is left. What comes from a log or from a ban is put in last and once,
 * and whatever of it a shell could read as more than a word goes through a variable of the environment: the text of a
 * command never holds it.
 */

export type ActionOptions = Readonly<Record<string, string>>

/** How often options are put into each other before it counts as going in circles. */
const mostRounds = 25

const tagPattern = /<([\w.?=/-]+|F-\*)>/g

/** Puts options into a text, those of the family (`blocktype?family=inet6`) before the others. Unknown tags stay. */
export function fillOptions(text: string, options: ActionOptions, family: 'inet4' | 'inet6' | null): string {
  let filled = text
  for (let round = 0; round < mostRounds; round++) {
    const next = filled.replace(tagPattern, (whole, tag: string) => optionOf(tag, options, family) ?? whole)
    if (next === filled) return filled
    filled = next
  }
  throw new Error(`the options of this command put each other in without end: ${text.slice(0, 200)}`)
}

/** An option of the family, or of all. */
export function optionOf(
  name: string,
  options: ActionOptions,
  family: 'inet4' | 'inet6' | null,
): string | undefined {
  const own = family === null ? undefined : `${name}?family=${family}`
  if (own !== undefined && Object.hasOwn(options, own)) return options[own]
  return Object.hasOwn(options, name) ? options[name] : undefined
}

/** A command for a shell, and the variables that it refers to. */
export interface FilledCommand {
  readonly command: string
  readonly variables: Readonly<Record<string, string>>
}

/** Characters that a shell could take for something else than text; blanks and `-` are left to the action's own quotes. */
const special = /[\\#&;`|*?~<>^()[\]{}$'"\n\r!]/
/** Characters of the longest value: an environment takes 128 KiB a variable. */
const longestValue = 30_000

/** What a tag stands for; some take a while to find out. Undefined: it is none. */
export type TagValue = string | undefined | Promise<string | undefined>

/** The tags of a text, each once. */
export const tagsIn = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(tagPattern)].map(([, tag]) => tag!))

/**
 * Puts what a ban tells into a command: `<ip>`, `<matches>`, `<F-USER>`. Captured groups that a failure lacks are
 * empty; other unknown tags stay as they are.
 */
export async function fillTags(
  command: string,
  tagOf: (tag: string) => TagValue,
  groups: Readonly<Record<string, string>>,
): Promise<FilledCommand> {
  const values = new Map<string, string | undefined>()
  for (const tag of tagsIn(command)) values.set(tag, await tagOf(tag))
  const variables: Record<string, string> = {}
  const filled = command.replace(tagPattern, (whole, tag: string) => {
    const value = tag === 'br' ? '\n' : tag === 'sp' ? ' ' : (values.get(tag) ?? groupOf(tag, groups))
    if (value === undefined) return whole
    if (tag === 'br' || tag === 'sp') return value
    return asWord(tag, value, variables)
  })
  return { command: filled, variables }
}

function groupOf(tag: string, groups: Readonly<Record<string, string>>): string | undefined {
  if (!tag.startsWith('F-')) return undefined
  const name = tag.slice(2).toLowerCase().replaceAll('-', '_')
  return Object.hasOwn(groups, name) ? groups[name]! : ''
}

function asWord(tag: string, value: string, variables: Record<string, string>): string {
  if (!special.test(value)) return value.replaceAll('\0', '')
  const name = `f2bV_${tag.replace(/\W/g, '_')}`
  variables[name] = value.replaceAll('\0', '').slice(0, longestValue)
  return `$${name}`
}
