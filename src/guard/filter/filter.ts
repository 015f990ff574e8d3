/**
 * A filter at work: a line is cut at its date, held against the prefix expression and those expressions that could
 * match it, and what was found becomes failures.
 *
 * The order of things is fail2ban's (1.0.2): date, ignored lines, prefix, expressions in order until one matches. What
 * differs is said at `FilterOptions.ids`.
 */
import { utc } from '../dates/zone.ts'
import { zoneMinutes } from '../dates/zone-names.ts'
import type { Failure } from '../failure.ts'
import type { FilterDefinition } from '../filter-definition.ts'
import { isAscii, type PythonMatch, type SearchBudget } from '../regex/python-regex.ts'
import { Connections, type Facts } from './connection.ts'
import { Contradictions } from './contradiction.ts'
import { bufferText, type CutLine, Expression, type Groups, splitLines } from './expression.ts'
import { Gate } from './gate.ts'
import { type Subject, subjectOf } from './id.ts'
import { lineBudget, longestBuffer, longestLine } from './limits.ts'
import { type Dated, LineDates } from './line-date.ts'
import type { LiteralSearch } from './literal-search.ts'
import { everyLine, type ReadyLine, Sift, searchOf } from './sift.ts'
import type {
  Filter,
  FilterMatch,
  FilterOptions,
  FilterProblem,
  LineBlock,
  LineContext,
  LineResult,
  LineSource,
  PassedLine,
} from './types.ts'

export function createFilter(definition: FilterDefinition, options: FilterOptions = {}): Filter {
  return new RunningFilter(definition, options)
}

const defaultNewestYear = 2029

/** What matched in a line, before it is known whether it is a failure. */
interface Hit {
  readonly expression: number
  readonly subject: Subject | null
  readonly harmless: boolean
  readonly facts: Facts
  readonly refused?: FilterMatch['refused']
  /** The match itself, where groups have to be shown. */
  readonly match: PythonMatch
}

/** What a line came to, as the work goes on. */
interface Work {
  hits: Hit[]
  ignoredBy: number | null
  prefixMatched: boolean | null
  text: string
}

class RunningFilter implements Filter {
  readonly definition: FilterDefinition
  readonly problems: FilterProblem[] = []
  readonly #prefix: Expression | null
  /** By index in the definition; null where one cannot be read. */
  readonly #failing: readonly (Expression | null)[]
  readonly #ignoring: readonly (Expression | null)[]
  readonly #ignoreFirst: boolean
  readonly #dates: LineDates
  readonly #gate: Gate | null
  readonly #search: LiteralSearch | null
  readonly #every: boolean
  readonly #strict: boolean
  readonly #connections: Connections
  readonly #contradictions = new Contradictions()
  readonly #budget: SearchBudget = { steps: lineBudget }
  #lines: readonly CutLine[] = []
  /** What `sift` found out about the line that it gives to be looked at. */
  readonly #ready: ReadyLine = { line: null, dateLength: 0, isAscii: true }
  /** Whether the line at hand is ASCII all through. */
  #isAscii = true

  constructor(definition: FilterDefinition, options: FilterOptions) {
    this.definition = definition
    this.#every = options.everyExpression ?? false
    this.#strict = options.ids !== 'raw'
    this.#connections = new Connections(this.#strict)
    this.#prefix = definition.prefregex ? this.#read('prefregex', definition.prefregex, 0) : null
    this.#failing = definition.failregex.map((written, index) => this.#read('failregex', written, index))
    this.#ignoring = definition.ignoreregex.map((written, index) => this.#read('ignoreregex', written, index))
    const ignoring = this.#ignoring.length
    this.#ignoreFirst = ignoring > 0 && ignoring < this.#failing.length - 2
    this.#dates = this.#readDates(options)
    const required = this.#failing.map((expression) => (expression === null ? [] : expression.regex.required))
    // Expressions over several lines need every line, so nothing can be told from one.
    const isSimple = definition.maxlines <= 1
    this.#gate = isSimple ? gateOf(required) : null
    this.#search = isSimple ? searchOf(required) : null
  }

