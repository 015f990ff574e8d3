/**
 * Times as fail2ban writes them: `10m`, `1d12h`, `1hour+30min`, `2 * 1w`. Sums are worked out here; fail2ban lets
 * Python evaluate them.
 *
 * Words, and what stands between them, are those of fail2ban 1.0.2: `m` is a minute (in either case), `mo` a month;
 * a month is a twelfth of a year, a year 365.25 days.
 */
import { strip } from './python.ts'

const daySeconds = 86_400
const yearSeconds = 365.25 * daySeconds

/** In the order in which fail2ban replaces them; what an earlier one has taken, a later one does not see. */
const units: readonly (readonly [RegExp, number])[] = (
  [
    ['days?|da|dd?', daySeconds],
    ['weeks?|wee?|ww?', 7 * daySeconds],
    ['months?|mon?', yearSeconds / 12],
    ['years?|yea?|yy?', yearSeconds],
    ['seconds?|sec?|ss?', 1],
    ['minutes?|min?|mm?', 60],
    ['hours?|hou?|hh?', 3600],
  ] as const
).map(([words, seconds]) => [new RegExp(`(?<=[\\d\\s])(?:${words})\\b`, 'gi'), seconds])

/** Seconds, whole or broken; null when it is no time. */
export function parseTime(text: string): number | null {
  let sum = text.replace(/(?<=[a-z])(\d)/gi, ' $1')
  for (const [unit, seconds] of units) sum = sum.replace(unit, `*${seconds}`)
  return evaluateSum(sum.replace(/(\d)\s+(\d)/g, '$1+$2'))
}

/**
 * The value of numbers with `+ - * / // % **` and parentheses, as Python reckons; null when it is something else. What
 * stands behind a `#` is a comment to Python, even where it is none to the file.
 */
export function evaluateSum(text: string): number | null {
  const tokens = tokensOf(strip(text.replace(/#.*$/s, '')))
  if (tokens === null) return null
  const sum = new Sum(tokens)
  const value = sum.whole()
  return value === null || !Number.isFinite(value) ? null : value
}

/** Numbers, and operators by their signs. */
type Token = number | string

function tokensOf(text: string): Token[] | null {
  const tokens: Token[] = []
  const next =
    /[ \t]*(?:((?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d+)?)|(\*\*|\/\/|[-+*/%()]))/y
  while (next.lastIndex < text.length) {
    const match = next.exec(text)
    if (match === null) return null
    // Python refuses 010 as a number, and letters right behind one.
    if (match[1] !== undefined) {
      if (/^0[\d_]*[1-9]/.test(match[1]) && !/[.eE]/.test(match[1])) return null
      tokens.push(Number(match[1].replaceAll('_', '')))
    } else tokens.push(match[2]!)
  }
  return tokens
}

class Sum {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): number | null {
    const value = this.#sum()
    return this.#at === this.#tokens.length ? value : null
  }

  #take(...signs: readonly string[]): string | null {
    const token = this.#tokens[this.#at]
    if (typeof token !== 'string' || !signs.includes(token)) return null
    this.#at++
    return token
  }

  #sum(): number | null {
    let left = this.#product()
    for (let sign = this.#take('+', '-'); sign !== null; sign = this.#take('+', '-')) {
      const right = this.#product()
      if (left === null || right === null) return null
      left = sign === '+' ? left + right : left - right
    }
    return left
  }

  #product(): number | null {
    let left = this.#signed()
    for (let sign = this.#take('*', '//', '/', '%'); sign !== null; sign = this.#take('*', '//', '/', '%')) {
      const right = this.#signed()
      if (left === null || right === null || (sign !== '*' && right === 0)) return null
      if (sign === '*') left *= right
      else if (sign === '/') left /= right
      else if (sign === '//') left = Math.floor(left / right)
      else left -= right * Math.floor(left / right)
    }
    return left
  }

  #signed(): number | null {
    // Bounded, so that a line of signs or parentheses cannot exhaust the stack.
    if (++this.#depth > 200) return null
    const sign = this.#take('+', '-')
    const value = sign === null ? this.#power() : this.#signed()
    this.#depth--
    return value === null ? null : sign === '-' ? -value : value
  }

  #power(): number | null {
    const base = this.#atom()
    if (base === null || this.#take('**') === null) return base
    const exponent = this.#signed()
    return exponent === null ? null : base ** exponent
  }

  #atom(): number | null {
    if (this.#take('(') !== null) {
      const inner = this.#sum()
      return this.#take(')') === null ? null : inner
    }
    const token = this.#tokens[this.#at]
    if (typeof token !== 'number') return null
    this.#at++
    return token
  }
}
