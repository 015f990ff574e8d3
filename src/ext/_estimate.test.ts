import { expect, it } from 'vitest'
import { RateEstimate } from './_estimate.ts'

const hz = 250
const quarter = hz / 4

it('moves toward what came in the last interval', () => {
  const estimate = new RateEstimate({ intervalPower: 0, averagePower: 1 }, hz)
  for (let at = 0; at < 20; at++) estimate.count(100, 5)
  expect(estimate.read(quarter - 1)).toEqual({ bytes: 0n, packets: 0n })
  // Half of 80 packets a second, then half of that, as nothing more comes.
  expect(estimate.read(quarter + 1)).toEqual({ bytes: 4000n, packets: 40n })
  expect(estimate.read(2 * quarter + 1)).toEqual({ bytes: 2000n, packets: 20n })
})

it('comes to the rate itself', () => {
  const estimate = new RateEstimate({ intervalPower: 2, averagePower: 2 }, hz)
  for (let second = 0; second < 60; second++) estimate.count(500, second * hz + 1)
  const { bytes } = estimate.read(60 * hz)
  expect(Math.abs(Number(bytes) - 500)).toBeLessThan(3)
})

it('skips years in which nothing comes', () => {
  const estimate = new RateEstimate({ intervalPower: 0, averagePower: 3 }, hz)
  estimate.count(1500, 1)
  expect(estimate.read(hz * 86_400 * 3650).packets).toBe(0n)
  estimate.count(1500, hz * 86_400 * 3650)
  expect(estimate.read(hz * 86_400 * 3650 + quarter).bytes).toBeGreaterThan(0n)
})
