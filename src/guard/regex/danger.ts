/**
 * How long an expression may search: whether a backtracking matcher may try the same characters of a text in two ways.
 *
 * The program is seen as an automaton. If some character sequence leads from a state back to itself in two ways, the
 * time may double with every character (exponential ambiguity). If loops follow each other and the characters between
 * them fit both, the time grows with a power of the length, one more for each such loop.
 * Read first: Weber and Seidl, "On the degree of ambiguity of finite automata" (1991). Loops of several states are
 * taken for the union of their characters, look-arounds are seen through, references match anything: the answer may
 * be too careful, never too bold.
 */
import { type AsciiMap, asciiMap } from './charset.ts'
import { type CharTest, type Program, programOf } from './program.ts'
import type { Node } from './tree.ts'

/** Counted repeats beyond this many rounds are taken for endless. */
const unrolled = 6
/** A character beyond ASCII that no set of an ordinary expression tells from others. */
const farCharacter = 0x4e2d

/**
 * The power of the text's length with which the time to search may grow: 1 where it is linear, Infinity where it is
 * exponential.
 */
export function costDegree(root: Node, groups: number): number {
  const automaton = automatonOf(programOf(root, groups, unrolled))
  const loops = loopsOf(automaton)
  if (loops.some((loop) => isAmbiguous(automaton, loop))) return Number.POSITIVE_INFINITY
  return longestChain(automaton, loops)
}

interface Automaton {
  /** Characters of each state; a state is entered by reading one of them. */
  readonly sets: readonly AsciiMap[]
  /** States that may come after each, with 2 where there are several ways to one. */
  readonly next: readonly ReadonlyMap<number, number>[]
  readonly first: ReadonlyMap<number, number>
  /** Whether the start of the text is demanded before the first character. */
  readonly anchored: boolean
  /** States after which nothing is left to fail. */
  readonly final: ReadonlySet<number>
}

interface Loop {
  readonly states: readonly number[]
  readonly set: AsciiMap
}

function automatonOf(program: Program): Automaton {
  const { code } = program
  const numbers = new Map<number, number>()
  code.forEach(({ op }, at) => {
    if (op === 'char' || op === 'backreference') numbers.set(at, numbers.size)
  })
  const sets: AsciiMap[] = []
  for (const at of numbers.keys()) {
    const instruction = code[at]!
    sets.push(instruction.op === 'char' ? mapOf(instruction.test) : asciiMap(() => true, true))
  }
  const next: Map<number, number>[] = []
  const final = new Set<number>()
  for (const [at, state] of numbers) {
    const reached = follow(program, at + 1)
    const successors = new Map([...reached.states].map(([to, ways]) => [numbers.get(to)!, ways]))
    // a reference may match any number of characters
    if (code[at]!.op === 'backreference') successors.set(state, 1)
    next.push(successors)
    if (reached.accepts) final.add(state)
  }
  const start = follow(program, 0)
  return {
    sets,
    next,
    first: new Map([...start.states].map(([to, ways]) => [numbers.get(to)!, ways])),
    anchored: !start.free,
    final,
  }
}

/** Maps of tests that were asked: sets that are the same share theirs. */
const maps = new WeakMap<CharTest, AsciiMap>()

function mapOf(test: CharTest): AsciiMap {
  const known = maps.get(test)
  if (known !== undefined) return known
  const made = asciiMap(test, test(farCharacter) || test(0xe9))
  maps.set(test, made)
  return made
}

interface Reached {
  readonly states: Map<number, number>
  /** Whether the end is reached without a condition that the rest of a line could fail. */
  readonly accepts: boolean
  /** Whether some state is reached without passing the start of the text. */
  readonly free: boolean
}

/** A place on the way, with what was passed: 1 a condition, 2 the start of the text. */
const passed = { condition: 1, start: 2 }

/** Where a program may go from an instruction without reading; each place is visited twice at most. */
function follow({ code }: Program, from: number): Reached {
  const states = new Map<number, number>()
  const visits = new Map<number, number>()
  const queue: number[] = [4 * from]
  let accepts = false
  let free = false
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const count = visits.get(entry) ?? 0
    if (count === 2) continue
    visits.set(entry, count + 1)
    const at = entry >> 2
    const flags = entry & 3
    const instruction = code[at]!
    const go = (to: number, more = 0) => queue.push(4 * to + (flags | more))
    switch (instruction.op) {
      case 'char':
      case 'backreference':
        states.set(at, Math.min(2, (states.get(at) ?? 0) + 1))
        if ((flags & passed.start) === 0) free = true
        break
      case 'accept': {
        const after = parts(code).get(at)
        if (after !== undefined) {
          go(after)
          break
        }
        if ((flags & passed.condition) === 0) accepts = true
        if ((flags & passed.start) === 0) free = true
        break
      }
      case 'split':
        go(instruction.second)
        go(instruction.first)
        break
      case 'condition':
        go(instruction.no)
        go(instruction.yes)
        break
      case 'jump':
        go(instruction.to)
        break
      case 'progress':
        go(instruction.leave)
        go(at + 1)
        break
      case 'look':
        go(instruction.next, passed.condition)
        break
      case 'assert':
        // the end of the text is where an endless loop over all but newlines stops anyway
        go(
          at + 1,
          instruction.what === 'start'
            ? passed.start | passed.condition
            : instruction.what === 'end'
              ? 0
              : passed.condition,
        )
        break
      default:
        go(at + 1)
    }
  }
  return { states, accepts, free }
}

