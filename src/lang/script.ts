/**
 * Plain scripts of iptables commands into rules.
 *
 * Comments, continuation lines, quotes, literal variables, `;`, `&&` and `||` are understood. Whatever takes a running
 * shell (loops, conditions, functions, substitutions) is reported as such, with its place, and not guessed at.
 */
import type { CommandEnvironment } from './command.ts'
import { parseCommand } from './command.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import { readRestore } from './restore.ts'
import type { Family, Ruleset } from './rule.ts'
import { newRuleset } from './rule.ts'
import { applyAction, copyRuleset, useTable } from './ruleset.ts'
import { ScriptAsides } from './script-asides.ts'
import * as complain from './script-complaints.ts'
import {
  changesRules,
  isAssignment,
  isPromptWord,
  leadingAssignments,
  type Program,
  programOf,
  repairDashes,
} from './script-words.ts'
import { ShellLexer, type ShellToken, type ShellWord, type Variable } from './shell-words.ts'
import type { SourceText, Span } from './source.ts'
import type { Syntax } from './syntax.ts'
import { verifyTable } from './verify.ts'
import { spanOfWords } from './words.ts'

export interface ScriptOptions {
  readonly syntax: Syntax
  readonly profile: KernelProfile
  readonly problems: Problems
  /** Read in place of the source's text: repaired, of the same length. */
  readonly text?: string
  /** What is in force when the script begins; it is left as it is. Default: nothing. */
  readonly base?: ReadonlyMap<Family, Ruleset>
}

/** One simple command: its words, and what feeds it. */
interface Simple {
  readonly words: ShellWord[]
  /** Text of a here-document; null when there is none. */
  input: Span | null
  /** Where other redirections of its input stand. */
  otherInput: Span | null
  /** Where the output goes. */
  output: ShellWord | null
}

/** A compound command whose body nobody runs here. */
interface Block {
  readonly closer: string
  readonly opener: ShellWord | { readonly span: Span; readonly text: string }
}

const openers: Readonly<Record<string, string>> = {
  if: 'fi',
  for: 'done',
  while: 'done',
  until: 'done',
  select: 'done',
  case: 'esac',
  '{': '}',
}
const connectives = ['then', 'else', 'elif', 'do', '!', 'time']

/** Blocks within blocks that any script could have. */
const deepestBlock = 1000

/** Reads the script into one ruleset for each family it names. */
export function readScript(source: SourceText, options: ScriptOptions): Map<Family, Ruleset> {
  return new ScriptReader(source, options).read()
}

class ScriptReader {
  readonly #source: SourceText
  readonly #options: ScriptOptions
  readonly #problems: Problems
  readonly #lexer: ShellLexer
  readonly #rulesets = new Map<Family, Ruleset>()
  readonly #variables = new Map<string, Variable>()
  readonly #blocks: Block[] = []
  /** The outermost block holds a command that makes rules. */
  #blockMatters = false
  #simple: Simple = newSimple()
  /** Whether the command before succeeded; null when only a shell could tell. */
  #succeeded: boolean | null = true
  /** What connects the coming command with the one before. */
  #connection: '&&' | '||' | '|' | null = null
  /** A word with `()` behind it: a function is being defined. */
  #function: ShellWord | null = null
  readonly #asides: ScriptAsides

  constructor(source: SourceText, options: ScriptOptions) {
    this.#source = source
    this.#options = options
    this.#problems = options.problems
    this.#asides = new ScriptAsides(options.problems)
    this.#lexer = new ShellLexer(source, (name) => this.#variables.get(name) ?? null, options.text)
  }

  read(): Map<Family, Ruleset> {
    for (let token = this.#lexer.next(); token !== null; token = this.#lexer.next()) {
      if (this.#problems.exhausted || this.#blocks.length > deepestBlock) {
        this.#problems.giveUp(token.span)
        return this.#rulesets
      }
      this.#take(token)
    }
    this.#endSimple()
    const [outermost] = this.#blocks
    if (outermost !== undefined && this.#blockMatters) this.#refuseBlock(outermost)
    for (const ruleset of this.#rulesets.values()) {
      const { syntax, profile } = this.#options
      const context = { family: ruleset.family, syntax, profile }
      for (const table of ruleset.tables.values()) verifyTable(table, context, this.#problems)
    }
    this.#asides.report()
    return this.#rulesets
  }

  #take(token: ShellToken): void {
    switch (token.kind) {
      case 'comment':
        this.#asides.readComment(token.span)
        return
      case 'newline':
        this.#endSimple()
        return
      case 'open-quote':
        this.#problems.error(complain.openQuote(), token.span)
        this.#simple = newSimple()
        this.#connection = null
        return
      case 'operator':
        this.#readOperator(token.text, token.span)
        return
      case 'words':
        this.#readWords(token.words)
    }
  }

  #readWords(words: readonly ShellWord[]): void {
    const [word] = words
    if (word === undefined) return
    if (this.#simple.words.length === 0 && this.#readKeyword(word)) return
    // An assignment is one word, whatever blanks its value has.
    if (words.length > 1 && isAssignment(word) && this.#simple.words.every(isAssignment)) {
      this.#simple.words.push({ ...word, text: words.map(({ text }) => text).join(' ') })
      return
    }
    for (const each of words) this.#simple.words.push(each)
  }

  /** Reserved words where a command begins; true when the word was one. */
  #readKeyword(word: ShellWord): boolean {
    if (word.quoted) return false
    const { text } = word
    if (text === 'function') return true
    if (this.#blocks.at(-1)?.closer === text) {
      this.#leaveBlock()
      return true
    }
    const closer = Object.hasOwn(openers, text) ? openers[text] : undefined
    if (closer !== undefined) {
      this.#blocks.push({ closer, opener: this.#function ?? word })
      this.#function = null
      return true
    }
    return connectives.includes(text)
  }

