/** One expression of a filter: compiled, searched over a buffer of lines, with its groups by name. */
import {
  compilePython,
  type PythonMatch,
  type PythonRegex,
  type SearchBudget,
} from '../regex/python-regex.ts'
import { endsInGroup } from '../regex/tree.ts'
import type { GroupNames, Groups } from './groups.ts'
import { resolveTags } from './tags.ts'

/** A line cut at its date: the text around it, the date's own text, and the line as it stood in the log. */
export interface CutLine {
  readonly text: string
  readonly whole: string
}

export interface ExpressionOptions {
  /** The names of the filter, to which those of the expression are added. */
  readonly names: GroupNames
  readonly usedns: string
  /** Whether `^` and `$` stand for lines of a longer buffer. */
  readonly multiline: boolean
  /** What all expressions of the filter may take for one line. */
  readonly budget: SearchBudget
}

/** Groups from which an id can come, the first that is set; `mlfid` promises one later. */
export const idGroups = ['fid', 'ip4', 'ip6', 'dns', 'mlfid']

export class Expression {
  /** As it stands in the definition. */
  readonly written: string
  readonly regex: PythonRegex
  /** The groups that have names: their numbers in the expression, and by name. */
  readonly #indices: readonly number[]
  readonly #slots: readonly number[]
  /** `alt_user_2` fills `user`; `tuple_id_1` becomes a part of `id`. */
  readonly #merged: readonly { readonly from: number; readonly to: number; readonly tuple: boolean }[]

  /** @throws PythonSyntaxError where Python would refuse it, Error where it is empty. */
  constructor(written: string, { names, usedns, multiline, budget }: ExpressionOptions) {
    this.written = written
    const source = resolveTags(written, usedns)
    if (source.trim() === '') throw new Error('the expression is empty')
    this.regex = compilePython(source, { flags: { multiline }, budget })
    this.#indices = [...this.regex.names.values()]
    this.#slots = [...this.regex.names.keys()].map((name) => names.numberOf(name))
    this.#merged = [...this.regex.names.keys()].sort().flatMap((from) => {
      const found = /^(alt|tuple)_(.*?)(?:_\d+)?$/.exec(from)
      const to = found?.[2]
      if (to === undefined || from.length <= 4) return []
      const renamed = to === 'id' ? 'fid' : to === 'port' ? 'fport' : to
      const tuple = found![1] === 'tuple'
      return [{ from: names.numberOf(from), to: names.numberOf(renamed), tuple }]
    })
  }

  get givesId(): boolean {
    return idGroups.some((name) => this.regex.names.has(name))
  }

  /** Whether every match ends where this group ends. */
  endsWith(name: string): boolean {
    const index = this.regex.names.get(name)
    return index !== undefined && endsInGroup(this.regex.tree.root, index)
  }

  /** What a group holds, undefined where it is unset or not there. */
  group(match: PythonMatch, name: string): string | undefined {
    const index = this.regex.names.get(name)
    return index === undefined ? undefined : match.group(index)
  }

  /** Puts the groups of a match over those of the prefix expression: what is unset here is unset. */
  fill(match: PythonMatch, groups: Groups): void {
    const slots = this.#slots
    const indices = this.#indices
    for (let at = 0; at < slots.length; at++) groups[slots[at]!] = match.group(indices[at]!)
    if (this.#merged.length > 0) this.#merge(groups)
  }

  #merge(groups: Groups): void {
    for (const { from, to, tuple } of this.#merged) {
      const value = groups[from]
      if (!tuple && value && !groups[to]) groups[to] = value
    }
    const tuples = this.#merged.filter(({ tuple }) => tuple)
    for (const target of new Set(tuples.map(({ to }) => to))) {
      const parts = tuples.filter(({ to }) => to === target).map(({ from }) => groups[from])
      groups[target] = tupleText([groups[target], ...parts])
    }
  }
}

/** Several values as one id, in the way Python prints a tuple. */
const tupleText = (values: readonly (string | undefined)[]): string =>
  `(${values.map((value) => (value === undefined ? 'None' : `'${value}'`)).join(', ')})`

/** Lines as the text that expressions search. */
export const bufferText = (lines: readonly CutLine[]): string =>
  lines.length === 1 ? `${lines[0]!.text}\n` : `${lines.map(({ text }) => text).join('\n')}\n`

/** The lines that a match covers, without those that `<SKIPLINES>` stepped over, and all others. */
export function splitLines(
  match: PythonMatch,
  buffer: string,
  lines: readonly CutLine[],
  skippedLines: readonly string[],
): { matched: readonly CutLine[]; unmatched: CutLine[] } {
  if (lines.length <= 1) return { matched: lines, unmatched: [] }
  const start = buffer.lastIndexOf('\n', match.start) + 1
  const newline = buffer.indexOf('\n', Math.max(0, match.end - 1))
  const end = newline < 0 ? buffer.length : newline + 1
  const first = countNewlines(buffer, start)
  const last = countNewlines(buffer, end)
  const matched = lines.slice(first, last)
  const unmatched = lines.slice(0, first)
  let from = 0
  for (const skipped of skippedLines) {
    const at = matched.findIndex((line, index) => index >= from && line.text === skipped)
    if (at < 0) continue
    unmatched.push(...matched.splice(at, 1))
    from = at
  }
  return { matched, unmatched: [...unmatched, ...lines.slice(last)] }
}

function countNewlines(text: string, end: number): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** The lines that `<SKIPLINES>` stepped over. */
export function skippedLines(names: GroupNames, groups: Groups): string[] {
  let text = ''
  for (let count = 0; ; count++) {
    const number = names.find(`skiplines${count}`)
    if (number < 0 || groups[number] === undefined) break
    text += groups[number]
  }
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
