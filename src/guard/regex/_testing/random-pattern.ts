/** Random expressions and texts over a small alphabet, so that they meet often. */
import fc from 'fast-check'

const letters = ['a', 'b', 'c', 'B', ' ', '\\.', '.', '\\n']
const sets = [
  '[ab]',
  '[^a]',
  '\\w',
  '\\s',
  '\\d',
  '\\S',
  '\\W',
  '[]a]',
  '[^]b]',
  '[a-c1]',
  '[\\w.]',
  '[^\\s]',
  '[\\W1]',
]
const anchors = ['^', '$', '\\b', '\\B', '\\A', '\\Z', '(?:^|c)']
const quantifiers = [
  '*',
  '+',
  '?',
  '{2}',
  '{,2}',
  '{1,3}',
  '{2,}',
  '*?',
  '+?',
  '??',
  '{0,2}?',
  '*+',
  '?+',
  '{',
  '{a}',
]

/**
 * An expression with groups named g1, g2 ... in order; references and conditionals name groups that are closed. (Of a
 * conditional that asks about the group around it, Python's own answers depend on what was tried before.)
 */
export const randomPattern: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '', '', '(?i)', '(?m)', '(?s)', '(?x)', '(?a)'),
    fc.infiniteStream(fc.nat(1_000_000)),
  )
  .map(([flags, stream]) => {
    const next = (below: number): number => (stream.next().value as number) % below
    const pick = <T>(list: readonly T[]): T => list[next(list.length)]!
    let groups = 0
    const closed: number[] = []
    const atom = (depth: number): string => {
      const roll = next(depth > 3 ? 6 : 16)
      if (roll < 4) return pick(letters)
      if (roll < 6) return pick(sets)
      const inner = () => choice(depth + 1)
      switch (roll) {
        case 6:
          return pick(anchors)
        case 7:
        case 8: {
          const name = ++groups
          const body = inner()
          closed.push(name)
          return `(?P<g${name}>${body})`
        }
        case 9:
          return `(?:${inner()})`
        case 10:
          return `(?${pick(['=', '!'])}${inner()})`
        case 11:
          return `(?<${pick(['=', '!'])}${pick(['a', 'b', '[ab]c', 'a|b', '^', 'ab'])})`
        case 12:
          return closed.length > 0 ? `(?P=g${pick(closed)})` : 'a'
        case 13: {
          if (closed.length === 0) return 'b'
          const group = pick(closed)
          return `(?(g${group})${sequence(depth + 1)}|${sequence(depth + 1)})`
        }
        case 14:
          return `(?>${inner()})`
        default:
          return `(?i:${inner()})`
      }
    }
    const sequence = (depth: number): string => {
      let source = ''
      for (let count = 1 + next(3); count > 0; count--) {
        source += atom(depth)
        if (next(3) === 0) source += pick(quantifiers)
      }
      return source
    }
    const choice = (depth: number): string => {
      let source = sequence(depth)
      while (next(4) === 0) source += `|${sequence(depth)}`
      return source
    }
    return flags + choice(0)
  })

export const randomText: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom('a', 'b', 'c', 'A', 'B', ' ', '1', '.', '\n', 'a', 'b', '\r', 'é', '\u{1f600}', '²'),
    {
      maxLength: 8,
    },
  )
  .map((chars) => chars.join(''))
