import { describe, expect, it } from 'vitest'
import { parseDuration, printDuration } from './duration.ts'

describe('durations', () => {
  for (const [text, nanoseconds, printed] of [
    ['0s', 0n, '0s'],
    ['0', 0n, '0s'],
    ['500ms', 500_000_000n, '500ms'],
    ['1.5s', 1_500_000_000n, '1.5s'],
    ['0.25', 250_000_000n, '250ms'],
    ['1.000000001s', 1_000_000_001n, '1.000000001s'],
    ['250us', 250_000n, '250us'],
    ['60s', 60_000_000_000n, '60s'],
    ['5m', 300_000_000_000n, '5m'],
    ['2h', 7_200_000_000_000n, '120m'],
    ['1d', 86_400_000_000_000n, '1440m'],
  ] as const) {
    it(text, () => {
      expect(parseDuration(text)).toBe(nanoseconds)
      expect(printDuration(nanoseconds)).toBe(printed)
      expect(parseDuration(printed)).toBe(nanoseconds)
    })
  }

  for (const text of ['', '-1s', '1 minute', '1.s', 'soon', '1e3', '0x10', '1s2']) {
    it(`refuses "${text}"`, () => expect(parseDuration(text)).toBeNull())
  }
})
