import { describe, expect, it } from 'vitest'
import { linux618 } from '../../lang/profile.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HookContext, HostServices, Skb } from '../context.ts'
import { limit } from './limit.ts'

describeMatch(limit, {
  text: {
    '-m limit': '--limit 3/hour',
    '--limit 5': '--limit 5/sec',
    '--limit 5/s': '--limit 5/sec',
    '--limit 5/SECOND': '--limit 5/sec',
    '--limit 5/m': '--limit 5/min',
    '--limit 5x/minute': '--limit 5/min',
    '--limit " 5/h"': '--limit 5/hour',
    '--limit 5/': 'error limit/bad-rate',
    '--limit 5/sex': 'error limit/bad-rate',
    '--limit 5/seconds': 'error limit/bad-rate',
    '--limit 0/s': 'error limit/bad-rate',
    '--limit -1/s': 'error limit/too-fast',
    '--limit 10000/s': '--limit 10000/sec',
    '--limit 10001/s': 'error limit/too-fast',
    '--limit 99999999999/s': 'error limit/too-fast',
    '--limit 4294967297/s': '--limit 1/sec',
    '--limit 20000/m': '--limit 333/sec',
    '--limit 9999/s': '--limit 10000/sec',
    '--limit 10000/min': '--limit 166/sec',
    '--limit 333/min': '--limit 333/min',
    '--limit 120/min': '--limit 2/sec',
    '--limit 90/h': '--limit 90/hour',
    '--limit 1000/day': '--limit 1000/day',
    '--limit 3/min': '--limit 3/min',
    '--limit 1/day': 'error limit/overflow',
    '--limit 3/day': 'error limit/overflow',
    '--limit 2/day': '--limit 2/day',
    '--limit 4/day': '--limit 4/day',
    '--limit 1/day --limit-burst 1': '--limit 1/day --limit-burst 1',
    '--limit-burst 5': '--limit 3/hour',
    '--limit-burst 10': '--limit 3/hour --limit-burst 10',
    '--limit-burst 0': 'error limit/overflow',
    '--limit-burst 10000': 'error limit/overflow',
    '--limit-burst 10001': 'error limit/out-of-range',
    '--limit 1/hour --limit-burst 1000': '--limit 1/hour --limit-burst 1000',
  },
})

/** What a rule says at each of these moments, in milliseconds. */
function answers(options: string, moments: readonly number[], hz = 250): string {
  const host = { profile: { ...linux618, hz } } as HostServices
  const data = readOptions(limit, options)
  const bucket = limit.load!(data, host)
  return moments
    .map((milliseconds) => {
      const context = { host, jiffies: Math.floor((milliseconds * hz) / 1000), note: null }
      return limit.evaluate(data, {} as Skb, context as unknown as HookContext, bucket) ? 'yes' : 'no'
    })
    .join(' ')
}

describe('the bucket', () => {
  it('is full at first, and fills at the rate', () => {
    expect(answers('--limit 1/sec --limit-burst 3', [0, 0, 0, 0, 996, 1000, 1004, 2000])).toBe(
      'yes yes yes no no yes no yes',
    )
  })

  it('holds no more than the burst', () => {
    expect(answers('--limit 1/sec --limit-burst 2', [0, 0, 60_000, 60_000, 60_000])).toBe(
      'yes yes yes yes no',
    )
  })

  it('keeps what a refused packet did not take', () => {
    expect(answers('--limit 2/sec --limit-burst 1', [0, 248, 496, 500, 748, 1000])).toBe(
      'yes no no yes no yes',
    )
  })

  it('counts in ticks: at 10000/sec a packet costs less than one', () => {
    expect(answers('--limit 10000/sec --limit-burst 1', [0, 0, 4, 4, 8])).toBe('yes no yes no yes')
  })

  it('gains nothing in 2^25 ticks, because its credit is counted in 32 bits', () => {
    const wrapMs = 2 ** 25 * 4
    expect(
      answers('--limit 1/hour --limit-burst 1', [0, wrapMs, wrapMs + 3_599_996, wrapMs + 3_600_000]),
    ).toBe('yes no no yes')
  })

  it('fills as fast on a kernel with another HZ', () => {
    expect(answers('--limit 1/sec --limit-burst 1', [0, 999, 1000], 1000)).toBe('yes no yes')
    expect(answers('--limit 1/sec --limit-burst 1', [0, 990, 1000], 100)).toBe('yes no yes')
  })
})

it('tells traces what is left', () => {
  const host = { profile: linux618 } as HostServices
  const data = readOptions(limit, '--limit 1/min --limit-burst 2')
  const bucket = limit.load!(data, host)
  const notes: string[] = []
  const at = (jiffies: number) =>
    ({ host, jiffies, note: (text: string) => notes.push(text) }) as unknown as HookContext
  for (const jiffies of [0, 0, 250]) limit.evaluate(data, {} as Skb, at(jiffies), bucket)
  expect(notes).toEqual([
    'the limit lets 1 more through at once',
    'the limit is used up for the next 60 s',
    'the limit is used up for the next 59 s',
  ])
  expect(limit.explain!(data, {} as Skb, at(250), bucket)).toBe(notes[2])
})
