/** Option words of one extension to its data, for tests that need no whole rule. */
import { refuse } from '../../lang/diagnostic.ts'
import { linux618 } from '../../lang/profile.ts'
import type { ExtensionSyntax, OptionEnvironment, Seen } from '../../lang/syntax.ts'

/**
 * Preconditions: long options in full, values as words of their own (or in double quotes), `!` before the option.
 * Throws `RefusedError` where a value or the extension refuses, or options do not go together.
 */
export function readOptions<Data>(
  extension: ExtensionSyntax<Data>,
  text: string,
  environment: Partial<OptionEnvironment> = {},
): Data {
  const settings: OptionEnvironment = { family: 'ipv4', profile: linux618, protocol: null, ...environment }
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted?.replace(/\\(.)/g, '$1') ?? bare!,
  )
  const given: Record<string, Seen<unknown>> = {}
  let inverted = false
  while (words.length > 0) {
    const word = words.shift()!
    if (word === '!') {
      inverted = true
      continue
    }
    const as = word.replace(/^--/, '')
    const found = Object.entries(extension.options).find(
      ([name, spec]) => name === as || spec.alias?.includes(as),
    )
    if (found === undefined) throw new Error(`${extension.name} has no option ${word}`)
    const [name, spec] = found
    if (inverted && !spec.invertible) refuse('not-invertible', `${word} cannot be inverted`)
    if (given[name] && !spec.repeatable) refuse('repeated', `${word} stands twice`)
    const taken = words.splice(0, spec.value === null ? 0 : (spec.words ?? 1))
    const value: unknown = spec.value === null ? true : spec.value(taken.join(' '), settings)
    given[name] = { value, inverted, as, span: null }
    inverted = false
  }
  for (const [name, { excludes, needs, required }] of Object.entries(extension.options)) {
    if (required && !given[name]) refuse('missing-option', `${extension.name} needs --${name}`)
    if (given[name] && excludes?.some((other) => given[other]))
      refuse('excluded', `--${name} stands not alone`)
    if (given[name] && needs?.some((other) => !given[other])) refuse('needs', `--${name} stands alone`)
  }
  return extension.parse(given as never, settings)
}
