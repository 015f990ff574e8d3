/**
 * iptables-save text into rules, line by line, as iptables-restore reads it.
 * Source: iptables/iptables-restore.c, 1.8.9.
 */
import type { Command, CommandEnvironment } from './command.ts'
import { chainNameBytes, parseCommand } from './command.ts'
import type { Refusal } from './diagnostic.ts'
import { PlainLines } from './plain-lines.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import * as complain from './restore-complaints.ts'
import type { Chain, Counters, Rule, Ruleset, Table, TableName } from './rule.ts'
import { newTable, noCounters, tableHooks } from './rule.ts'
import { applyAction, newChain, setPolicy } from './ruleset.ts'
import { repairDashes } from './script-words.ts'
import type { SourceText, Span } from './source.ts'
import type { Survey } from './survey.ts'
import type { KnownSets, Syntax } from './syntax.ts'
import { verifyTable } from './verify.ts'
import {
  byteLength,
  filler,
  restoreLineWords,
  restoreWordBytes,
  splitRestoreLine,
  type Word,
} from './words.ts'

export interface RestoreOptions {
  readonly syntax: Syntax
  readonly profile: KernelProfile
  readonly problems: Problems
  /** The sets of ipset that there are; any name is taken when absent. */
  readonly sets?: KnownSets | undefined
  /** Keep what the tables hold, as `--noflush` does. Default false. */
  readonly noflush?: boolean
  /** Look at each table as the kernel would when it is committed. Default true. */
  readonly verify?: boolean
  /** Takes what was seen of the chains of each table. */
  readonly surveys?: Map<Chain, Survey>
  /** What the kernel refuses when the table is committed; reported at COMMIT, unlike what `verify` finds. */
  refuseCommit?(table: Table): Refusal | null
  /** A section has been reached whose table there is, and exists from now on, whatever becomes of it. */
  opened?(name: TableName): void
  /** In place of `applyAction`, by a program that answers. */
  apply?(command: Command, table: Table): Refusal | null
  /** Tells of what lines say that need not be looked at: a program that echoes. */
  readonly echo?: RestoreEcho
  /** Counters in the text count for nothing, as without `-c`. Default false. */
  readonly ignoresCounters?: boolean
  /** Stop at the first error and leave its table as it was, as the program does. Default false. */
  readonly stopAtError?: boolean
  /** Sections of other tables are skipped. */
  readonly onlyTable?: string
  /** Read in place of the source's text: repaired, of the same length. */
  readonly text?: string
  /** The part of the source to read; default all of it. */
  readonly start?: number
  readonly end?: number
}

/** What `iptables-restore -v` tells beside what the commands do. */
export interface RestoreEcho {
  comment(line: string): void
  /** The chains of a table are about to be emptied and removed. */
  emptied(table: Table): void
}

/** Bytes of a line that iptables-restore reads in one piece. */
const restoreLineBytes = 10239

const dash = 0x2d
const blank = 0x20

/** What word processors make of dashes. */
const dashes = '\u2010\u2011\u2012\u2013\u2014\u2015\u2212'

const tables = Object.keys(tableHooks) as TableName[]

/**
 * Reads the text into the ruleset. Rules with errors are reported and left out; the others go in, so that one run
 * shows everything.
 */
export function readRestore(source: SourceText, ruleset: Ruleset, options: RestoreOptions): void {
  new RestoreReader(source, ruleset, options).read()
}

class RestoreReader {
  readonly #source: SourceText
  readonly #text: string
  readonly #ruleset: Ruleset
  readonly #options: RestoreOptions
  readonly #problems: Problems
  /** The table of the section we are in; null between sections. */
  #table: Table | null = null
  #sectionSpan: Span | null = null
  /** In a section whose table does not exist: its lines say nothing that could be checked. */
  #skipping = false
  /** Lines one after the other that stand in no table: told of once, at the first. */
  #outside: { readonly span: Span; count: number } | null = null
  readonly #sections = new Map<TableName, Span>()
  readonly #plain: PlainLines
  /** Whether a typographic dash stands anywhere. */
  readonly #hasDashes: boolean
  readonly #isRepaired: boolean
  /** Chains the text makes anywhere, by name; built on the first question. */
  #declared: Map<string, Span> | null = null

  constructor(source: SourceText, ruleset: Ruleset, options: RestoreOptions) {
    this.#source = source
    this.#text = options.text ?? source.text
    this.#ruleset = ruleset
    this.#options = options
    this.#problems = options.problems
    this.#hasDashes = [...dashes].some((each) => this.#text.includes(each))
    this.#isRepaired = this.#text.includes(filler)
    this.#plain = new PlainLines(source, this.#text, ruleset.family, () => this.#environment())
  }

