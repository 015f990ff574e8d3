/** What stands behind the addresses of a plain line: interfaces, protocol, matches and target, each in a part. */
import { baseLongNames } from './base-options.ts'
import type { CommandEnvironment } from './command.ts'
import { ExtensionUse, type WordCursor } from './extension-use.ts'
import { protocolNumber } from './names.ts'
import { Problems } from './problems.ts'
import type { MatchUse, Negatable, Rule, TargetUse } from './rule.ts'
import { tableHooks } from './rule.ts'
import type { SourceText } from './source.ts'
import type { ExtensionSyntax, OptionEnvironment } from './syntax.ts'
import { splitRestoreLine, type Word } from './words.ts'

export interface Tail
  extends Pick<Rule, 'inInterface' | 'outInterface' | 'protocol' | 'fragment' | 'matches' | 'target'> {
  /** Blanks at the end of the line. */
  readonly blanksBehind: number
}

/** A match as its words say it, wherever they stand. */
interface ReadMatch {
  readonly name: string
  readonly data: unknown
}

/** Characters of the longest tail that is taken apart: its words are then neither too long nor too many. */
const longestTail = 340

/** Parts kept of each kind. */
const partLimit = 4096

const verdicts: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'QUEUE', 'RETURN'])
const baseNames: ReadonlySet<string> = new Set(baseLongNames.map(([name]) => name))
const noMatches: readonly MatchUse[] = []

const blank = 0x20
const bang = 0x21
const quote = 0x22
const dash = 0x2d
const backslash = 0x5c

export class TailReader {
  readonly #source: SourceText
  readonly #text: string
  readonly #environment: CommandEnvironment
  /** Nobody hears its problems: words that are complained of are not plain. */
  #quiet: CommandEnvironment
  /** By protocol, and by the words. */
  readonly #matches = new Map<Negatable<number> | null, Map<string, ReadMatch | null>>()
  readonly #targets = new Map<Negatable<number> | null, Map<string, TargetUse | null>>()
  readonly #protocols = new Map<string, Negatable<number> | null>()
  readonly #interfaces = new Map<string, Negatable<string>>()

  constructor(source: SourceText, text: string, environment: CommandEnvironment) {
    this.#source = source
    this.#text = text
    this.#environment = environment
    this.#quiet = { ...environment, problems: new Problems() }
  }

