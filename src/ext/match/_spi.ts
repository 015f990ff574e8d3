/** What the matches of IPsec headers share: a range of security parameter indices. */

import type { Range } from '../../lang/option.ts'
import { range32 } from '../../lang/options.ts'
import type { Seen } from '../../lang/syntax.ts'

export interface Spis extends Range {
  readonly inverted: boolean
}

/** Of a match that was not asked for any. */
export const anySpi: Spis = { low: 0, high: 0xffff_ffff, inverted: false }

export const spiRange = range32({ doc: 'index or range of indices', invertible: true })

export const givenSpis = (seen: Seen<Range> | undefined, whenNone: Spis = anySpi): Spis =>
  seen === undefined ? whenNone : { ...seen.value, inverted: seen.inverted }

export const spiHolds = ({ low, high, inverted }: Spis, spi: number): boolean =>
  (low <= spi && spi <= high) !== inverted

/** `--ahspi 5`, `! --ahspi 5:9`; '' for the full range, even inverted, as iptables does. */
export function printSpis(option: string, { low, high, inverted }: Spis): string {
  if (low === anySpi.low && high === anySpi.high) return ''
  return `${inverted ? '! ' : ''}--${option} ${low === high ? low : `${low}:${high}`}`
}

/** "spi 7 is not in 1:5". */
export function explainSpi({ low, high, inverted }: Spis, spi: number, word = 'spi'): string {
  return `${word} ${spi} is ${inverted ? '' : 'not '}${low === high ? low : `in ${low}:${high}`}`
}