  read(): void {
    const { start = 0, end = this.#text.length } = this.#options
    let at = start
    while (at < end) {
      const newline = this.#text.indexOf('\n', at)
      const lineEnd = newline < 0 || end < newline ? end : newline
      if (this.#problems.exhausted) {
        this.#problems.giveUp(this.#span(at, lineEnd))
        return
      }
      if (!this.#readPlain(at, lineEnd)) {
        this.#readLine(at, lineEnd)
        if (this.#failed) return
      }
      at = lineEnd + 1
    }
    this.#refuseOutside()
    if (this.#table === null) return
    const last = this.#span(Math.max(start, end - 1), end)
    this.#problems.error(complain.missingCommit(this.#table.name), last, {
      span: this.#sectionSpan!,
      message: 'the section begins here',
    })
    this.#commit(null)
  }

  get #failed(): boolean {
    return this.#options.stopAtError === true && this.#problems.counts.error > 0
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end }
  }

  /** Nearly every line of a long file is a plain one. */
  #readPlain(start: number, end: number): boolean {
    if (this.#table === null || this.#text.charCodeAt(start) !== dash || restoreLineBytes < end - start)
      return false
    return !this.#hasDashes && !this.#isRepaired && this.#plain.append(this.#table, start, end, null)
  }

  #readLine(from: number, end: number): void {
    // A byte order mark or a carriage return that was told of already.
    const start = this.#text[from] === filler ? from + 1 : from
    const first = this.#text[start]
    if (first === '#') this.#options.echo?.comment(this.#text.slice(start, end))
    if (start === end || first === '#') return
    const span = this.#span(start, end)
    if (end - start > restoreLineBytes) {
      this.#problems.error(complain.longLine(end - start, restoreLineBytes), span)
      return
    }
    if (first === '*') this.#beginSection(span)
    else if (this.#skipping) this.#skipping = !this.#isCommit(span)
    else if (this.#table === null) this.#standOutside(span)
    else if (this.#isCommit(span)) this.#commit(span)
    else if (first === ':') this.#readChain(span)
    else this.#readCommand(span)
  }

  #lineText({ start, end }: Span): string {
    return this.#text.slice(start, end)
  }

  #isCommit(span: Span): boolean {
    // Nearly every line is a command, which begins with a dash.
    if (this.#text.charCodeAt(span.start) === dash) return false
    const line = this.#lineText(span)
    if (!/^\s*commit\s*\uffff?$/i.test(line)) return false
    const exact = line.replace(/\uffff$/, '')
    if (exact !== 'COMMIT') {
      this.#problems.error(complain.badCommit(exact), span)
    } else if (span.end === this.#text.length) {
      this.#problems.error(complain.noFinalNewline(), span)
    }
    return true
  }

  #beginSection(span: Span): void {
    this.#refuseOutside()
    if (this.#table !== null) {
      this.#problems.error(complain.missingCommitBefore(this.#table.name), span, {
        span: this.#sectionSpan!,
        message: 'the section begins here',
      })
      this.#commit(null)
    }
    const [word] = this.#words({ ...span, start: span.start + 1 })
    const name = tables.find((table) => table === word?.text)
    const { onlyTable } = this.#options
    const isWanted = onlyTable === undefined || onlyTable === word?.text
    this.#skipping = name === undefined || !isWanted
    this.#plain.forget()
    if (!isWanted) return
    if (name === undefined) {
      this.#problems.error(complain.unknownTable(word?.text ?? '', tables), word?.span ?? span)
      return
    }
    const earlier = this.#sections.get(name)
    if (earlier !== undefined && !this.#options.noflush) {
      this.#problems.warn(complain.tableTwice(name), span, {
        span: earlier,
        message: 'the table was filled here',
      })
    }
    this.#sections.set(name, span)
    this.#sectionSpan = span
    this.#options.opened?.(name)
    this.#table = this.#startingTable(name)
  }

  /** What the section starts from: base chains with their policies, and with `noflush` everything else too. */
  #startingTable(name: TableName): Table {
    const before = this.#ruleset.tables.get(name)
    if (!this.#options.noflush) this.#options.echo?.emptied(before ?? newTable(name))
    const table = newTable(name)
    for (const chain of before?.chains.values() ?? []) {
      if (this.#options.noflush) table.chains.set(chain.name, { ...chain, rules: [...chain.rules] })
      else if (chain.policy !== null) table.chains.set(chain.name, { ...chain, rules: [] })
    }
    return table
  }

  /** `span` is the line with COMMIT; null where it is missing. */
  #commit(span: Span | null): void {
    const table = this.#table!
    const { syntax, profile, verify = true, refuseCommit, surveys } = this.#options
    const refusal = refuseCommit?.(table) ?? null
    if (refusal !== null) this.#problems.error(refusal, span)
    if (verify) verifyTable(table, { family: this.#ruleset.family, syntax, profile, surveys }, this.#problems)
    if (this.#failed) return
    this.#ruleset.tables.set(table.name, table)
    this.#table = null
  }

  #standOutside(span: Span): void {
    if (this.#outside === null) this.#outside = { span, count: 1 }
    else this.#outside.count++
  }

  #refuseOutside(): void {
    if (this.#outside === null) return
    const { span, count } = this.#outside
    this.#outside = null
    // What does not stand in the one table that is wanted is passed over.
    const { onlyTable } = this.#options
    if (onlyTable !== undefined && ![...this.#sections.keys()].some((name) => name === onlyTable)) return
    const line = this.#lineText(span).trim()
    this.#problems.error(complain.outsideTable(line, count), span)
  }

  #words(span: Span): Word[] {
    const { words, openQuote } = splitRestoreLine(this.#source, span.start, span.end, this.#text)
    if (openQuote !== null) {
      this.#problems.error(complain.openQuote(), openQuote)
    }
    const long = words.find(({ text }) => byteLength(text) > restoreWordBytes)
    if (long !== undefined) {
      this.#problems.error(complain.longWord(restoreWordBytes), long.span)
    }
    if (words.length > restoreLineWords) {
      this.#problems.error(complain.manyWords(words.length, restoreLineWords), span)
    }
    return words
  }

  /** `:CHAIN POLICY [packets:bytes]`. */
  #readChain(span: Span): void {
    const [name, policy, counters] = this.#words({ ...span, start: span.start + 1 })
    if (name === undefined) {
      this.#problems.error(complain.chainNameClash(''), span)
      return
    }
    const table = this.#table!
    if (byteLength(name.text) > chainNameBytes)
      this.#problems.error(complain.declaredChainTooLong(name.text), name.span)
    const isBase = tableHooks[table.name].some((hook) => hook === name.text)
    if (!isBase) this.#makeChain(name)
    if (policy === undefined) {
      this.#problems.error(complain.noPolicy(name.text, isBase, this.#source.locate(span.start).line), span)
      return
    }
    if (policy.text === '-') return
    const refusal = setPolicy(table, name.text, policy.text, this.#chainCounters(counters), policy.span)
    if (refusal === null) {
      if (table.name === 'nat' && policy.text === 'DROP')
        this.#problems.warn(complain.natPolicy(), policy.span)
      return
    }
    const fix = isBase ? {} : { help: '-', fix: '-' }
    const { line } = this.#source.locate(span.start)
    const said = complain.saidOfPolicy(policy.text, name.text, line, refusal.code)
    this.#problems.error({ ...refusal, ...fix, said }, policy.span)
  }

  #makeChain(name: Word): void {
    this.#plain.forget()
    const table = this.#table!
    const existing = table.chains.get(name.text)
    if (existing !== undefined && this.#options.noflush) {
      existing.rules = []
      return
    }
    const refusal = newChain(table, name.text, name.span)
    if (refusal === null) return
    const declared = existing?.span
    const related = declared ? { span: declared, message: 'the chain is made here' } : undefined
    this.#problems.error({ ...refusal, said: complain.saidOfChain(name.text) }, name.span, related)
  }

  #chainCounters(word: Word | undefined): Counters {
    if (word === undefined || this.#options.ignoresCounters) return noCounters
    const counters = readCounters(word.text)
    if (counters !== null) return counters
    // Only `iptables-restore -c` looks at them.
    this.#problems.warn(complain.badCounters(word.text), word.span)
    return noCounters
  }

  #readCommand(span: Span): void {
    const isBare = this.#text.charCodeAt(span.start) === dash
    const line = isBare ? '-' : this.#lineText(span)
    if (line.trim() === '') {
      this.#problems.error(complain.blankLine(), span)
      return
    }
    const counted = this.#leadingCounters(span, line)
    if (counted === null) return
    const start = this.#behindBlanks(counted.behind)
    const mayBePlain = !this.#hasDashes && !this.#isRepaired && this.#options.echo === undefined
    if (mayBePlain && this.#plain.append(this.#table!, start, span.end, counted.counters)) return
    const heard = this.#problems.heard
    const read = this.#words({ ...span, start: counted.behind })
    const words = this.#withoutProgram(this.#hasDashes ? this.#repairDashes(read) : read)
    if (words === null) return
    const command = parseCommand(words, this.#environment())
    if (command === null) return
    this.#apply(withCounters(command, counted.counters))
    const { action } = command
    if (action.kind !== 'append') this.#plain.forget()
    else if (
      mayBePlain &&
      command.flags.verbose === 0 &&
      action.rules.length === 1 &&
      this.#problems.heard === heard
    )
      this.#plain.learn(this.#table!, start, span.end, action.rules[0]!)
  }

  #behindBlanks(from: number): number {
    let at = from
    while (this.#text.charCodeAt(at) === blank) at++
    return at
  }

  #repairDashes(words: readonly Word[]): Word[] {
    const written = words.map((word) => ({
      ...word,
      quoted: this.#text[word.span.start] === '"',
    }))
    return repairDashes(written, this.#problems)
  }

  /** `[packets:bytes]` in front of the command. */
  #leadingCounters(span: Span, line: string): { counters: Counters | null; behind: number } | null {
    if (!line.startsWith('[')) return { counters: null, behind: span.start }
    const close = line.indexOf(']')
    const counters = close < 0 ? null : readCounters(line.slice(0, close + 1))
    if (close < 0 || !line.slice(0, close).includes(':')) {
      const end = close < 0 ? span.end : span.start + close + 1
      const help = '[packets:bytes] in front of -A'
      this.#problems.error({ ...complain.badCounters(line.slice(0, 24)), help }, { ...span, end })
      return null
    }
    const behind = span.start + close + 1
    if (this.#options.ignoresCounters) return { counters: null, behind }
    if (counters === null) {
      this.#problems.warn(complain.badCounters(line.slice(0, close + 1)), { ...span, end: behind })
    }
    return { counters, behind }
  }

  /** Drops `iptables` and the like in front of the options, which belong into scripts; null for comments. */
  #withoutProgram(words: Word[]): Word[] | null {
    const [first] = words
    if (first?.text.startsWith('#')) {
      this.#problems.error(complain.indentedComment(), first.span)
      return null
    }
    if (first?.text.startsWith('-')) return words
    const program = words.findIndex(({ text }) => /^(\S*\/)?ip6?tables(-legacy|-nft)?$/.test(text))
    if (program < 0 || program > 2 || words.slice(0, program).some(({ text }) => /^[-!:]/.test(text)))
      return words
    this.#problems.error(complain.programName(), { ...words[0]!.span, end: words[program]!.span.end })
    return words.slice(program + 1)
  }

  #environment(): CommandEnvironment {
    const { syntax, profile, problems, sets, stopAtError = false } = this.#options
    const table = this.#table!
    return {
      family: this.#ruleset.family,
      syntax,
      profile,
      problems,
      sets,
      restoreTable: table.name,
      isProgram: stopAtError,
      chains: () => table.chains,
      chainMadeLater: (_table, name) => this.#declaration(name),
    }
  }

  #declaration(name: string): Span | null {
    if (this.#declared === null) {
      this.#declared = new Map()
      for (const found of this.#text.matchAll(/^(?::|-N\s+|--new-chain\s+)(\S{1,28})(?=\s|$)/gm)) {
        const start = found.index + found[0].length - found[1]!.length
        if (!this.#declared.has(found[1]!)) {
          this.#declared.set(found[1]!, this.#span(start, start + found[1]!.length))
        }
      }
    }
    const span = this.#declared.get(name) ?? null
    return span !== null && this.#sectionSpan!.start <= span.start ? span : null
  }

  #apply(command: Command): void {
    const table = this.#table!
    const { apply = defaultApply } = this.#options
    const refusal = apply(command, table)
    if (refusal === null) return
    const chain = 'chain' in command.action ? command.action.chain : null
    this.#problems.error(refusal, refusal.fix === undefined ? command.span : (chain?.span ?? command.span))
  }
}

const defaultApply = ({ action }: Command, table: Table): Refusal | null => applyAction(table, action)

/** `[packets:bytes]`, or null. */
function readCounters(text: string): Counters | null {
  const [, packets, bytes] = /^\[\s*(\d{1,20}):\s*(\d{1,20})\]$/.exec(text) ?? []
  return packets === undefined ? null : { packets: BigInt(packets), bytes: BigInt(bytes!) }
}

function withCounters(command: Command, counters: Counters | null): Command {
  const { action } = command
  if (counters === null) return command
  const count = (rule: Rule): Rule => ({ ...rule, counters })
  if ('rules' in action) return { ...command, action: { ...action, rules: action.rules.map(count) } }
  return 'rule' in action ? { ...command, action: { ...action, rule: count(action.rule) } } : command
}
