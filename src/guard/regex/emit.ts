/**
 * A tree as the source of a JavaScript expression that matches the same texts, in the same order of preference, with the
 * same groups, or the reason why there is none.
 *
 * Two forms: `ascii` for texts of ASCII characters only, small and fast, without flags; `unicode` for all others, with
 * flag `u`. Groups are numbered, never named: a group that conditionals have doubled has several numbers.
 */
import { caseVariants, categoryClass, inCategory, type SetItem, setHas, setKey } from './charset.ts'
import { type Node, type RepeatNode, type SetNode, someNode, widthOf } from './tree.ts'

export type Form = 'ascii' | 'unicode'

export interface Emitted {
  readonly source: string
  /** Numbers in JavaScript of each of Python's groups that are kept; the one that is set counts. */
  readonly groups: ReadonlyMap<number, readonly number[]>
}

/** Thrown while emitting what JavaScript cannot say; never leaves this file. */
class Inexpressible {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

export function emit(root: Node, form: Form, kept: ReadonlySet<number>): Emitted | { reason: string } {
  const emitter = new Emitter(form, kept)
  try {
    const source = emitter.emit(root)
    return { source, groups: emitter.groups }
  } catch (error) {
    if (error instanceof Inexpressible) return { reason: error.reason }
    throw error
  }
}

class Emitter {
  readonly groups = new Map<number, number[]>()
  readonly #form: Form
  readonly #kept: ReadonlySet<number>
  #count = 0
  /** Groups that are surely set at this point, with their latest number. */
  #set = new Map<number, number>()

  constructor(form: Form, kept: ReadonlySet<number>) {
    this.#form = form
    this.#kept = kept
  }

  emit(node: Node): string {
    switch (node.kind) {
      case 'char':
        return node.ignoreCase ? this.#class(caseVariants(node.code).map(point), false) : char(node.code)
      case 'any':
        return node.newline ? '[^]' : '[^\\n]'
      case 'set':
        return this.#form === 'ascii' ? asciiSet(node) : this.#unicodeSet(node)
      case 'sequence':
        return node.items.map((item) => this.#inSequence(item)).join('')
      case 'choice':
        return node.branches.map((branch) => this.#apart(() => this.emit(branch))).join('|')
      case 'group':
        return this.#group(node.index, node.body)
      case 'atomic':
        return this.#atomic(() => this.emit(node.body))
      case 'repeat':
        return this.#repeat(node)
      case 'look': {
        const sign = `(?${node.ahead ? '' : '<'}${node.negated ? '!' : '='}`
        const body = node.negated ? this.#apart(() => this.emit(node.body)) : this.emit(node.body)
        return `${sign}${body})`
      }
      case 'assert':
        return this.#assertion(node)
      case 'backreference':
        return this.#backreference(node)
      case 'conditional':
        throw new Inexpressible('a conditional that cannot be split into alternatives')
    }
  }

  /** Runs what may or may not come to pass: groups set in it are not surely set afterwards. */
  #apart<T>(run: () => T): T {
    const before = this.#set
    this.#set = new Map(before)
    const result = run()
    this.#set = before
    return result
  }

  #inSequence(item: Node): string {
    const source = this.emit(item)
    return item.kind === 'choice' ? `(?:${source})` : source
  }

  #group(index: number, body: Node): string {
    if (!this.#kept.has(index)) return `(?:${this.emit(body)})`
    const number = ++this.#count
    const numbers = this.groups.get(index)
    if (numbers === undefined) this.groups.set(index, [number])
    else numbers.push(number)
    const source = `(${this.emit(body)})`
    this.#set.set(index, number)
    return source
  }

  /** A look-ahead is never tried again; repeating what it saw makes any part so. */
  #atomic(body: () => string): string {
    const number = ++this.#count
    return `(?=(${body()}))\\${number}(?:)`
  }

