/**
 * The words of one command taken apart: which option each belongs to, what was loaded for it, and in which order.
 *
 * Source: GNU getopt_long as iptables 1.8.9 calls it (`do_parse()`, `command_default()`, iptables/xshared.c).
 */
import {
  type BaseOption,
  type BaseOptionName,
  baseOptionByLetter,
  type CommandName,
  shortForm,
} from './base-options.ts'
import type { CommandEnvironment } from './command.ts'
import * as complain from './complaints.ts'
import { ExtensionUse } from './extension-use.ts'
import { LoadedOptions, type Resolved } from './loaded-options.ts'
import { protocolNumber } from './names.ts'
import type { TableName } from './rule.ts'
import { tableHooks } from './rule.ts'
import type { Span } from './source.ts'
import { nearest } from './suggest.ts'
import type { OptionEnvironment } from './syntax.ts'
import { spanBehind, type Word } from './words.ts'

/** An option that a rule can have once, as it was given. */
export interface SeenOption {
  readonly option: BaseOption
  readonly value: Word | null
  /** Second word of `-c PACKETS BYTES`. */
  readonly second: Word | null
  readonly inverted: boolean
  readonly span: Span
}

/** A match or target that the registry lacks, and the words behind it. */
export interface UnknownWords {
  readonly name: Word
  readonly words: Word[]
}

/** A target without options of its own: a verdict, a chain, or nothing that exists. */
export interface NamedTarget {
  readonly kind: 'verdict' | 'chain' | 'nowhere'
  readonly name: Word
  readonly goto: boolean
}

export type TargetChoice =
  | NamedTarget
  | { readonly kind: 'extension'; readonly name: Word; readonly use: ExtensionUse }
  | { readonly kind: 'unknown'; readonly name: Word; readonly words: Word[] }

interface CommandSeen {
  readonly name: Exclude<CommandName, 'delete-number' | 'zero-number'>
  readonly span: Span
  readonly chain: Word | null
  readonly number: Word | null
  /** New name of `-E`, policy of `-P`. */
  readonly extra: Word | null
}

const tables = Object.keys(tableHooks) as TableName[]
const verdicts = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN']

export class CommandLine {
  command: CommandSeen | null = null
  table: TableName
  /** `-h` or `-V`, which make everything else irrelevant. */
  info: 'help' | 'version' | null = null
  alsoZero = false
  verbosity = 0
  /** Set by `-4` or `-6` in restore text of the other family: the line is not for us. */
  otherFamily = false
  readonly flags = new Set<BaseOptionName>()
  readonly seen = new Map<BaseOptionName, SeenOption>()
  readonly matches: (ExtensionUse | UnknownWords)[] = []
  target: TargetChoice | null = null

  readonly words: readonly Word[]
  readonly #environment: CommandEnvironment
  readonly #options: LoadedOptions
  #at = 0
  /** A `!` that waits for its option. */
  #bang: Word | null = null
  /** The unknown extension that takes words nobody else knows. */
  #unknown: Word[] | null = null
  /** Whether the word before belonged to the unknown extension. */
  #insideUnknown = false
  /** The option whose value came last, for advice on words that belong to none. */
  #last: { readonly option: string; readonly value: Word } | null = null

  constructor(words: readonly Word[], environment: CommandEnvironment) {
    this.words = words
    this.#environment = environment
    this.#options = new LoadedOptions(environment, (use) => this.matches.push(use))
    this.table = environment.restoreTable ?? this.#findTable()
  }

  /** What `-p` said last; null for any. */
  get protocol(): OptionEnvironment['protocol'] {
    return this.#options.protocol
  }