  /** Date templates with how many lines each dated. */
  get dateHits(): readonly { readonly name: string; readonly hits: number }[] {
    return this.#dates.detector.hits
  }

  sift(block: LineBlock, nowMs: number, pass?: PassedLine): LineSource {
    if (this.#search === null || this.#gate === null) return everyLine(block)
    return new Sift(block, nowMs, {
      search: this.#search,
      gate: this.#gate,
      dates: this.#dates,
      ready: this.#ready,
      pass,
    })
  }

  prefixMatches(text: string): boolean | null {
    if (this.#prefix === null) return null
    this.#budget.steps = lineBudget
    return this.#prefix.regex.test(`${text.slice(0, longestLine)}\n`)
  }

  process(whole: string, context: LineContext): Failure[] {
    const { line, dated } = this.#begin(whole, context)
    if (this.#gate !== null && !this.#gate.any) return []
    const work = this.#work(line, dated, context)
    const failures: Failure[] = []
    for (const hit of work.hits) {
      if (hit.harmless || hit.subject === null || hit.refused !== undefined) continue
      failures.push(failureOf(hit, dated.timeMs ?? context.nowMs))
    }
    return failures
  }

  explain(whole: string, context: LineContext): LineResult {
    const { line, dated } = this.#begin(whole, context)
    const work = this.#work(line, dated, context)
    const timeMs = dated.timeMs ?? context.nowMs
    return {
      matches: work.hits.map((hit) => this.#explained(hit, timeMs)),
      ...(work.ignoredBy === null ? {} : { ignoredBy: work.ignoredBy }),
      ...(work.prefixMatched === null ? {} : { prefixMatched: work.prefixMatched }),
      ...(dated.template === null
        ? {}
        : {
            date: {
              text: line.slice(dated.dateStart, dated.dateEnd),
              template: dated.template,
              start: dated.dateStart,
            },
          }),
      timeMs,
      text: work.text,
    }
  }

  get gaveUp(): number {
    const all = [this.#prefix, ...this.#failing, ...this.#ignoring]
    return all.reduce((sum, expression) => sum + (expression?.regex.gaveUp ?? 0), 0)
  }

  /** What is seldom asked for is made when it is. */
  #explained(hit: Hit, timeMs: number): FilterMatch {
    const { expression, subject, harmless, refused } = hit
    const spans = this.definition.maxlines > 1 ? undefined : () => this.#spans(hit)
    return {
      expression,
      ...(subject === null ? {} : { id: subject.id }),
      harmless,
      ...(refused === undefined ? {} : { refused }),
      get failure() {
        return failureOf(hit, timeMs)
      },
      get spans() {
        return spans?.()
      },
    }
  }

  #spans({ expression, match }: Hit): Record<string, readonly [number, number]> {
    const spans: Record<string, readonly [number, number]> = {}
    for (const [name, index] of this.#failing[expression]!.regex.names) {
      const span = match.span(index)
      if (span !== null) spans[name] = span
    }
    return spans
  }

  #read(option: FilterProblem['option'], written: string, index: number): Expression | null {
    const multiline = option === 'failregex' && this.definition.maxlines > 1
    try {
      const expression = new Expression(written, {
        usedns: this.definition.usedns,
        multiline,
        budget: this.#budget,
      })
      if (option === 'failregex' && !expression.givesId && !this.#prefix?.givesId) {
        throw new Error('it has no <HOST> or other tag that gives an id')
      }
      return expression
    } catch (error) {
      this.#complain(option, index, written, error)
      return null
    }
  }

  #complain(option: FilterProblem['option'], index: number, expression: string, error: unknown): void {
    if (!(error instanceof Error)) throw error
    this.problems.push({ option, index, expression, message: error.message })
  }

  #readDates({ zone = utc, newestYear = defaultNewestYear }: FilterOptions): LineDates {
    const { datepattern, logtimezone } = this.definition
    const minutes = logtimezone === undefined ? null : zoneMinutes(logtimezone)
    if (logtimezone !== undefined && minutes === null) {
      this.#complain('logtimezone', 0, logtimezone, new Error('it is no time zone with a fixed offset'))
    }
    try {
      return new LineDates(datepattern ?? null, zone, minutes, newestYear)
    } catch (error) {
      this.#complain('datepattern', 0, datepattern ?? '', error)
      return new LineDates(null, zone, minutes, newestYear)
    }
  }

