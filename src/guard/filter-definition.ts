/** A resolved filter, as the configuration hands it to the code that runs it: no interpolation or `<tag>` of an option is left. */
export interface FilterDefinition {
  /** The filter's name, such as `sshd`. */
  name: string
  /** fail2ban's expressions in Python's language, their regex tags (`<HOST>`, `<F-USER>`) still in them. */
  failregex: readonly string[]
  ignoreregex: readonly string[]
  prefregex?: string
  /** Lines that one expression may span, 1 or more. */
  maxlines: number
  /** One or more patterns, a line each; absent means fail2ban's own templates. */
  datepattern?: string
  usedns: 'yes' | 'warn' | 'no' | 'raw'
  /** Where its lines come from; the journal brings its own times. */
  logtype: 'file' | 'journal' | 'short' | 'rfc5424'
  /** Matches of journalctl, one group an entry. */
  journalmatch: readonly string[]
  /** Minutes east of UTC, or a zone's name, for dates without one; absent means the machine's zone. */
  logtimezone?: string
}