  read(): void {
    const { problems } = this.#environment
    while (this.#at < this.words.length && this.info === null && !this.otherFamily) {
      const word = this.words[this.#at++]!
      if (word.text === '!') this.#readBang(word)
      else if (word.text === '--') this.#refuseRest()
      else if (word.text.startsWith('--')) this.#readLong(word)
      else if (word.text.startsWith('-') && word.text.length > 1) this.#readLetters(word)
      else this.#readArgument(word)
    }
    if (this.#bang !== null) problems.error(complain.trailingBang(), this.#bang.span)
  }

  /** The table that `-t` will choose: targets are looked up in it before the option is reached. */
  #findTable(): TableName {
    let table: TableName = 'filter'
    for (const [at, { text }] of this.words.entries()) {
      const next = this.words[at + 1]?.text
      const name = /^--t[able]*=(.*)$/.exec(text)?.[1] ?? (/^(-t|--t[able]*)$/.test(text) ? next : undefined)
      const found = tables.find((each) => each === name)
      if (found !== undefined) table = found
    }
    return table
  }

  #readBang(word: Word): void {
    if (this.#unknown !== null && !this.#nextIsKnown()) {
      this.#giveToUnknown(word)
      return
    }
    if (this.#bang !== null) this.#environment.problems.error(complain.doubleBang(), word.span)
    this.#bang = word
  }

  /** Whether the next word is an option that somebody other than the unknown extension knows. */
  #nextIsKnown(): boolean {
    const text = this.words[this.#at]?.text ?? ''
    if (text.startsWith('--')) return this.#options.resolve(text.slice(2).split('=')[0]!, true) !== null
    return /^-./.test(text) && baseOptionByLetter.has(text[1]!)
  }

  #takeBang(): boolean {
    const inverted = this.#bang !== null
    this.#bang = null
    return inverted
  }

