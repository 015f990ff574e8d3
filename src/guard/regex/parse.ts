/**
 * Python regular expression text to a tree, with Python's own refusals.
 *
 * Read first: the documentation of module `re`, Python 3.11. What that version refuses (flags in the middle, look-behind
 * of varying width, unknown escapes) is refused here too, because a filter that Python cannot read never worked.
 */
import type { SetItem } from './charset.ts'
import { classEscape, type Escape, escapeOutside } from './escape.ts'
import { choiceOf, empty, type Node, type PythonTree, sequenceOf, widthOf } from './tree.ts'

/** An expression that Python would refuse. */
export class PythonSyntaxError extends Error {
  /** Where in the expression, counted from 0 in UTF-16 units. */
  readonly position: number
  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

export interface PythonFlags {
  readonly ignoreCase: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
  readonly verbose: boolean
  readonly ascii: boolean
}

export const noFlags: PythonFlags = {
  ignoreCase: false,
  multiline: false,
  dotAll: false,
  verbose: false,
  ascii: false,
}

/** @throws PythonSyntaxError where Python would raise `re.error`. */
export function parsePython(pattern: string, flags: PythonFlags = noFlags): PythonTree {
  try {
    return new Parser(pattern, flags).parse()
  } catch (error) {
    // (?x) at the start changes how everything is read, itself included
    if (error === becameVerbose) return new Parser(pattern, { ...flags, verbose: true }).parse()
    throw error
  }
}

const becameVerbose = Symbol('verbose')
const flagOf: Record<string, keyof PythonFlags> = {
  i: 'ignoreCase',
  m: 'multiline',
  s: 'dotAll',
  x: 'verbose',
  a: 'ascii',
}
const identifier = /^[\p{XID_Start}_][\p{XID_Continue}]*$/u

class Parser {
  readonly #text: string
  #at = 0
  #global: PythonFlags
  #groups = 0
  readonly #names = new Map<string, number>()
  /** Bodies of closed groups; null while a group is open. */
  readonly #bodies: (Node | null)[] = [null]
  /** Conditionals may name groups that come later. */
  readonly #promised: { index: number; position: number }[] = []
  /** Groups known where the innermost look-behind began; absent outside. */
  #lookbehindGroups: number | null = null

  constructor(text: string, flags: PythonFlags) {
    this.#text = text
    this.#global = flags
  }

