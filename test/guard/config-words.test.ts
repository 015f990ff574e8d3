/** The small languages within values: references, times, tags. */
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseReference, splitReferences } from '../../src/guard/config/reference.ts'
import { substituteTags } from '../../src/guard/config/tags.ts'
import { parseTime } from '../../src/guard/config/time.ts'
import { seed } from '../seed.ts'
import { fail2banAbsent } from './fail2ban.ts'

describe('references', () => {
  const pieces = [
    'a',
    'b1',
    '[',
    ']',
    '=',
    ',',
    ' ',
    '\n',
    '"',
    "'",
    'x=1',
    'y="a, b"',
    "z='q r'",
    'w=v u',
    '][',
    '] [',
    '-',
    'é',
  ]

  it.skipIf(fail2banAbsent !== null)(
    `are split as fail2ban splits them${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
    () => {
      const texts = fc.sample(
        fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join('')),
        { numRuns: 3000, seed },
      )
      const program = `
import json, sys
from fail2ban.helpers import extractOptions, splitWithOptions
def extract(text):
    try:
        name, options = extractOptions(text)
        return [name, list(options.items())]
    except ValueError as reason:
        return str(reason)
print(json.dumps([[[one.strip() for one in splitWithOptions(text)], extract(text)] for text in json.load(sys.stdin)]))`
      const output = execFileSync('/usr/bin/python3', ['-W', 'ignore', '-c', program], {
        input: JSON.stringify(texts),
        encoding: 'utf8',
      })
      const extract = (text: string): unknown => {
        try {
          const { name, options } = parseReference(text)
          return [name, [...options]]
        } catch (error) {
          return (error as Error).message
        }
      }
      const ours = texts.map((text) => [text, splitReferences(text).map((one) => one.text), extract(text)])
      const theirs = (JSON.parse(output) as [string[], unknown][]).map(([split, one], at) => [
        texts[at],
        split.filter((each) => each !== ''),
        one,
      ])
      for (const [at, each] of ours.entries()) expect(each, `SEED=${seed}`).toEqual(theirs[at])
    },
  )

  it('are split at once where a bracket stays open', () => {
    const text = `a[${Array.from({ length: 200 }, (_, at) => `o${at}="v a=${at}"`).join(', ')}`
    const startMs = performance.now()
    expect(splitReferences(text).length).toBe(400)
    expect(performance.now() - startMs).toBeLessThan(2000)
  })
})

describe('times', () => {
  const texts =
    '600|10m|1d12h|1hour+30min|1.5h|1M|1mo|2 weeks|1year-6mo|1d 2h 3m 4s|-1|5 * 60|2*(1h+30m)|1y|3 days|90s|1dd|1w2d|10 minutes|0|1e3|7//2|-7//2|7%4|-7%4|2**3|-2**2|2**-1|1_000|.5h|1.h|--5|5 5|10m10m|1h 30|0x10|010|m|1x|5m #y||(|1)|1/0|1+|a=1|5 m|1hours|1D|12H30M'.split(
      '|',
    )

  it.skipIf(fail2banAbsent !== null)(
    `are reckoned as fail2ban reckons them${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
    () => {
      const program = `
import json, sys
from fail2ban.server.mytime import MyTime
def seconds(text):
    try:
        value = MyTime.str2seconds(text)
        return value if isinstance(value, (int, float)) else None
    except Exception:
        return None
print(json.dumps([seconds(text) for text in json.load(sys.stdin)]))`
      const output = execFileSync('/usr/bin/python3', ['-W', 'ignore', '-c', program], {
        input: JSON.stringify(texts),
        encoding: 'utf8',
      })
      const theirs = JSON.parse(output) as (number | null)[]
      const known = Object.fromEntries(texts.map((text, at) => [text, theirs[at]]))
      // Python reads hexadecimal numbers, too; nobody writes times so.
      known['0x10'] = null
      expect(Object.fromEntries(texts.map((text) => [text, parseTime(text)]))).toEqual(known)
      expect(parseTime('('.repeat(1000))).toBeNull()
      expect(parseTime('-'.repeat(1000))).toBeNull()
    },
  )
})

describe('tags', () => {
  const fill = (options: Record<string, string>, more = {}) =>
    Object.fromEntries(substituteTags(new Map(Object.entries(options)), more))

  it('are filled in, of a family first', () => {
    const options = { ban: '<cmd> <ip> <type>', cmd: 'x', type: 'R', 'type?family=inet6': 'R6' }
    expect(fill(options).ban).toBe('x <ip> R')
    expect(fill(options, { condition: 'family=inet6' }).ban).toBe('x <ip> R6')
  })

  it('do not grow without end', () => {
    expect(() => fill({ a: '<b><b>', b: '<c><c>', c: '<a>' })).toThrow(/leads back/)
    const doubling = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`t${at}`, `<t${at + 1}><t${at + 1}>`]),
    )
    expect(() => fill({ ...doubling, t40: 'x' })).toThrow(/leads back/)
  })
})
