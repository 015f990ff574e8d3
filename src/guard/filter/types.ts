/** What runs a filter and what it is told: the contract between filters and those who feed them lines. */
import type { Zone } from '../dates/zone.ts'
import type { Failure } from '../failure.ts'
import type { FilterDefinition } from '../filter-definition.ts'

/** What is known about the line at hand. */
export interface LineContext {
  /** The present, in milliseconds since 1970: years and days that a date leaves out are taken from it. */
  readonly nowMs: number
  /** When the line was written, where somebody knows better than its text: the journal. No date is looked for then. */
  readonly timeMs?: number
}

export interface FilterOptions {
  /** The zone of dates that name none, unless the filter's `logtimezone` says otherwise. Default: UTC. */
  readonly zone?: Zone
  /**
   * `strict` (default): an id from `<HOST>` and its kin must be a real address, or a name where `usedns` allows names;
   * lines of one connection are checked against each other. `raw`: texts as the expressions give them, as fail2ban's
   * own tests want them.
   */
  readonly ids?: 'strict' | 'raw'
  /** Try all expressions rather than stop at the first that matches, and give also what is no failure. Default: no. */
  readonly everyExpression?: boolean
  /**
   * False: every line is dated by the templates and held against all expressions. It is slower and finds the same: the
   * reference for tests. Default: true.
   */
  readonly shortcuts?: boolean
  /** The last year that `%ExY` accepts, rounded up to the decade's end. Default: 2029. */
  readonly newestYear?: number
}

/** A match of one expression, to be read before the next line is given to the filter: a failure, or one of the things that are none. */
export interface FilterMatch {
  /** Index in the definition's `failregex`. */
  readonly expression: number
  /** Absent where the connection's address is not known yet. */
  readonly id?: string
  /** The line says that nothing failed (`<F-NOFAIL>`, or a login that went well). */
  readonly harmless: boolean
  /** Withheld: the id is no real address, or lines of the connection contradict each other about it. */
  readonly refused?: 'not-an-address' | 'contradicted'
  readonly failure: Failure
  /** Where the expression's groups stand in the text that it saw (`LineResult.text`); absent over several lines. */
  readonly spans?: Readonly<Record<string, readonly [start: number, end: number]>> | undefined
}

/** All that one line came to. */
export interface LineResult {
  readonly matches: readonly FilterMatch[]
  /** Index of the `ignoreregex` that put the line aside. */
  readonly ignoredBy?: number
  /** The date found in the line: its text, and the name of the template that found it. */
  readonly date?: { readonly text: string; readonly template: string; readonly start: number }
  readonly timeMs?: number
  /** Whether the prefix expression matched; absent where there is none. */
  readonly prefixMatched?: boolean
  /** The text that the expressions saw: the line without its date, or the prefix expression's content. */
  readonly text: string
}

/** An expression that could not be used, and why. */
export interface FilterProblem {
  readonly option: 'failregex' | 'ignoreregex' | 'prefregex' | 'datepattern' | 'logtimezone'
  /** Which of several; 0 for the first. */
  readonly index: number
  readonly expression: string
  readonly message: string
}

/** Whole lines as they stand in a log, each with its line end, but perhaps the last. */
export interface LineBlock {
  /** In an encoding in which ASCII stands for itself: UTF-8, ISO 8859. */
  readonly bytes: Uint8Array
  /** Whether all bytes are ASCII; absent where nobody looked. */
  readonly isAscii?: boolean
  /** A line's text by where it begins and where its line end stands; also with its line end, if the place after that is named. */
  readonly textOf: (start: number, end: number) => string
}

/** Lines one after the other. */
export interface LineSource {
  /** The next, or null when there are no more. */
  next(): string | null
}

/** Is told of a line in which no expression can find anything: where it begins, where its date ends, and where it ends. */
export type PassedLine = (start: number, dateEnd: number, end: number) => void

/** A filter at work. It remembers: learned dates, lines of connections, lines that a longer expression may still need. */
export interface Filter {
  readonly definition: FilterDefinition
  /** Searches that were given up because an expression took too many steps; such lines count as not matching. */
  readonly gaveUp: number
  /** Expressions that are left out because they cannot be read; the filter works without them. */
  readonly problems: readonly FilterProblem[]
  /** Date templates with how many lines each dated, those that did first. */
  readonly dateHits: readonly { readonly name: string; readonly hits: number }[]
  /**
   * Goes through lines and gives those that have to be looked at: each is given to `process` or `explain` before the next
   * is asked for. All others count as if they had been. That an `ignoreregex` matches one of these is not noticed.
   */
  sift(block: LineBlock, nowMs: number, pass?: PassedLine): LineSource
  /** Whether the prefix expression matches a line's text after its date; null where there is none. */
  prefixMatches(text: string): boolean | null
  /** The failures that a line (without its line end) tells of: almost always none or one. */
  process(line: string, context: LineContext): Failure[]
  /** The same with everything that was found on the way; slower. */
  explain(line: string, context: LineContext): LineResult
}