  parse(): PythonTree {
    const root = this.#choice(null)
    if (this.#at < this.#text.length) this.#fail('unbalanced parenthesis')
    for (const { index, position } of this.#promised) {
      if (index > this.#groups) throw new PythonSyntaxError(`invalid group reference ${index}`, position)
    }
    return { root, groups: this.#groups, names: this.#names }
  }

  /** Alternatives up to a closing parenthesis or the end; without flags it is the whole expression. */
  #choice(flags: PythonFlags | null): Node {
    const branches = [this.#sequence(flags, flags === null)]
    while (this.#take('|')) branches.push(this.#sequence(flags, false))
    return choiceOf(branches)
  }

  #sequence(given: PythonFlags | null, first: boolean): Node {
    const items: Node[] = []
    for (;;) {
      const flags = given ?? this.#global
      const char = this.#text[this.#at]
      if (char === undefined || char === '|' || char === ')') return sequenceOf(items)
      if (flags.verbose && this.#skipBlank(char)) continue
      if (char === '*' || char === '+' || char === '?' || char === '{') {
        if (this.#repeat(char, items)) continue
      }
      if (char === '(') {
        const group = this.#parenthesis(flags, first && items.length === 0)
        if (group !== null) items.push(group)
        continue
      }
      items.push(this.#atom(char, flags))
    }
  }

  #skipBlank(char: string): boolean {
    if (' \t\n\r\v\f'.includes(char)) {
      this.#at++
      return true
    }
    if (char !== '#') return false
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#text.length : end + 1
    return true
  }

  #atom(char: string, flags: PythonFlags): Node {
    const { ignoreCase, ascii } = flags
    switch (char) {
      case '.':
        this.#at++
        return { kind: 'any', newline: flags.dotAll }
      case '^':
        this.#at++
        return { kind: 'assert', what: flags.multiline ? 'lineStart' : 'start', ascii }
      case '$':
        this.#at++
        return { kind: 'assert', what: flags.multiline ? 'lineEnd' : 'end', ascii }
      case '[':
        return this.#set(flags)
      case '\\': {
        const found = escapeOutside(this.#text, this.#at)
        this.#at = found.end
        return this.#escaped(found, flags)
      }
    }
    return { kind: 'char', code: this.#point(), ignoreCase }
  }

  #escaped(found: Escape, flags: PythonFlags): Node {
    const { ignoreCase, ascii } = flags
    switch (found.kind) {
      case 'char':
        return { kind: 'char', code: found.code, ignoreCase }
      case 'category':
        return {
          kind: 'set',
          negated: false,
          items: [{ category: found.category, negated: found.negated, ascii }],
          ignoreCase: false,
        }
      case 'assert':
        return { kind: 'assert', what: found.what, ascii }
      case 'group':
        return this.#reference(found.index, flags)
    }
  }

  #reference(index: number, { ignoreCase }: PythonFlags): Node {
    if (index > this.#groups) this.#fail(`invalid group reference ${index}`)
    if (this.#bodies[index] === null) this.#fail('cannot refer to an open group')
    if (this.#lookbehindGroups !== null && index > this.#lookbehindGroups) {
      this.#fail('cannot refer to group defined in the same lookbehind subpattern')
    }
    return { kind: 'backreference', index, ignoreCase }
  }

  #set(flags: PythonFlags): Node {
    const start = this.#at++
    const negated = this.#take('^')
    const items: SetItem[] = []
    const one = (): SetItem => {
      if (this.#at >= this.#text.length) this.#fail('unterminated character set', start)
      if (this.#text[this.#at] !== '\\') {
        const code = this.#point()
        return { lo: code, hi: code }
      }
      const found = classEscape(this.#text, this.#at)
      this.#at = found.end
      return found.kind === 'char'
        ? { lo: found.code, hi: found.code }
        : { category: found.category, negated: found.negated, ascii: flags.ascii }
    }
    // a bracket right at the start stands for itself
    while (items.length === 0 || !this.#take(']')) {
      const from = one()
      if (this.#text[this.#at] !== '-' || this.#text[this.#at + 1] === ']') {
        items.push(from)
        continue
      }
      this.#at++
      const to = one()
      if (!('lo' in from) || !('lo' in to) || from.lo > to.lo) {
        this.#fail('bad character range')
      }
      items.push({ lo: from.lo, hi: to.hi })
    }
    return { kind: 'set', negated, items, ignoreCase: flags.ignoreCase }
  }

  /** Puts a quantifier around the last item; false where the brace is a plain character. */
  #repeat(char: string, items: Node[]): boolean {
    const start = this.#at
    let min = char === '+' ? 1 : 0
    let max = char === '?' ? 1 : Number.POSITIVE_INFINITY
    if (char === '{') {
      const braces = /\{(\d*)(?:(,)(\d*))?\}/y
      braces.lastIndex = start
      const found = braces.exec(this.#text)
      if (found === null || found[0] === '{}') return false
      min = Number(found[1] || 0)
      max = found[2] === undefined ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
      if (max < min) this.#fail('min repeat greater than max repeat')
      this.#at = braces.lastIndex
    } else this.#at++
    const body = items.pop()
    if (body === undefined || body.kind === 'assert') this.#fail('nothing to repeat', start)
    if (body.kind === 'repeat' && !this.#grouped.has(body)) this.#fail('multiple repeat', start)
    const mode = this.#take('?') ? 'lazy' : this.#take('+') ? 'possessive' : 'greedy'
    items.push({ kind: 'repeat', min, max, mode, body })
    return true
  }

  /** Repeats that stood in a group of their own, and so may be repeated again. */
  readonly #grouped = new WeakSet<Node>()

  #parenthesis(flags: PythonFlags, first: boolean): Node | null {
    const start = this.#at++
    if (!this.#take('?')) return this.#capture(flags)
    const char = this.#text[this.#at++]
    switch (char) {
      case 'P':
        return this.#named(flags)
      case ':':
        return this.#plain(flags)
      case '>':
        return { kind: 'atomic', body: this.#closed(flags) }
      case '#': {
        const end = this.#text.indexOf(')', this.#at)
        if (end < 0) this.#fail('missing ), unterminated comment', start)
        this.#at = end + 1
        return null
      }
      case '=':
      case '!':
        return { kind: 'look', ahead: true, negated: char === '!', body: this.#closed(flags) }
      case '<': {
        const sign = this.#text[this.#at++]
        if (sign !== '=' && sign !== '!') this.#fail(`unknown extension ?<${sign ?? ''}`, start)
        return this.#lookbehind(sign === '!', flags)
      }
      case '(':
        return this.#conditional(flags)
    }
    this.#at--
    return this.#inlineFlags(flags, first)
  }

  #plain(flags: PythonFlags): Node {
    const body = this.#closed(flags)
    if (body.kind === 'assert') return { kind: 'sequence', items: [body] }
    if (body.kind === 'repeat') this.#grouped.add(body)
    return body
  }

  #closed(flags: PythonFlags): Node {
    const start = this.#at
    const body = this.#choice(flags)
    if (!this.#take(')')) this.#fail('missing ), unterminated subpattern', start)
    return body
  }

  #capture(flags: PythonFlags, name?: string): Node {
    const index = ++this.#groups
    if (name !== undefined) this.#names.set(name, index)
    this.#bodies[index] = null
    const body = this.#closed(flags)
    this.#bodies[index] = body
    return { kind: 'group', index, body }
  }

  #named(flags: PythonFlags): Node {
    if (this.#take('<')) {
      const name = this.#name('>')
      if (this.#names.has(name)) this.#fail(`redefinition of group name '${name}'`)
      return this.#capture(flags, name)
    }
    if (!this.#take('=')) this.#fail('unknown extension ?P')
    const name = this.#name(')')
    const index = this.#names.get(name)
    if (index === undefined) this.#fail(`unknown group name '${name}'`)
    return this.#reference(index, flags)
  }

  #name(end: string): string {
    const start = this.#at
    const close = this.#text.indexOf(end, start)
    if (close < 0) this.#fail(`missing ${end}, unterminated name`)
    const name = this.#text.slice(start, close)
    if (!identifier.test(name)) this.#fail(`bad character in group name '${name}'`)
    this.#at = close + 1
    return name
  }

  #lookbehind(negated: boolean, flags: PythonFlags): Node {
    const start = this.#at
    const before = this.#lookbehindGroups
    this.#lookbehindGroups ??= this.#groups
    const body = this.#closed(flags)
    this.#lookbehindGroups = before
    const width = widthOf(body, (index) => widthOf(this.#bodies[index] ?? empty))
    if (width.min !== width.max) this.#fail('look-behind requires fixed-width pattern', start)
    return { kind: 'look', ahead: false, negated, body }
  }

  #conditional(flags: PythonFlags): Node {
    const start = this.#at
    const close = this.#text.indexOf(')', start)
    if (close < 0) this.#fail('missing ), unterminated name')
    const name = this.#text.slice(start, close)
    const index = /^\d+$/.test(name) ? Number(name) : this.#names.get(name)
    if (index === undefined) this.#fail(`unknown group name '${name}'`)
    if (index === 0) this.#fail('bad group number')
    if (this.#lookbehindGroups !== null && index > this.#lookbehindGroups) {
      this.#fail('cannot refer to group defined in the same lookbehind subpattern')
    }
    this.#promised.push({ index, position: start })
    this.#at = close + 1
    const yes = this.#sequence(flags, false)
    const no = this.#take('|') ? this.#sequence(flags, false) : empty
    if (this.#text[this.#at] === '|') this.#fail('conditional backref with more than two branches')
    if (!this.#take(')')) this.#fail('missing ), unterminated subpattern', start)
    return { kind: 'conditional', index, yes, no }
  }

  #inlineFlags(flags: PythonFlags, first: boolean): Node | null {
    const found = /([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/y
    found.lastIndex = this.#at
    const match = found.exec(this.#text)
    if (match === null) this.#fail(`unknown extension ?${this.#text[this.#at] ?? ''}`)
    const [all, on, off, end] = match
    const changed: { -readonly [K in keyof PythonFlags]: boolean } = { ...flags }
    for (const letter of on!) {
      if (letter === 'u') changed.ascii = false
      else if (flagOf[letter] === undefined) this.#fail('unknown flag')
      else changed[flagOf[letter]] = true
    }
    for (const letter of off ?? '') {
      if (!'imsx'.includes(letter)) this.#fail('unknown flag')
      changed[flagOf[letter]!] = false
    }
    this.#at += all.length
    if (end === ':') return this.#plain(changed)
    if (off !== undefined) this.#fail('missing :')
    if (!first) this.#fail('global flags not at the start of the expression')
    if (changed.verbose && !this.#global.verbose) throw becameVerbose
    this.#global = changed
    return null
  }

  #point(): number {
    const code = this.#text.codePointAt(this.#at)!
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #fail(message: string, position = this.#at): never {
    throw new PythonSyntaxError(message, position)
  }
}
