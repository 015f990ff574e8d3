// The fail2ban server of this machine, with files, socket and database in a folder of its own:
//   node fail2ban.mjs read LOG FOLDER               reads a log that is there; prints what it found, its time and memory
//   node fail2ban.mjs restore ACTION BANS COUNT FOLDER   within a network namespace of its own, bans so many addresses by
//                                                   hand, and is started anew with others, COUNT of them
//   node fail2ban.mjs latency FOLDER                the time from a line to the end of the action's shell, many times
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { attacker } from './auth-log.mjs'

const [, , verb, ...words] = process.argv
const folder = words.at(-1)
const at = (name) => join(folder, name)
const etc = at('etc')

function configure({ log, action = 'nothing', find = '30d' }) {
  mkdirSync(etc, { recursive: true })
  execFileSync('cp', ['-r', '/etc/fail2ban/filter.d', '/etc/fail2ban/action.d', etc])
  writeFileSync(
    join(etc, 'fail2ban.conf'),
    `[Definition]\nloglevel = NOTICE\nlogtarget = ${at('server.log')}\nsocket = ${at('socket')}\npidfile = ${at('pid')}\ndbfile = ${at('db')}\ndbpurgeage = 60d\n`,
  )
  writeFileSync(
    join(etc, 'jail.conf'),
    `[DEFAULT]\nignoreip =\n[sshd]\nenabled = true\nfilter = sshd\nlogpath = ${log}\nbackend = auto\nmaxretry = 5\nfindtime = ${find}\nbantime = 30d\naction = ${action}\n`,
  )
  writeFileSync(join(etc, 'action.d', 'nothing.conf'), '[Definition]\n')
  writeFileSync(
    join(etc, 'action.d', 'record.conf'),
    `[Definition]\nactionban = echo <ip> >> ${at('done')}\n`,
  )
}

const options = () => ['-c', etc, '-s', at('socket'), '-p', at('pid')]
const client = (...asked) =>
  spawnSync('fail2ban-client', [...options(), ...asked], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout ??
  ''

async function start() {
  const server = spawn('fail2ban-server', [...options(), '-f', '-x', 'start'], { stdio: 'ignore' })
  while (!client('ping').includes('pong')) await pause(50)
  return server
}

async function stop(server) {
  const ended = new Promise((resolve) => server.on('exit', resolve))
  client('stop')
  await ended
}

/** Milliseconds of the processor that a process took, with those of the programs that it ran and waited for. */
function cpuOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    own: 10 * (Number(ticks[11]) + Number(ticks[12])),
    all: 10 * ticks.slice(11, 15).reduce((sum, each) => sum + Number(each), 0),
  }
}

const memoryOf = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
const failed = () => Number(/Total failed:\s+(\d+)/.exec(client('status', 'sshd'))?.[1] ?? 0)

async function read([log]) {
  configure({ log })
  const begun = performance.now()
  const server = await start()
  // done when it has found something and then rests; to ask it costs it time, so its file of the system's is looked at
  let wall = 0
  for (let [last, quiet] = [-1, 0]; quiet < 12; ) {
    await pause(250)
    const { own } = cpuOf(server.pid)
    if (own - last > 30) [quiet, wall] = [0, performance.now() - begun]
    else quiet++
    last = own
  }
  const { own } = cpuOf(server.pid)
  const memory = memoryOf(server.pid)
  const found = failed()
  await stop(server)
  return { found, wall, cpu: own, memory }
}

const isSet = (action) => action.includes('ipset')
function inKernel(action) {
  if (isSet(action)) {
    const { stdout } = spawnSync('ipset', ['list', '-t'], { encoding: 'utf8' })
    return Number(/entries: (\d+)/.exec(stdout ?? '')?.[1] ?? 0)
  }
  const { stdout } = spawnSync('iptables', ['-S'], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return (stdout ?? '').split('\n').filter((line) => / -s \d/.test(line)).length
}

/** Waits until the kernel has so many addresses; what that took since a moment. */
async function until(action, count, since) {
  while (inKernel(action) < count) await pause(200)
  return performance.now() - since
}

function addressesFrom(first, count) {
  const all = new Set()
  for (let number = first; all.size < count; number++) all.add(attacker(number))
  return [...all]
}

function ban(addresses) {
  for (let from = 0; from < addresses.length; from += 1000)
    client('set', 'sshd', 'banip', ...addresses.slice(from, from + 1000))
}

async function restore([action, bans, count]) {
  writeFileSync(at('empty.log'), '')
  configure({ log: at('empty.log'), action: `${action}[name=sshd, port=ssh]` })
  let server = await start()
  const before = cpuOf(server.pid)
  let since = performance.now()
  ban(addressesFrom(0, Number(bans)))
  const banning = { wall: await until(action, Number(bans), since), cpu: cpuOf(server.pid).all - before.all }
  client('unban', '--all')
  await stop(server)
  // those that a restart finds were banned without an action: that alone would take minutes
  configure({ log: at('empty.log') })
  server = await start()
  ban(addressesFrom(0, Number(count)))
  while (Number(/Currently banned:\s+(\d+)/.exec(client('status', 'sshd'))?.[1] ?? 0) < Number(count))
    await pause(200)
  await stop(server)
  configure({ log: at('empty.log'), action: `${action}[name=sshd, port=ssh]` })
  since = performance.now()
  server = await start()
  const wall = await until(action, Number(count), since)
  const restart = { wall, cpu: cpuOf(server.pid).all }
  const restored = inKernel(action)
  server.kill('SIGKILL')
  return { ban: banning, restart, restored }
}

async function latency() {
  writeFileSync(at('auth.log'), '')
  configure({ log: at('auth.log'), action: 'record' })
  const server = await start()
  await pause(1500)
  const times = []
  for (let round = 1; round <= 12; round++) {
    await pause(100 + Math.random() * 900)
    const address = `203.0.113.${round}`
    const line = `${new Date().toISOString()} gate sshd[${round}]: Failed password for root from ${address} port 4000 ssh2\n`
    const written = performance.now()
    appendFileSync(at('auth.log'), line.repeat(5))
    while (!existsSync(at('done')) || !readFileSync(at('done'), 'utf8').includes(`${address}\n`))
      await pause(1)
    times.push(performance.now() - written)
  }
  await stop(server)
  return { times }
}

console.log(JSON.stringify(await { read, restore, latency }[verb](words)))
