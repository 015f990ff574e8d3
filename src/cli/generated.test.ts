import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generatedFiles } from './generated.ts'

describe('generated files are fresh (else: npm run generate)', () => {
  for (const { path, text } of generatedFiles()) {
    it(path, () => {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text)
    })
  }
})
