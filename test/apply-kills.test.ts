/**
 * 200 changes, each hit by kill -9 at a random moment: the command, one of the two processes behind it, several at once.
 * What is in force in the end is the old rules, whole, or the new ones where somebody confirmed. SEED draws others.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { seededChance } from '../src/engine/random.ts'
import { builtLack } from './built.ts'
import { TestNamespace } from './namespace.ts'
import { seed } from './seed.ts'
import { missingTools } from './tools.ts'

const reason =
  process.getuid?.() === 0
    ? (missingTools('ip', 'unshare', 'nsenter', 'iptables-legacy', 'iptables-nft') ?? builtLack())
    : 'needs root'
const rounds = 200
/** Each in a namespace of its own, half of them with either backend. */
const lanes = 8
const confirmSeconds = 0.3
/** Moments of kills: after the start of the command, or after the new rules came into force. */
const longestMs = { start: 600, waiting: 400 } as const
/** How long the undo may take on a machine that does other things. */
const patienceMs = 30_000

const old = (port: number): string =>
  `*filter\n:INPUT ACCEPT [5:600]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [7:800]\n` +
  `[11:1100] -A INPUT -p tcp -m tcp --dport ${port} -j ACCEPT\nCOMMIT\n` +
  `*mangle\n:PREROUTING ACCEPT [1:100]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n` +
  `:POSTROUTING ACCEPT [0:0]\n[2:200] -A PREROUTING -p udp -m udp --dport ${port} -j ACCEPT\nCOMMIT\n`
const young = old(2222).replace(/\[\d+:\d+\]/g, '[0:0]')

type Victim = 'command' | 'first' | 'second' | 'command and first' | 'first and second' | 'all' | 'nobody'
const victims: readonly Victim[] = [
  'command',
  'first',
  'second',
  'command and first',
  'first and second',
  'all',
  'nobody',
]

interface Stroke {
  readonly victim: Victim
  readonly since: keyof typeof longestMs
  readonly afterMs: number
  readonly confirms: boolean
}

interface Watcher {
  readonly pid: number
  readonly state: string
  readonly isBehind: boolean
}

/** How long a look at all processes is good for: every lane asks, and it costs more than all else. */
const freshMs = 40
let seen: { readonly atMs: number; readonly watchers: readonly Watcher[] } = { atMs: 0, watchers: [] }

function watchers(olderMs: number): readonly Watcher[] {
  if (performance.now() - seen.atMs > olderMs) seen = { atMs: performance.now(), watchers: lookForWatchers() }
  return seen.watchers
}

function lookForWatchers(): readonly Watcher[] {
  return readdirSync('/proc').flatMap((name): Watcher[] => {
    if (!/^\d+$/.test(name)) return []
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0')
      if (!words[1]?.endsWith('/watch.js')) return []
      return [{ pid: Number(name), state: words[2]!, isBehind: words[3] === '--behind' }]
    } catch {
      // It has just ended.
      return []
    }
  })
}

class Lane {
  readonly #space: TestNamespace
  readonly #backend: string
  readonly #state: string
  readonly #words: string[]

  constructor(space: TestNamespace, backend: string, folder: string) {
    this.#space = space
    this.#backend = backend
    this.#state = join(folder, 'state')
    const files = ['new.v4', 'new.v6'].map((name) => join(folder, name))
    for (const file of files) writeFileSync(file, young)
    this.#words = ['apply', '--backend', backend, '--state-dir', this.#state, '--no-rehearsal', ...files]
  }

