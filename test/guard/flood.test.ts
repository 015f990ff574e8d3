/** A million addresses that fail, through filter and decision, in a process of its own: what is kept of them is bounded. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { builtLack } from '../built.ts'
import { repositoryRoot } from '../shared.ts'

const lack = builtLack()

/** `maxRetry` of the jail: with 1, each address is banned at once. */
function flood(
  maxRetry: number,
  addresses: number,
): { heapMegabytes: number; failed: number; banned: number } {
  const code = `
    import { pathToFileURL } from 'node:url'
    const load = (name) => import(pathToFileURL(${JSON.stringify(join(repositoryRoot, 'dist'))} + '/guard/' + name).href)
    const { readFilter } = await load('config/read-filter.js')
    const { memoryFiles } = await load('config/files.js')
    const { ownFilters } = await load('filters/index.js')
    const { createFilter } = await load('filter/index.js')
    const { AllowList, JailDecider } = await load('decide/index.js')
    const filter = createFilter(readFilter(memoryFiles({}), 'sshd', { filters: ownFilters }).definition)
    const history = { earlier: () => null, record() {} }
    const decider = new JailDecider(
      { name: 'sshd', maxRetry: ${maxRetry}, findTimeSeconds: 600, banTimeSeconds: 600, window: 'rate', maxMatches: 5,
        increment: { enabled: false, overAllJails: false }, ipv4PrefixLength: 32, ipv6PrefixLength: 128 },
      { allowed: new AllowList(), history },
    )
    const nowMs = Date.UTC(2026, 10, 21, 19)
    gc()
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < ${addresses}; n++) {
      const address = [1 + (n >>> 24), (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.')
      const line = 'Nov 21 18:59:50 gate sshd[' + n % 30000 + ']: Failed password for invalid user u' + n + ' from ' + address + ' port 4000 ssh2'
      for (const failure of filter.process(line, { nowMs })) decider.failure(failure, nowMs)
      if (n % 1000 === 0) { decider.takeChanges(); decider.tick(nowMs) }
    }
    decider.tick(nowMs)
    gc()
    const heapMegabytes = (process.memoryUsage().heapUsed - before) / 1e6
    console.log(JSON.stringify({ heapMegabytes, failed: decider.currentlyFailed, banned: decider.bans.size }))
  `
  const words = ['--expose-gc', '--input-type=module', '-e', code]
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }))
}

it.skipIf(lack !== null)(`a flood of a million addresses is bounded in memory${lack ?? ''}`, () => {
  const { heapMegabytes, failed, banned } = flood(5, 1_000_000)
  expect([failed, banned]).toEqual([expect.any(Number), 0])
  expect(failed).toBeLessThanOrEqual(100_000)
  expect(failed).toBeGreaterThan(80_000)
  expect(heapMegabytes).toBeLessThan(120)
})

it.skipIf(lack !== null)(`so is one of which each is banned at once${lack ?? ''}`, () => {
  const { heapMegabytes, banned } = flood(1, 300_000)
  expect(banned).toBe(262_144)
  expect(heapMegabytes).toBeLessThan(300)
})