  #beQuiet(): void {
    this.#quiet = { ...this.#environment, problems: new Problems() }
  }

  /** The tail at [start, end) of a line of a chain, which begins with a blank; null when it is not plain. */
  read(chain: string, start: number, end: number): Tail | null {
    const text = this.#text
    if (end - start > longestTail || text.charCodeAt(end - 1) === blank) return null
    let inInterface: Negatable<string> | null = null
    let outInterface: Negatable<string> | null = null
    let protocol: Negatable<number> | null = null
    let matches: MatchUse[] | null = null
    let target: TargetUse = { kind: 'none' }
    for (let at = start; at < end; ) {
      if (text.charCodeAt(at) !== blank) return null
      const inverted = text.charCodeAt(at + 1) === bang && text.charCodeAt(at + 2) === blank
      const option = inverted ? at + 3 : at + 1
      if (text.charCodeAt(option) !== dash || text.charCodeAt(option + 2) !== blank) return null
      const behind = this.#endOfPart(option + 2, end)
      if (behind < 0) return null
      const letter = text[option + 1]!
      const isCondition = letter === 'i' || letter === 'o' || letter === 'p'
      if (isCondition ? matches !== null : inverted) return null
      if (isCondition) {
        const value = text.slice(option + 3, behind)
        if (letter === 'p') {
          if (protocol !== null) return null
          protocol = this.#protocol(value, inverted)
          if (protocol === null) return null
        } else {
          const known = letter === 'i' ? inInterface : outInterface
          const given = this.#interface(letter, value, inverted, chain)
          if (known !== null || given === null) return null
          if (letter === 'i') inInterface = given
          else outInterface = given
        }
      } else if (letter === 'm') {
        const read = this.#match(option, behind, protocol)
        if (read === null) return null
        const span = { beforeEnd: end - option, length: behind - option }
        const use: MatchUse = { kind: 'known', name: read.name, data: read.data, span }
        // No longer than it has to be: there may be many.
        matches = matches === null ? [use] : matches.concat(use)
      } else {
        // The target comes last.
        if ((letter !== 'j' && letter !== 'g') || behind !== end) return null
        const read = this.#target(option, end, protocol)
        if (read === null) return null
        target = read
      }
      at = behind
    }
    return {
      inInterface,
      outInterface,
      protocol,
      fragment: null,
      matches: matches ?? noMatches,
      target,
      blanksBehind: 0,
    }
  }

  /** Where the next part begins, with the blank in front of its option of one letter; negative for an open quote. */
  #endOfPart(from: number, end: number): number {
    const text = this.#text
    for (let at = from; at < end; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        for (at++; text.charCodeAt(at) !== quote; at++) {
          if (end <= at) return -1
          if (text.charCodeAt(at) === backslash) at++
        }
        if (end <= at) return -1
      } else if (code === blank && text.charCodeAt(at + 1) === dash && text.charCodeAt(at + 3) === blank) {
        return at
      }
    }
    return end
  }

  #protocol(value: string, inverted: boolean): Negatable<number> | null {
    const key = inverted ? `!${value}` : value
    const known = this.#protocols.get(key)
    if (known !== undefined) return known
    const number = /^\w[\w.-]*$/.test(value) ? protocolNumber(value) : null
    // Protocols that are headers of IPv6 are complained of, and 0 stands for any.
    const isPlain =
      number !== null && number !== 0 && (this.#environment.family === 'ipv4' || !isHeader(number))
    const read = isPlain ? { value: number, inverted } : null
    this.#protocols.set(key, read)
    return read
  }

  #interface(letter: 'i' | 'o', value: string, inverted: boolean, chain: string): Negatable<string> | null {
    const hasNone = letter === 'i' ? ['POSTROUTING', 'OUTPUT'] : ['PREROUTING', 'INPUT']
    if (hasNone.includes(chain) || !/^\w[\w.+@-]{0,14}$/.test(value)) return null
    const key = inverted ? `!${value}` : value
    const known = this.#interfaces.get(key)
    if (known !== undefined) return known
    const read = { value, inverted }
    this.#interfaces.set(key, read)
    return read
  }

  /** The match at [start, end), from its option on. */
  #match(start: number, end: number, protocol: Negatable<number> | null): ReadMatch | null {
    const known = partsOf(this.#matches, protocol)
    const text = this.#text.slice(start, end)
    const match = known.get(text)
    return match === undefined ? kept(known, text, this.#readMatch(start, end, protocol)) : match
  }

  #readMatch(start: number, end: number, protocol: Negatable<number> | null): ReadMatch | null {
    const words = this.#wordsBehindOption(start, end)
    const name = words?.[0]
    if (words === null || name === undefined) return null
    const { syntax, family } = this.#environment
    const extension = syntax.match(name.text, family)
    if (extension === null) return null
    const use = this.#readUse(extension, words, protocol)
    return use === null ? null : { name: extension.name, data: use.data }
  }

  /** The target at [start, end), from its option on. A line ends with it, so all that say the same share it. */
  #target(start: number, end: number, protocol: Negatable<number> | null): TargetUse | null {
    const known = partsOf(this.#targets, protocol)
    const text = this.#text.slice(start, end)
    const target = known.get(text)
    return target === undefined ? kept(known, text, this.#readTarget(start, end, protocol)) : target
  }

  #readTarget(start: number, end: number, protocol: Negatable<number> | null): TargetUse | null {
    const words = this.#wordsBehindOption(start, end)
    const name = words?.[0]
    if (words === null || name === undefined || !/^\S{1,28}$/.test(name.text)) return null
    const goto = this.#text[start + 1] === 'g'
    return this.#chosen(goto, name, words, protocol)
  }

  /** What a target's name stands for, in the order in which iptables looks. */
  #chosen(
    goto: boolean,
    name: Word,
    words: readonly Word[],
    protocol: Negatable<number> | null,
  ): TargetUse | null {
    const { syntax, family, restoreTable: table, chains } = this.#environment
    const { text } = name
    const length = words[words.length - 1]!.span.end - name.span.start
    const span = { beforeEnd: length, length }
    if (verdicts.has(text) && !goto) {
      const isPlain = words.length === 1 && !(text === 'DROP' && table === 'nat')
      return isPlain ? { kind: 'verdict', verdict: text as 'ACCEPT', span } : null
    }
    if (chains(table!).has(text)) {
      const isPlain = words.length === 1 && !tableHooks[table!].some((hook) => hook === text)
      return isPlain ? { kind: 'chain', chain: text, goto, span } : null
    }
    const extension = goto ? null : syntax.target(text, family)
    if (extension === null) return null
    const read = this.#readUse(extension, words, protocol)
    return read === null ? null : { kind: 'extension', name: extension.name, data: read.data, span }
  }

  /** The words of a part that fills its place; null where a quote is open, or blanks stand behind. */
  #wordsBehindOption(start: number, end: number): Word[] | null {
    const behind = start + 3
    const { words, openQuote } = splitRestoreLine(this.#source, behind, end, this.#text)
    return openQuote === null && words[words.length - 1]?.span.end === end ? words : null
  }

  /** The options behind the name, each by its full name; null when there is anything else, or a complaint. */
  #readUse(
    extension: ExtensionSyntax,
    words: readonly Word[],
    protocol: Negatable<number> | null,
  ): { readonly data: unknown } | null {
    const { problems } = this.#quiet
    const before = problems.heard
    const use = new ExtensionUse(extension, words[0]!.span, this.#quiet)
    const asked = protocol === null ? null : { number: protocol.value, inverted: protocol.inverted }
    const isRead = readOptions(use, words, asked)
    const finished = isRead && problems.heard === before ? use.finish(asked) : null
    if (finished !== null && problems.heard === before) return finished
    // What is said once only must be said again.
    this.#beQuiet()
    return null
  }
}

