/**
 * iptables-save text into rules, line by line, as iptables-restore reads it.
 * Source: iptables/iptables-restore.c, 1.8.9.
 */
import type { Command, CommandEnvironment } from './command.ts'
import { chainNameBytes, parseCommand } from './command.ts'
import * as complain from './complaints.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import type { Counters, Rule, Ruleset, Table, TableName } from './rule.ts'
import { newTable, noCounters, tableHooks } from './rule.ts'
import { applyAction, newChain, setPolicy } from './ruleset.ts'
import type { SourceText, Span } from './source.ts'
import type { Syntax } from './syntax.ts'
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
  /** Keep what the tables hold, as `--noflush` does. Default false. */
  readonly noflush?: boolean
  /** Read in place of the source's text: repaired, of the same length. */
  readonly text?: string
  /** The part of the source to read; default all of it. */
  readonly start?: number
  readonly end?: number
}

/** Bytes of a line that iptables-restore reads in one piece. */
const restoreLineBytes = 10239

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
  /** Chains the text makes anywhere, by name; built on the first question. */
  #declared: Map<string, Span> | null = null

  constructor(source: SourceText, ruleset: Ruleset, options: RestoreOptions) {
    this.#source = source
    this.#text = options.text ?? source.text
    this.#ruleset = ruleset
    this.#options = options
    this.#problems = options.problems
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
      this.#readLine(at, lineEnd)
      at = lineEnd + 1
    }
    this.#refuseOutside()
    if (this.#table === null) return
    const last = this.#span(Math.max(start, end - 1), end)
    this.#problems.error(
      {
        code: 'file/missing-commit',
        message: `the ${this.#table.name} table has no COMMIT`,
        notes: ['without it iptables-restore throws the section away'],
        help: 'COMMIT in a line of its own',
      },
      last,
      { span: this.#sectionSpan!, message: 'the section begins here' },
    )
    this.#commit()
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end }
  }

  #readLine(from: number, end: number): void {
    // A byte order mark or a carriage return that was told of already.
    const start = this.#text[from] === filler ? from + 1 : from
    const first = this.#text[start]
    if (start === end || first === '#') return
    const span = this.#span(start, end)
    if (end - start > restoreLineBytes) {
      this.#problems.error(
        {
          code: 'file/long-line',
          message: `the line has ${end - start} characters; iptables-restore reads ${restoreLineBytes}`,
        },
        span,
      )
      return
    }
    if (first === '*') this.#beginSection(span)
    else if (this.#skipping) this.#skipping = !this.#isCommit(span)
    else if (this.#table === null) this.#standOutside(span)
    else if (this.#isCommit(span)) this.#commit()
    else if (first === ':') this.#readChain(span)
    else this.#readCommand(span)
  }

  #lineText({ start, end }: Span): string {
    return this.#text.slice(start, end)
  }

  #isCommit(span: Span): boolean {
    const line = this.#lineText(span)
    if (!/^\s*commit\s*\uffff?$/i.test(line)) return false
    const exact = line.replace(/\uffff$/, '')
    if (exact !== 'COMMIT') {
      this.#problems.error(
        {
          code: 'file/bad-commit',
          message: `"${exact}" is not taken for COMMIT`,
          notes: ['the line must hold the word and nothing else, not even blanks'],
          help: 'COMMIT',
          fix: 'COMMIT',
        },
        span,
      )
    } else if (span.end === this.#text.length) {
      this.#problems.error(
        {
          code: 'file/no-final-newline',
          message: 'the file ends right behind COMMIT',
          notes: ['iptables-restore of iptables-legacy knows COMMIT only with its line end'],
          help: 'end the file with a newline',
          fix: 'COMMIT\n',
        },
        span,
      )
    }
    return true
  }

  #beginSection(span: Span): void {
    this.#refuseOutside()
    if (this.#table !== null) {
      this.#problems.error(
        {
          code: 'file/missing-commit',
          message: `the ${this.#table.name} table has no COMMIT before the next one begins`,
          help: 'COMMIT in the line above',
        },
        span,
        { span: this.#sectionSpan!, message: 'the section begins here' },
      )
      this.#commit()
    }
    const [word] = this.#words({ ...span, start: span.start + 1 })
    const name = tables.find((table) => table === word?.text)
    this.#skipping = name === undefined
    if (name === undefined) {
      this.#problems.error(complain.unknownTable(word?.text ?? '', tables), word?.span ?? span)
      return
    }
    const earlier = this.#sections.get(name)
    if (earlier !== undefined && !this.#options.noflush) {
      this.#problems.warn(
        {
          code: 'file/table-twice',
          message: `this section replaces the ${name} table of the one above`,
          notes: ['iptables-restore empties a table when its section begins'],
        },
        span,
        { span: earlier, message: 'the table was filled here' },
      )
    }
    this.#sections.set(name, span)
    this.#sectionSpan = span
    this.#table = this.#startingTable(name)
  }

  /** What the section starts from: base chains with their policies, and with `noflush` everything else too. */
  #startingTable(name: TableName): Table {
    const before = this.#ruleset.tables.get(name)
    const table = newTable(name)
    for (const chain of before?.chains.values() ?? []) {
      if (this.#options.noflush) table.chains.set(chain.name, { ...chain, rules: [...chain.rules] })
      else if (chain.policy !== null) table.chains.set(chain.name, { ...chain, rules: [] })
    }
    return table
  }

  #commit(): void {
    const table = this.#table!
    const { syntax, profile } = this.#options
    verifyTable(table, { family: this.#ruleset.family, syntax, profile }, this.#problems)
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
    const line = this.#lineText(span).trim()
    const message =
      count === 1
        ? 'the line stands in no table'
        : `this line and ${count === 2 ? 'the next' : `the ${count - 1} behind it`} stand in no table`
    this.#problems.error({ code: 'file/outside-table', message, ...wayIn(line) }, span)
  }

  #words(span: Span): Word[] {
    const { words, openQuote } = splitRestoreLine(this.#source, span.start, span.end, this.#text)
    if (openQuote !== null) {
      this.#problems.error(
        {
          code: 'text/open-quote',
          message: 'the quote is never closed',
          notes: ['everything behind it, even the line end, becomes part of one word'],
          help: 'a double quote behind the word',
        },
        openQuote,
      )
    }
    const long = words.find(({ text }) => byteLength(text) > restoreWordBytes)
    if (long !== undefined) {
      const notes = [`iptables-restore takes up to ${restoreWordBytes} bytes`]
      this.#problems.error({ code: 'text/long-word', message: 'the word is too long', notes }, long.span)
    }
    if (words.length > restoreLineWords) {
      const notes = [`iptables-restore takes up to ${restoreLineWords}`]
      this.#problems.error(
        { code: 'text/many-words', message: `the line has ${words.length} words`, notes },
        span,
      )
    }
    return words
  }

  /** `:CHAIN POLICY [packets:bytes]`. */
  #readChain(span: Span): void {
    const [name, policy, counters] = this.#words({ ...span, start: span.start + 1 })
    if (name === undefined) {
      this.#problems.error({ code: 'chain/bad-name', message: 'a chain needs a name' }, span)
      return
    }
    const table = this.#table!
    if (byteLength(name.text) > chainNameBytes)
      this.#problems.error(complain.chainTooLong(name.text), name.span)
    const isBase = tableHooks[table.name].some((hook) => hook === name.text)
    if (!isBase) this.#makeChain(name)
    if (policy === undefined) {
      this.#problems.error(
        {
          code: 'chain/no-policy',
          message: `the policy of ${name.text} is missing`,
          help: `:${name.text} ${isBase ? 'ACCEPT' : '-'} [0:0]`,
          fix: `:${name.text} ${isBase ? 'ACCEPT' : '-'} [0:0]`,
        },
        span,
      )
      return
    }
    if (policy.text === '-') return
    const refusal = setPolicy(table, name.text, policy.text, this.#chainCounters(counters))
    if (refusal === null) {
      if (table.name === 'nat' && policy.text === 'DROP')
        this.#problems.warn(complain.natPolicy(), policy.span)
      return
    }
    const fix = isBase ? {} : { help: '-', fix: '-' }
    this.#problems.error({ ...refusal, ...fix }, policy.span)
  }

  #makeChain(name: Word): void {
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
    this.#problems.error(refusal, name.span, related)
  }

  #chainCounters(word: Word | undefined): Counters {
    if (word === undefined) return noCounters
    const counters = readCounters(word.text)
    if (counters !== null) return counters
    // Only `iptables-restore -c` looks at them.
    this.#problems.warn(complain.badCounters(word.text), word.span)
    return noCounters
  }

  #readCommand(span: Span): void {
    const line = this.#lineText(span)
    if (line.trim() === '') {
      this.#problems.error(
        {
          code: 'file/blank-line',
          message: 'the line holds blanks only',
          notes: ['iptables-restore takes it for a command and finds none'],
          help: 'leave the line empty',
          fix: '',
        },
        span,
      )
      return
    }
    const counted = this.#leadingCounters(span, line)
    if (counted === null) return
    const words = this.#withoutProgram(this.#words({ ...span, start: counted.behind }))
    if (words === null) return
    const command = parseCommand(words, this.#environment())
    if (command !== null) this.#apply(withCounters(command, counted.counters))
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
    if (counters === null) {
      this.#problems.warn(complain.badCounters(line.slice(0, close + 1)), { ...span, end: behind })
    }
    return { counters, behind }
  }

  /** Drops `iptables` and the like in front of the options, which belong into scripts; null for comments. */
  #withoutProgram(words: Word[]): Word[] | null {
    const [first] = words
    if (first?.text.startsWith('#')) {
      const notes = ['iptables-restore knows comments only from the first column on']
      this.#problems.error(
        { code: 'file/indented-comment', message: 'the comment does not begin the line', notes },
        first.span,
      )
      return null
    }
    const program = words.findIndex(({ text }) => /^(\S*\/)?ip6?tables(-legacy|-nft)?$/.test(text))
    if (program < 0 || program > 2 || words.slice(0, program).some(({ text }) => /^[-!:]/.test(text)))
      return words
    this.#problems.error(
      {
        code: 'file/program-name',
        message: 'iptables-restore wants the options alone, without the name of the program',
        help: 'leave it out',
        fix: '',
      },
      { ...words[0]!.span, end: words[program]!.span.end },
    )
    return words.slice(program + 1)
  }

  #environment(): CommandEnvironment {
    const { syntax, profile, problems } = this.#options
    const table = this.#table!
    return {
      family: this.#ruleset.family,
      syntax,
      profile,
      problems,
      restoreTable: table.name,
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
    const refusal = applyAction(this.#table!, command.action)
    if (refusal === null) return
    const chain = 'chain' in command.action ? command.action.chain : null
    this.#problems.error(refusal, refusal.fix === undefined ? command.span : (chain?.span ?? command.span))
  }
}

/** What the writer of lines in no table may have meant. */
function wayIn(line: string): {
  readonly notes?: readonly string[]
  readonly help?: string
  readonly fix?: string
} {
  if (/^commit$/i.test(line)) return { notes: ['every COMMIT ends a section that "*TABLE" began'] }
  if (line === '') return { help: 'leave the line empty', fix: '' }
  return {
    notes: ['rules stand between "*TABLE" and "COMMIT", or in a script of iptables commands'],
    ...(/^(-[A-Z]\b|:|\[)/.test(line) ? { help: 'begin the section with *filter' } : {}),
  }
}

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
