// node latency.mjs FOLDER: the time from the write of the line that completes a ban to the call of the action, many times,
// at odd moments. Prints them in milliseconds.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { jailSettings, makeGuard } from './parts.mjs'

const [, , folder] = process.argv
const log = join(folder, 'auth.log')
const done = join(folder, 'done')
writeFileSync(log, '')
const guard = await makeGuard(folder)
// the action is a program as fail2ban would run it: its start is in the time
const record = { name: 'record', action: 'record', options: { actionban: `echo <ip> >> ${done}` } }
guard.start([jailSettings({ logPaths: [{ glob: log, from: 'head' }], actions: [record] })])
await pause(1500)
const times = []
for (let round = 1; round <= 20; round++) {
  await pause(100 + Math.random() * 900)
  const address = `203.0.113.${round}`
  const stamp = new Date().toISOString()
  const line = `${stamp} gate sshd[${round}]: Failed password for root from ${address} port 4000 ssh2\n`
  const written = performance.now()
  appendFileSync(log, line.repeat(5))
  while (!existsSync(done) || !readFileSync(done, 'utf8').includes(`${address}\n`)) await pause(1)
  times.push(performance.now() - written)
}
await guard.stop(false)
guard.services.store.close()
console.log(JSON.stringify({ times }))
