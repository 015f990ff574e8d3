// The guard against fail2ban, sshguard and grep, on the same log: found first, then how long, of the processor and in memory.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../ensure.mjs'
import { writeAuthLog } from './guard/auth-log.mjs'

const python = '/usr/bin/python3'
const sshguard = '/usr/libexec/sshguard/sshg-parser'
const fail2banRegex = '/usr/bin/fail2ban-regex'
const fail2banServer = '/usr/bin/fail2ban-server'
const scripts = join(root, 'scripts', 'bench', 'guard')
const postern = [process.execPath, join(root, 'bin', 'postern')]

let folder = null
/** A folder that goes with the process. */
function place(name) {
  if (folder === null) {
    folder = mkdtempSync(join(tmpdir(), 'postern-bench-guard-'))
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  }
  return join(folder, name)
}

let folders = 0
function newFolder() {
  const made = place(`run${folders++}`)
  mkdirSync(made)
  return made
}

/** Runs a program and says what it took (milliseconds, MB) and printed. */
function measured(words, input = '/dev/null') {
  const { stdout, stderr } = spawnSync(python, [join(scripts, 'measure.py'), input, ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, TZ: 'UTC' },
  })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

const script = (name, ...words) => [process.execPath, join(scripts, name), ...words]
const lastJson = (run) => {
  if (run.status !== 0 && !run.stdout.includes('{')) throw new Error(run.stderr)
  return JSON.parse(run.stdout.trimEnd().split('\n').at(-1))
}

/** Yesterday: times of the log are in the past, and near enough to count. */
const yesterdayMs = () => Math.floor(Date.now() / 86_400_000 - 1) * 86_400_000

