/**
 * A tree as a program for the machine in `machine.ts`: what JavaScript cannot say runs there, and so does what
 * JavaScript might take for ever over. The same program is what `danger.ts` looks at.
 */
import { caseVariants, isWord, setHas, setKey } from './charset.ts'
import { type Assertion, childrenOf, type Node, type RepeatNode, widthOf } from './tree.ts'

/** Whether a set holds a character (a code point). */
export type CharTest = (code: number) => boolean

export type Instruction =
  | { op: 'char'; test: CharTest; code: number | null }
  /** Goes on at `first`; when that fails, at `second`. `within`: registers of the rounds that it is a part of. */
  | { op: 'split'; first: number; second: number; within: readonly number[] }
  | { op: 'jump'; to: number }
  /** Notes the position in a slot: 2 * group for its start, one more for its end. */
  | { op: 'save'; slot: number }
  | { op: 'assert'; what: Assertion; ascii: boolean }
  | { op: 'backreference'; group: number; ignoreCase: boolean }
  /** Goes on at `yes` if a group is set, else at `no`. */
  | { op: 'condition'; group: number; yes: number; no: number }
  /** Runs the part from the next instruction to its `accept`; `width` characters back for a look-behind. */
  | { op: 'look'; back: number | null; negated: boolean; next: number }
  | { op: 'atomic'; next: number }
  /** Notes where a round begins that may match nothing. */
  | { op: 'mark'; register: number }
  /** Goes to `leave` if the round that ends here matched nothing. */
  | { op: 'progress'; register: number; leave: number }
  | { op: 'accept' }

export interface Program {
  readonly code: readonly Instruction[]
  readonly groups: number
  readonly registers: number
  /**
   * Whether what follows from a place depends on nothing but the place, the position, and which of the rounds around
   * it have matched something yet.
   */
  readonly memoryless: boolean
}

const notNewline: CharTest = (code) => code !== 10

/** Rounds within rounds that may match nothing, of which a machine can remember each state. */
const mostWithin = 4

/** Longer programs are refused. */
const largestProgram = 100_000
/** A program of so many instructions is made without a doubt. */
export const surelyFits = 50_000

export class ProgramTooLarge extends Error {}

/** `unroll` limits how often a counted repeat is written out; above it, it counts as endless (for analysis only). */
export function programOf(root: Node, groups: number, unroll = Number.POSITIVE_INFINITY): Program {
  const compiler = new Compiler(unroll)
  compiler.node(root)
  compiler.add({ op: 'accept' })
  return { code: compiler.code, groups, registers: compiler.registers, memoryless: compiler.memoryless }
}

/** No program for analysis (`unroll` of 6 at most) has more instructions. */
export function mostInstructions(node: Node): number {
  const inside = childrenOf(node).reduce((sum, child) => sum + mostInstructions(child) + 2, 4)
  return node.kind === 'repeat' ? 7 * (inside + 4) : inside
}

class Compiler {
  readonly code: Instruction[] = []
  registers = 0
  memoryless = true
  readonly #unroll: number
  /** Registers of the rounds, in the part that is being written, that may match nothing. */
  #within: readonly number[] = []

  constructor(unroll: number) {
    this.#unroll = unroll
  }

  add<T extends Instruction>(instruction: T): T {
    if (this.code.length >= largestProgram) throw new ProgramTooLarge('the expression is too large')
    this.code.push(instruction)
    return instruction
  }

  node(node: Node): void {
    switch (node.kind) {
      case 'char': {
        const { code } = node
        const test = charTest(code, node.ignoreCase)
        this.add({ op: 'char', test, code: node.ignoreCase ? null : code })
        return
      }
      case 'any':
        this.add({ op: 'char', test: node.newline ? () => true : notNewline, code: null })
        return
      case 'set':
        this.add({ op: 'char', test: testOf(setKey(node), (code) => setHas(node, code)), code: null })
        return
      case 'sequence':
        for (const item of node.items) this.node(item)
        return
      case 'choice':
        this.#choice(node.branches)
        return
      case 'group':
        this.add({ op: 'save', slot: 2 * node.index })
        this.node(node.body)
        this.add({ op: 'save', slot: 2 * node.index + 1 })
        return
      case 'atomic':
        this.#part({ op: 'atomic', next: 0 }, node.body)
        return
      case 'look': {
        const back = node.ahead ? null : widthOf(node.body).min
        this.#part({ op: 'look', back, negated: node.negated, next: 0 }, node.body)
        return
      }
      case 'repeat':
        this.#repeat(node)
        return
      case 'assert':
        this.add({ op: 'assert', what: node.what, ascii: node.ascii })
        return
      case 'backreference':
        this.memoryless = false
        this.add({ op: 'backreference', group: node.index, ignoreCase: node.ignoreCase })
        return
      case 'conditional': {
        this.memoryless = false
        const condition = this.add({ op: 'condition', group: node.index, yes: 0, no: 0 })
        condition.yes = this.code.length
        this.node(node.yes)
        const over = this.add({ op: 'jump', to: 0 })
        condition.no = this.code.length
        this.node(node.no)
        over.to = this.code.length
      }
    }
  }

