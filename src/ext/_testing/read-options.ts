/** Option words of one extension to its data, for tests that need no whole rule. */
import { linux618 } from '../../lang/profile.ts'
import type { ExtensionSyntax, GivenOption, OptionEnvironment, Seen } from '../../lang/syntax.ts'

/**
 * Preconditions: long options in full, values as words of their own (or in double quotes), `!` before the option.
 * Throws `RefusedError` where a value or the extension refuses.
 */
export function readOptions<Data>(
  extension: ExtensionSyntax<Data>,
  text: string,
  environment: Partial<OptionEnvironment> = {},
): Data {
  const settings: OptionEnvironment = { family: 'ipv4', profile: linux618, protocol: null, ...environment }
  const words = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!)
  const given: Record<string, Seen<unknown>> = {}
  const all: GivenOption[] = []
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
    const value: unknown = spec.value === null ? true : spec.value(words.shift() ?? '', settings)
    given[name] = { value, inverted, as, span: null }
    all.push({ name, ...given[name] })
    inverted = false
  }
  return extension.parse(given as never, settings, all)
}