/** The sides of one log: each says what it found. fail2ban is the first, where it is; what takes it long runs once. */
const readers = (path, isLong = false) => {
  const sides = {
    'fail2ban-regex --no-check-all': {
      words: [fail2banRegex, '--no-check-all', path, 'sshd'],
      found: ({ stdout }) => Number(/(\d+) matched/.exec(stdout)?.[1]),
      runs: 1,
      needs: fail2banRegex,
    },
    'fail2ban-server': {
      words: () => script('fail2ban.mjs', 'read', path, newFolder()),
      found: (run) => lastJson(run).found,
      taken: lastJson,
      runs: 1,
      needs: fail2banServer,
      isLong: true,
    },
    'sshg-parser': {
      words: [sshguard],
      input: path,
      found: ({ lines }) => lines,
      needs: sshguard,
      isOther: true,
    },
    'grep -c "Failed password"': {
      words: ['grep', '-c', 'Failed password', path],
      found: ({ stdout }) => Number(stdout),
      isOther: true,
    },
    'the filter alone (library)': { words: script('library.mjs', path), found: (run) => lastJson(run).found },
    'postern guard test --first': {
      words: [...postern, 'guard', 'test', '--first', path, 'sshd'],
      found: ({ stdout }) => Number(/(\d+) matched \(/.exec(stdout)?.[1]),
    },
    'postern guard test': {
      words: [...postern, 'guard', 'test', path, 'sshd'],
      found: ({ stdout }) => Number(/(\d+) matched \(/.exec(stdout)?.[1]),
    },
    'the daemon: follow, decide, store': {
      words: () => script('daemon.mjs', path, newFolder()),
      found: (run) => lastJson(run).found,
    },
  }
  const here = Object.entries(sides).filter(
    ([, side]) => (side.needs === undefined || existsSync(side.needs)) && (isLong || side.isLong !== true),
  )
  return Object.fromEntries(here)
}

const runOf = ({ words, input }) => measured(typeof words === 'function' ? words() : words, input)

/** What is wrong with what the sides find in a smaller log of the same kind; null when they agree. */
function disagreement(form) {
  const path = place(`sample-${form}.log`)
  writeAuthLog(path, { lines: 20_000, startMs: yesterdayMs(), form, addresses: 400 })
  const wanted = readers(path, true)
  let [first, expected] = [null, null]
  for (const [name, side] of Object.entries(wanted)) {
    // two look for something else
    if (side.isOther) continue
    const found = side.found(runOf(side))
    if (first === null) [first, expected] = [name, found]
    else if (found !== expected) return `${name} found ${found}, ${first} ${expected}`
  }
  return null
}

function reading(lines, form, runs) {
  const name = `guard: ${lines.toLocaleString('en')} lines of auth.log, ${form === 'iso' ? 'ISO' : 'syslog'} times`
  return () => {
    const wrong = disagreement(form)
    if (wrong !== null) throw new Error(`${name}: ${wrong}`)
    const path = place(`${lines}-${form}.log`)
    writeAuthLog(path, { lines, startMs: yesterdayMs(), form })
    const sides = readers(path, form === 'syslog')
    const taken = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
    const found = {}
    for (let round = 0; round < runs; round++)
      for (const [side, how] of Object.entries(sides)) {
        if (round >= (how.runs ?? runs)) continue
        const run = runOf(how)
        taken[side].push(how.taken?.(run) ?? run)
        found[side] = how.found(run)
      }
    rmSync(path)
    const note = Object.entries(found).map(([side, count]) => `${side} found ${count}`)
    return resultOf(name, runs, taken, `${note.join(', ')}${absent()}`)
  }
}

/** Which of the others are not here. */
function absent() {
  const missing = [fail2banRegex, fail2banServer, sshguard].filter((program) => !existsSync(program))
  return missing.length === 0 ? '' : `; not here: ${missing.join(', ')}`
}

/** Bans by hand, and a restart with others, in a namespace of their own: Postern's and fail2ban's. */
function restoring({ title, action, theirs, bans, count, runs }) {
  return () => {
    const name = `guard: ${bans.toLocaleString('en')} bans and a restart with ${count.toLocaleString('en')}, ${title}`
    const taken = {}
    const add = (side, run) => {
      taken[side] ??= []
      taken[side].push(run)
    }
    const alone = (...words) =>
      lastJson(measured(['unshare', '--net', '--', ...script(...words, newFolder())]))
    if (existsSync(fail2banServer)) {
      const { ban, restart, restored } = alone('fail2ban.mjs', 'restore', theirs, `${bans}`, `${count}`)
      if (restored !== count) throw new Error(`${name}: after fail2ban's restart the kernel has ${restored}`)
      add('fail2ban: restart', restart)
      add('fail2ban: bans', ban)
    }
    for (let round = 0; round < runs; round++)
      for (const [what, number] of [
        ['bans', bans],
        ['restart', count],
      ]) {
        const { ban, restart, banned, restored } = alone('restore.mjs', action, `${number}`)
        if (banned !== number || restored !== number)
          throw new Error(`${name}: the kernel has ${banned}, and ${restored} after the restart`)
        const { wall, own } = what === 'bans' ? ban : restart
        add(`postern: ${what}`, { wall, cpu: own })
        if (what === 'restart') add('postern: restart, our own process', { wall: own, cpu: own })
      }
    const note =
      "ratios are of the clock, to fail2ban's restart; the processor column is of fail2ban and what it runs, and of our own process"
    return resultOf(name, runs, taken, note + absent(), ({ median }) => median)
  }
}

function latency() {
  const taken = {}
  for (const [side, file, ...words] of [
    ...(existsSync(fail2banServer) ? [['fail2ban', 'fail2ban.mjs', 'latency']] : []),
    ['postern', 'latency.mjs'],
  ])
    taken[side] = lastJson(measured(script(file, ...words, newFolder()))).times.map((wall) => ({ wall }))
  const note = 'from the write of the fifth failure to the end of a shell that echoes'
  return resultOf('guard: from a line to the ban', taken.postern.length, taken, note + absent())
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const round = (number) => Number(number.toPrecision(number >= 1000 ? 4 : 3))

function resultOf(name, runs, taken, note, weigh = ({ cpu, median }) => cpu ?? median) {
  const sides = Object.entries(taken).map(([side, list]) => {
    const walls = list.map(({ wall }) => wall)
    const cpus = list.flatMap(({ cpu }) => cpu ?? [])
    const memories = list.flatMap(({ memory }) => memory ?? [])
    return {
      side,
      median: round(median(walls)),
      least: round(Math.min(...walls)),
      most: round(Math.max(...walls)),
      ...(cpus.length > 0 && { cpu: round(median(cpus)), leastCpu: round(Math.min(...cpus)) }),
      ...(memories.length > 0 && { memoryMb: round(median(memories)) }),
    }
  })
  const [base] = sides
  const ratio = (side) => round(weigh(side) / weigh(base))
  return { name, runs, unit: 'ms', note, sides: sides.map((side) => ({ ...side, ratio: ratio(side) })) }
}

function lack() {
  if (!existsSync(python)) return `without ${python}`
  const { status } = spawnSync('unshare', ['--net', '--', 'ipset', 'list', '-n'])
  return status === 0 ? null : 'needs root, ipset and network namespaces'
}

/** How many lines, bans and runs; `--small` for a quick look. */
const isSmall = process.argv.includes('--small')
const lines = isSmall ? 100_000 : 1_000_000
const runs = 3
const [bans, count] = isSmall ? [200, 1_000] : [5_000, 20_000]

/** Ratios are of the processor's time but where that is said. */
export const guard = {
  name: 'guard',
  lack,
  cases: () => [
    reading(lines, 'syslog', runs),
    reading(lines, 'iso', runs),
    restoring({
      title: 'ipset',
      action: 'postern-ipset',
      theirs: 'iptables-ipset-proto6',
      bans,
      count,
      runs,
    }),
    restoring({
      title: 'iptables',
      action: 'postern-chain',
      theirs: 'iptables-multiport',
      bans,
      count,
      runs: 1,
    }),
    latency,
  ],
  measure: (one) => one(),
}
