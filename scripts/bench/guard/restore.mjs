// node restore.mjs ACTION COUNT FOLDER: within a network namespace of its own, a guard bans so many addresses by hand and
// is stopped; the next puts them back. Prints both times, of which how much was this process's, and how many the kernel has.
import { execFileSync } from 'node:child_process'
import { attacker } from './auth-log.mjs'
import { jailSettings, makeGuard } from './parts.mjs'

const [, , action, count, folder] = process.argv
const jail = jailSettings({ actions: [{ name: action, action, options: {} }] })
const addresses = new Set()
for (let number = 0; addresses.size < Number(count); number++) addresses.add(attacker(number))

async function timed(work) {
  const before = process.cpuUsage()
  const start = performance.now()
  await work()
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  return { wall, own: (user + system) / 1000 }
}

const inKernel = () =>
  action === 'postern-ipset'
    ? Number(
        /entries: (\d+)/.exec(
          execFileSync('ipset', ['list', '-t', 'postern-sshd'], { encoding: 'utf8' }),
        )?.[1],
      )
    : execFileSync('iptables', ['-S'], { encoding: 'utf8', maxBuffer: 1 << 28 })
        .split('\n')
        .filter((line) => / -s \d/.test(line)).length

const first = await makeGuard(folder)
first.start([jail])
await first.settle()
const ban = await timed(async () => {
  for (const address of addresses) first.jail('sshd').banByHand(address)
  await first.settle()
})
const banned = inKernel()
const stop = await timed(() => first.stop(true))
first.services.store.close()
const second = await makeGuard(folder)
const restart = await timed(async () => {
  second.start([jail])
  await second.settle()
})
const restored = inKernel()
await second.stop(true)
second.services.store.close()
console.log(JSON.stringify({ ban, stop, restart, banned, restored }))
