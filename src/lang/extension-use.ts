/** One `-m NAME` or `-j NAME` of a rule while its options are being read. Source: libxtables/xtoptions.c. */
import type { CommandEnvironment } from './command.ts'
import * as complain from './complaints.ts'
import { type Refusal, RefusedError } from './diagnostic.ts'
import type { Span } from './source.ts'
import type { ExtensionSyntax, Given, GivenOption, OptionEnvironment, OptionTable, Seen } from './syntax.ts'
import type { Word } from './words.ts'

/** How an option reaches the words behind it. */
export interface WordCursor {
  next(): Word | null
  /** The next word unless it begins with `-` or `!`. */
  nextArgument(): Word | null
  /** The same, left where it is. */
  peekArgument(): Word | null
  readonly protocol: OptionEnvironment['protocol']
}

export class ExtensionUse {
  readonly syntax: ExtensionSyntax
  readonly #given: Record<string, Seen<unknown>> = {}
  /** In the order of the text. */
  readonly #all: GivenOption[] = []
  readonly #environment: CommandEnvironment
  /** Whether an option was refused, so that what is missing may not be missing at all. */
  #damaged = false
  #span: Span | null

  /** `named`: where the text names it; null when an option of the protocol loaded it. */
  constructor(syntax: ExtensionSyntax, named: Span | null, environment: CommandEnvironment) {
    this.syntax = syntax
    this.#environment = environment
    this.#span = named
  }

  /** From the extension's name (or first option) to its last option. */
  get span(): Span | null {
    return this.#span
  }

  /** Every name of an option with the name it stands for. */
  names(): Map<string, string> {
    return optionNames(this.syntax)
  }

  canonical(name: string): string | null {
    return this.names().get(name) ?? null
  }

  /** The option a name or its unique beginning stands for. */
  find(name: string): string | null {
    const exact = this.canonical(name)
    if (exact !== null) return exact
    const found = new Set<string>()
    for (const [each, canonical] of this.names()) if (each.startsWith(name)) found.add(canonical)
    return found.size === 1 ? [...found][0]! : null
  }

