import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seed } from '../../../test/seed.ts'
import { type Answer, askPython, pythonVersion, type Question } from './_testing/python.ts'
import { randomPattern, randomText } from './_testing/random-pattern.ts'
import { PythonSyntaxError } from './parse.ts'
import { type CompileOptions, compilePython } from './python-regex.ts'

/** A match as its groups between bars, `-` where unset; `no` where there is none. */
function found(pattern: string, text: string, options: CompileOptions = {}): string {
  const regex = compilePython(pattern, { keep: 'all', ...options })
  const match = regex.search(text)
  if (match === null) return 'no'
  return Array.from({ length: regex.tree.groups + 1 }, (_, index) => match.group(index) ?? '-').join('|')
}

/** Expression, text, what is found: by JavaScript where it can, and by the machine. */
const table: readonly (readonly [string, string, string])[] = [
  ['(?P<a>b)(?P=a)', 'abba', 'bb|b'],
  ['(?:(a)|b)(?(1)c|d)', 'ad bd', 'bd|-'],
  ['(?:(a)|b)(?(1)c|d)', 'ac', 'ac|a'],
  ['(a)?x(?(1)y|z)', 'axz', 'xz|-'],
  ['x(?P<u>(?P<w>\\w+)|(?(w)a|[^:]+)) from (?(w)1|2)', 'xa b from 2', 'xa b from 2|a b|-'],
  ['(?:(a)|b)*', 'ab', 'ab|a'],
  ['(a*)?', 'b', '|'],
  ['(?P<g>(?:ab)??){,2}c', 'abc', 'abc|'],
  ['(?P<g>(?:a|b)??){1,3}?c', 'abc', 'abc|b'],
  ['(a|)*?b', 'aab', 'aab|a'],
  ['((?:a|b|){3})*c', 'abc', 'abc|'],
  ['(?:(?P<k>a)|(?P=k)b)+', 'aab', 'aa|a'],
  ['[]a]+', 'x]a]', ']a]'],
  ['[^]a]+', '];x]', ';x'],
  ['a{,2}b', 'aaab', 'aab'],
  ['a{2', 'a{2', 'a{2'],
  ['a{}', 'a{}', 'a{}'],
  ['a$', 'a\n', 'a'],
  ['a\\Z', 'a\n', 'no'],
  ['a$', 'a\nb', 'no'],
  ['(?m)^b$', 'a\nb\nc', 'b'],
  ['\\Ab', 'ab', 'no'],
  ['a.b', 'a\rb', 'a\rb'],
  ['a.b', 'a\nb', 'no'],
  ['(?s)a.b', 'a\nb', 'a\nb'],
  ['a.b', 'a\u2028b', 'a\u2028b'],
  ['(?x) a b # c', 'ab', 'ab'],
  ['(?x)a\\ b [ ]', 'a b ', 'a b '],
  ['a(?#b)c', 'ac', 'ac'],
  ['(?i)stra(?-i:S)e', 'STRASE', 'STRASE'],
  ['a(?i:b)c', 'aBc', 'aBc'],
  ['a(?i:b)c', 'aBC', 'no'],
  ['(?i)k', '\u212a', '\u212a'],
  ['\\w+', '\u00e9\u0416\u4e2d9_', '\u00e9\u0416\u4e2d9_'],
  ['(?a)\\w+', '\u00e9a', 'a'],
  ['\\d', '\u0663', '\u0663'],
  ['\\s', '\u001c', '\u001c'],
  ['\\s', '\ufeff', 'no'],
  ['\\bx', '\u00e9x x', 'x'],
  ['a++a', 'aaa', 'no'],
  ['(?>a|ab)c', 'abc', 'no'],
  ['(?<=a)b', 'ab', 'b'],
  ['(?<!a)b', 'ab', 'no'],
  ['\\x41\\u0042\\103\\0', 'ABC\0', 'ABC\0'],
  ['^.$', '\u{1f600}', '\u{1f600}'],
  ['[\\-\\"\\:]+', '-":', '-":'],
]

const refused: readonly (readonly [string, string])[] = [
  ['a**', 'multiple repeat'],
  ['*a', 'nothing to repeat'],
  ['(a', 'missing ), unterminated subpattern'],
  ['a)', 'unbalanced parenthesis'],
  ['[a', 'unterminated character set'],
  ['(?<=a+)b', 'look-behind requires fixed-width pattern'],
  ['(?<n>a)', 'unknown extension ?<n'],
  ['a(?i)b', 'global flags not at the start of the expression'],
  ['\\q', 'bad escape \\q'],
  ['(?P<a>b)(?P<a>c)', "redefinition of group name 'a'"],
  ['(?P=a)', "unknown group name 'a'"],
  ['\\1', 'invalid group reference 1'],
  ['[b-a]', 'bad character range'],
  ['a{3,2}', 'min repeat greater than max repeat'],
]