  #repeat(node: RepeatNode): string {
    const { body, min, max } = node
    const captures = someNode(body, (inner) => inner.kind === 'group' && this.#kept.has(inner.index))
    const nullable = widthOf(body).min === 0
    if (node.mode === 'possessive') {
      const greedy: RepeatNode = { ...node, mode: 'greedy' }
      return this.#atomic(() => this.emit(greedy))
    }
    if (max === 0) return ''
    if (min === 1 && max === 1) return `(?:${this.emit(body)})`
    if (min === 0 && max === 1 && nullable) {
      // JavaScript would not take an optional part that matches nothing
      const source = this.#apart(() => this.emit(body))
      return node.mode === 'greedy' ? `(?:${source}|)` : `(?:|${source})`
    }
    if (nullable && (captures || !isPlain(body))) {
      throw new Inexpressible('a repeated part that may match nothing')
    }
    if (captures && max > 1 && !setsAll(body, this.#kept)) {
      throw new Inexpressible('a group that a later round of a repeat may leave as it was')
    }
    const run = () => this.emit(body)
    const source = min > 0 ? run() : this.#apart(run)
    const single = body.kind === 'char' || body.kind === 'any' || body.kind === 'set' || body.kind === 'group'
    // a set or a character of several forms may have become more than one atom
    const atom = single && !source.startsWith('(?') ? source : `(?:${source})`
    return `${atom}${quantifier(min, max)}${node.mode === 'lazy' ? '?' : ''}`
  }

  #assertion({ what, ascii }: { readonly what: string; readonly ascii: boolean }): string {
    switch (what) {
      case 'start':
        return '^'
      case 'textEnd':
        return '$'
      case 'end':
        return '(?=\\n?$)'
      case 'lineStart':
        return '(?<![^\\n])'
      case 'lineEnd':
        return '(?![^\\n])'
    }
    const native = this.#form === 'ascii' || ascii
    // Python's \B does not match in an empty text
    const notEmpty = '(?:(?=[^])|(?<=[^]))'
    if (native) return what === 'boundary' ? '\\b' : `\\B${notEmpty}`
    const word = `[${categoryClass('word', false)}]`
    return what === 'boundary'
      ? `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`
      : `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))${notEmpty}`
  }

  #backreference({ index, ignoreCase }: { readonly index: number; readonly ignoreCase: boolean }): string {
    if (ignoreCase) throw new Inexpressible('a reference to a group that ignores case')
    const number = this.#set.get(index)
    if (number === undefined) throw new Inexpressible('a reference to a group that may be unset')
    return `\\${number}(?:)`
  }

  #class(items: readonly SetItem[], negated: boolean): string {
    if (this.#form === 'ascii') return asciiSet({ kind: 'set', negated, items, ignoreCase: false })
    return this.#unicodeSet({ kind: 'set', negated, items, ignoreCase: false })
  }

  #unicodeSet(node: SetNode): string {
    const items = node.ignoreCase ? node.items.flatMap(withVariants) : node.items
    const inside = items.filter((item) => 'lo' in item || !item.negated)
    const outside = items.filter((item) => !('lo' in item) && item.negated)
    const parts = [
      ...(inside.length > 0 ? [`[${inside.map(classItem).join('')}]`] : []),
      ...outside.map((item) => ('lo' in item ? '' : `[^${categoryClass(item.category, item.ascii)}]`)),
    ]
    if (outside.length === 0) {
      return node.negated ? `[^${inside.map(classItem).join('')}]` : parts[0]!
    }
    if (parts.length === 1 && !node.negated) return parts[0]!
    return node.negated ? `(?:(?!${parts.join('|')})[^])` : `(?:${parts.join('|')})`
  }
}

const quantifier = (min: number, max: number): string =>
  min === 0 && max === 1
    ? '?'
    : max === Number.POSITIVE_INFINITY
      ? min === 0
        ? '*'
        : min === 1
          ? '+'
          : `{${min},}`
      : min === max
        ? `{${min}}`
        : `{${min},${max}}`

/** Whether repeating the part without groups comes to the same however often it matches nothing. */
const isPlain = (node: Node): boolean =>
  node.kind === 'repeat' &&
  node.mode === 'greedy' &&
  widthOf(node.body).min > 0 &&
  !someNode(node.body, isBranching)

