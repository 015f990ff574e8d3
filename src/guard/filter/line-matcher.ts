/**
 * What the expressions of a filter make of one line: the prefix expression, those that fail, those that ignore, and what
 * lines of the same connection said before.
 *
 * The order of things is fail2ban's (1.0.2): ignored lines, prefix, expressions in order until one matches. What differs
 * is said at `FilterOptions.ids`.
 */
import type { Failure } from '../failure.ts'
import type { FilterDefinition } from '../filter-definition.ts'
import { isAscii, type PythonMatch, type SearchBudget } from '../regex/python-regex.ts'
import { Connections, type Facts } from './connection.ts'
import { type Connection, ConnectionMemory } from './connection-memory.ts'
import { Contradictions } from './contradiction.ts'
import { bufferText, type CutLine, type Expression, skippedLines, splitLines } from './expression.ts'
import { type GroupNames, slot } from './groups.ts'
import { type Subject, subjectOf } from './id.ts'
import { lineBudget, longestBuffer } from './limits.ts'
import type { FilterMatch } from './types.ts'

/** What matched in a line, before it is known whether it is a failure. */
export interface Hit {
  readonly expression: number
  readonly subject: Subject | null
  readonly harmless: boolean
  readonly facts: Facts
  readonly refused: FilterMatch['refused'] | undefined
  /** The match itself, where groups have to be shown. */
  readonly match: PythonMatch
}

/** What a line came to, as the work goes on. */
export interface Work {
  readonly hits: Hit[]
  ignoredBy: number | null
  prefixMatched: boolean | null
  /** What the expressions saw. */
  text: string
}

/** A line as expressions see it. */
export interface SeenLine {
  /** As it stood in the log. */
  readonly whole: string
  /** Without its date, and the same with a newline. */
  readonly text: string
  readonly withNewline: string
  readonly isAscii: boolean
}

export interface MatcherParts {
  readonly definition: FilterDefinition
  readonly names: GroupNames
  readonly prefix: Expression | null
  /** By index in the definition; null where one cannot be read. */
  readonly failing: readonly (Expression | null)[]
  readonly ignoring: readonly (Expression | null)[]
  /** What all expressions may take for one line. */
  readonly budget: SearchBudget
  /** Try all expressions rather than stop at the first that matches. */
  readonly every: boolean
  /** Ids must be real addresses that the lines of a connection agree about. */
  readonly strict: boolean
}

const none: readonly never[] = []

export class LineMatcher {
  readonly #parts: MatcherParts
  readonly #isSimple: boolean
  readonly #ignoreFirst: boolean
  readonly #connections: Connections
  readonly #memory = new ConnectionMemory()
  readonly #contradictions = new Contradictions(this.#memory)
  /** Whether what the prefix expression gives as content is the end of its match. */
  readonly #contentIsLast: boolean
  /** Lines that a longer expression may still need. */
  #lines: readonly CutLine[] = none

  constructor(parts: MatcherParts) {
    const { definition, failing, ignoring, strict } = parts
    this.#parts = parts
    this.#isSimple = definition.maxlines <= 1
    this.#ignoreFirst = ignoring.length > 0 && ignoring.length < failing.length - 2
    this.#connections = new Connections(this.#memory, strict)
    this.#contentIsLast = parts.prefix?.endsWith('content') ?? false
  }