  #leaveBlock(): void {
    const block = this.#blocks.pop()!
    if (this.#blocks.length > 0) return
    if (this.#blockMatters) this.#refuseBlock(block)
    this.#blockMatters = false
    this.#succeeded = null
  }

  #refuseBlock({ opener }: Block): void {
    this.#problems.error(complain.needsShellForBlock(opener.text), opener.span)
  }

  #readOperator(text: string, span: Span): void {
    if (/[<>]/.test(text)) {
      this.#readRedirection(text, span)
      return
    }
    if (text === '(') {
      const name = this.#simple.words.length === 1 ? this.#simple.words[0]! : null
      this.#simple = newSimple()
      if (name === null) this.#blocks.push({ closer: ')', opener: { text: '(', span } })
      else this.#function = name
      return
    }
    if (text === ')') {
      // In `case` it ends a pattern; behind a name it belongs to a function.
      const inBlock = this.#blocks.at(-1)?.closer === ')'
      if (inBlock) this.#endSimple()
      else this.#simple = newSimple()
      if (inBlock) this.#leaveBlock()
      return
    }
    this.#endSimple()
    this.#connection = text === '&&' || text === '||' || text === '|' ? text : null
  }

  #readRedirection(text: string, span: Span): void {
    const target = this.#lexer.next()
    if (target?.kind !== 'words') {
      if (target !== null) this.#take(target)
      return
    }
    const word = target.words[0] ?? null
    if (text.endsWith('<<') || text.endsWith('<<-')) this.#readHereDocument(text, word, span)
    else if (text.includes('<')) this.#simple.otherInput ??= span
    else if (/^[1&]?>>?$/.test(text)) this.#simple.output = word
  }

  #readHereDocument(operator: string, delimiter: ShellWord | null, span: Span): void {
    // The document begins behind the line; whatever else stands in the line is read first.
    const rest: ShellToken[] = []
    for (
      let token = this.#lexer.next();
      token !== null && token.kind !== 'newline';
      token = this.#lexer.next()
    ) {
      rest.push(token)
    }
    const document = this.#lexer.skipHereDocument(delimiter?.text ?? '', operator.endsWith('-'))
    const expands =
      delimiter?.quoted === false && /[$`\\]/.test(this.#source.text.slice(document.start, document.end))
    if (expands) this.#simple.otherInput ??= span
    else this.#simple.input = document
    for (const token of rest) this.#take(token)
    this.#endSimple()
  }

  #endSimple(): void {
    const simple = this.#simple
    const connection = this.#connection
    this.#simple = newSimple()
    this.#connection = null
    if (simple.words.length === 0) return
    if (this.#blocks.length > 0 || this.#function !== null) {
      this.#skipInBlock(simple)
      return
    }
    const runs = connection === '||' ? negate(this.#succeeded) : connection === '&&' ? this.#succeeded : true
    if (runs === false) return
    this.#run(simple, runs === null ? connection : null)
  }

  /** A command in a block is not run; what it may have changed is not known any more. */
  #skipInBlock({ words }: Simple): void {
    for (const word of words) {
      const name = isAssignment(word) ? word.text.slice(0, word.text.indexOf('=')) : null
      if (name !== null) this.#variables.set(name, { unknown: 'set where only a shell gets' })
    }
    const program = programOf(words.slice(leadingAssignments(words)))
    const matters = program !== null && (program.kind === 'restore' || changesRules(program.rest))
    if (matters || words.some(({ needsShell, text }) => needsShell !== null && /ip6?t/i.test(text))) {
      this.#blockMatters = true
    }
  }

  /** `uncertain`: the connection because of which nobody knows whether the command runs. */
  #run(simple: Simple, uncertain: string | null): void {
    const { words } = simple
    const assignments = leadingAssignments(words)
    for (const word of words.slice(0, assignments)) this.#assign(word)
    const command = words.slice(assignments)
    const [first] = command
    if (first === undefined) return
    if (['export', 'readonly', 'declare', 'local', 'typeset'].includes(first.text)) {
      for (const word of command.slice(1)) if (isAssignment(word)) this.#assign(word)
      return
    }
    if (first.text === 'unset') for (const { text } of command.slice(1)) this.#variables.delete(text)
    this.#asides.checkWrite(command, simple.output)
    const program = programOf(command) ?? this.#behindPrompt(command)
    if (program === null) {
      this.#skipOther(command)
      return
    }
    this.#asides.countCommand()
    if (uncertain !== null && program.kind !== 'save') {
      this.#problems.error(complain.needsShellForCondition(uncertain), spanOfWords(command))
      return
    }
    this.#runProgram(program, simple)
  }

  #assign({ text, span, needsShell }: ShellWord): void {
    const equals = text.indexOf('=')
    const { line } = span.source.locate(span.start)
    this.#variables.set(
      text.slice(0, equals),
      needsShell === null
        ? { text: text.slice(equals + 1) }
        : { unknown: `line ${line} sets it to ${needsShell.what}` },
    )
  }

  #runProgram(program: Program, simple: Simple): void {
    const { family, rest, kind } = program
    if (kind === 'save') {
      this.#succeeded = true
      return
    }
    const ruleset =
      this.#rulesets.get(family) ?? copyRuleset(this.#options.base?.get(family)) ?? newRuleset(family)
    this.#rulesets.set(family, ruleset)
    if (kind === 'restore') {
      this.#restore(ruleset, program, simple)
      return
    }
    const open = rest.filter(({ needsShell }) => needsShell !== null)
    for (const { needsShell } of open) {
      this.#problems.error(complain.needsShellForWord(needsShell!.what), needsShell!.span)
    }
    this.#succeeded = open.length > 0 ? null : this.#runIptables(ruleset, rest, program)
  }

  #restore(ruleset: Ruleset, { rest, word }: Program, { input, otherInput }: Simple): void {
    if (input === null) {
      this.#problems.error(complain.restoreFromElsewhere(), otherInput ?? word.span)
      this.#succeeded = null
      return
    }
    const { text, ...options } = this.#options
    const errors = this.#problems.counts.error
    readRestore(this.#source, ruleset, {
      ...options,
      ...(text === undefined ? {} : { text }),
      start: input.start,
      end: input.end,
      verify: false,
      noflush: rest.some((each) => each.text === '-n' || each.text === '--noflush'),
    })
    this.#succeeded = errors === this.#problems.counts.error
  }

  /** Whether the command succeeded; null when it had an error of its own and nobody knows. */
  #runIptables(ruleset: Ruleset, rest: readonly ShellWord[], { word }: Program): boolean | null {
    const { syntax, profile } = this.#options
    const environment: CommandEnvironment = {
      family: ruleset.family,
      syntax,
      profile,
      problems: this.#problems,
      restoreTable: null,
      chains: (table) => useTable(ruleset, table).chains,
    }
    const errors = this.#problems.counts.error
    const command = parseCommand(repairDashes(rest, this.#problems), environment, word.span)
    if (command === null) return errors < this.#problems.counts.error ? null : true
    const refusal = applyAction(useTable(ruleset, command.table), command.action)
    if (refusal === null) return true
    const { kind } = command.action
    // A question answered with no, which the script asked.
    if (kind === 'check') return false
    const chain = 'chain' in command.action ? command.action.chain : null
    const span = refusal.fix === undefined ? (command.span ?? word.span) : (chain?.span ?? command.span)
    // A script meets whatever rules there are; deleting what a fresh machine lacks is common and harmless.
    const harmless = [
      'delete',
      'delete-number',
      'delete-chain',
      'flush',
      'zero',
      'list',
      'list-rules',
    ].includes(kind)
    if (harmless)
      this.#problems.warn({ ...refusal, notes: [...(refusal.notes ?? []), complain.freshNote] }, span)
    else this.#problems.error(refusal, span)
    return false
  }

  #skipOther(command: readonly ShellWord[]): void {
    const [first] = command
    const { needsShell, span, text } = first!
    // Of a test nobody knows the outcome; other commands are taken to work.
    this.#succeeded = ['[', '[[', 'test', 'grep', 'which'].includes(text) ? null : text !== 'false'
    // An unknown variable with an iptables command line behind it.
    if (needsShell !== null && changesRules(command.slice(1))) {
      this.#problems.error(complain.needsShellForWord(needsShell.what), needsShell.span)
      return
    }
    if (['set', 'shift', 'exit', ':', 'true', 'false', '[', 'test', 'unset', 'return'].includes(text)) return
    this.#asides.skip(text, span)
  }

  /** `$ iptables`, `root@gate:~# iptables`, `3. iptables`: what stands in front is left over from a page. */
  #behindPrompt(command: readonly ShellWord[]): Program | null {
    for (let at = 1; at <= 3 && at < command.length; at++) {
      if (!command.slice(0, at).every(isPromptWord)) return null
      const program = programOf(command.slice(at))
      if (program === null) continue
      const shown = command.slice(0, at)
      this.#problems.error(complain.prompt(shown.map(({ text }) => text).join(' ')), spanOfWords(shown))
      return program
    }
    return null
  }
}

const newSimple = (): Simple => ({ words: [], input: null, otherInput: null, output: null })

const negate = (value: boolean | null): boolean | null => (value === null ? null : !value)
