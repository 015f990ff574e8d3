/**
 * The scenarios of the examples that take minutes, on the real kernel, at their own times. They wait nearly always,
 * so they begin first and run beside everything else (`vitest.config.ts`).
 */
import { describe, expect, it } from 'vitest'
import { labLack } from '../../src/linux/lab/index.ts'
import { isLong, problemsOnKernel, readExampleCases } from './example-cases.ts'

/** The articles' longest window is 300 s, and a case may be run a second time. */
const timeoutMs = 900_000

describe.concurrent('the longest examples on the kernel', () => {
  for (const backend of ['legacy', 'nft'] as const) {
    it(`${backend} agrees with the engine and with every expectation`, { timeout: timeoutMs }, async ({
      skip,
    }) => {
      const lack = labLack(backend)
      if (lack !== null) skip(lack.message)
      const cases = (await readExampleCases()).filter(({ part }) => isLong(part))
      expect(cases.length).toBeGreaterThan(2)
      expect(await problemsOnKernel(cases, backend)).toEqual([])
    })
  }
})
