/** What all option builders share. */
import type { OptionSpec, ValueParser } from './syntax.ts'

/** What every builder takes besides what its kind of value needs. */
export type OptionText = Omit<OptionSpec<never>, 'value'>

/** An option with a value parser of its own. The parser's refusals read on from the option and its value. */
export function value<T>(parser: ValueParser<T>, spec: OptionText): OptionSpec<T> {
  return { ...spec, value: parser }
}

/** Both ends belong to it. `low` may be above `high` where iptables does not look; such a range holds nothing. */
export interface Range {
  readonly low: number
  readonly high: number
}