  reset(): void {
    for (const family of ['iptables', 'ip6tables'])
      this.#space.run(`${family}-${this.#backend}-restore`, ['-c'], old(22))
    rmSync(this.#state, { recursive: true, force: true })
  }

  /** The rules of both families, as they are saved, tables in one order. */
  inForce(): string {
    return ['iptables', 'ip6tables']
      .map((family) => {
        const text = this.#space.run(`${family}-${this.#backend}-save`, ['-c']).replace(/^#.*\n/gm, '')
        return text
          .split(/(?<=^COMMIT\n)/m)
          .sort()
          .join('')
      })
      .join('IPv6\n')
  }

  /** One change with one stroke. Returns what became of it. */
  async round({ victim, since, afterMs, confirms }: Stroke): Promise<string> {
    rmSync(join(this.#state, 'last.json'), { force: true })
    const command = this.#space.postern([...this.#words, '--confirm', `${confirmSeconds}s`], {
      stdio: 'ignore',
    })
    const ended = new Promise<void>((resolve) => command.on('close', () => resolve()))
    if (since === 'waiting') await Promise.race([ended, this.#waits()])
    if (confirms) this.#confirm()
    await pause(afterMs)
    // Who is killed must be there now: a number may be another's soon.
    const { first, second } = this.#watchers(0)
    const targets = [
      ...(/command|all/.test(victim) ? [command.pid!] : []),
      ...(/first|all/.test(victim) ? first : []),
      ...(/second|all/.test(victim) ? second : []),
    ]
    // At one stroke: whichever is left would start the other again.
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const)
      for (const pid of targets) {
        try {
          process.kill(pid, signal)
        } catch {
          // It has just ended by itself.
        }
      }
    await ended
    return this.#settled()
  }

  async #waits(): Promise<void> {
    while (this.#phase() !== 'waiting') await pause(10)
  }

  #phase(): string | null {
    try {
      return JSON.parse(readFileSync(join(this.#state, 'pending/phase.json'), 'utf8')).name
    } catch {
      return null
    }
  }

  /** As `postern confirm` does, without its start: the decision, if there is a change that waits. */
  #confirm(): void {
    if (this.#phase() !== 'waiting') return
    try {
      writeFileSync(join(this.#state, 'pending/decision.json'), '{"what":"keep","why":"confirmed"}', {
        flag: 'wx',
      })
    } catch {
      // There is none, or it is decided.
    }
  }

  /** Waits until nothing is pending; where nobody is left to see to that, says the next command. */
  async #settled(): Promise<string> {
    for (let waitedMs = 0; ; waitedMs += 50) {
      if (!this.#isPending()) return this.#lastResult()
      const { first, second } = this.#watchers()
      // Nobody for a while: between two processes there may be none for a moment.
      if (first.length + second.length > 0) this.#aloneMs = 0
      else this.#aloneMs += 50
      if (this.#aloneMs >= 600) {
        await this.#space.said(['rollback', '--state-dir', this.#state])
        this.#aloneMs = 0
      }
      if (waitedMs > patienceMs)
        throw new Error(
          `the undo did not come: ${JSON.stringify([this.#phase(), this.#watchers(0), readdirSync(join(this.#state, 'pending'))])}\n${this.pendingLog}`,
        )
      await pause(50)
    }
  }
  #aloneMs = 0

  #isPending(): boolean {
    try {
      return readdirSync(this.#state).includes('pending')
    } catch {
      return false
    }
  }

  #lastResult(): string {
    try {
      return JSON.parse(readFileSync(join(this.#state, 'last.json'), 'utf8')).result
    } catch {
      return 'never begun'
    }
  }

  #watchers(olderMs = freshMs): { first: number[]; second: number[] } {
    const mine = watchers(olderMs).filter(({ state }) => state === this.#state)
    const pids = (behind: boolean): number[] =>
      mine.filter((each) => each.isBehind === behind).map(({ pid }) => pid)
    return { first: pids(false), second: pids(true) }
  }

  get pendingLog(): string {
    try {
      return readFileSync(join(this.#state, 'pending/log'), 'utf8')
    } catch {
      return ''
    }
  }

  get log(): string {
    const undone = join(this.#state, 'undone')
    try {
      return readdirSync(undone)
        .map((name) => readFileSync(join(undone, name, 'log'), 'utf8'))
        .join('\n')
    } catch {
      return ''
    }
  }
}

describe(`changes under kill -9 (SEED=${seed})`, () => {
  it(`${rounds} rounds end in the old rules or the new ones, never in a mixture`, async (context) => {
    if (reason !== null) context.skip(reason)
    const results: Record<string, number> = {}
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const chance = seededChance(seed * lanes + lane)
        const below = (limit: number): number => chance.word() % limit
        const folder = mkdtempSync(join(tmpdir(), 'postern-kills-'))
        const space = await TestNamespace.open()
        try {
          const machine = new Lane(space, lane % 2 === 0 ? 'legacy' : 'nft', folder)
          machine.reset()
          const before = machine.inForce()
          for (let round = lane; round < rounds; round += lanes) {
            const victim = victims[below(victims.length)]!
            const since = below(2) === 0 ? 'start' : 'waiting'
            const afterMs = below(longestMs[since])
            const confirms = since === 'waiting' && below(3) === 0
            const result = await machine.round({ victim, since, afterMs, confirms })
            results[result] = (results[result] ?? 0) + 1
            const after = machine.inForce()
            const what = `round ${round}: ${victim} killed ${afterMs} ms after ${since}${confirms ? ', confirmed' : ''}: ${result}\n${machine.log}`
            if (result !== 'kept') expect(after, what).toBe(before)
            else {
              expect(after.replace(/^\[\d+:\d+\] |\[\d+:\d+\]$/gm, ''), what).toBe(
                before.replace(/^\[\d+:\d+\] |\[\d+:\d+\]$/gm, '').replaceAll('--dport 22 ', '--dport 2222 '),
              )
              machine.reset()
            }
          }
        } finally {
          space.close()
          rmSync(folder, { recursive: true, force: true })
        }
      }),
    )
    // Every end must have been met: the moments of the kills are spread over the whole change.
    expect(Object.keys(results).sort(), JSON.stringify(results)).toEqual(
      expect.arrayContaining(['kept', 'never begun', 'undone']),
    )
  }, 300_000)
})
