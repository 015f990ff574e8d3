/** One failure that a filter found in a log: who failed, when, and the lines that say so. */
export interface Failure {
  /** What is counted and banned: the address, or the text of `<F-ID>` where a filter gives one. */
  id: string
  /** The address behind it, canonical (`::ffff:` prefix taken off, IPv6 compressed); absent where the line has none. */
  address?: string
  /**
   * A host name that stood in the address's place (`<HOST>` with `usedns` of `yes`, `warn` or `raw`): it is the id as
   * well, and has to be looked up before it can be banned as an address.
   */
  name?: string
  /** When it happened by the log, in milliseconds since 1970 (UTC); only epoch dates carry fractions of a second. */
  timeMs: number
  /** How many attempts the line tells of, 1 or more: fail2ban's `attempts`. */
  attempts: number
  /** What the rate estimate adds for it, 1 where absent: a line counts once, what is told by hand by its attempts. */
  countsAs?: number
  /** The lines that led to it, oldest first, as they stood in the log, without line ends. */
  matches: readonly string[]
  /** What the expression's named groups held, by name in lower case (`user`, `fport`); unset groups are absent. */
  groups: Readonly<Record<string, string>>
  /** All user names seen on one connection (`F-MLFID`), where the filter collects them. */
  users?: readonly string[]
}
