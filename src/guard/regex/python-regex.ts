/**
 * A regular expression in Python's language, ready to search.
 *
 * It runs as a JavaScript expression where that means the same and cannot take for ever, else in the bounded machine.
 * Which of the two is chosen by the length of the text: the longest that a polynomial expression may search is where
 * its time would pass some ten milliseconds.
 */
import { withoutConditionals } from './conditional.ts'
import { costDegree } from './danger.ts'
import { type Emitted, emit, type Form } from './emit.ts'
import { type Required, requiredTexts } from './literals.ts'
import { gaveUp, Machine } from './machine.ts'
import { noFlags, type PythonFlags, parsePython } from './parse.ts'
import { mostInstructions, programOf, surelyFits } from './program.ts'
import { type PythonTree, someNode } from './tree.ts'

export interface PythonMatch {
  /** Positions in the text (UTF-16 units): where the match begins and ends. */
  readonly start: number
  readonly end: number
  /** What a group holds, or undefined where it is unset. */
  group(index: number): string | undefined
  /** Where a group begins and ends, or null where it is unset. */
  span(index: number): readonly [number, number] | null
}

export interface CompileOptions {
  readonly flags?: Partial<PythonFlags>
  /** Unnamed groups to keep as well; by default only those that have names or are referred to are. */
  readonly keep?: readonly number[] | 'all'
  /** Always use the machine: for tests. */
  readonly machineOnly?: boolean
  /** What searches may take together until somebody fills it again; by default each has `fullBudget` for itself. */
  readonly budget?: SearchBudget
}

/** Steps of the machine that are left for searches; a search without any is given up. */
export interface SearchBudget {
  steps: number
}

/** Steps of the machine that are over in well below a second. */
export const fullBudget = 5_000_000
/** Steps of a JavaScript expression that are over in some ten milliseconds. */
const quickSteps = 2_000_000
/** Steps of a JavaScript expression in the time of one step of the machine. */
const stepsInStep = 4
/** Steps of a JavaScript expression that nobody counts. */
const fewSteps = 20_000

/** @throws PythonSyntaxError where Python would refuse the expression. */
export function compilePython(pattern: string, options: CompileOptions = {}): PythonRegex {
  return new PythonRegex(pattern, options)
}

/** How an expression is searched for. */
interface Manner {
  readonly degree: number
  /** Length of texts for which JavaScript is quick enough, and so quick that its steps are not counted. */
  readonly longest: number
  readonly short: number
  readonly inexpressible: string | null
}

export class PythonRegex {
  readonly pattern: string
  readonly tree: PythonTree
  /** What every match contains. */
  readonly required: Required
  /** How many searches were given up at the bound; they count as not matching. */
  gaveUp = 0
  readonly #kept: ReadonlySet<number>
  readonly #forms: { [F in Form]?: Compiled | null } = {}
  readonly #budget: SearchBudget | null
  readonly #machineOnly: boolean
  #manner: Manner | null = null
  #machine: Machine | null = null

  constructor(pattern: string, options: CompileOptions) {
    this.pattern = pattern
    this.tree = parsePython(pattern, { ...noFlags, ...options.flags })
    this.#kept = keptGroups(this.tree, options.keep ?? [])
    this.#budget = options.budget ?? null
    this.#machineOnly = options.machineOnly ?? false
    this.required = requiredTexts(this.tree.root)
    // Most expressions never meet a text that could match. What may be too large is found out at once.
    if (mostInstructions(this.tree.root) > surelyFits) this.#findManner()
  }

