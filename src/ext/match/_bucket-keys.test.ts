import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BucketKeys, keyWords } from './_bucket-keys.ts'

test('keys are found, forgotten and kept in the order of use, as in a Map', () => {
  const step = fc.record({ what: fc.constantFrom('use', 'use', 'use', 'forget'), key: fc.nat(90) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 400 }), (steps) => {
      const keys = new BucketKeys()
      const numbers = new Map<number, number>()
      for (const { what, key } of steps) {
        // Words that differ in one place only, and by their highest bits.
        keys.key.fill(0)
        keys.key[key % keyWords] = key << 25
        keys.key[0]! += key
        const at = keys.find()
        expect(at).toBe(numbers.get(key) ?? -1)
        if (what === 'forget') {
          if (at >= 0) keys.remove(at)
          numbers.delete(key)
          continue
        }
        if (at >= 0) keys.use(at)
        const known = at >= 0 ? at : keys.add()
        expect([...keys.wordsOf(known)]).toEqual([...keys.key])
        numbers.delete(key)
        numbers.set(key, known)
      }
      expect([...keys]).toEqual([...numbers.values()])
      expect(keys.size).toBe(numbers.size)
      expect(keys.oldest).toBe([...numbers.values()][0] ?? -1)
    }),
  )
})
