/** Every expectation that fail2ban's sample logs come with, held against its filters as we run them. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ConfigFiles } from '../../src/guard/config/files.ts'
import { readFilter } from '../../src/guard/config/read-filter.ts'
import type { FilterDefinition } from '../../src/guard/filter-definition.ts'
import { machineFiles } from '../../src/linux/config-files.ts'
import { absent, sharedPath } from '../shared.ts'
import { type CorpusResult, type Options, runSamples } from './corpus/driver.ts'

const installed = '/usr/lib/python3/dist-packages/fail2ban/tests'
const isInstalled = existsSync('/etc/fail2ban/filter.d') && existsSync(join(installed, 'files/logs'))
const conformance = sharedPath('conformance/fail2ban')
/** The folders of the stock filters, of the test's own filters, and of the samples. */
const place = isInstalled
  ? { config: '/etc/fail2ban', tests: join(installed, 'config'), logs: join(installed, 'files/logs') }
  : conformance === null
    ? null
    : {
        config: join(conformance, 'etc'),
        tests: join(conformance, 'config'),
        logs: join(conformance, 'logs'),
      }
const reason = place === null ? ` (${absent('conformance/fail2ban')}, and fail2ban is not installed)` : ''

/** Debian's package moves the test's filters away from what they include. */
const withCommon: ConfigFiles = {
  ...machineFiles,
  read: (path) =>
    machineFiles.read(path) ??
    (path.endsWith('/config/filter.d/common.conf')
      ? machineFiles.read(`${place!.config}/filter.d/common.conf`)
      : null),
}

function definitionOf(folder: string) {
  return (name: string, options: Options): FilterDefinition => {
    const words = Object.entries(options).map(([option, value]) => `${option}="${value}"`)
    const { definition, diagnostics } = readFilter(withCommon, `${name}[${words.join(', ')}]`, { folder })
    if (definition === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'))
    return { ...definition, usedns: 'warn' }
  }
}

const namesIn = (folder: string, fits: (name: string) => boolean): string[] =>
  readdirSync(join(folder, 'filter.d'))
    .filter((name) => name.endsWith('.conf') && fits(name))
    .map((name) => basename(name, '.conf'))
    .sort()

describe.skipIf(place === null)(`fail2ban's sample logs${reason}`, () => {
  if (place === null) return
  const filters = [
    ...namesIn(place.config, (name) => !name.endsWith('common.conf')).map(
      (name) => [name, place.config] as const,
    ),
    ...namesIn(place.tests, (name) => name.startsWith('zzz-')).map((name) => [name, place.tests] as const),
  ]
  const results = new Map<string, CorpusResult>()

  it.each(filters)('%s', (name, folder) => {
    const result = runSamples(name, place.logs, definitionOf(folder))
    results.set(name, result)
    expect(result.failures).toEqual([])
    for (const [key, { definition, hit }] of result.instances) {
      const missed = definition.failregex.filter(
        (expression, index) => !hit.has(index) && !result.hitExpressions.has(expression),
      )
      expect(missed, `expressions of ${name}${key} that no sample reaches`).toEqual([])
    }
  })

  it('are all there', () => {
    const sum = [...results.values()].reduce((total, { evaluations }) => total + evaluations, 0)
    const instances = [...results.values()].reduce((total, result) => total + result.instances.size, 0)
    expect({ filters: results.size, instances, evaluations: sum }).toEqual({
      filters: 91,
      instances: 128,
      evaluations: 1627,
    })
  })
})