function readOptions(
  use: ExtensionUse,
  words: readonly Word[],
  protocol: OptionEnvironment['protocol'],
): boolean {
  const cursor = new PartCursor(words, protocol)
  for (let word = cursor.next(); word !== null; word = cursor.next()) {
    const inverted = word.text === '!'
    const option = inverted ? cursor.next() : word
    if (option === null || !option.text.startsWith('--')) return false
    const name = option.text.slice(2)
    const canonical = use.canonical(name)
    if (canonical === null || baseNames.has(name)) return false
    use.take(canonical, name, option, null, inverted, cursor)
  }
  return true
}

/** Goes through the words behind the name. */
class PartCursor implements WordCursor {
  readonly protocol: OptionEnvironment['protocol']
  readonly #words: readonly Word[]
  #at = 1

  constructor(words: readonly Word[], protocol: OptionEnvironment['protocol']) {
    this.#words = words
    this.protocol = protocol
  }

  next(): Word | null {
    return this.#words[this.#at++] ?? null
  }

  nextArgument(): Word | null {
    const word = this.peekArgument()
    if (word !== null) this.#at++
    return word
  }

  peekArgument(): Word | null {
    const word = this.#words[this.#at]
    return word === undefined || /^[-!]/.test(word.text) ? null : word
  }
}

/** Extension headers of IPv6 that may stand behind `-p`. Source: `is_exthdr()`, iptables/xshared.c. */
const isHeader = (number: number): boolean => [0, 43, 44, 51, 60].includes(number)

/** The parts that were read behind a protocol, by their text. */
function partsOf<T>(
  parts: Map<Negatable<number> | null, Map<string, T>>,
  protocol: Negatable<number> | null,
): Map<string, T> {
  const known = parts.get(protocol)
  if (known !== undefined) return known
  const made = new Map<string, T>()
  parts.set(protocol, made)
  return made
}

function kept<T>(parts: Map<string, T>, text: string, part: T): T {
  if (parts.size >= partLimit) parts.clear()
  parts.set(text, part)
  return part
}
