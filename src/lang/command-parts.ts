/**
 * What the words of one command amount to: the command itself, the conditions, the matches and the target.
 *
 * Source: `do_parse()`, `command_match()`, `command_jump()`, iptables/xshared.c, 1.8.9.
 */
import { type BaseOption, type BaseOptionName, type CommandName, shortForm } from './base-options.ts'
import type { CommandEnvironment } from './command.ts'
import * as complain from './complaints.ts'
import { ExtensionUse } from './extension-use.ts'
import { otherImplied } from './known-names.ts'
import { LoadedOptions } from './loaded-options.ts'
import { protocolNumber } from './names.ts'
import type { TableName } from './rule.ts'
import { tableHooks } from './rule.ts'
import type { Span } from './source.ts'
import type { ExtensionSyntax, OptionEnvironment } from './syntax.ts'
import type { Word } from './words.ts'

/** An option that a rule can have once, as it was given. */
export interface SeenOption {
  readonly option: BaseOption
  /** The word with the option; the same as `value` where iptables takes the whole of it. */
  readonly word: Word
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

/** `-A CHAIN` and its like. */
export interface CommandSeen {
  readonly name: Exclude<CommandName, 'delete-number' | 'zero-number'>
  readonly span: Span
  readonly chain: Word | null
  readonly number: Word | null
  /** What `number` says; null where there is none, or it is no number. */
  readonly index: number | null
  /** New name of `-E`, policy of `-P`. */
  readonly extra: Word | null
}

const tables = Object.keys(tableHooks) as TableName[]
const verdicts = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN']

const otherFamily = (family: 'ipv4' | 'ipv6') => (family === 'ipv4' ? 'ipv6' : 'ipv4')

export class CommandParts {
  readonly words: readonly Word[]
  readonly options: LoadedOptions
  command: CommandSeen | null = null
  table: TableName
  /** `-h` or `-V`, which make everything else irrelevant. */
  info: 'help' | 'version' | null = null
  /** Set by `-4` or `-6` in restore text of the other family: the line is not for us. */
  isForOtherFamily = false
  /** `-Z` beside `-L` or `-S`. */
  alsoZero: boolean | 'rule' = false
  verbosity = 0
  /** Of `-w`, and `-W` where it stands without. */
  waits = false
  waitInterval: Word | null = null
  readonly flags = new Set<BaseOptionName>()
  readonly seen = new Map<BaseOptionName, SeenOption>()
  readonly matches: (ExtensionUse | UnknownWords)[] = []
  target: TargetChoice | null = null
  readonly #environment: CommandEnvironment
  /** What `-p` named is no protocol. */
  #badProtocol = false

  constructor(words: readonly Word[], environment: CommandEnvironment) {
    this.words = words
    this.#environment = environment
    this.options = new LoadedOptions(environment, (use) => this.matches.push(use))
    this.table = environment.restoreTable ?? tableOf(words)
  }

  /** What `-p` said; null for any. */
  get protocol(): OptionEnvironment['protocol'] {
    return this.options.protocol
  }

  /** Matches and the target named so far, each once, and the match that the protocol would load. */
  get loaded(): readonly ExtensionSyntax[] {
    const matches = this.matches.flatMap((use) => (use instanceof ExtensionUse ? [use.syntax] : []))
    const implied = this.options.impliedSyntax
    const target = this.target?.kind === 'extension' ? [this.target.use.syntax] : []
    return [...new Set([...(implied === null ? [] : [implied]), ...matches, ...target])]
  }

  /** Whether the rest of the words does not matter. */
  get complete(): boolean {
    return this.info !== null || this.isForOtherFamily
  }

  /** Takes an option that a rule has once. The words of a target nobody knows are to be pushed to what it returns. */
  addCondition(seen: SeenOption): Word[] | null {
    const { problems, family } = this.#environment
    const { option, value, inverted, span } = seen
    if (option.name === 'fragments' && family === 'ipv6') problems.error(complain.noFragmentsInIpv6(), span)
    const name = option.name === 'goto' ? 'jump' : option.name
    // A second -p may be what the first, which is none, was meant to be.
    const isSecondTry = name === 'protocol' && this.#badProtocol && protocolNumber(value!.text) !== null
    if (this.seen.has(name) && !isSecondTry) {
      problems.error(complain.repeatedOption(shortForm(option)), span)
      return null
    }
    this.seen.set(name, seen)
    if (name === 'protocol') this.#chooseProtocol(value!, inverted)
    return name === 'jump' ? this.#chooseTarget(value!, option.name === 'goto') : null
  }

  addOther(option: BaseOption, word: Word, value: Word | null): void {
    const { span } = word
    const { problems, restoreTable, family } = this.#environment
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
        if (restoreTable !== null) problems.error(complain.bannedInRestore('-w', family), span)
        else this.#wait(option.name, word, value)
        return
      case 'ipv4':
      case 'ipv6':
        this.isForOtherFamily = option.name !== family
        return
      case 'numeric':
      case 'exact':
      case 'line-numbers':
        if (this.flags.has(option.name)) {
          const letter = option.name === 'line-numbers' ? '-0' : shortForm(option)
          problems.error(complain.repeatedOption(letter), span)
        }
        this.flags.add(option.name)
        this.seen.set(option.name, { option, word, value: null, second: null, inverted: false, span })
        return
    }
  }

