// A guard with one jail for benchmarks, from the built program.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../../ensure.mjs'

export const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)

const { readFilter } = await load('guard/config/read-filter.js')
const { ownFilters } = await load('guard/filters/index.js')
const { machineFiles } = await load('linux/config-files.js')

/** fail2ban's sshd where it is installed, else ours. */
export const sshd = readFilter(machineFiles, 'sshd', {
  folder: '/etc/fail2ban',
  filters: ownFilters,
}).definition

export const jailSettings = (more) => ({
  name: 'sshd',
  enabled: true,
  filter: sshd,
  logPaths: [],
  backend: 'files',
  logEncoding: 'auto',
  maxRetry: 5,
  findTimeSeconds: 30 * 86_400,
  banTimeSeconds: 30 * 86_400,
  increment: { enabled: false, overAllJails: false },
  window: 'rate',
  maxMatches: 5,
  ignoreSelf: true,
  ignoreAddresses: [],
  ipv6PrefixLength: 128,
  ipv4PrefixLength: 32,
  actions: [],
  ...more,
})

/** A guard as `postern guard run` makes it, that keeps its store and its log in a folder. */
export async function makeGuard(folder) {
  const { Guard } = await load('daemon/guard/guard.js')
  const { keepHeapSmall } = await load('daemon/guard/small-heap.js')
  const { GuardLog, gathered, logToFile } = await load('daemon/guard/guard-log.js')
  const { AllowList } = await load('guard/decide/index.js')
  const { runProgram } = await load('linux/bans/index.js')
  const { machineZone } = await load('linux/machine-zone.js')
  const { GuardStore } = await load('linux/store/index.js')
  keepHeapSmall()
  const path = join(folder, 'guard.log')
  writeFileSync(path, '')
  return new Guard({
    store: new GuardStore(join(folder, 'guard.sqlite3')),
    log: new GuardLog(gathered(logToFile(path)), 'INFO', Date.now),
    run: runProgram,
    now: Date.now,
    zone: machineZone,
    allowed: new AllowList(),
    isSession: () => false,
    ownAddresses: () => ['127.0.0.1'],
    enforce: true,
    chance: Math.random,
  })
}
