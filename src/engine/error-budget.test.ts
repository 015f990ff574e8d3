import { expect, test } from 'vitest'
import { ErrorBudget } from './error-budget.ts'

test('a sender is told five times at once, then once a second', () => {
  const budget = new ErrorBudget(250)
  const told = (sender: number, ticks: readonly number[]): boolean[] =>
    ticks.map((tick) => budget.spend(sender, tick))
  expect(told(1, [0, 0, 0, 0, 0, 0, 249])).toEqual([true, true, true, true, true, false, false])
  expect(told(2, [249])).toEqual([true])
  expect(told(1, [250, 250, 499, 500])).toEqual([true, false, false, true])
  expect(told(1, [100_000, 100_000, 100_000, 100_000, 100_000, 100_000])).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
  ])
})
