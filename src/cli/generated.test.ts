import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generatedFiles } from './generated.ts'

const files = await generatedFiles()

describe('generated files are fresh (else: npm run generate)', () => {
  for (const { path, text } of files) {
    it(path, () => {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text)
    })
  }
})