  /** Takes one option and its value; returns the value's word. */
  take(
    name: string,
    as: string,
    word: Word,
    inline: Word | null,
    bangInFront: boolean,
    cursor: WordCursor,
  ): Word | null {
    const { problems } = this.#environment
    let inverted = bangInFront
    const spec = this.syntax.options[name]!
    const shown = `--${as}`
    const extension = this.syntax.name
    // The value of an option that may do without one is a word of its own.
    if ((spec.value === null || spec.optional) && inline !== null) {
      this.#damaged = true
      problems.error(complain.needlessValue(shown, word.text), inline.span)
    }
    let value: Word | null = null
    if (spec.value !== null) {
      value = inline ?? (spec.optional ? cursor.nextArgument() : cursor.next())
      if (value === null && !spec.optional) {
        this.#damaged = true
        problems.error(complain.missingValue(shown, spec.metavar ?? null), word.span)
        return null
      }
      const behind = value?.text === '!' && spec.invertible ? cursor.peekArgument() : null
      if (behind !== null) {
        problems.error(this.#refuseOldBang(spec.value, shown, behind.text, cursor.protocol), {
          ...word.span,
          end: behind.span.end,
        })
        value = cursor.next()!
        inverted = true
      }
      if (spec.words === 2) value = this.#joinTwo(value!, cursor.nextArgument(), shown, spec.metavar ?? 'A B')
    }
    const span = reaching(word.span, Math.max(word.span.end, value?.span.end ?? 0))
    this.#span = this.#span === null ? span : reaching(this.#span, Math.max(this.#span.end, span.end))
    if (inverted && !spec.invertible) {
      problems.error(
        { ...complain.extensionNotInvertible(extension, shown), ...saidOf(spec.saidInverted) },
        word.span,
      )
    }
    if (this.#given[name] !== undefined && !spec.repeatable) {
      problems.error({ ...complain.extensionRepeated(extension, shown), ...saidOf(spec.saidTwice) }, span)
    }
    const read = this.#read(spec.value, value, shown, cursor.protocol)
    if (read === null) this.#damaged = true
    else {
      const given = { name, value: read.value, inverted, as, span }
      this.#given[name] = given
      this.#all.push(given)
    }
    return value
  }

  /** `--dport ! 80`, with what iptables itself says of a value "!". */
  #refuseOldBang(
    parse: (text: string, environment: OptionEnvironment) => unknown,
    shown: string,
    value: string,
    protocol: OptionEnvironment['protocol'],
  ): Refusal {
    const { family, profile, sets } = this.#environment
    try {
      parse('!', { family, profile, protocol, sets })
      return complain.oldBang(shown, value)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      return complain.oldBang(shown, value, this.#ownWords(error.refusal, shown, '!').said)
    }
  }

  #joinTwo(first: Word, second: Word | null, shown: string, metavar: string): Word {
    if (second !== null) {
      return { text: `${first.text} ${second.text}`, span: { ...first.span, end: second.span.end } }
    }
    this.#environment.problems.error(complain.twoWords(shown, metavar), first.span)
    return first
  }

  #read(
    parse: ((text: string, environment: OptionEnvironment) => unknown) | null,
    value: Word | null,
    shown: string,
    protocol: OptionEnvironment['protocol'],
  ): { readonly value: unknown } | null {
    if (parse === null) return { value: true }
    if (value === null) return { value: null }
    const { family, profile, problems, sets } = this.#environment
    try {
      return { value: parse(value.text, { family, profile, protocol, sets }) }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      const { refusal, span } = error
      const message = `${shown} ${value.text} ${refusal.message}`
      const own = { ...refusal, ...this.#ownWords(refusal, shown, value.text) }
      problems.error({ ...own, message }, span ?? value.span)
      return null
    }
  }

  /** Codes of extensions carry their name, and so does what iptables says. */
  #ownWords({ code, said }: Refusal, option = '', value = ''): Pick<Refusal, 'code' | 'said'> {
    const { name } = this.syntax
    const places: Record<string, string> = { '%name': name, '%option': option, '%value': value }
    const ownSaid = said?.replace(/%(name|option|value)/g, (place) => places[place]!)
    return {
      code: code.includes('/') ? code : `${name}/${code}`,
      ...(ownSaid === undefined ? {} : { said: ownSaid }),
    }
  }

  /** The extension's data once all words are read; null when something was refused. */
  finish(protocol: OptionEnvironment['protocol']): { readonly data: unknown } | null {
    const { family, profile, problems, sets } = this.#environment
    const before = problems.counts.error
    const { warning } = this.syntax
    if (warning !== undefined) problems.warn({ ...warning, ...this.#ownWords(warning) }, this.#span)
    const given = this.#given as Given<OptionTable>
    try {
      if (!this.#damaged) this.syntax.checkFirst?.(given, this.#all)
      this.#checkTogether()
      if (this.#damaged || before < problems.counts.error) return null
      return { data: this.syntax.parse(given, { family, profile, protocol, sets }, this.#all) }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      const { refusal, span } = error
      problems.error({ ...refusal, ...this.#ownWords(refusal) }, span ?? this.#span)
      return null
    }
  }

  /** Which options must and may not stand together. Source: `xtables_options_fcheck()`. */
  #checkTogether(): void {
    const { problems } = this.#environment
    const { name: extension, options } = this.syntax
    let excluded: Set<string> | null = null
    for (const { name, required, metavar, warning, excludes, needs } of demandsOf(options)) {
      const seen = this.#given[name]
      if (seen === undefined) {
        if (required && !this.#damaged) {
          problems.error(complain.extensionMissing(extension, `--${name}`, metavar), this.#span)
        }
        continue
      }
      if (warning !== undefined) {
        problems.warn({ ...warning, ...this.#ownWords(warning) }, seen.span)
      }
      for (const other of excludes) {
        // Two options that exclude each other are one mistake.
        if (this.#given[other] === undefined || excluded?.has(`${other} ${name}`)) continue
        excluded ??= new Set()
        excluded.add(`${name} ${other}`)
        problems.error(
          complain.extensionExcludes(extension, `--${seen.as}`, `--${this.#given[other].as}`),
          seen.span,
        )
      }
      for (const other of needs) {
        if (this.#given[other] === undefined && !this.#damaged) {
          problems.error(complain.extensionNeeds(extension, `--${seen.as}`, `--${other}`), seen.span)
        }
      }
    }
  }
}

const reaching = ({ source, start }: Span, end: number): Span => ({ source, start, end })

const saidOf = (said: string | undefined) => (said === undefined ? {} : { said })

/** What an option asks of the others, or of its own presence. */
interface Demand {
  readonly name: string
  readonly metavar: string | undefined
  readonly required: boolean
  readonly warning: Refusal | undefined
  readonly excludes: readonly string[]
  readonly needs: readonly string[]
}

const demandsOfOptions = new WeakMap<OptionTable, readonly Demand[]>()

/** Those of the options that ask for anything: a few. */
function demandsOf(options: OptionTable): readonly Demand[] {
  const known = demandsOfOptions.get(options)
  if (known !== undefined) return known
  const demands = Object.entries(options).flatMap(([name, spec]): Demand[] => {
    const { required = false, metavar, warning, excludes = [], needs = [] } = spec
    const asksForNothing = !required && warning === undefined && excludes.length === 0 && needs.length === 0
    return asksForNothing ? [] : [{ name, required, metavar, warning, excludes, needs }]
  })
  demandsOfOptions.set(options, demands)
  return demands
}

const namesOfOptions = new WeakMap<OptionTable, Map<string, string>>()

function optionNames({ options }: ExtensionSyntax): Map<string, string> {
  let names = namesOfOptions.get(options)
  if (names === undefined) {
    names = new Map()
    for (const [name, { alias = [] }] of Object.entries(options)) {
      for (const each of [name, ...alias]) names.set(each, name)
    }
    namesOfOptions.set(options, names)
  }
  return names
}
