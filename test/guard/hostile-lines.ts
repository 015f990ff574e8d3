/** Lines made to keep an expression busy: they fit it, their repeats are very long, and something at the end is wrong. */

import { resolveTags } from '../../src/guard/filter/tags.ts'
import type { FilterDefinition } from '../../src/guard/filter-definition.ts'
import { setHas } from '../../src/guard/regex/charset.ts'
import { noFlags, parsePython } from '../../src/guard/regex/parse.ts'
import type { Node, PythonTree } from '../../src/guard/regex/tree.ts'

/** A small generator of numbers below a bound (mulberry32). */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Characters that stand for a set: what ambiguous expressions are most often fooled with comes first. */
const likely = [...' a:,.-0="\'[]()<>;@/_XZ1{}|\\\t\n'].map((char) => char.codePointAt(0)!)

interface Writer {
  readonly next: (below: number) => number
  /** How often a repeat without an upper bound goes round. */
  readonly rounds: number
  /** What stands in for the group `content`, by its index. */
  readonly content: { readonly index: number; readonly text: () => string } | null
}

function write(node: Node, writer: Writer): string {
  const { next, rounds, content } = writer
  switch (node.kind) {
    case 'char':
      return String.fromCodePoint(node.code)
    case 'any':
      return pick(
        likely.filter((code) => code !== 10),
        next,
      )
    case 'set':
      return pick(
        likely.filter((code) => code !== 10 && setHas(node, code)),
        next,
      )
    case 'sequence':
      return node.items.map((item) => write(item, writer)).join('')
    case 'choice':
      return write(node.branches[next(node.branches.length)]!, writer)
    case 'group':
      return node.index === content?.index ? content.text() : write(node.body, writer)
    case 'atomic':
      return write(node.body, writer)
    case 'repeat': {
      const most = node.max === Number.POSITIVE_INFINITY ? node.min + rounds : node.max
      const count = next(3) === 0 ? most : Math.min(most, node.min + next(2))
      const once = write(node.body, { ...writer, rounds: 1 })
      // the same again and again, which is what takes long; or each time something else
      if (next(4) > 0) return once.repeat(count)
      return Array.from({ length: Math.min(count, 40) }, () =>
        write(node.body, { ...writer, rounds: 1 }),
      ).join('')
    }
    case 'conditional':
      return write(next(2) === 0 ? node.yes : node.no, writer)
    default:
      return ''
  }
}

const pick = (codes: readonly number[], next: (below: number) => number): string =>
  codes.length === 0
    ? '~'
    : String.fromCodePoint(codes[next(Math.min(codes.length, 1 + next(codes.length)))]!)

/** Lines for one filter: some for each of its expressions, all of up to `length` characters. */
export function* hostileLines(
  definition: FilterDefinition,
  { each, length, seed }: { each: number; length: number; seed: number },
): Generator<string> {
  const next = numbersFrom(seed)
  const tree = (written: string): PythonTree => parsePython(resolveTags(written, 'warn'), noFlags)
  const prefix = definition.prefregex ? tree(definition.prefregex) : null
  for (const expression of definition.failregex.map(tree)) {
    for (let count = 0; count < each; count++) {
      const rounds = [3, 60, 600, length][next(4)]!
      const writer = (): Writer => ({ next, rounds, content: null })
      const text = (): string => spoilt(write(expression.root, writer()), next)
      const index = prefix?.names.get('content')
      const line =
        prefix === null || index === undefined
          ? text()
          : write(prefix.root, { next, rounds: 1, content: { index, text } })
      yield `${next(2) === 0 ? '2026-11-21 18:30:00 ' : ''}${line}`.slice(0, length)
    }
  }
}

/** A text whose end is cut off or wrong. */
function spoilt(text: string, next: (below: number) => number): string {
  const kept = text.slice(0, text.length - next(Math.min(text.length + 1, 12)))
  return `${kept}${['', '\u0001', ' x', '!', ': ', kept.slice(-40).repeat(20)][next(6)]}`
}
