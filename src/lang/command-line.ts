/**
 * The words of one command taken apart: which option each belongs to, what was loaded for it, and in which order.
 *
 * Source: GNU getopt_long as iptables 1.8.9 calls it (`do_parse()`, `command_default()`, iptables/xshared.c).
 */
import {
  type BaseOption,
  baseOptionByLetter,
  baseOptions,
  type CommandName,
  shortForm,
} from './base-options.ts'
import type { CommandEnvironment } from './command.ts'
import { CommandParts, type CommandSeen } from './command-parts.ts'
import * as complain from './complaints.ts'
import { countersFault } from './conditions.ts'
import type { LoadedOptions, Resolved } from './loaded-options.ts'
import { ruleNumber } from './rule-number.ts'
import { nearest } from './suggest.ts'
import { spanBehind, type Word } from './words.ts'

export class CommandLine {
  readonly #words: readonly Word[]
  readonly #parts: CommandParts
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
    this.#words = words
    this.#parts = new CommandParts(words, environment)
    this.#environment = environment
    this.#options = this.#parts.options
  }

  /** Reads all words. */
  read(): CommandParts {
    const { problems } = this.#environment
    while (this.#at < this.#words.length && !this.#parts.complete) {
      const word = this.#words[this.#at++]!
      if (word.text === '!') this.#readBang(word)
      else if (word.text === '--') this.#refuseRest()
      else if (word.text.startsWith('--')) this.#readLong(word)
      else if (word.text.startsWith('-') && word.text.length > 1) this.#readLetters(word)
      else this.#readArgument(word)
    }
    if (this.#bang !== null) problems.error(complain.trailingBang(), this.#bang.span)
    const { waits, waitInterval } = this.#parts
    if (waitInterval !== null && !waits) problems.error(complain.waitIntervalAlone(), waitInterval.span)
    return this.#parts
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
    const text = this.#words[this.#at]?.text ?? ''
    if (text.startsWith('--')) return this.#options.resolve(text.slice(2).split('=')[0]!, true) !== null
    return /^-./.test(text) && baseOptionByLetter.has(text[1]!)
  }

  #takeBang(): boolean {
    const inverted = this.#bang !== null
    this.#bang = null
    return inverted
  }

  /** From now on words may belong to an extension that nobody knows. */
  #wonder(words: Word[] | null): void {
    if (this.#environment.isProgram !== true) this.#unknown = words ?? this.#unknown
  }

  #giveToUnknown(word: Word): void {
    this.#unknown!.push(word)
    this.#insideUnknown = true
  }

  #refuseRest(): void {
    const { problems } = this.#environment
    for (const word of this.#words.slice(this.#at)) problems.error(complain.badArgument(word.text), word.span)
    this.#at = this.#words.length
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
    if (text.startsWith('#')) {
      return {
        notes: ['iptables-restore knows comments only from the first column on'],
        help: '-m comment --comment "..."',
      }
    }
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
      next: (): Word | null => this.#words[this.#at++] ?? null,
      nextArgument: (): Word | null => {
        const word = this.#words[this.#at]
        if (word === undefined || /^[-!]/.test(word.text)) return null
        this.#at++
        return word
      },
      peekArgument: (): Word | null => {
        const word = this.#words[this.#at]
        return word === undefined || /^[-!]/.test(word.text) ? null : word
      },
      protocol: this.#options.protocol,
    }
  }

  #readUnknownOption(word: Word, name: string, inline: Word | null): void {
    this.#unknown ??= this.#parts.loadUnknownImplied(name, word)
    if (this.#unknown !== null) {
      if (this.#bang !== null) this.#giveToUnknown(this.#bang)
      this.#bang = null
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
    while (this.#at < this.#words.length && !/^[-!]/.test(this.#words[this.#at]!.text)) this.#at++
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
      this.#applyBase(option, word, { text: glued, span: spanBehind(word, at + 1) })
      return
    }
  }

  #applyBase(option: BaseOption, word: Word, inline: Word | null): void {
    const { problems } = this.#environment
    if (option.argument === 'none' && inline !== null) {
      problems.error(complain.needlessValue(shortForm(option), word.text), inline.span)
    }
    let value = inline !== null && option.wholeWord ? word : inline
    if (option.argument === 'required' && value === null) {
      value = this.#behindOldBang(option, word, this.#words[this.#at++] ?? null)
      if (value === null) {
        this.#takeBang()
        if (option.kind === 'command' && this.#parts.command !== null) {
          this.#refuseSecondCommand(option, word, null, this.#parts.command)
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
    this.#applyOther(option, word, value)
  }

  /** `-s ! 10.0.0.0/8`: the value behind the "!", which is told of and heeded. */
  #behindOldBang(option: BaseOption, word: Word, value: Word | null): Word | null {
    const next = this.#words[this.#at]
    if (value?.text !== '!' || !option.invertible || next === undefined || /^[-!]/.test(next.text))
      return value
    this.#at++
    const said =
      option.name === 'protocol' ? 'unknown protocol "!" specified' : `Bad argument \`${next.text}'`
    const span = { ...word.span, end: next.span.end }
    this.#environment.problems.error(complain.oldBang(word.text, next.text, said), span)
    this.#bang = value
    return next
  }

  #applyCommand(option: BaseOption, word: Word, value: Word | null): void {
    const { problems } = this.#environment
    const name = option.name as CommandSeen['name']
    if (this.#takeBang()) problems.error(complain.notInvertible(shortForm(option)), word.span)
    const first = this.#parts.command
    if (first !== null && this.#standsBeside(first.name, name)) {
      const second = this.#commandWords(name, word, value)
      const zeroing = name === 'zero' ? second : first
      this.#parts.alsoZero = zeroing.number === null ? true : 'rule'
      // Both speak of one chain: the last that was named.
      const { chain, number, index } =
        second.number === null ? { ...first, chain: second.chain ?? first.chain } : second
      this.#parts.command = { ...(name === 'zero' ? first : second), chain, number, index }
      return
    }
    if (first !== null) {
      this.#refuseSecondCommand(option, word, value, first)
      return
    }
    this.#parts.command = this.#commandWords(name, word, value)
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
    const index = number === null ? null : ruleNumber(number, chain, this.#parts.table, this.#environment)
    const extra = name === 'policy' || name === 'rename-chain' ? nextArgument() : null
    if (name === 'replace' && number === null) problems.error(complain.needsNumber(), span)
    if (name === 'policy' && extra === null) problems.error(complain.needsPolicy(), span)
    if (name === 'rename-chain' && extra === null) problems.error(complain.needsNewName(), span)
    return { name, span, chain, number, index, extra }
  }

  #refuseSecondCommand(option: BaseOption, word: Word, value: Word | null, first: CommandSeen): void {
    const { problems } = this.#environment
    const written = word.text.split('=')[0]!
    const names = this.#options.extensionNames()
    const near = written.startsWith('--') ? nearest(written.slice(2), names) : null
    problems.error(
      complain.secondCommand(written, `--${first.name}`, near === null ? null : `--${near}`, [
        shortForm(option),
        shortForm(baseOptions.find(({ name }) => name === first.name)!),
      ]),
      word.span,
    )
    if (near === null) {
      this.#commandWords(option.name as CommandSeen['name'], word, value)
      return
    }
    // The command took the next word for its chain; the option that was meant reads it anew.
    if (value !== null && value === this.#words[this.#at - 1]) this.#at--
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
        this.#insideUnknown = false
        this.#wonder(this.#parts.loadMatch(value!, span))
        return
      case 'table':
        this.#parts.chooseTable(value!, span)
        return
      case 'set-counters': {
        const needsSecond = !value!.text.slice(1).includes(',')
        const second = needsSecond ? this.#cursor().nextArgument() : null
        const seen = { option, word, value, second, inverted, span }
        const fault = countersFault(seen)
        if (fault !== null) problems.error(fault, span)
        this.#parts.addCondition(seen)
        return
      }
    }
    this.#insideUnknown = false
    this.#wonder(this.#parts.addCondition({ option, word, value, second: null, inverted, span }))
    this.#last = value === null ? null : { option: shortForm(option), value }
  }

  #applyOther(option: BaseOption, word: Word, inline: Word | null): void {
    const { problems } = this.#environment
    if (this.#takeBang()) problems.error(complain.notInvertible(shortForm(option)), word.span)
    const waits = option.name === 'wait' || option.name === 'wait-interval'
    // `-w 5`: the seconds are a word of their own.
    this.#parts.addOther(option, word, inline ?? (waits ? this.#cursor().nextArgument() : null))
  }
}
