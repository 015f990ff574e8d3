/**
 * Runs a program over a text by trying alternatives in order, as Python does, but within bounds.
 *
 * A memoryless program notes at each fork which positions have failed there and never tries them again, so its time
 * grows with program times text and not exponentially; look-arounds and atomic parts are runs of their own. Others have
 * nothing but the number of steps to stop them.
 */
import { caseVariants } from './charset.ts'
import { holds, type Instruction, type Program } from './program.ts'

/** Slots: start and end of the whole match, then of each group; -1 where unset. Positions count code points. */
export type Slots = Int32Array

/** The bound was reached before an answer was. */
export const gaveUp = Symbol('gave up')

/** Forks times positions that are remembered at most: 64 MB. Larger searches have nothing but the bound of their steps. */
const mostTried = 1 << 24

/**
 * For each fork and position, the last run in which it was tried. One search is over before the next begins, so that all
 * machines share it: a hostile line that sends each of a thousand expressions here costs the memory of one.
 */
const tried = {
  runs: new Int32Array(0),
  run: 0,

  /** Makes room; false where it would be too much. */
  holds(size: number): boolean {
    if (size > mostTried) return false
    if (tried.runs.length < size) {
      tried.runs = new Int32Array(Math.min(mostTried, 2 * size))
      tried.run = 0
    }
    return true
  },

  newRun(): number {
    if (tried.run === 0x7fffffff) {
      tried.runs.fill(0)
      tried.run = 0
    }
    return ++tried.run
  },
}

/** A bit for each round that has matched nothing yet. */
function roundsBegun(within: readonly number[], registers: Int32Array | null, here: number): number {
  let bits = 0
  for (const register of within) bits = 2 * bits + (registers![register] === here ? 1 : 0)
  return bits
}

export class Machine {
  readonly #program: Program
  readonly #code: readonly Instruction[]
  #text: Uint32Array = new Uint32Array(0)
  #steps = 0
  /** Whether forks remember where they failed. */
  #memory = false
  /** The first of a fork's numbers, one for each state of the rounds around it; -1 for what is no fork. */
  readonly #fork: Int32Array
  readonly #forks: number

  constructor(program: Program) {
    this.#program = program
    this.#code = program.code
    this.#fork = new Int32Array(program.code.length).fill(-1)
    let forks = 0
    program.code.forEach((instruction, at) => {
      if (instruction.op !== 'split') return
      this.#fork[at] = forks
      forks += 1 << instruction.within.length
    })
    this.#forks = forks
  }

