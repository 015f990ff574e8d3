import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from '../../test/shared.ts'
import { matches, registry, targets } from './registry.ts'

/** Extension files of a folder: one file each, helpers begin with `_`. */
function extensionFiles(folder: string): string[] {
  const path = join(repositoryRoot, 'src/ext', folder)
  if (!existsSync(path)) return []
  return readdirSync(path).filter((name) => /^[^_].*\.ts$/.test(name) && !name.endsWith('.test.ts'))
}

describe.each([
  ['match', matches],
  ['target', targets],
] as const)('src/ext/%s', (folder, registered) => {
  const files = extensionFiles(folder)

  it.each(files)('%s is registered', async (file) => {
    const exported = Object.values(await import(join(repositoryRoot, 'src/ext', folder, file)))
    const missing = registered.some((extension) => exported.includes(extension)) ? [] : [file]
    expect(missing).toEqual([])
  })

  it('has a test beside each file', () => {
    const path = join(repositoryRoot, 'src/ext', folder)
    expect(files.filter((file) => !existsSync(join(path, file.replace(/\.ts$/, '.test.ts'))))).toEqual([])
  })

  it('registers nothing twice', () => {
    expect(new Set<unknown>(registered).size).toBe(registered.length)
  })
})

it('finds extensions by family', () => {
  for (const extension of matches) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const found = registry.match(extension.name, family)
      expect(found?.families.includes(family) ?? !extension.families.includes(family)).toBe(true)
    }
  }
})
