/** Options of the programs beside iptables itself, as getopt_long reads them. */
export interface LetterSpec {
  readonly letter: string
  /** `next`: glued, or the next word where that begins neither with `-` nor with `!`. */
  readonly argument: boolean | 'next'
}

/** The options given, by long name, with their values ('' where there are none), and the other words. */
export interface Letters {
  readonly given: Map<string, string>
  readonly words: readonly string[]
}

/** What getopt_long itself says. Source: glibc 2.36. */
const unknownLong = (word: string) => `unrecognized option '${word}'`
const unknownLetter = (letter: string | undefined) => `invalid option -- '${letter}'`
const noValue = (word: string) => `option '${word}' requires an argument`
const noLetterValue = (letter: string | undefined) => `option requires an argument -- '${letter}'`

/** What `-save` and `-restore` say of words too many. */
export const unknownArguments = 'Unknown arguments found on commandline\n'

export function readLetters(
  args: readonly string[],
  specs: Readonly<Record<string, LetterSpec>>,
): Letters | { readonly complaint: string } {
  const given = new Map<string, string>()
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!
    const nextArgument = (): string | null => (/^[^-!]/.test(args[at + 1] ?? '') ? args[++at]! : null)
    if (!/^-./.test(word) || word === '--') {
      if (word !== '--') words.push(word)
      continue
    }
    const [, long, inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? []
    if (long !== undefined) {
      const names = Object.keys(specs).filter((name) => name.startsWith(long))
      const name = specs[long] === undefined ? names[0] : long
      if (name === undefined || (specs[long] === undefined && names.length > 1))
        return { complaint: unknownLong(word) }
      if (specs[name]!.argument === 'next') {
        given.set(name, inline ?? nextArgument() ?? '')
        continue
      }
      const value = specs[name]!.argument ? (inline ?? args[++at]) : ''
      if (value === undefined) return { complaint: noValue(word) }
      given.set(name, value)
      continue
    }
    for (let letter = 1; letter < word.length; letter++) {
      const name = Object.keys(specs).find((each) => specs[each]!.letter === word[letter])
      if (name === undefined) return { complaint: unknownLetter(word[letter]) }
      if (!specs[name]!.argument) {
        given.set(name, '')
        continue
      }
      if (specs[name]!.argument === 'next') {
        given.set(name, word.slice(letter + 1) || (nextArgument() ?? ''))
        break
      }
      const value = word.slice(letter + 1) || args[++at]
      if (value === undefined) return { complaint: noLetterValue(word[letter]) }
      given.set(name, value)
      break
    }
  }
  return { given, words }
}