  /** Nobody waits here for anybody; only what iptables says of it is said. */
  #wait(name: 'wait' | 'wait-interval', word: Word, value: Word | null): void {
    const { problems } = this.#environment
    // sscanf("%d") ignores the rest.
    const isNumber = value === null || /^\s*[-+]?\d/.test(value.text)
    if (name === 'wait') {
      this.waits = true
      if (!isNumber) problems.error(complain.badWait('seconds'), value.span)
      return
    }
    this.waitInterval = word
    if (value === null) problems.error(complain.noWaitInterval(), word.span)
    else if (!isNumber) problems.error(complain.badWait('interval'), value.span)
    else problems.warn(complain.waitIntervalIgnored(), word.span)
  }

  chooseTable({ text, span: textSpan }: Word, span: Span): void {
    const { problems, restoreTable, family } = this.#environment
    if (restoreTable !== null) problems.error(complain.bannedInRestore('-t', family), span)
    else if (!tables.some((table) => table === text))
      problems.error(complain.unknownTable(text, tables), textSpan)
  }

  #chooseProtocol(value: Word, inverted: boolean): void {
    const { problems } = this.#environment
    const number = protocolNumber(value.text)
    if (number === null) {
      this.#badProtocol = true
      problems.error(complain.unknownProtocol(value.text, this.#otherProtocol()), value.span)
      // Options of ports make sense with tcp, the likeliest; better than a second error for each of them.
      this.options.protocol = { number: 6, inverted }
    } else {
      if (number === 0 && inverted) problems.error(complain.protocolNever(), value.span)
      this.options.protocol = number === 0 ? null : { number, inverted }
    }
  }

  /** A protocol that the line names further on, where another `-p` stands. */
  #otherProtocol(): string | null {
    const named = this.words.flatMap(({ text }, at) =>
      text === '-p' ? (this.words[at + 1]?.text ?? []) : [],
    )
    return named.find((name) => protocolNumber(name) !== null) ?? null
  }

  /** `span` covers `-m` too. The words of a match nobody knows are to be pushed to what it returns. */
  loadMatch(name: Word, span: Span): Word[] | null {
    const { syntax, family, problems } = this.#environment
    const found = syntax.match(name.text, family)
    if (found !== null) {
      const use = new ExtensionUse(found, span, this.#environment)
      this.options.load(use)
      this.matches.push(use)
      return null
    }
    const elsewhere = syntax.match(name.text, otherFamily(family)) !== null
    if (!elsewhere && complain.isOtherMatch(name.text)) {
      problems.warnOnce(complain.unsupportedMatch(name.text), name.span)
    } else {
      const known = syntax.matches
        .filter(({ families }) => families.includes(family))
        .map((match) => match.name)
      const familyName = elsewhere ? (family === 'ipv4' ? 'IPv4' : 'IPv6') : null
      problems.error(complain.unknownMatch(name.text, known, familyName), name.span)
    }
    const unknown: Word[] = []
    this.matches.push({ name, words: unknown })
    return unknown
  }

  /** The protocol's match, where the registry lacks it and it has the option; its words go to what this returns. */
  loadUnknownImplied(option: string, { span }: Word): Word[] | null {
    const { syntax, family, problems } = this.#environment
    const implied = this.protocol === null ? undefined : otherImplied.get(this.protocol.number)
    if (implied === undefined || !implied.options.has(option) || syntax.match(implied.match, family))
      return null
    problems.warnOnce(complain.unsupportedMatch(implied.match), span)
    const words: Word[] = []
    this.matches.push({ name: { text: implied.match, span: { ...span, end: span.start } }, words })
    return words
  }

  #chooseTarget(name: Word, goto: boolean): Word[] | null {
    const { syntax, family, problems, chains } = this.#environment
    const { text, span } = name
    if (!/^[^\s]{1,28}$/.test(text)) {
      problems.error(complain.badTargetName(text), span)
      this.target = { kind: 'nowhere', name, goto }
      return null
    }
    const extension = goto ? null : syntax.target(text, family)
    if (verdicts.includes(text) && !goto) this.target = { kind: 'verdict', name, goto }
    else if (chains(this.table).has(text)) this.target = { kind: 'chain', name, goto }
    else if (extension !== null) {
      const use = new ExtensionUse(extension, span, this.#environment)
      this.options.load(use)
      this.target = { kind: 'extension', name, use }
    } else return this.#chooseUnknown(name, goto)
    return null
  }

  #chooseUnknown(name: Word, goto: boolean): Word[] {
    const { syntax, family, problems } = this.#environment
    const words: Word[] = []
    const elsewhere = syntax.target(name.text, otherFamily(family)) !== null
    if (goto || elsewhere || !complain.isOtherTarget(name.text)) {
      this.target = { kind: 'nowhere', name, goto }
    } else {
      problems.warnOnce(complain.unsupportedTarget(name.text), name.span)
      this.target = { kind: 'unknown', name, words }
    }
    return words
  }
}

/** The table that `-t` chooses: targets are looked up in it before the option itself is reached. */
function tableOf(words: readonly Word[]): TableName {
  let table: TableName = 'filter'
  for (const [at, { text }] of words.entries()) {
    const next = words[at + 1]?.text
    const name =
      /^--t[able]*=(.*)$/.exec(text)?.[1] ??
      (/^(-t|--t[able]*)$/.test(text) ? next : /^-t(\w+)$/.exec(text)?.[1])
    const found = tables.find((each) => each === name)
    if (found !== undefined) table = found
  }
  return table
}
