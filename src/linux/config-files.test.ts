import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { missingTools } from '../../test/tools.ts'
import { memoryFiles } from '../guard/config/files.ts'
import { machineFiles } from './config-files.ts'

const lack = missingTools('python3')

describe('files of a machine', () => {
  const root = mkdtempSync(join(tmpdir(), 'config-files-'))
  afterAll(() => rmSync(root, { recursive: true }))
  const names = [
    'a.log',
    'b.log',
    '.hidden.log',
    'a b.log',
    '[x].log',
    'c.txt',
    'd/a.log',
    'd/e/a.log',
    'ä.log',
    'x^.log',
  ]
  mkdirSync(join(root, 'd/e'), { recursive: true })
  for (const name of names) writeFileSync(join(root, name), name)
  symlinkSync('nowhere', join(root, 'dangling.log'))
  symlinkSync('a.log', join(root, 'link.log'))

  const patterns =
    '*.log|?.log|[ab].log|[!a].log|*|.*|d/*|*/*.log|*/*/*|**|[[]x].log|a.log|nothing|nothing/*|[z-a].log|[^a].log|x^*|[a-c]*|a?b.log'

  it.skipIf(lack !== null)(
    `are found by patterns as Python finds them${lack === null ? '' : ` (${lack})`}`,
    () => {
      const program =
        'import glob, json, os, sys\n' +
        'print(json.dumps([sorted(filter(os.path.exists, glob.glob(one))) for one in json.load(sys.stdin)]))'
      const full = patterns.split('|').map((pattern) => join(root, pattern))
      const output = execFileSync('python3', ['-c', program], {
        input: JSON.stringify(full),
        encoding: 'utf8',
      })
      expect(full.map((pattern) => machineFiles.glob(pattern))).toEqual(JSON.parse(output))
    },
  )

  it('are absent, unreadable or there', () => {
    expect(machineFiles.read(join(root, 'nothing'))).toBeNull()
    expect(machineFiles.read(root)).toBeNull()
    expect(machineFiles.list(join(root, 'a.log'))).toBeNull()
    expect(Buffer.from(machineFiles.read(join(root, 'link.log'))!).toString()).toBe('a.log')
  })

  it('are found alike in memory', () => {
    const files = memoryFiles(Object.fromEntries(names.map((name) => [join(root, name), name])))
    // Links are not in memory, nor folders by themselves.
    for (const pattern of ['[ab].log', '*/*.log', '?.log', '[[]x].log', 'nothing']) {
      expect(files.glob(join(root, pattern)), pattern).toEqual(machineFiles.glob(join(root, pattern)))
    }
  })
})