const partsOf = new WeakMap<readonly object[], Map<number, number>>()

/** For each `accept` that ends an atomic part: the instruction after it. Those of look-arounds are never passed. */
function parts(code: Program['code']): Map<number, number> {
  const known = partsOf.get(code)
  if (known !== undefined) return known
  const map = new Map<number, number>()
  for (const instruction of code) {
    if (instruction.op === 'atomic') map.set(instruction.next - 1, instruction.next)
  }
  partsOf.set(code, map)
  return map
}

/** Strongly connected sets of states (Tarjan) that a character sequence can go round in. */
function loopsOf({ next, sets }: Automaton): Loop[] {
  const loops: Loop[] = []
  const index = new Int32Array(next.length).fill(-1)
  const low = new Int32Array(next.length)
  const onStack = new Uint8Array(next.length)
  const stack: number[] = []
  let count = 0
  const connect = (state: number): void => {
    index[state] = low[state] = count++
    stack.push(state)
    onStack[state] = 1
    for (const to of next[state]!.keys()) {
      if (index[to] === -1) {
        connect(to)
        low[state] = Math.min(low[state]!, low[to]!)
      } else if (onStack[to] === 1) low[state] = Math.min(low[state]!, index[to]!)
    }
    if (low[state] !== index[state]) return
    const states: number[] = []
    for (let member = -1; member !== state; ) {
      member = stack.pop()!
      onStack[member] = 0
      states.push(member)
    }
    if (states.length > 1 || next[state]!.has(state)) {
      loops.push({ states, set: union(states.map((one) => sets[one]!)) })
    }
  }
  for (let state = 0; state < next.length; state++) if (index[state] === -1) connect(state)
  // Tarjan finds the last ones first
  return loops.reverse()
}

function union(sets: readonly AsciiMap[]): AsciiMap {
  const all = new Uint32Array(5)
  for (const set of sets) for (let word = 0; word < 5; word++) all[word]! |= set[word]!
  return all
}

const meet = (a: AsciiMap, b: AsciiMap): boolean =>
  ((a[0]! & b[0]!) | (a[1]! & b[1]!) | (a[2]! & b[2]!) | (a[3]! & b[3]!) | (a[4]! & b[4]!)) !== 0

/** Whether some sequence leads through a loop in two ways: two copies of it walk apart and meet again. */
function isAmbiguous({ next, sets }: Automaton, loop: Loop): boolean {
  const inside = new Set(loop.states)
  const within = loop.states.map((state) => [...next[state]!].filter(([to]) => inside.has(to)))
  if (within.some((successors) => successors.some(([, ways]) => ways > 1))) return true
  const place = new Map(loop.states.map((state, at) => [state, at]))
  const size = loop.states.length
  // too large to look at: taken for ambiguous
  if (size > 300) return true
  const forward = new Set<number>()
  const edges = new Map<number, number[]>()
  const queue = loop.states.map((_, at) => at * size + at)
  for (const pair of queue) forward.add(pair)
  for (let pair = queue.pop(); pair !== undefined; pair = queue.pop()) {
    for (const [one] of within[Math.floor(pair / size)]!) {
      for (const [other] of within[pair % size]!) {
        if (!meet(sets[one]!, sets[other]!)) continue
        const to = place.get(one)! * size + place.get(other)!
        const sources = edges.get(to)
        if (sources === undefined) edges.set(to, [pair])
        else sources.push(pair)
        if (forward.has(to)) continue
        forward.add(to)
        queue.push(to)
      }
    }
  }
  const backward = new Set(loop.states.map((_, at) => at * size + at))
  const back = [...backward]
  for (let pair = back.pop(); pair !== undefined; pair = back.pop()) {
    for (const from of edges.get(pair) ?? []) {
      if (backward.has(from)) continue
      if (Math.floor(from / size) !== from % size) return true
      backward.add(from)
      back.push(from)
    }
  }
  return false
}

/** How many loops may share out the same characters between them, the search for a start counting as one. */
function longestChain(automaton: Automaton, loops: readonly Loop[]): number {
  const { next, sets, final } = automaton
  const owner = new Map<number, number>()
  loops.forEach((loop, at) => {
    for (const state of loop.states) owner.set(state, at)
  })
  const length = loops.map(() => 1)
  let longest = 1
  const extend = (from: Iterable<number>, set: AsciiMap | null, before: number, own: number): void => {
    loops.forEach((loop, at) => {
      if (at <= own || loop.states.some((state) => final.has(state))) return
      const common = set === null ? loop.set : both(set, loop.set)
      if (reaches(from, at, common)) length[at] = Math.max(length[at]!, before + 1)
    })
  }
  const reaches = (from: Iterable<number>, target: number, common: AsciiMap): boolean => {
    const seen = new Set<number>()
    const queue = [...from]
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      if (seen.has(state) || !meet(sets[state]!, common)) continue
      seen.add(state)
      if (owner.get(state) === target) return true
      queue.push(...next[state]!.keys())
    }
    return false
  }
  if (!automaton.anchored) extend(automaton.first.keys(), null, 1, -1)
  loops.forEach((loop, at) => {
    longest = Math.max(longest, length[at]!)
    const leaving = new Set(loop.states.flatMap((state) => [...next[state]!.keys()]))
    extend(leaving, loop.set, length[at]!, at)
  })
  return longest
}

function both(a: AsciiMap, b: AsciiMap): AsciiMap {
  return a.map((one, at) => one & b[at]!)
}
