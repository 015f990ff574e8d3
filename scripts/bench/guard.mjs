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

/** The sides of one log: each says what it found. */
const readers = (path) => ({
  'sshg-parser': { words: [sshguard], input: path, found: ({ lines }) => lines },
  'grep -c "Failed password"': {
    words: ['grep', '-c', 'Failed password', path],
    found: ({ stdout }) => Number(stdout),
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
  'fail2ban-regex --no-check-all': {
    words: [fail2banRegex, '--no-check-all', path, 'sshd'],
    found: ({ stdout }) => Number(/(\d+) matched/.exec(stdout)?.[1]),
    runs: 1,
  },
  'fail2ban-regex': {
    words: [fail2banRegex, path, 'sshd'],
    found: ({ stdout }) => Number(/(\d+) matched/.exec(stdout)?.[1]),
    runs: 1,
  },
})

const runOf = ({ words, input }) => measured(typeof words === 'function' ? words() : words, input)

/** What is wrong with what the sides find in a smaller log of the same kind; null when they agree. */
function disagreement(form) {
  const path = place(`sample-${form}.log`)
  writeAuthLog(path, { lines: 20_000, startMs: yesterdayMs(), form, addresses: 400 })
  const wanted = readers(path)
  const expected = wanted['fail2ban-regex'].found(runOf(wanted['fail2ban-regex']))
  for (const name of Object.keys(wanted)) {
    // the other two look for something else
    if (name === 'sshg-parser' || name.startsWith('grep')) continue
    const found = wanted[name].found(runOf(wanted[name]))
    if (found !== expected) return `${name} found ${found}, fail2ban-regex ${expected}`
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
    const sides = readers(path)
    const taken = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
    const found = {}
    for (let round = 0; round < runs; round++)
      for (const [side, how] of Object.entries(sides)) {
        if (round >= (how.runs ?? runs)) continue
        const run = runOf(how)
        taken[side].push(run)
        found[side] = how.found(run)
      }
    rmSync(path)
    const note = Object.entries(found).map(([side, count]) => `${side} found ${count}`)
    return resultOf(name, runs, taken, note.join(', '))
  }
}

/** Bans by hand and the restart with them, in a namespace of their own. */
function restoring(action, count, runs) {
  return () => {
    const name = `guard: ${count.toLocaleString('en')} bans and a restart with them, ${action}`
    const taken = { 'bans by hand': [], stop: [], restart: [], 'of the restart, our own process': [] }
    for (let round = 0; round < runs; round++) {
      const words = ['unshare', '--net', '--', ...script('restore.mjs', action, `${count}`, newFolder())]
      const { ban, stop, restart, banned, restored } = lastJson(measured(words))
      if (banned !== count || restored !== count)
        throw new Error(`${name}: the kernel has ${banned}, and ${restored} after the restart`)
      taken['bans by hand'].push({ wall: ban.wall, cpu: ban.own })
      taken.stop.push({ wall: stop.wall, cpu: stop.own })
      taken.restart.push({ wall: restart.wall, cpu: restart.own })
      taken['of the restart, our own process'].push({ wall: restart.own, cpu: restart.own })
    }
    return resultOf(
      name,
      runs,
      taken,
      'the processor column is our own process; the rest is ipset and iptables',
    )
  }
}

function latency() {
  const { times } = lastJson(measured(script('latency.mjs', newFolder())))
  const note =
    'from the write of the fifth failure to the end of a shell that echoes; fail2ban: 72 to 993 ms, median 464'
  return resultOf(
    'guard: from a line to the ban',
    times.length,
    { postern: times.map((wall) => ({ wall })) },
    note,
  )
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const round = (number) => Number(number.toPrecision(number >= 1000 ? 4 : 3))

function resultOf(name, runs, taken, note) {
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
  const ratio = (side) => round((side.cpu ?? side.median) / (base.cpu ?? base.median))
  return { name, runs, unit: 'ms', note, sides: sides.map((side) => ({ ...side, ratio: ratio(side) })) }
}

function lack() {
  const missing = [python, sshguard, fail2banRegex].filter((program) => !existsSync(program))
  if (missing.length > 0) return `without ${missing.join(', ')}`
  const { status } = spawnSync('unshare', ['--net', '--', 'ipset', 'list', '-n'])
  return status === 0 ? null : 'needs root, ipset and network namespaces'
}

/** How many lines and runs; a quick look takes fewer. */
const lines = Number(process.env.BENCH_LINES ?? 1_000_000)
const runs = Number(process.env.BENCH_RUNS ?? 5)

/** The processor's time is what ratios are of. */
export const guard = {
  name: 'guard',
  lack,
  cases: () => [
    reading(lines, 'syslog', runs),
    reading(lines, 'iso', runs),
    restoring('postern-ipset', 5_000, 3),
    restoring('postern-ipset', 20_000, 3),
    restoring('postern-chain', 5_000, 1),
    restoring('postern-chain', 20_000, 1),
    latency,
  ],
  measure: (one) => one(),
}
