/**
 * The kernel itself is asked whether it takes the rules, in a network namespace of their own, before anything is touched.
 * Devices that rules name need not be there; sets must, and are made there first.
 */
import { spawn } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { InForce } from './in-force.ts'
import type { Plan } from './plan.ts'
import { families, findProgram, runTool } from './tools.ts'

export type Rehearsal =
  | { readonly kind: 'taken' }
  /** In the words of the program. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'impossible'; readonly why: string }

/** How long the namespace lives at most, should this process be killed. */
const lifeSeconds = '60'

export async function rehearse(plan: Plan, inForce: InForce): Promise<Rehearsal> {
  const [unshare, nsenter, sleep] = ['unshare', 'nsenter', 'sleep'].map(findProgram)
  if (!unshare || !nsenter || !sleep)
    return { kind: 'impossible', why: 'unshare or nsenter is not installed (util-linux)' }
  const child = spawn(unshare, ['--net', sleep, lifeSeconds], { stdio: 'ignore' })
  let ended = false
  child.on('exit', () => {
    ended = true
  })
  child.on('error', () => {
    ended = true
  })
  try {
    while (!ended && !isElsewhere(child.pid)) await pause(2)
    if (ended) return { kind: 'impossible', why: 'no network namespace can be made here' }
    return tryThere(plan, inForce, (program, args, input) =>
      runTool(nsenter, [`--net=/proc/${child.pid}/ns/net`, program, ...args], {
        input,
        // The machine's lock is for the machine's tables.
        variables: { XTABLES_LOCKFILE: '/proc/self/status' },
      }),
    )
  } finally {
    if (!ended) child.kill('SIGKILL')
  }
}

function isElsewhere(pid: number | undefined): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net')
  } catch {
    return false
  }
}

type RunThere = (program: string, args: readonly string[], input: string) => ReturnType<typeof runTool>

function tryThere({ files }: Plan, { tools, sets }: InForce, run: RunThere): Rehearsal {
  if (tools.ipset !== null)
    for (const text of [sets ?? '', files['after/sets'] ?? '']) {
      const { status, stderr } = text === '' ? quiet : run(tools.ipset, ['-exist', 'restore'], text)
      if (status !== 0) return { kind: 'refused', why: stderr.trim() }
    }
  for (const family of families) {
    const text = files[`after/rules.${family === 'ipv4' ? 'v4' : 'v6'}`]
    if (text === undefined) continue
    const { status, stderr } = run(tools.restore[family], ['-c'], text)
    if (status !== 0) return { kind: 'refused', why: stderr.trim() }
  }
  return { kind: 'taken' }
}

const quiet = { status: 0, stdout: '', stderr: '' }