  #part(head: { op: 'atomic'; next: number } | Extract<Instruction, { op: 'look' }>, body: Node): void {
    const instruction = this.add(head)
    const around = this.#within
    this.#within = []
    this.node(body)
    this.#within = around
    this.add({ op: 'accept' })
    instruction.next = this.code.length
  }

  #split(): Split {
    return this.add<Split>({ op: 'split', first: this.code.length + 1, second: 0, within: this.#within })
  }

  /**
   * One round of a repeat that may match nothing. After a round that did, Python tries no other but what follows, so
   * it goes to the end of the repeat, which is to be filled in.
   */
  #round(body: Node, register: number): { leave: number } {
    this.add({ op: 'mark', register })
    const around = this.#within
    this.#within = [...around, register]
    if (this.#within.length > mostWithin) this.memoryless = false
    this.node(body)
    this.#within = around
    return this.add({ op: 'progress', register, leave: 0 })
  }

  #choice(branches: readonly Node[]): void {
    const ends: { op: 'jump'; to: number }[] = []
    branches.forEach((branch, at) => {
      if (at === branches.length - 1) {
        this.node(branch)
        return
      }
      const split = this.#split()
      this.node(branch)
      ends.push(this.add({ op: 'jump', to: 0 }))
      split.second = this.code.length
    })
    for (const end of ends) end.to = this.code.length
  }

  #repeat(node: RepeatNode): void {
    if (node.mode === 'possessive') {
      this.#part({ op: 'atomic', next: 0 }, { ...node, mode: 'greedy' })
      return
    }
    const endless = node.max === Number.POSITIVE_INFINITY || node.max > this.#unroll
    for (let round = 0; round < Math.min(node.min, this.#unroll); round++) this.node(node.body)
    if (endless) {
      this.#endless(node)
      return
    }
    const leaving: Split[] = []
    const finished: { leave: number }[] = []
    // one optional round is over in either case
    const register = node.max - node.min > 1 && isNullable(node.body) ? this.registers++ : null
    for (let round = node.min; round < node.max; round++) {
      leaving.push(this.#split())
      if (register === null) this.node(node.body)
      else finished.push(this.#round(node.body, register))
    }
    for (const split of leaving) {
      split.second = this.code.length
      if (node.mode === 'lazy') swap(split)
    }
    for (const progress of finished) progress.leave = this.code.length
  }

  #endless(node: RepeatNode): void {
    const start = this.code.length
    const split = this.#split()
    let progress: { leave: number } | null = null
    if (isNullable(node.body)) progress = this.#round(node.body, this.registers++)
    else this.node(node.body)
    this.add({ op: 'jump', to: start })
    split.second = this.code.length
    if (progress !== null) progress.leave = this.code.length
    if (node.mode === 'lazy') swap(split)
  }
}

type Split = Extract<Instruction, { op: 'split' }>

const isNullable = (node: Node): boolean => widthOf(node).min === 0

function swap(split: { first: number; second: number }): void {
  const { first, second } = split
  split.first = second
  split.second = first
}

/** A test whose answers for ASCII are looked up. */
/** Tests of characters, and of those whose case is ignored (plus a half). */
const charTests = new Map<number, CharTest>()

function charTest(code: number, ignoreCase: boolean): CharTest {
  const key = ignoreCase ? code + 0.5 : code
  const known = charTests.get(key)
  if (known !== undefined) return known
  const variants = ignoreCase ? new Set(caseVariants(code)) : null
  const made: CharTest = variants === null ? (point) => point === code : (point) => variants.has(point)
  charTests.set(key, made)
  return made
}

/** Tests of sets by `setKey`. */
const setTests = new Map<string, CharTest>()

function testOf(key: string, test: CharTest): CharTest {
  const known = setTests.get(key)
  if (known !== undefined) return known
  const made = fastTest(test)
  setTests.set(key, made)
  return made
}

function fastTest(test: CharTest): CharTest {
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => (test(code) ? 1 : 0))
  return (code) => (code < 128 ? ascii[code] === 1 : test(code))
}

/** Whether an assertion holds between two characters of a text. */
export function holds(what: Assertion, ascii: boolean, text: Uint32Array, at: number): boolean {
  const end = text.length
  switch (what) {
    case 'start':
      return at === 0
    case 'textEnd':
      return at === end
    case 'end':
      return at === end || (at === end - 1 && text[at] === 10)
    case 'lineStart':
      return at === 0 || text[at - 1] === 10
    case 'lineEnd':
      return at === end || text[at] === 10
  }
  const before = at > 0 && isWord(text[at - 1]!, ascii)
  const after = at < end && isWord(text[at]!, ascii)
  return end > 0 && (before !== after) === (what === 'boundary')
}
