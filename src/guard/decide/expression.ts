/**
 * The formulas of `bantime.formula`: arithmetic in Python's notation, read by a small parser of its own and never by
 * `eval`.
 *
 * Known are numbers, `ban.Time` (seconds), `ban.Count`, `banFactor`, the constants and functions of `math` that take
 * numbers, `random.random()`, `min max abs int float round pow`, all arithmetic, bit, comparison and boolean operators,
 * and `a if condition else b`. Everything else is refused when the formula is read. Precedence and the meaning of
 * `//`, `%` and `round` are Python's (language reference 6.17).
 */

/** What a formula is computed from. */
export interface FormulaInput {
  /** The ban time so far, in seconds. */
  readonly time: number
  /** How many times the id was banned before. */
  readonly count: number
  readonly factor: number
  /** A number of [0, 1) for `random.random()`. */
  chance(): number
}

export type Formula = (input: FormulaInput) => number

/** A formula that cannot be read; `offset` counts characters from its start. */
export class FormulaError extends Error {
  readonly offset: number
  constructor(message: string, offset: number) {
    super(message)
    this.name = 'FormulaError'
    this.offset = offset
  }
}

interface Token {
  readonly text: string
  readonly offset: number
}

const tokenPattern =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_][\w.]*)|(\*\*|\/\/|<<|>>|<=|>=|==|!=|[-+*/%<>()&|^~,]))/y

/** Deeper nesting is refused rather than risk the stack. */
const deepest = 50

/** Reads a formula; throws `FormulaError`. */
export function parseFormula(text: string): Formula {
  const tokens = [...tokensOf(text)]
  const reader = new FormulaReader(tokens, text.length)
  const formula = reader.conditional()
  reader.end()
  return formula
}

function* tokensOf(text: string): Iterable<Token> {
  const pattern = new RegExp(tokenPattern)
  const end = text.trimEnd().length
  while (pattern.lastIndex < end) {
    const { lastIndex } = pattern
    const found = pattern.exec(text)
    if (found === null) {
      const offset = lastIndex + (/^\s*/.exec(text.slice(lastIndex))?.[0].length ?? 0)
      throw new FormulaError(`"${text[offset]}" has no meaning here`, offset)
    }
    const token = found[1] ?? found[2] ?? found[3]!
    yield { text: token, offset: pattern.lastIndex - token.length }
  }
}

type Binary = (a: number, b: number) => number

const truth = (value: boolean): number => (value ? 1 : 0)

/** Shifts of Python's unbounded integers, as long as they fit into a double. */
const shiftLeft: Binary = (a, b) => a * 2 ** b
const shiftRight: Binary = (a, b) => Math.floor(a / 2 ** b)
const remainder: Binary = (a, b) => a - Math.floor(a / b) * b

/** Binary operators, loosest first; comparisons are not chained. */
const levels: readonly Readonly<Record<string, Binary>>[] = [
  {
    '<': (a, b) => truth(a < b),
    '>': (a, b) => truth(a > b),
    '<=': (a, b) => truth(a <= b),
    '>=': (a, b) => truth(a >= b),
    '==': (a, b) => truth(a === b),
    '!=': (a, b) => truth(a !== b),
  },
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '<<': shiftLeft, '>>': shiftRight },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b, '//': (a, b) => Math.floor(a / b), '%': remainder },
]