  /** Steps that the last search left of those it was given. */
  get stepsLeft(): number {
    return Math.max(0, this.#steps)
  }

  /** The first match at or after `from`, as Python's `search` finds it. */
  search(text: Uint32Array, from: number, steps: number): Slots | null | typeof gaveUp {
    this.#text = text
    this.#steps = steps
    this.#memory = this.#program.memoryless && tried.holds(this.#forks * (text.length + 1))
    const run = tried.newRun()
    const slots = new Int32Array(2 * (this.#program.groups + 1)).fill(-1)
    const onlyStart = this.#code[0]!.op === 'assert' && this.#code[0].what === 'start'
    for (let start = from; start <= (onlyStart ? Math.min(0, text.length) : text.length); start++) {
      const end = this.#match(0, start, slots, run)
      if (this.#steps <= 0) return gaveUp
      if (end < 0) continue
      slots[0] = start
      slots[1] = end
      return slots
    }
    return null
  }

  /** Runs from an instruction to `accept`; the position there, or -1 with the slots as they were. */
  #match(start: number, position: number, slots: Slots, run: number): number {
    const code = this.#code
    const text = this.#text
    const memory = this.#memory
    const { runs } = tried
    const width = text.length + 1
    /** Triples: an instruction to go on at, with its position; or ~slot with the value to put back. */
    const stack: number[] = []
    const registers = this.#program.registers > 0 ? new Int32Array(this.#program.registers) : null
    let at = start
    let here = position
    for (;;) {
      if (--this.#steps <= 0) return this.#undo(stack, slots, registers)
      const instruction = code[at]!
      let failed = false
      switch (instruction.op) {
        case 'char':
          if (here < text.length && instruction.test(text[here]!)) {
            here++
            at++
          } else failed = true
          break
        case 'split': {
          if (memory) {
            const key = (this.#fork[at]! + roundsBegun(instruction.within, registers, here)) * width + here
            if (runs[key] === run) {
              failed = true
              break
            }
            runs[key] = run
          }
          stack.push(instruction.second, here)
          at = instruction.first
          break
        }
        case 'jump':
          at = instruction.to
          break
        case 'save':
          stack.push(~instruction.slot, slots[instruction.slot]!)
          slots[instruction.slot] = here
          at++
          break
        case 'assert':
          if (holds(instruction.what, instruction.ascii, text, here)) at++
          else failed = true
          break
        case 'backreference': {
          const end = this.#repeated(instruction, slots, here)
          if (end < 0) failed = true
          else {
            here = end
            at++
          }
          break
        }
        case 'condition':
          at = slots[2 * instruction.group + 1]! >= 0 ? instruction.yes : instruction.no
          break
        case 'look': {
          const from = instruction.back === null ? here : here - instruction.back
          const before = slots.slice()
          const found = from >= 0 && this.#match(at + 1, from, slots, tried.newRun()) >= 0
          if (found !== instruction.negated) {
            if (instruction.negated) slots.set(before)
            else this.#remember(stack, before, slots)
            at = instruction.next
          } else {
            slots.set(before)
            failed = true
          }
          break
        }
        case 'atomic': {
          const before = slots.slice()
          const end = this.#match(at + 1, here, slots, tried.newRun())
          if (end < 0) failed = true
          else {
            this.#remember(stack, before, slots)
            here = end
            at = instruction.next
          }
          break
        }
        case 'mark': {
          const key = slots.length + instruction.register
          stack.push(~key, registers![instruction.register]!)
          registers![instruction.register] = here
          at++
          break
        }
        case 'progress':
          at = registers![instruction.register] === here ? instruction.leave : at + 1
          break
        case 'accept':
          return here
      }
      if (!failed) continue
      for (;;) {
        if (stack.length === 0) return -1
        const value = stack.pop()!
        const what = stack.pop()!
        if (what >= 0) {
          at = what
          here = value
          break
        }
        putBack(~what, value, slots, registers)
      }
    }
  }

  #undo(stack: number[], slots: Slots, registers: Int32Array | null): number {
    while (stack.length > 0) {
      const value = stack.pop()!
      const what = stack.pop()!
      if (what < 0) putBack(~what, value, slots, registers)
    }
    return -1
  }

  /** Lets what a part has set be put back when the way fails. */
  #remember(stack: number[], before: Slots, slots: Slots): void {
    for (let slot = 0; slot < slots.length; slot++) {
      if (before[slot] !== slots[slot]) stack.push(~slot, before[slot]!)
    }
  }

  #repeated(
    { group, ignoreCase }: { readonly group: number; readonly ignoreCase: boolean },
    slots: Slots,
    here: number,
  ): number {
    const start = slots[2 * group]!
    const end = slots[2 * group + 1]!
    if (start < 0 || end < start || here + end - start > this.#text.length) return -1
    this.#steps -= (end - start) >> 3
    for (let offset = 0; offset < end - start; offset++) {
      const wanted = this.#text[start + offset]!
      const found = this.#text[here + offset]!
      if (wanted !== found && !(ignoreCase && caseVariants(wanted).includes(found))) return -1
    }
    return here + end - start
  }
}

function putBack(slot: number, value: number, slots: Slots, registers: Int32Array | null): void {
  if (slot < slots.length) slots[slot] = value
  else registers![slot - slots.length] = value
}
