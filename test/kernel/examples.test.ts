/** The scenarios of the examples on the real kernel, by both backends; the longest are in examples-long.test.ts. */
import { describe, expect, it } from 'vitest'
import { labLack } from '../../src/linux/lab/index.ts'
import { isLong, problemsOnKernel, readExampleCases } from './example-cases.ts'

describe.concurrent('the examples on the kernel', () => {
  for (const backend of ['legacy', 'nft'] as const) {
    it(`${backend} agrees with the engine and with every expectation`, async ({ skip }) => {
      const lack = labLack(backend)
      if (lack !== null) skip(lack.message)
      const cases = (await readExampleCases()).filter(({ part }) => !isLong(part))
      expect(cases.length).toBeGreaterThan(60)
      expect(await problemsOnKernel(cases, backend)).toEqual([])
    })
  }
})