describe('expressions of Python', () => {
  it.each(table)('%j in %j', (pattern, text, expected) => {
    expect(found(pattern, text)).toBe(expected)
    expect(found(pattern, text, { machineOnly: true })).toBe(expected)
  })

  it.each(refused)('%j is refused', (pattern, message) => {
    expect(() => compilePython(pattern)).toThrow(message)
  })

  it('search from a position, and tell where groups are', () => {
    for (const machineOnly of [false, true]) {
      const regex = compilePython('a(b)', { keep: [1], machineOnly })
      const match = regex.search('\u{1f600}ab ab', 3)!
      expect([match.start, match.end, match.span(1)]).toEqual([5, 7, [6, 7]])
    }
  })
})

describe('how long a search may take', () => {
  const degrees: readonly (readonly [string, number])[] = [
    ['^(a+)+$', Number.POSITIVE_INFINITY],
    ['^(a|a)*$', Number.POSITIVE_INFINITY],
    ['^(?:[^,]+ )*x', Number.POSITIVE_INFINITY],
    ['^(?:a?b?)*$', Number.POSITIVE_INFINITY],
    ['^(?:[^, ]+ )*x', 1],
    ['^\\S+ \\S+ \\S+:', 1],
    ['^.*foo', 1],
    ['^.*a.*b', 2],
    ['foo.*bar', 2],
    ['^.*a.*b.*c', 3],
    ['^a.*$', 1],
  ]
  it.each(degrees)('%j: degree %d', (pattern, degree) => {
    expect(compilePython(pattern).degree).toBe(degree)
  })

  it('is linear where JavaScript would never end', () => {
    const start = performance.now()
    expect(found('^(a+)+$', `${'a'.repeat(2000)}b`)).toBe('no')
    expect(found('^(?:[^\\[]+ )*x', 'a '.repeat(1000))).toBe('no')
    expect(found('(.*a){12}$', 'a'.repeat(300))).not.toBe('no')
    expect(performance.now() - start).toBeLessThan(5000)
  })

  it('is bounded where references keep it from being linear', () => {
    const regex = compilePython('^(?:(a+)\\1*)+$')
    const start = performance.now()
    expect(regex.search(`${'a'.repeat(200)}b`)).toBeNull()
    expect(regex.gaveUp).toBe(1)
    expect(performance.now() - start).toBeLessThan(5000)
  })
})

describe('what every match contains', () => {
  it.each([
    ['^Failed \\S+ for (?P<u>.*) from x', ['Failed ']],
    ['(?:abc|def) x*', ['abc ', 'def ']],
    ['[iI](?:llegal|nvalid) user', ['illegal user', 'invalid user', 'Illegal user', 'Invalid user']],
    ['a[^b]c[0-9]', ['a']],
    ['(?i)abc', null],
    ['a?b*', null],
    ['x(?:yz)+w', ['yz']],
    ['(?:foo)?bar', ['bar']],
  ] as const)('%j', (pattern, expected) => {
    expect(compilePython(pattern).required).toEqual(expected)
  })
})

const version = pythonVersion()

describe("against Python's own re", () => {
  it.skipIf(version === null || Number(version.split('.')[1]) < 11)(
    `random expressions and texts (python3 ${version ?? 'is absent'})`,
    () => {
      const texts = fc.array(randomText, { minLength: 4, maxLength: 4 })
      const questions = fc.sample(fc.record({ pattern: randomPattern, texts }), { numRuns: 1500, seed })
      const answers = askPython(questions)
      let refusals = 0
      questions.forEach((question, at) => {
        const answer = answers[at]!
        if ('error' in answer) refusals++
        for (const machineOnly of [false, true]) {
          expect(answerOf(question, machineOnly), `seed ${seed}: ${JSON.stringify(question)}`).toEqual(
            'error' in answer ? 'refused' : answer,
          )
        }
      })
      expect(refusals).toBeLessThan(750)
    },
  )
})

function answerOf({ pattern, texts }: Question, machineOnly: boolean): Answer | 'refused' {
  try {
    const regex = compilePython(pattern, { keep: 'all', machineOnly })
    return texts.map((text) => {
      const match = regex.search(text)
      const points = (unit: number) => [...text.slice(0, unit)].length
      if (match === null) return null
      return Array.from({ length: regex.tree.groups + 1 }, (_, index) => {
        const [start, end] = match.span(index) ?? [-1, -1]
        return start < 0 ? ([-1, -1] as const) : ([points(start), points(end)] as const)
      })
    })
  } catch (error) {
    if (error instanceof PythonSyntaxError) return 'refused'
    throw error
  }
}
