/** Small configurations, each read by fail2ban and by Postern: the same commands, or neither starts. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readGuardConfig } from '../../src/guard/config/read.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { runs } from '../kernel/budget.ts'
import { seed } from '../seed.ts'
import { randomConfig, randomLines } from './config-random.ts'
import { cases, tableOf } from './config-table.ts'
import { type ConfigTable, fail2banAbsent, judge, withFolders } from './fail2ban.ts'

const described = (table: ConfigTable): string =>
  Object.entries(table)
    .map(([path, text]) => `== ${path}\n${text}`)
    .join('\n')

const everyPattern = { ...machineFiles, glob: (pattern: string) => [pattern] }

/** Reads all of them both ways and says where the two differ. */
function differences(tables: readonly ConfigTable[]): string[] {
  return withFolders(tables, (folders) => {
    const theirs = judge(folders)
    return folders.flatMap((folder, at) => {
      const ours = readGuardConfig(everyPattern, { folder, asFail2ban: true })
      const { stream, error } = theirs[at]!
      const left = ours.fatal ? null : ours.commands.map(({ words }) => JSON.stringify(words))
      const right = stream === null ? null : stream.map((words) => JSON.stringify(words))
      if (JSON.stringify(left) === JSON.stringify(right)) return []
      const said = ours.diagnostics.map(({ message }) => message).join('; ')
      const text = `${described(tables[at]!)}\n-- fail2ban: ${right?.join('\n') ?? error}\n-- postern: ${left?.join('\n') ?? said}`
      return [text.replaceAll(folder, 'FOLDER')]
    })
  })
}

describe.skipIf(fail2banAbsent !== null)(
  `configurations, read as fail2ban reads them${fail2banAbsent === null ? '' : ` (${fail2banAbsent})`}`,
  () => {
    it('by hand', () => {
      const tables = Object.values(cases).flat().map(tableOf)
      expect(tables.length).toBeGreaterThan(150)
      expect(differences(tables).slice(0, 5)).toEqual([])
    })

    it('lines at random', () => {
      const tables = fc.sample(randomLines, { numRuns: runs(120), seed })
      expect(differences(tables).slice(0, 3), `SEED=${seed}`).toEqual([])
    })

    it('at random', () => {
      const tables = fc.sample(randomConfig, { numRuns: runs(120), seed })
      expect(differences(tables).slice(0, 3), `SEED=${seed}`).toEqual([])
    })
  },
)
