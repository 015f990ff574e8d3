/** How long a ban lasts when ids that come back stay out longer: the family `bantime.increment` of fail2ban. */
import type { BanTimeIncrement } from '../jail-settings.ts'
import { type Formula, parseFormula } from './expression.ts'

/** The ban time of an id that was banned `count` times before, in seconds; -1 stays -1. */
export type BanTimeRule = (baseSeconds: number, count: number, chance: () => number) => number

/** The count beyond which fail2ban's own rule doubles no more. */
const lastDoubling = 20

const doubling: Formula = ({ time, count, factor }) => time * 2 ** Math.min(count, lastDoubling) * factor

/**
 * The rule of a jail: multipliers, else the formula (never below the base time), capped by the maximum, with up to
 * `randomSeconds` added by chance last. Throws `FormulaError` for a formula that cannot be read.
 */
export function banTimeRule(increment: BanTimeIncrement): BanTimeRule {
  if (!increment.enabled) return (baseSeconds) => baseSeconds
  const { factor = 1, multipliers = [], maximumSeconds, randomSeconds } = increment
  const formula = increment.formula === undefined ? doubling : parseFormula(increment.formula)
  return (baseSeconds, count, chance) => {
    if (baseSeconds <= 0 || count <= 0) return baseSeconds
    const multiplier = multipliers[Math.min(count, multipliers.length - 1)]
    let seconds =
      multiplier === undefined
        ? Math.max(baseSeconds, formula({ time: baseSeconds, count, factor, chance }))
        : baseSeconds * factor * multiplier
    if (Number.isNaN(seconds)) seconds = baseSeconds
    if (maximumSeconds !== undefined) seconds = Math.min(seconds, maximumSeconds)
    if (randomSeconds !== undefined) seconds += chance() * randomSeconds
    return seconds
  }
}

/**
 * How much one failure of an id weighs that was banned `banCount` times: those who come back are banned sooner
 * (fail2ban's observer: 2, 3, 5, 9, ... failures for one, never more than `maxRetry`).
 */
export function failureWeight(banCount: number, maxRetry: number): number {
  return Math.min(2 ** Math.min(banCount, lastDoubling) / 2 + 1, maxRetry)
}
