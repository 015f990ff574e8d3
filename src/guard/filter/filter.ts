/**
 * A filter at work: a line is cut at its date, held against the prefix expression and those expressions that could
 * match it (`line-matcher.ts`), and what was found becomes failures.
 */
import { utc } from '../dates/zone.ts'
import { zoneMinutes } from '../dates/zone-names.ts'
import type { Failure } from '../failure.ts'
import type { FilterDefinition } from '../filter-definition.ts'
import { isAscii, type SearchBudget } from '../regex/python-regex.ts'
import { Expression } from './expression.ts'
import { Gate } from './gate.ts'
import { GroupNames } from './groups.ts'
import { lineBudget, longestLine } from './limits.ts'
import { type Dated, LineDates } from './line-date.ts'
import { type Hit, LineMatcher, type SeenLine } from './line-matcher.ts'
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

class RunningFilter implements Filter {
  readonly definition: FilterDefinition
  readonly problems: FilterProblem[] = []
  readonly #prefix: Expression | null
  /** By index in the definition; null where one cannot be read. */
  readonly #failing: readonly (Expression | null)[]
  readonly #ignoring: readonly (Expression | null)[]
  readonly #names = new GroupNames()
  readonly #matcher: LineMatcher
  readonly #dates: LineDates
  readonly #gate: Gate | null
  readonly #search: LiteralSearch | null
  readonly #budget: SearchBudget = { steps: lineBudget }
  /** What `sift` found out about the line that it gives to be looked at. */
  readonly #ready: ReadyLine = { line: null, whole: '', dateLength: 0, isAscii: true }

  constructor(definition: FilterDefinition, options: FilterOptions) {
    this.definition = definition
    this.#prefix = definition.prefregex ? this.#read('prefregex', definition.prefregex, 0) : null
    this.#failing = definition.failregex.map((written, index) => this.#read('failregex', written, index))
    this.#ignoring = definition.ignoreregex.map((written, index) => this.#read('ignoreregex', written, index))
    this.#matcher = new LineMatcher({
      definition,
      names: this.#names,
      prefix: this.#prefix,
      failing: this.#failing,
      ignoring: this.#ignoring,
      budget: this.#budget,
      every: options.everyExpression ?? false,
      strict: options.ids !== 'raw',
    })
    this.#dates = this.#readDates(options)
    const required = this.#failing.map((expression) => (expression === null ? [] : expression.regex.required))
    // Expressions over several lines need every line, so nothing can be told from one.
    const isQuick = definition.maxlines <= 1 && options.shortcuts !== false
    this.#gate = isQuick ? gateOf(required) : null
    this.#search = isQuick ? searchOf(required) : null
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
    const { dated, seen } = this.#begin(whole, context)
    if (this.#gate !== null && !this.#gate.any) return []
    const work = this.#matcher.match(seen, this.#gate?.candidates ?? null, context.nowMs)
    return work.hits.length === 0 ? [] : this.#matcher.failures(work, dated.timeMs ?? context.nowMs)
  }

  explain(whole: string, context: LineContext): LineResult {
    const { dated, seen } = this.#begin(whole, context)
    const work = this.#matcher.match(seen, this.#gate?.candidates ?? null, context.nowMs)
    const timeMs = dated.timeMs ?? context.nowMs
    const { dateStart, dateEnd, template } = dated
    return {
      matches: work.hits.map((hit) => this.#explained(hit, timeMs)),
      ...(work.ignoredBy === null ? {} : { ignoredBy: work.ignoredBy }),
      ...(work.prefixMatched === null ? {} : { prefixMatched: work.prefixMatched }),
      ...(template === null
        ? {}
        : { date: { text: seen.whole.slice(dateStart, dateEnd), template, start: dateStart } }),
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
    const matcher = this.#matcher
    const spans = this.definition.maxlines > 1 ? undefined : () => this.#spans(hit)
    return {
      expression,
      ...(subject === null ? {} : { id: subject.id }),
      harmless,
      ...(refused === undefined ? {} : { refused }),
      get failure() {
        return matcher.failureOf(hit, timeMs)
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
        names: this.#names,
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

  #readDates({ zone = utc, newestYear = defaultNewestYear, shortcuts }: FilterOptions): LineDates {
    const { datepattern, logtimezone } = this.definition
    const minutes = logtimezone === undefined ? null : zoneMinutes(logtimezone)
    if (logtimezone !== undefined && minutes === null) {
      this.#complain('logtimezone', 0, logtimezone, new Error('it is no time zone with a fixed offset'))
    }
    try {
      return new LineDates(datepattern ?? null, zone, minutes, newestYear, shortcuts)
    } catch (error) {
      this.#complain('datepattern', 0, datepattern ?? '', error)
      return new LineDates(null, zone, minutes, newestYear, shortcuts)
    }
  }

  /** Cuts a line where it is too long, dates it and asks the gate about it, unless `sift` just did so. */
  #begin(line: string, { nowMs, timeMs }: LineContext): { readonly dated: Dated; readonly seen: SeenLine } {
    const ready = this.#ready
    if (line === ready.line && timeMs === undefined) {
      ready.line = null
      const dated = this.#dates.cutPeeked(line, ready.dateLength, nowMs)
      // parts of a string cost nothing; to put a newline behind one is to copy it
      const withNewline = ready.whole.slice(ready.dateLength)
      return { dated, seen: { whole: line, text: dated.text, withNewline, isAscii: ready.isAscii } }
    }
    const whole = line.length > longestLine ? line.slice(0, longestLine) : line
    const dated =
      timeMs === undefined
        ? this.#dates.cut(whole, nowMs)
        : { text: whole, timeMs, dateStart: 0, dateEnd: 0, template: null }
    this.#gate?.test(dated.text)
    const { text } = dated
    return { dated, seen: { whole, text, withNewline: `${text}\n`, isAscii: isAscii(whole) } }
  }
}

function gateOf(required: readonly (readonly string[] | null)[]): Gate | null {
  const gate = new Gate(required)
  return gate.isOpen ? null : gate
}
