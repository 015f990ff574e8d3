/** What the shape of a scenario file says of a file that has another one, in a user's words. */
import type { z } from 'zod'
import { nearest } from '../lang/suggest.ts'
import { scenarioShape } from './schema.ts'

export type Path = readonly (string | number)[]

export interface ShapeComplaint {
  readonly path: Path
  /** The key is what is wrong, not its value. */
  readonly atKey: boolean
  readonly message: string
  readonly help?: string
}

type Issue = z.core.$ZodIssue

/** Everything that is wrong with the value's shape. `root` is the whole file as plain data, `shape` what it should be. */
export function complaintsOf(
  issues: readonly Issue[],
  root: unknown,
  shape: z.core.$ZodType = scenarioShape,
): ShapeComplaint[] {
  return issues.flatMap((issue) => complain(issue, [], root, shape))
}

function complain(issue: Issue, outer: Path, root: unknown, shape: z.core.$ZodType): ShapeComplaint[] {
  const path = [...outer, ...issue.path.filter((part) => typeof part !== 'symbol')]
  const value = valueAt(root, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], shape))
    case 'invalid_union': {
      // One of the forms fits but for something inside it: that is what to tell.
      const inner = issue.errors.find((branch) => branch.every((one) => isInside(one) || hasOwnWords(one)))
      if (inner !== undefined) return inner.flatMap((one) => complain(one, path, root, shape))
      return [
        misshapen(
          path,
          value,
          issue.errors.flatMap((branch) => branch.map(expectedBy)),
        ),
      ]
    }
    case 'too_big':
      return [
        { path, atKey: false, message: `${nameOf(path)} is ${print(value)}, more than ${issue.maximum}` },
      ]
    case 'too_small':
      return [
        { path, atKey: false, message: `${nameOf(path)} is ${print(value)}, less than ${issue.minimum}` },
      ]
    case 'custom':
    case 'invalid_format':
      if (!hasOwnWords(issue)) return [misshapen(path, value, [expectedBy(issue)])]
      return [{ path, atKey: false, message: `${nameOf(path)} is ${print(value)}, which ${issue.message}` }]
    default:
      return [misshapen(path, value, [expectedBy(issue)], issue.code === 'invalid_value' ? issue.values : [])]
  }
}

/** A schema's own words for the value: "is not a time such as 20s". */
const hasOwnWords = ({ code, message }: Issue): boolean =>
  (code === 'custom' || code === 'invalid_format') && message.startsWith('is ')

const isInside = (issue: Issue): boolean => issue.path.length > 0 || issue.code === 'unrecognized_keys'

function misshapen(
  path: Path,
  value: unknown,
  expected: readonly string[],
  words: readonly unknown[] = [],
): ShapeComplaint {
  const wanted = [...new Set(expected)].join(', or ')
  if (value === undefined) {
    return { path, atKey: false, message: `${nameOf(path)} is missing: ${wanted}` }
  }
  const near = typeof value === 'string' ? nearest(value, words.map(String)) : null
  const message = `${nameOf(path)} is ${print(value)}, and should be ${wanted}`
  return { path, atKey: false, message, ...(near !== null && { help: near }) }
}

function expectedBy(issue: Issue): string {
  if (issue.code === 'invalid_value') return `one of ${issue.values.join(', ')}`
  if (issue.code === 'too_small') return `${issue.minimum} or more`
  if (issue.code === 'invalid_type') return kinds[issue.expected] ?? issue.expected
  return issue.message
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a map ("key: value")',
  record: 'a map ("key: value")',
  array: 'a list ("- item" or "[item]")',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

function nameOf(path: Path): string {
  const last = path.at(-1)
  if (last === undefined) return 'the file'
  return typeof last === 'number' ? `item ${last + 1} of ${nameOf(path.slice(0, -1))}` : `"${last}"`
}

function print(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[part]
        : undefined,
    root,
  )
}

function unknownKey(path: Path, shape: z.core.$ZodType): ShapeComplaint {
  const key = String(path.at(-1))
  const known = keysAt(shape, path.slice(0, -1))
  const near = nearest(key, known)
  return {
    path,
    atKey: true,
    message: `"${key}" has no meaning here`,
    ...(near !== null ? { help: near } : known.length > 0 && { help: `one of: ${known.join(', ')}` }),
  }
}

/** Keys that the schema knows at a place. */
function keysAt(shape: z.core.$ZodType, path: Path): string[] {
  const { def } = shape._zod as { def: Def }
  if (def.type === 'optional') return keysAt(def.innerType!, path)
  if (def.type === 'union') return def.options!.flatMap((option) => keysAt(option, path))
  const [part, ...rest] = path
  if (def.type === 'object') {
    if (part === undefined) return Object.keys(def.shape!)
    const inner = def.shape![part]
    return inner === undefined ? [] : keysAt(inner, rest)
  }
  if (part === undefined) return []
  if (def.type === 'array') return keysAt(def.element!, rest)
  return def.type === 'record' ? keysAt(def.valueType!, rest) : []
}

/** What of a schema's definition is looked at; which fields there are follows from `type`. */
interface Def {
  readonly type: string
  readonly innerType?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly element?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
}