  /** The power of a text's length with which JavaScript's time may grow; Infinity where it may double by the character. */
  get degree(): number {
    return (this.#manner ?? this.#findManner()).degree
  }

  /** Why it never runs as a JavaScript expression; null where it does. */
  get inexpressible(): string | null {
    return (this.#manner ?? this.#findManner()).inexpressible
  }

  /** Names of groups with their indices. */
  get names(): ReadonlyMap<string, number> {
    return this.tree.names
  }

  /** The JavaScript expression for ASCII texts, or null where the machine runs it. */
  get source(): string | null {
    return this.inexpressible === null ? (this.#form('ascii')?.expression.source ?? null) : null
  }

  /** The first match at or after a position, or null. Who knows whether the text is ASCII all through may say so. */
  search(text: string, from = 0, ascii = isAscii(text)): PythonMatch | null {
    const manner = this.#manner ?? this.#findManner()
    if (
      manner.inexpressible === null &&
      (text.length <= manner.short || this.#affords(text.length, manner))
    ) {
      const form = this.#form(ascii ? 'ascii' : 'unicode')
      if (form !== null) {
        const found = searchCompiled(form, text, from)
        // V8 may begin an empty match in the middle of a character of two units
        if (found === null || !splitsPair(text, found.start)) return found
      }
    }
    return this.#searchMachine(text, from)
  }

  /** Whether there is a match anywhere; cheaper than `search`. */
  test(text: string): boolean {
    const { inexpressible, short } = this.#manner ?? this.#findManner()
    const isQuick = inexpressible === null && text.length <= short && isAscii(text)
    const form = isQuick ? this.#form('ascii') : null
    return form === null ? this.search(text) !== null : form.expression.test(text)
  }

  /** Whether JavaScript may search a text of this length; what it could take is taken from the budget. */
  #affords(length: number, { degree, longest }: Manner): boolean {
    if (length > longest) return false
    if (this.#budget === null || degree === 1) return true
    const steps = length ** degree / factorial(degree) / stepsInStep
    if (this.#budget.steps < steps) return false
    this.#budget.steps -= steps
    return true
  }

  #findManner(): Manner {
    const degree = costDegree(this.tree.root, this.tree.groups)
    const emitted = this.#machineOnly ? { reason: 'asked for' } : this.#emit('ascii')
    const isRefused = 'reason' in emitted
    this.#forms.ascii = isRefused ? null : compiled(emitted, '')
    this.#manner = {
      degree,
      longest: longestWithin(quickSteps, degree),
      short: longestWithin(fewSteps, degree),
      inexpressible: isRefused ? emitted.reason : null,
    }
    return this.#manner
  }

  #form(form: Form): Compiled | null {
    const known = this.#forms[form]
    if (known !== undefined) return known
    const emitted = this.#emit(form)
    const made = 'reason' in emitted ? null : compiled(emitted, 'u')
    this.#forms[form] = made
    return made
  }

  #emit(form: Form): Emitted | { reason: string } {
    const root = withoutConditionals(this.tree.root)
    if (root === null) return { reason: 'a conditional that cannot be split into alternatives' }
    return emit(root, form, this.#kept)
  }

  #searchMachine(text: string, from: number): PythonMatch | null {
    this.#machine ??= new Machine(programOf(this.tree.root, this.tree.groups))
    const budget = this.#budget ?? { steps: fullBudget }
    if (budget.steps <= 0) {
      this.gaveUp++
      return null
    }
    const points = codePoints(text)
    const slots = this.#machine.search(points.codes, points.indexOf(from), budget.steps)
    budget.steps = this.#machine.stepsLeft
    if (slots === gaveUp) this.gaveUp++
    if (slots === null || slots === gaveUp) return null
    const unit = (slot: number): number => points.unitOf(slots[slot]!)
    const span = (index: number): readonly [number, number] | null =>
      slots[2 * index]! < 0 || slots[2 * index + 1]! < 0 ? null : [unit(2 * index), unit(2 * index + 1)]
    return {
      start: unit(0),
      end: unit(1),
      span,
      group: (index) => {
        const found = span(index)
        return found === null ? undefined : text.slice(found[0], found[1])
      },
    }
  }
}

const splitsPair = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit <= 0xdfff && at > 0 && text.codePointAt(at - 1)! > 0xffff
}

const nonAscii = /[^\0-\x7f]/
/** The last text that was asked about: many expressions search the same one. */
let askedText = ''
let askedAscii = true

export function isAscii(text: string): boolean {
  if (text === askedText) return askedAscii
  askedText = text
  askedAscii = !nonAscii.test(text)
  return askedAscii
}

