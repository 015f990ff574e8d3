/**
 * fail2ban's own sample logs, run through a filter: each line says what is expected of it.
 *
 * The driver follows the one that comes with fail2ban (frozen clock, every expression tried, ids as they stand).
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zoneOf } from '../../../src/guard/dates/zone.ts'
import { createFilter, type Filter, type FilterMatch } from '../../../src/guard/filter/index.ts'
import type { FilterDefinition } from '../../../src/guard/filter-definition.ts'
import { parseAddress, printAddress } from '../../../src/net/address.ts'

/** 14 August 2005, 12:00 in the zone of the samples. */
export const frozenNowMs = 1_124_013_600_000

/** CET-01CEST-02: summer time from the last Sunday of March to that of October, at one o'clock UTC. */
export const samplesZone = zoneOf((utcMs) => {
  const year = new Date(utcMs).getUTCFullYear()
  return utcMs >= lastSunday(year, 2) && utcMs < lastSunday(year, 9) ? 120 : 60
})

function lastSunday(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0))
  return Date.UTC(year, month, last.getUTCDate() - last.getUTCDay(), 1)
}

export type Options = Readonly<Record<string, string>>

interface Expected {
  readonly match?: boolean
  readonly time?: string | null
  readonly constraint?: string
  readonly [field: string]: unknown
}

export interface CorpusResult {
  evaluations: number
  readonly failures: string[]
  /** Filter instances, each with how often every expression was hit. */
  readonly instances: Map<string, { definition: FilterDefinition; hit: Set<number> }>
  readonly hitExpressions: Set<string>
}

/** Runs one filter's sample file, and those that it adds. */
export function runSamples(
  name: string,
  logs: string,
  read: (name: string, options: Options) => FilterDefinition,
): CorpusResult {
  const result: CorpusResult = {
    evaluations: 0,
    failures: [],
    instances: new Map(),
    hitExpressions: new Set(),
  }
  const filters = new Map<string, Filter>()
  const instance = (options: Options): { filter: Filter; key: string } => {
    const own = Object.fromEntries(Object.entries(options).filter(([key]) => !key.startsWith('test.')))
    const key = options['test.filter-name'] ?? JSON.stringify(own)
    let filter = filters.get(key)
    if (filter === undefined) {
      const definition = read(name, own)
      filter = createFilter(definition, { zone: samplesZone, ids: 'raw', everyExpression: true })
      for (const { option, expression, message } of filter.problems) {
        result.failures.push(`${name}${key}: ${option} ${expression}: ${message}`)
      }
      filters.set(key, filter)
      result.instances.set(key, { definition, hit: new Set() })
    }
    return { filter, key }
  }

  const files = [name]
  let base: Options = {}
  let sets: Options[] | null = null
  for (const file of files) {
    const path = join(logs, file)
    if (!existsSync(path)) {
      result.failures.push(`${name}: no sample file ${file}`)
      continue
    }
    const lines = readFileSync(path, 'utf8').split(/\r?\n/)
    if (lines.at(-1) === '') lines.pop()
    let skipping = false
    for (let at = 0; at < lines.length; at++) {
      let expected: Expected = {}
      const directive = /^#+ ?(failJSON|(?:file|filter)Options|addFILE):(.+)$/.exec(lines[at]!)
      if (directive !== null) {
        const value = JSON.parse(directive[2]!)
        if (directive[1] === 'fileOptions') base = value
        else if (directive[1] === 'addFILE') files.push(value)
        else if (directive[1] === 'filterOptions') {
          const all: Options[] = (Array.isArray(value) ? value : [value]).map((one) => ({ ...base, ...one }))
          sets = all.filter(
            (one) => one['test.condition'] === undefined || holds(one['test.condition'], name, {}),
          )
          skipping = sets.length === 0
        } else expected = value
        if (directive[1] !== 'failJSON') continue
        at++
      } else if (skipping || lines[at]!.startsWith('#') || lines[at]!.trim() === '') continue
      if (skipping) continue
      sets ??= [{}]
      for (const options of sets) {
        const { filter, key } = instance(options)
        if (expected.constraint !== undefined && !holds(expected.constraint, name, options)) continue
        result.evaluations++
        const line = (options['test.prefix-line'] ?? '') + lines[at]!
        const context = {
          nowMs: frozenNowMs,
          ...(options.logtype === 'journal' ? { timeMs: frozenNowMs } : {}),
        }
        const { matches } = filter.explain(line, context)
        const { definition, hit } = result.instances.get(key)!
        for (const { expression } of matches) {
          hit.add(expression)
          result.hitExpressions.add(definition.failregex[expression]!)
        }
        const wrong = difference(matches, expected)
        if (wrong !== null) result.failures.push(`${file}:${at + 1} ${key}: ${wrong}\n  ${line}`)
      }
    }
  }
  return result
}

/** Expressions over `opts` and `name` of the three forms that the samples have. */
function holds(condition: string, name: string, options: Options): boolean {
  const [, what, operator, value] =
    /^(name|opts\.get\('mode'\)) (==|!=) '([^']*)'$/.exec(condition.replace(/name==/, 'name == ')) ?? []
  if (what === undefined) throw new Error(`unknown condition: ${condition}`)
  const actual = what === 'name' ? name : options.mode
  return (actual === value) === (operator === '==')
}

function difference(matches: readonly FilterMatch[], expected: Expected): string | null {
  const found = matches.filter(({ id, harmless }) => id !== undefined && !harmless)
  if (found.length === 0) return expected.match ? 'not matched' : null
  if (!expected.match) return `matched by expression ${found[0]!.expression}`
  if (found.length > 1)
    return `matched by expressions ${found.map(({ expression }) => expression).join(', ')}`
  const { failure } = found[0]!
  for (const [field, value] of Object.entries(expected)) {
    if (['time', 'match', 'desc', 'constraint'].includes(field)) continue
    const actual = fieldOf(field, failure)
    if (!same(actual, value)) return `${field} is ${JSON.stringify(actual)}, not ${JSON.stringify(value)}`
  }
  if (expected.time == null) return null
  // one sample writes its day with a single digit
  const wanted = samplesZone.toUtcMs(Date.parse(`${expected.time.replace(/-(\d)T/, '-0$1T')}Z`))
  const actual = new Date(failure.timeMs).toISOString()
  return failure.timeMs === wanted ? null : `time is ${actual}, not ${new Date(wanted).toISOString()}`
}

function fieldOf(field: string, failure: FilterMatch['failure']): unknown {
  if (field === 'users') return failure.users ?? null
  const value = failure.groups[field]
  if (value !== undefined) return value
  if (field === 'host') return failure.id
  return field === 'attempts' ? failure.matches.length : null
}

function same(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    const sorted = (list: readonly unknown[]) => JSON.stringify([...list].sort())
    return Array.isArray(actual) && sorted(actual) === sorted(wanted)
  }
  return canonical(actual) === canonical(wanted)
}

function canonical(value: unknown): unknown {
  const address = typeof value === 'string' ? parseAddress(value.replace(/^::ffff:/, '')) : null
  return address === null ? value : printAddress(address)
}