  /** Cuts a line where it is too long, dates it and asks the gate about it, unless `sift` just did so. */
  #begin(whole: string, { nowMs, timeMs }: LineContext): { readonly line: string; readonly dated: Dated } {
    const line = whole.length > longestLine ? whole.slice(0, longestLine) : whole
    const ready = this.#ready
    if (whole === ready.line && timeMs === undefined) {
      ready.line = null
      this.#isAscii = ready.isAscii
      return { line, dated: this.#dates.cutPeeked(line, ready.dateLength, nowMs) }
    }
    const dated =
      timeMs === undefined
        ? this.#dates.cut(line, nowMs)
        : { text: line, timeMs, dateStart: 0, dateEnd: 0, template: null }
    this.#gate?.test(dated.text)
    this.#isAscii = isAscii(line)
    return { line, dated }
  }

  #work(line: string, dated: Dated, { nowMs }: LineContext): Work {
    const work: Work = { hits: [], ignoredBy: null, prefixMatched: null, text: dated.text }
    const cut: CutLine = { text: dated.text, whole: line }
    const { maxlines } = this.definition
    const original = maxlines > 1 ? newestLines([...this.#lines, cut], maxlines) : [cut]
    this.#lines = original
    this.#budget.steps = lineBudget
    let buffer = bufferText(original)
    if (this.#ignoreFirst && this.#isIgnored(buffer, work)) return work
    // earlier lines may be part of the text
    const ascii = this.#isAscii && maxlines <= 1 ? true : isAscii(buffer)
    let prefixMatch: PythonMatch | null = null
    if (this.#prefix !== null) {
      prefixMatch = this.#prefix.regex.search(buffer, 0, ascii)
      work.prefixMatched = prefixMatch !== null
      if (prefixMatch === null) return work
      const content = this.#prefix.group(prefixMatch, 'content')
      if (content) {
        this.#lines = [{ text: content, whole: line }]
        work.text = content
        buffer = bufferText(this.#lines)
      }
    }
    const candidates = this.#gate?.candidates
    for (let index = 0; index < this.#failing.length; index++) {
      if (candidates !== undefined && candidates[index] === 0) continue
      const expression = this.#failing[index]!
      if (expression === null) continue
      const match = ascii ? expression.regex.search(buffer, 0, true) : expression.regex.search(buffer)
      if (match === null) continue
      if (this.#take(index, match, buffer, original, prefixMatch, work, nowMs) === 'stop') break
      if (maxlines > 1) buffer = bufferText(this.#lines)
    }
    return work
  }

  /** What an expression's match comes to; `stop` where no other is tried. */
  #take(
    index: number,
    match: PythonMatch,
    buffer: string,
    original: readonly CutLine[],
    prefixMatch: PythonMatch | null,
    work: Work,
    nowMs: number,
  ): 'stop' | 'go on' {
    const goOn = this.#every ? 'go on' : 'stop'
    const expression = this.#failing[index]!
    const groups: Groups = prefixMatch === null ? new Map() : this.#prefix!.groups(prefixMatch)
    groups.delete('content')
    expression.groups(match, groups)
    const { matched, unmatched } = splitLines(match, buffer, original, groups)
    const several = this.definition.maxlines > 1
    if (this.#ignoring.length > 0 && this.#isIgnored(several ? bufferText(matched) : buffer, work)) {
      if (!this.#every || several) this.#lines = unmatched
      return goOn
    }
    if (!this.#every || several) this.#lines = unmatched
    const named = groups.get('ip4') ?? groups.get('ip6') ?? groups.get('dns') ?? null
    let facts: Facts = { groups, users: null, matches: [], harmlessMatches: [], pending: false }
    const connection = groups.get('mlfid') ?? null
    if (connection === null) facts.matches = matched
    else facts = this.#connections.merge(connection, facts, matched, nowMs)
    const harmless = Boolean(facts.groups.get('nofail'))
    const subject = subjectOf(facts.groups)
    if (subject === null && !harmless) facts.pending = true
    else if (subject === null && this.#every) facts.pending = true
    const refused = this.#strict ? this.#refusal(subject, connection, work.text, named, nowMs) : undefined
    work.hits.push({
      expression: index,
      subject: refused?.subject ?? subject,
      harmless,
      facts: connection === null || !this.#every ? facts : copyOf(facts),
      ...(refused?.why === undefined ? {} : { refused: refused.why }),
      match,
    })
    return goOn
  }

  /** Whether and why an id must not be banned, or which one is meant instead. */
  #refusal(
    subject: Subject | null,
    connection: string | null,
    text: string,
    named: string | null,
    nowMs: number,
  ): { why?: FilterMatch['refused']; subject?: Subject } | undefined {
    if (subject === null) return undefined
    if (subject.notAnAddress) return { why: 'not-an-address' }
    if (subject.name !== undefined && (this.definition.usedns === 'no' || !isName(subject.name))) {
      return { why: 'not-an-address' }
    }
    if (connection === null || subject.address === undefined) return undefined
    return this.#contradictions.check(connection, subject, text, named, nowMs)
  }

  #isIgnored(buffer: string, work: Work): boolean {
    const found = this.#ignoring.findIndex((expression) => expression?.regex.search(buffer) != null)
    if (found < 0) return false
    work.ignoredBy = found
    return true
  }
}

/** The last lines, as many as may be held against an expression together. */
function newestLines(lines: readonly CutLine[], most: number): readonly CutLine[] {
  let from = Math.max(0, lines.length - most)
  let length = lines.slice(from).reduce((sum, { text }) => sum + text.length, 0)
  for (; length > longestBuffer && from < lines.length - 1; from++) length -= lines[from]!.text.length
  return lines.slice(from)
}

function gateOf(required: readonly (readonly string[] | null)[]): Gate | null {
  const gate = new Gate(required)
  return gate.isOpen ? null : gate
}

/** A name that a resolver could know: letters, digits, hyphens and dots, not a number all through. */
const isName = (text: string): boolean => /^(?=.*[a-z])[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/i.test(text)

const copyOf = (facts: Facts): Facts => ({
  ...facts,
  groups: new Map(facts.groups),
  users: facts.users === null ? null : [...facts.users],
})

/** Groups that steer the filter, and say nothing about the failure. */
const steering = /^(?:nofail|mlf|skiplines|attempts$)/
/** Answers for names that were asked: filters have few. */
const steers = new Map<string, boolean>()

function isSteering(name: string): boolean {
  const known = steers.get(name)
  if (known !== undefined) return known
  const found = steering.test(name)
  steers.set(name, found)
  return found
}

function failureOf({ subject, facts }: Hit, timeMs: number): Failure {
  const groups: Record<string, string> = {}
  for (const [name, value] of facts.groups) if (!isSteering(name)) groups[name] = value
  const told = Number(facts.groups.get('attempts') ?? 1)
  return {
    id: subject?.id ?? '',
    ...(subject?.address === undefined ? {} : { address: subject.address }),
    ...(subject?.name === undefined ? {} : { name: subject.name }),
    timeMs,
    attempts: Number.isInteger(told) && told >= 1 ? Math.min(told, mostAttempts) : 1,
    matches: facts.matches.map(({ whole }) => whole),
    groups,
    ...(facts.users === null ? {} : { users: [...facts.users] }),
  }
}

/** No line tells of more attempts than this. */
const mostAttempts = 100