interface Compiled {
  readonly expression: RegExp
  /** By Python's index: JavaScript's number, or several where a group was doubled. */
  readonly groups: readonly (number | readonly number[] | undefined)[]
  /** The same, able to tell where groups are; made when first asked. */
  indexed: RegExp | null
  global: RegExp | null
}

const compiled = ({ source, groups }: Emitted, flags: string): Compiled => ({
  expression: new RegExp(source, flags),
  groups: Array.from({ length: Math.max(0, ...groups.keys()) + 1 }, (_, index) => {
    const numbers = groups.get(index)
    return numbers?.length === 1 ? numbers[0]! : numbers
  }),
  indexed: null,
  global: null,
})

function searchCompiled(form: Compiled, text: string, from: number): PythonMatch | null {
  let { expression } = form
  if (from > 0) {
    form.global ??= new RegExp(expression.source, `${expression.flags}g`)
    expression = form.global
    expression.lastIndex = from
  }
  const found = expression.exec(text)
  return found === null ? null : new CompiledMatch(form, text, found, from)
}

class CompiledMatch implements PythonMatch {
  readonly start: number
  readonly end: number
  readonly #form: Compiled
  readonly #text: string
  readonly #found: RegExpExecArray
  readonly #from: number
  #indices: RegExpIndicesArray | null = null

  constructor(form: Compiled, text: string, found: RegExpExecArray, from: number) {
    this.#form = form
    this.#text = text
    this.#found = found
    this.#from = from
    this.start = found.index
    this.end = found.index + found[0].length
  }

  group(index: number): string | undefined {
    if (index === 0) return this.#found[0]
    const numbers = this.#form.groups[index]
    if (typeof numbers === 'number') return this.#found[numbers]
    for (const number of numbers ?? []) {
      const text = this.#found[number]
      if (text !== undefined) return text
    }
    return undefined
  }

  span(index: number): readonly [number, number] | null {
    if (index === 0) return [this.start, this.end]
    this.#indices ??= this.#findIndices()
    for (const number of [this.#form.groups[index] ?? []].flat()) {
      const span = this.#indices[number]
      if (span !== undefined) return span
    }
    return null
  }

  #findIndices(): RegExpIndicesArray {
    const { expression } = this.#form
    this.#form.indexed ??= new RegExp(expression.source, `${expression.flags}dg`)
    this.#form.indexed.lastIndex = this.#from
    return this.#form.indexed.exec(this.#text)!.indices!
  }
}

function keptGroups({ root, groups, names }: PythonTree, keep: readonly number[] | 'all'): Set<number> {
  const kept = new Set(keep === 'all' ? Array.from({ length: groups }, (_, at) => at + 1) : keep)
  for (const index of names.values()) kept.add(index)
  someNode(root, (node) => {
    if (node.kind === 'backreference') kept.add(node.index)
    return false
  })
  return kept
}

/** The longest text that an expression of some degree d searches within so many steps: about length^d / d! of them. */
function longestWithin(steps: number, degree: number): number {
  if (degree === Number.POSITIVE_INFINITY) return -1
  return (steps * factorial(degree)) ** (1 / degree)
}

function factorial(number: number): number {
  let product = 1
  for (let factor = 2; factor <= number; factor++) product *= factor
  return product
}

function codePoints(text: string): {
  codes: Uint32Array
  unitOf(index: number): number
  indexOf(unit: number): number
} {
  if (!/[\ud800-\udbff]/.test(text)) {
    const codes = new Uint32Array(text.length)
    for (let at = 0; at < text.length; at++) codes[at] = text.charCodeAt(at)
    return { codes, unitOf: (index) => index, indexOf: (unit) => unit }
  }
  const codes = Uint32Array.from(text, (char) => char.codePointAt(0)!)
  const units = [0]
  for (const code of codes) units.push(units.at(-1)! + (code > 0xffff ? 2 : 1))
  return { codes, unitOf: (index) => units[index]!, indexOf: (unit) => units.indexOf(unit) }
}