  #giveToUnknown(word: Word): void {
    this.#unknown!.push(word)
    this.#insideUnknown = true
  }

  #refuseRest(): void {
    const { problems } = this.#environment
    for (const word of this.words.slice(this.#at)) problems.error(complain.badArgument(word.text), word.span)
    this.#at = this.words.length
  }

  #readArgument(word: Word): void {
    if (this.#insideUnknown) {
      this.#giveToUnknown(word)
      return
    }
    this.#environment.problems.error(complain.badArgument(word.text, this.#adviseArgument(word)), word.span)
  }

  /** What a word that belongs to no option may have been meant for. */
  #adviseArgument({ text }: Word): { notes?: string[]; help?: string } {
    if (this.#options.resolve(text) !== null) return { help: `--${text}` }
    const last = this.#last
    if (last === null) return {}
    const joined = `${last.value.text}${/,$/.test(last.value.text) ? '' : ' '}${text}`
    if (/,$/.test(last.value.text) || text.startsWith(',')) {
      return { notes: ['a list has no blanks in it'], help: `${last.option} ${joined.replace(' ', '')}` }
    }
    return last.option.startsWith('--')
      ? {
          notes: [`${last.option} takes one word; quotes make one of several`],
          help: `${last.option} "${joined}"`,
        }
      : {}
  }

  #readLong(word: Word): void {
    const equals = word.text.indexOf('=')
    const name = equals < 0 ? word.text.slice(2) : word.text.slice(2, equals)
    const inline =
      equals < 0 ? null : { text: word.text.slice(equals + 1), span: spanBehind(word, equals + 1) }
    // Behind an extension that nobody knows, an abbreviation is more likely one of its own options.
    const resolved = this.#options.resolve(name, this.#unknown !== null)
    if (resolved === null) {
      this.#readUnknownOption(word, name, inline)
      return
    }
    this.#apply(resolved, word, inline)
  }

  #apply(resolved: Resolved, word: Word, inline: Word | null): void {
    this.#insideUnknown = false
    if (resolved.kind === 'base') {
      this.#applyBase(resolved.option, word, inline)
      return
    }
    const { use, name, as } = resolved
    const value = use.take(name, as, word, inline, this.#takeBang(), this.#cursor())
    this.#last = value === null ? null : { option: `--${as}`, value }
  }

  /** Lets an option take the words behind it. */
  #cursor() {
    return {
      next: (): Word | null => this.words[this.#at++] ?? null,
      nextArgument: (): Word | null => {
        const word = this.words[this.#at]
        if (word === undefined || /^[-!]/.test(word.text)) return null
        this.#at++
        return word
      },
      protocol: this.#options.protocol,
    }
  }

  #readUnknownOption(word: Word, name: string, inline: Word | null): void {
    if (this.#unknown !== null) {
      this.#giveToUnknown(word)
      return
    }
    const { problems } = this.#environment
    const ambiguous = this.#options.abbreviated(name)
    this.#takeBang()
    if (ambiguous.length > 1) {
      const names = ambiguous.map((each) => (each.kind === 'base' ? each.option.name : each.as))
      problems.error(complain.ambiguousOption(`--${name}`, names), word.span)
      this.#skipValues()
      return
    }
    const near = this.#options.nearName(name)
    if (near === null) {
      problems.error(complain.unknownOption(`--${name}`, this.#options.adviceOnOwners(name)), word.span)
      this.#skipValues()
      return
    }
    const span = inline === null ? word.span : { ...word.span, end: word.span.start + 2 + name.length }
    problems.error(complain.unknownOption(`--${name}`, complain.nearOption(`--${near}`)), span)
    // Read on as if it had been written right.
    const resolved = this.#options.resolve(near)
    if (resolved !== null) this.#apply(resolved, word, inline)
  }

  #skipValues(): void {
    while (this.#at < this.words.length && !/^[-!]/.test(this.words[this.#at]!.text)) this.#at++
  }

  #readLetters(word: Word): void {
    const { problems } = this.#environment
    const { text } = word
    if (text.length > 3 && this.#unknown === null && this.#options.isLongName(text.slice(1))) {
      problems.error(complain.singleDash(text), word.span)
      const resolved = this.#options.resolve(text.slice(1))
      if (resolved === null) this.#skipValues()
      else this.#apply(resolved, word, null)
      return
    }
    for (let at = 1; at < text.length; at++) {
      const option = baseOptionByLetter.get(text[at]!)
      if (option === undefined) {
        if (this.#unknown !== null && at === 1) {
          this.#giveToUnknown(word)
          return
        }
        this.#takeBang()
        problems.error(complain.unknownOption(`-${text[at]}`, {}), word.span)
        this.#skipValues()
        return
      }
      this.#insideUnknown = false
      const glued = text.slice(at + 1)
      if (option.argument === 'none' || glued === '') {
        this.#applyBase(option, word, null)
        continue
      }
      // iptables looks at the whole word for the protocol.
      const value = option.name === 'protocol' ? word : { text: glued, span: spanBehind(word, at + 1) }
      this.#applyBase(option, word, value)
      return
    }
  }

  #applyBase(option: BaseOption, word: Word, inline: Word | null): void {
    const { problems } = this.#environment
    if (option.argument === 'none' && inline !== null) {
      problems.error(complain.needlessValue(shortForm(option)), inline.span)
    }
    let value = inline
    if (option.argument === 'required' && value === null) {
      value = this.words[this.#at++] ?? null
      if (value === null) {
        this.#takeBang()
        if (option.kind === 'command' && this.command !== null) {
          this.#refuseSecondCommand(option, word, null, this.command)
          return
        }
        problems.error(complain.missingValue(shortForm(option)), word.span)
        return
      }
    }
    if (option.kind === 'command') {
      this.#applyCommand(option, word, value)
      return
    }
    if (option.kind === 'condition') {
      this.#applyCondition(option, word, value)
      return
    }
    this.#applyOther(option, word)
  }

  #applyCommand(option: BaseOption, word: Word, value: Word | null): void {
    const { problems } = this.#environment
    const name = option.name as CommandSeen['name']
    if (this.#takeBang()) problems.error(complain.notInvertible(shortForm(option)), word.span)
    const first = this.command
    if (first !== null && this.#standsBeside(first.name, name)) {
      this.alsoZero = true
      if (name !== 'zero') this.command = { ...this.#commandWords(name, word, value), name }
      else this.#commandWords(name, word, value)
      return
    }
    if (first !== null) {
      this.#refuseSecondCommand(option, word, value, first)
      return
    }
    this.command = this.#commandWords(name, word, value)
  }

  #standsBeside(first: CommandName, second: CommandName): boolean {
    const lists = (name: CommandName) => name === 'list' || name === 'list-rules'
    return (first === 'zero' && lists(second)) || (lists(first) && second === 'zero')
  }

  #commandWords(name: CommandSeen['name'], word: Word, value: Word | null): CommandSeen {
    const { problems } = this.#environment
    const { nextArgument } = this.#cursor()
    const chain = value ?? nextArgument()
    const span = chain === null ? word.span : { ...word.span, end: chain.span.end }
    const numbered = ['insert', 'delete', 'replace', 'list', 'list-rules', 'zero'].includes(name)
    const number = numbered && chain !== null ? nextArgument() : null
    const extra = name === 'policy' || name === 'rename-chain' ? nextArgument() : null
    if (name === 'replace' && number === null) problems.error(complain.needsNumber(), span)
    if (name === 'policy' && extra === null) problems.error(complain.needsPolicy(), span)
    if (name === 'rename-chain' && extra === null) problems.error(complain.needsNewName(), span)
    return { name, span, chain, number, extra }
  }

  #refuseSecondCommand(option: BaseOption, word: Word, value: Word | null, first: CommandSeen): void {
    const { problems } = this.#environment
    const written = word.text.split('=')[0]!
    const names = this.#options.extensionNames()
    const near = written.startsWith('--') ? nearest(written.slice(2), names) : null
    problems.error(
      complain.secondCommand(written, `--${first.name}`, near === null ? null : `--${near}`),
      word.span,
    )
    if (near === null) {
      this.#commandWords(option.name as CommandSeen['name'], word, value)
      return
    }
    // The command took the next word for its chain; the option that was meant reads it anew.
    if (value !== null && value === this.words[this.#at - 1]) this.#at--
    const resolved = this.#options.resolve(near)
    if (resolved !== null) this.#apply(resolved, word, null)
  }

  #applyCondition(option: BaseOption, word: Word, value: Word | null): void {
    const { problems } = this.#environment
    const inverted = this.#takeBang()
    const span = value === null ? word.span : { ...word.span, end: value.span.end }
    if (inverted && !option.invertible) problems.error(complain.notInvertible(shortForm(option)), word.span)
    switch (option.name) {
      case 'match':
        this.#loadMatch(value!, word)
        return
      case 'table':
        this.#chooseTable(word, value!)
        return
      case 'fragments':
        if (this.#environment.family === 'ipv6') problems.error(complain.noFragmentsInIpv6(), word.span)
        break
    }
    const name = option.name === 'goto' ? 'jump' : option.name
    if (this.seen.has(name)) {
      problems.error(complain.repeatedOption(shortForm(option)), span)
      return
    }
    const second =
      option.name === 'set-counters' && !value!.text.slice(1).includes(',')
        ? this.#cursor().nextArgument()
        : null
    this.seen.set(name, { option, value, second, inverted, span })
    if (name === 'jump') this.#chooseTarget(value!, option.name === 'goto')
    if (name === 'protocol') this.#chooseProtocol(value!, inverted)
    this.#last = value === null ? null : { option: shortForm(option), value }
  }

  #applyOther(option: BaseOption, word: Word): void {
    const { problems, restoreTable, family } = this.#environment
    if (this.#takeBang()) problems.error(complain.notInvertible(shortForm(option)), word.span)
    switch (option.name) {
      case 'help':
      case 'version':
        this.info = option.name
        return
      case 'verbose':
        this.verbosity++
        return
      case 'wait':
      case 'wait-interval':
        // `-w 5`: the seconds are a word of their own.
        if (/^[0-9]/.test(this.words[this.#at]?.text ?? '')) this.#at++
        if (restoreTable !== null) problems.error(complain.bannedInRestore('-w'), word.span)
        return
      case 'ipv4':
      case 'ipv6':
        this.otherFamily = option.name !== family
        return
      case 'numeric':
      case 'exact':
      case 'line-numbers':
        this.flags.add(option.name)
        this.seen.set(option.name, { option, value: null, second: null, inverted: false, span: word.span })
        return
    }
  }

  #chooseTable(word: Word, value: Word): void {
    const { problems, restoreTable } = this.#environment
    if (restoreTable !== null) {
      problems.error(complain.bannedInRestore('-t'), { ...word.span, end: value.span.end })
      return
    }
    if (!tables.some((table) => table === value.text)) {
      problems.error(complain.unknownTable(value.text, tables), value.span)
    }
  }

  #chooseProtocol(value: Word, inverted: boolean): void {
    const { problems } = this.#environment
    const number = protocolNumber(value.text)
    if (number === null) {
      problems.error(complain.unknownProtocol(value.text), value.span)
      // Options of ports make sense with tcp, the likeliest; better than a second error for each of them.
      this.#options.protocol = { number: 6, inverted }
    } else {
      if (number === 0 && inverted) problems.error(complain.protocolNever(), value.span)
      this.#options.protocol = number === 0 ? null : { number, inverted }
    }
  }

  #loadMatch(name: Word, word: Word): void {
    const { syntax, family, problems } = this.#environment
    const found = syntax.match(name.text, family)
    this.#insideUnknown = false
    if (found !== null) {
      const use = new ExtensionUse(found, { ...word.span, end: name.span.end }, this.#environment)
      this.#options.load(use)
      this.matches.push(use)
      return
    }
    const other = syntax.match(name.text, family === 'ipv4' ? 'ipv6' : 'ipv4') !== null
    if (!other && complain.isOtherMatch(name.text)) {
      problems.warn(complain.unsupportedMatch(name.text), name.span)
    } else {
      const known = syntax.matches
        .filter((match) => match.families.includes(family))
        .map((match) => match.name)
      const familyName = other ? (family === 'ipv4' ? 'IPv4' : 'IPv6') : null
      problems.error(complain.unknownMatch(name.text, known, familyName), name.span)
    }
    this.#unknown = []
    this.matches.push({ name, words: this.#unknown })
  }

  #chooseTarget(name: Word, goto: boolean): void {
    const { syntax, family, problems, chains } = this.#environment
    this.#insideUnknown = false
    const { text } = name
    if (!/^[^\s]{1,28}$/.test(text)) {
      problems.error(complain.badTargetName(text), name.span)
      this.target = { kind: 'nowhere', name, goto }
      return
    }
    const extension = goto ? null : syntax.target(text, family)
    if (verdicts.includes(text) && !goto) this.target = { kind: 'verdict', name, goto }
    else if (chains(this.table).has(text)) this.target = { kind: 'chain', name, goto }
    else if (extension !== null) {
      const use = new ExtensionUse(extension, name.span, this.#environment)
      this.#options.load(use)
      this.target = { kind: 'extension', name, use }
    } else if (
      !goto &&
      complain.isOtherTarget(text) &&
      syntax.target(text, family === 'ipv4' ? 'ipv6' : 'ipv4') === null
    ) {
      problems.warn(complain.unsupportedTarget(text), name.span)
      this.#unknown = []
      this.target = { kind: 'unknown', name, words: this.#unknown }
    } else {
      this.#unknown = []
      this.target = { kind: 'nowhere', name, goto }
    }
  }
}
