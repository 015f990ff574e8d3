/** Why ipset gives up, in its own words, and how it ends then. Source: lib/session.c, lib/ipset.c, 7.17. */

/**
 * - `parameter`: a command line that is wrong, told with a pointer to help; ends with 2.
 * - `other`: an element that the command does not take; ends with 1.
 * - `session`: a value that cannot be read, or what the kernel refuses; ends with 1.
 * - `warned`: the same, in words that begin as warnings, and so never name a line; ends with 1.
 */
export type ProblemKind = 'parameter' | 'other' | 'session' | 'warned'

export class IpsetProblem extends Error {
  readonly kind: ProblemKind
  /** Several where one complaint leads to another; outside of restored text they are all told. */
  readonly lines: readonly string[]

  constructor(kind: ProblemKind, ...lines: readonly string[]) {
    super(lines.at(-1) ?? '')
    this.kind = kind
    this.lines = lines
  }
}

export const problem = (kind: ProblemKind, ...lines: readonly string[]): never => {
  throw new IpsetProblem(kind, ...lines)
}

export const syntaxError = (...texts: readonly string[]): never =>
  problem('session', ...texts.map((text) => `Syntax error: ${text}`))