/** Python's `round`: half to even. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}

const functions: Readonly<Record<string, (values: readonly number[]) => number>> = {
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  abs: ([a = 0]) => Math.abs(a),
  int: ([a = 0]) => Math.trunc(a),
  float: ([a = 0]) => a,
  round: ([a = 0]) => roundHalfEven(a),
  pow: ([a = 0, b = 0]) => a ** b,
  'math.pow': ([a = 0, b = 0]) => a ** b,
  'math.exp': ([a = 0]) => Math.exp(a),
  'math.log': ([a = 0, base]) => (base === undefined ? Math.log(a) : Math.log(a) / Math.log(base)),
  'math.log2': ([a = 0]) => Math.log2(a),
  'math.log10': ([a = 0]) => Math.log10(a),
  'math.sqrt': ([a = 0]) => Math.sqrt(a),
  'math.floor': ([a = 0]) => Math.floor(a),
  'math.ceil': ([a = 0]) => Math.ceil(a),
  'math.sin': ([a = 0]) => Math.sin(a),
  'math.cos': ([a = 0]) => Math.cos(a),
  'math.tanh': ([a = 0]) => Math.tanh(a),
  'math.atan': ([a = 0]) => Math.atan(a),
}

const values: Readonly<Record<string, Formula>> = {
  'ban.Time': ({ time }) => time,
  'ban.Count': ({ count }) => count,
  banFactor: ({ factor }) => factor,
  'math.pi': () => Math.PI,
  'math.e': () => Math.E,
}

class FormulaReader {
  readonly #tokens: readonly Token[]
  readonly #length: number
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[], length: number) {
    this.#tokens = tokens
    this.#length = length
  }

  /** `a if condition else b`, the loosest of all. */
  conditional(): Formula {
    if (++this.#depth > deepest) throw this.#error('the formula is nested too deeply')
    const yes = this.#or()
    let formula = yes
    if (this.#take('if')) {
      const condition = this.#or()
      this.#expect('else')
      const no = this.conditional()
      formula = (input) => (condition(input) !== 0 ? yes(input) : no(input))
    }
    this.#depth--
    return formula
  }

  end(): void {
    if (this.#at < this.#tokens.length)
      throw this.#error(`"${this.#tokens[this.#at]!.text}" is too much here`)
  }

  #or(): Formula {
    let left = this.#and()
    while (this.#take('or')) {
      const [a, b] = [left, this.#and()]
      left = (input) => a(input) || b(input)
    }
    return left
  }

  #and(): Formula {
    let left = this.#not()
    while (this.#take('and')) {
      const [a, b] = [left, this.#not()]
      left = (input) => a(input) && b(input)
    }
    return left
  }

  #not(): Formula {
    if (!this.#take('not')) return this.#binary(0)
    const inner = this.#nested(() => this.#not())
    return (input) => truth(inner(input) === 0)
  }

  #binary(level: number): Formula {
    const operators = levels[level]
    if (operators === undefined) return this.#unary()
    let left = this.#binary(level + 1)
    for (;;) {
      const token = this.#tokens[this.#at]?.text ?? ''
      const operate = Object.hasOwn(operators, token) ? operators[token] : undefined
      if (operate === undefined) return left
      this.#at++
      const [a, b] = [left, this.#binary(level + 1)]
      left = (input) => operate(a(input), b(input))
    }
  }

  #unary(): Formula {
    for (const [sign, apply] of Object.entries(signs)) {
      if (!this.#take(sign)) continue
      const inner = this.#nested(() => this.#unary())
      return (input) => apply(inner(input))
    }
    return this.#power()
  }

  /** `**` binds tighter than a sign on its left and looser than one on its right. */
  #power(): Formula {
    const base = this.#operand()
    if (!this.#take('**')) return base
    const exponent = this.#nested(() => this.#unary())
    return (input) => base(input) ** exponent(input)
  }

  #operand(): Formula {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw this.#error('the formula ends too early')
    if (/^[\d.]/.test(token.text)) {
      this.#at++
      const number = Number(token.text)
      return () => number
    }
    if (this.#take('(')) {
      const inner = this.conditional()
      this.#expect(')')
      return inner
    }
    return this.#name(token)
  }

  #name({ text }: Token): Formula {
    if (Object.hasOwn(values, text)) {
      this.#at++
      return values[text]!
    }
    if (text !== 'random.random' && !Object.hasOwn(functions, text))
      throw this.#error(`"${text}" is not known in formulas`)
    this.#at++
    const given = this.#callArguments()
    if (text === 'random.random') return ({ chance }) => chance()
    const call = functions[text]!
    return (input) => call(given.map((argument) => argument(input)))
  }

  #callArguments(): Formula[] {
    this.#expect('(')
    const given: Formula[] = []
    if (this.#take(')')) return given
    do given.push(this.conditional())
    while (this.#take(','))
    this.#expect(')')
    return given
  }

  #nested(read: () => Formula): Formula {
    if (++this.#depth > deepest) throw this.#error('the formula is nested too deeply')
    const formula = read()
    this.#depth--
    return formula
  }

  #take(text: string): boolean {
    if (this.#tokens[this.#at]?.text !== text) return false
    this.#at++
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#error(`"${text}" is missing`)
  }

  #error(message: string): FormulaError {
    return new FormulaError(message, this.#tokens[this.#at]?.offset ?? this.#length)
  }
}

const signs: Readonly<Record<string, (value: number) => number>> = {
  '-': (value) => -value,
  '+': (value) => value,
  '~': (value) => -value - 1,
}