const isBranching = ({ kind }: Node): boolean => kind === 'choice' || kind === 'look' || kind === 'repeat'

/** Whether every round of a repeat sets every kept group in it. */
function setsAll(node: Node, kept: ReadonlySet<number>): boolean {
  const wanted = new Set<number>()
  someNode(node, (inner) => {
    if (inner.kind === 'group' && kept.has(inner.index)) wanted.add(inner.index)
    return false
  })
  const surely = surelySet(node)
  return [...wanted].every((index) => surely.has(index))
}

function surelySet(node: Node): Set<number> {
  switch (node.kind) {
    case 'sequence':
      return new Set(node.items.flatMap((item) => [...surelySet(item)]))
    case 'choice': {
      const [first, ...others] = node.branches.map(surelySet)
      return new Set([...first!].filter((index) => others.every((other) => other.has(index))))
    }
    case 'group':
      return surelySet(node.body).add(node.index)
    case 'atomic':
      return surelySet(node.body)
    case 'repeat':
      return node.min > 0 ? surelySet(node.body) : new Set()
    case 'look':
      return node.negated ? new Set() : surelySet(node.body)
    default:
      return new Set()
  }
}

const point = (code: number): SetItem => ({ lo: code, hi: code })

/** A range with what it holds when case is ignored; very long ones are taken to hold their own variants. */
function withVariants(item: SetItem): SetItem[] {
  if (!('lo' in item) || item.hi - item.lo > 2000) return [item]
  const items: SetItem[] = [item]
  for (let code = item.lo; code <= item.hi; code++) items.push(...caseVariants(code).slice(1).map(point))
  return items
}

const classItem = (item: SetItem): string =>
  'lo' in item
    ? item.lo === item.hi
      ? char(item.lo)
      : `${char(item.lo)}-${char(item.hi)}`
    : categoryClass(item.category, item.ascii)

function char(code: number): string {
  const text = String.fromCodePoint(code)
  if (/[a-zA-Z0-9 "#%&',:;<=>@_`~]/.test(text)) return text
  // escaping these is allowed with flag u as well, inside a class and outside
  if (/[$()*+./?[\\\]^{|}]/.test(text)) return `\\${text}`
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** A class of the ASCII characters that a set holds, in the shorter of its two forms. */
/** Classes by `setKey`. */
const asciiClasses = new Map<string, string>()

function asciiSet(set: SetNode): string {
  const key = setKey(set)
  const known = asciiClasses.get(key)
  if (known !== undefined) return known
  const made = makeAsciiSet(set)
  asciiClasses.set(key, made)
  return made
}

function makeAsciiSet(set: SetNode): string {
  const held: boolean[] = []
  for (let code = 0; code < 128; code++) held.push(setHas(set, code))
  const known = wellKnown().get(held.map(Number).join(''))
  if (known !== undefined) return known
  const yes = ranges(held)
  const no = ranges(held.map((one) => !one))
  if (no.length === 0) return '[^]'
  if (yes.length === 0) return '[]'
  const print = (list: readonly SetItem[]) => list.map(classItem).join('')
  if (yes.length === 1 && 'lo' in yes[0]! && yes[0].lo === yes[0].hi) return char(yes[0].lo)
  return yes.length <= no.length ? `[${print(yes)}]` : `[^${print(no)}]`
}

function ranges(held: readonly boolean[]): SetItem[] {
  const list: { lo: number; hi: number }[] = []
  held.forEach((one, code) => {
    const last = list.at(-1)
    if (!one) return
    if (last !== undefined && last.hi === code - 1) last.hi = code
    else list.push({ lo: code, hi: code })
  })
  return list
}

let known: Map<string, string> | undefined

function wellKnown(): Map<string, string> {
  if (known !== undefined) return known
  known = new Map()
  for (const [category, source] of [
    ['word', '\\w'],
    ['digit', '\\d'],
  ] as const) {
    const held = Array.from({ length: 128 }, (_, code) => Number(inCategory(code, category, false)))
    known.set(held.join(''), source)
    known.set(held.map((one) => 1 - one).join(''), source.toUpperCase())
  }
  return known
}