  /** `candidates` says of each expression whether it could match at all; null where that is not known. */
  match(seen: SeenLine, candidates: Uint8Array | null, nowMs: number): Work {
    const work: Work = { hits: [], ignoredBy: null, prefixMatched: null, text: seen.text }
    const { budget, definition, failing, prefix } = this.#parts
    const isSimple = this.#isSimple
    budget.steps = lineBudget
    const original = isSimple ? null : newestLines([...this.#lines, cutLine(seen)], definition.maxlines)
    this.#lines = original ?? none
    let buffer = original === null ? seen.withNewline : bufferText(original)
    if (this.#ignoreFirst && this.#isIgnored(buffer, work)) return work
    // earlier lines may be part of the text
    const ascii = seen.isAscii && isSimple ? true : isAscii(buffer)
    let prefixMatch: PythonMatch | null = null
    if (prefix !== null) {
      prefixMatch = prefix.regex.search(buffer, 0, ascii)
      work.prefixMatched = prefixMatch !== null
      if (prefixMatch === null) return work
      const content = prefix.group(prefixMatch, 'content')
      if (content) {
        work.text = content
        buffer = this.#withNewline(content, prefixMatch, buffer)
        if (!isSimple) this.#lines = [{ text: content, whole: seen.whole }]
      }
    }
    for (let index = 0; index < failing.length; index++) {
      if (candidates !== null && candidates[index] === 0) continue
      const expression = failing[index]!
      if (expression === null) continue
      const match = ascii ? expression.regex.search(buffer, 0, true) : expression.regex.search(buffer)
      if (match === null) continue
      if (this.#take({ index, match, prefixMatch, buffer, seen, original }, work, nowMs) === 'stop') break
      if (!isSimple) buffer = bufferText(this.#lines)
    }
    return work
  }

  /** The failures among what was found. */
  failures({ hits }: Work, timeMs: number): Failure[] {
    const failures: Failure[] = []
    for (const hit of hits) {
      if (hit.harmless || hit.subject === null || hit.refused !== undefined) continue
      failures.push(this.failureOf(hit, timeMs))
    }
    return failures
  }

  failureOf({ subject, facts }: Hit, timeMs: number): Failure {
    const told = Number(facts.groups[slot.attempts] ?? 1)
    const failure: Failure = {
      id: subject?.id ?? '',
      timeMs,
      attempts: Number.isInteger(told) && told >= 1 ? Math.min(told, mostAttempts) : 1,
      matches: facts.matches,
      groups: this.#parts.names.told(facts.groups),
    }
    if (subject?.address !== undefined) failure.address = subject.address
    if (subject?.name !== undefined) failure.name = subject.name
    if (facts.users !== null) failure.users = [...facts.users]
    return failure
  }

  /** Most often that is the end of the buffer, and not a byte of it has to be copied. */
  #withNewline(content: string, { end }: PythonMatch, buffer: string): string {
    return this.#contentIsLast && end === buffer.length - 1
      ? buffer.slice(end - content.length)
      : `${content}\n`
  }

  /** What an expression's match comes to; `stop` where no other is tried. */
  #take(found: Found, work: Work, nowMs: number): 'stop' | 'go on' {
    const { index, match, prefixMatch, buffer, seen, original } = found
    const { every, failing, ignoring, names, prefix, strict } = this.#parts
    const goOn = every ? 'go on' : 'stop'
    const groups = names.empty()
    if (prefixMatch !== null) {
      prefix!.fill(prefixMatch, groups)
      groups[slot.content] = undefined
    }
    failing[index]!.fill(match, groups)
    let matched: readonly string[]
    if (original === null) {
      if (ignoring.length > 0 && this.#isIgnored(buffer, work)) return goOn
      matched = [seen.whole]
    } else {
      const parts = splitLines(match, buffer, original, skippedLines(names, groups))
      const isIgnored = ignoring.length > 0 && this.#isIgnored(bufferText(parts.matched), work)
      this.#lines = parts.unmatched
      if (isIgnored) return goOn
      matched = parts.matched.map(({ whole }) => whole)
    }
    const named = groups[slot.ip4] ?? groups[slot.ip6] ?? groups[slot.dns] ?? null
    let facts: Facts = { groups, users: null, matches: none, harmlessMatches: none, pending: false }
    const id = groups[slot.mlfid]
    const connection = id === undefined ? null : this.#memory.of(id)
    if (connection === null) facts.matches = matched
    else facts = this.#connections.merge(connection, facts, matched, nowMs)
    const harmless = Boolean(facts.groups[slot.nofail])
    const subject = subjectOf(facts.groups)
    if (subject === null && (!harmless || every)) facts.pending = true
    const refused = strict ? this.#refusal(subject, connection, work.text, named, nowMs) : undefined
    work.hits.push({
      expression: index,
      subject: refused?.subject ?? subject,
      harmless,
      facts: connection === null || !every ? facts : copyOf(facts),
      refused: refused?.why,
      match,
    })
    return goOn
  }

  /** Whether and why an id must not be banned, or which one is meant instead. */
  #refusal(
    subject: Subject | null,
    connection: Connection | null,
    text: string,
    named: string | null,
    nowMs: number,
  ): { why?: FilterMatch['refused']; subject?: Subject } | undefined {
    if (subject === null) return undefined
    if (subject.notAnAddress) return { why: 'not-an-address' }
    const { usedns } = this.#parts.definition
    if (subject.name !== undefined && (usedns === 'no' || !isName(subject.name)))
      return { why: 'not-an-address' }
    if (connection === null || subject.address === undefined) return undefined
    return this.#contradictions.check(connection, subject, text, named, nowMs)
  }

  #isIgnored(buffer: string, work: Work): boolean {
    const found = this.#parts.ignoring.findIndex((expression) => expression?.regex.search(buffer) != null)
    if (found < 0) return false
    work.ignoredBy = found
    return true
  }
}

interface Found {
  readonly index: number
  readonly match: PythonMatch
  readonly prefixMatch: PythonMatch | null
  readonly buffer: string
  readonly seen: SeenLine
  /** The lines of the buffer; null where it can only be one. */
  readonly original: readonly CutLine[] | null
}

const cutLine = ({ text, whole }: SeenLine): CutLine => ({ text, whole })

/** The last lines, as many as may be held against an expression together. */
function newestLines(lines: readonly CutLine[], most: number): readonly CutLine[] {
  let from = Math.max(0, lines.length - most)
  let length = lines.slice(from).reduce((sum, { text }) => sum + text.length, 0)
  for (; length > longestBuffer && from < lines.length - 1; from++) length -= lines[from]!.text.length
  return lines.slice(from)
}

/** A name that a resolver could know: letters, digits, hyphens and dots, not a number all through. */
const isName = (text: string): boolean => /^(?=.*[a-z])[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/i.test(text)

const copyOf = (facts: Facts): Facts => ({
  ...facts,
  groups: [...facts.groups],
  users: facts.users === null ? null : [...facts.users],
})

/** No line tells of more attempts than this. */
const mostAttempts = 100
