/** What `apply`, `rollback`, `confirm` and `save` share: options, and how a change goes on and ends. */
import {
  type Backend,
  ChangeUnderWay,
  decide,
  defaultStateFolder,
  findTools,
  type InForce,
  type Outcome,
  Pending,
  type Plan,
  planChange,
  putInForce,
  readInForce,
  rehearse,
  requirePrivilege,
  rulesOfOtherBackend,
  State,
  secondsLeft,
  settled,
  type Wanted,
} from '../linux/apply/index.ts'
import type { SessionReport } from '../linux/apply/session-check.ts'
import { printSession, sshSessions } from '../linux/ssh-sessions.ts'
import { durationSeconds, parseDuration } from '../scenario/duration.ts'
import { backendOption } from './backend-option.ts'
import type { OptionRow, OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { renderRulesDiff, summarizeRulesDiff } from './report/rules-diff.ts'
import { palette } from './style.ts'

export const stateOption: OptionRow = {
  flags: '--state-dir <folder>',
  doc: `where changes are written down (default: ${defaultStateFolder})`,
}

/** Options of everything that puts rules in force. */
export const changeOptions: readonly OptionRow[] = [
  { flags: '--confirm <time>', doc: 'put everything back unless confirmed within this time (default: 60s)' },
  { flags: '--why <text>', doc: 'a reason, for the list of generations' },
  { flags: '--counters', doc: 'rules that stay keep their counters' },
  { flags: '--dry-run', doc: 'say what would change, and change nothing' },
  { flags: '--force', doc: 'go ahead though an SSH session would be cut' },
  { flags: '--no-rehearsal', doc: 'do not ask the kernel in a namespace of its own first' },
  { flags: '--no-wait', doc: 'return when the rules are in force; confirm with postern confirm' },
  backendOption,
  stateOption,
]

export const stateOf = ({ stateDir }: OptionValues): State =>
  new State(typeof stateDir === 'string' ? stateDir : defaultStateFolder)

/** What is in force, for whoever may know it. Throws `UnavailableError`. */
export function inForceFor(command: string, options: OptionValues): InForce {
  requirePrivilege("looking at the kernel's rules", `sudo postern ${command}`)
  return readInForce(findTools((options.backend as Backend | undefined) ?? null))
}

function confirmSeconds({ confirm }: OptionValues): number {
  const ns = parseDuration(String(confirm ?? '60s'))
  if (ns === null) throw new UsageError(`--confirm "${confirm}" is no time`, '--confirm 60s')
  const seconds = durationSeconds(ns)
  if (seconds < minSeconds || maxSeconds < seconds)
    throw new UsageError(`--confirm "${confirm}" is not between 0.2s and 1h`, '--confirm 60s')
  return seconds
}

const minSeconds = 0.2
const maxSeconds = 3600

/** From what is wanted to how it ended. Returns the exit status. */
export async function change(
  wanted: Wanted,
  inForce: InForce,
  why: string,
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const plan = planChange(wanted, inForce, {
    confirmSeconds: confirmSeconds(options),
    keepCounters: options.counters === true,
    why: typeof options.why === 'string' ? `${why}: ${options.why}` : why,
  })
  const talk = new Talk(options.json === true, environment)
  talk.plan(plan, inForce)
  if (options.rehearsal !== false) {
    const rehearsal = await rehearse(plan, inForce)
    if (rehearsal.kind === 'refused') return talk.refused(rehearsal.why)
    if (rehearsal.kind === 'impossible') talk.note(`not rehearsed: ${rehearsal.why}`)
  }
  if (!(await sessionsStay(wanted, inForce, talk)) && options.force !== true && options.dryRun !== true)
    return exit.finding
  if (options.dryRun === true) return exit.ok
  return carryOut(plan, options, environment, talk)
}

async function sessionsStay(wanted: Wanted, inForce: InForce, talk: Talk): Promise<boolean> {
  const sessions = sshSessions()
  if (sessions.length === 0) return true
  // The engine is loaded only where there are packets to run.
  const { checkSessions } = await import('../linux/apply/session-check.ts')
  const asked = checkSessions(sessions, wanted, inForce)
  if ('cannot' in asked) {
    talk.note(`whether SSH sessions stay open cannot be told: ${asked.cannot}`)
    return true
  }
  for (const report of asked.reports) talk.session(report)
  return asked.reports.every(({ fate }) => fate !== 'cut')
}

async function carryOut(
  plan: Plan,
  options: OptionValues,
  environment: Environment,
  talk: Talk,
): Promise<number> {
  const state = stateOf(options)
  let begun: Pending | Outcome
  try {
    begun = await putInForce(state, plan)
  } catch (error) {
    if (!(error instanceof ChangeUnderWay)) throw error
    environment.stderr(`error: ${error.message}\n  try: postern confirm, or postern rollback\n`)
    return exit.finding
  }
  if (!(begun instanceof Pending)) return talk.outcome(begun)
  talk.waiting(begun)
  if (options.wait === false) return exit.ok
  return talk.outcome(await decision(state, begun, environment, talk))
}

/** Waits for a key, for another login, for the end of the time; Ctrl-C and a hang-up put everything back at once. */
async function decision(
  state: State,
  pending: Pending,
  environment: Environment,
  talk: Talk,
): Promise<Outcome | null> {
  const over = new AbortController()
  const end = settled(state, pending)
  void end.finally(() => over.abort())
  environment.signal.addEventListener(
    'abort',
    () => void decide(state, { what: 'undo', why: 'interrupted' }).catch(() => {}),
    { once: true },
  )
  const stop = talk.countDown(pending)
  void (async () => {
    while (environment.readKey !== undefined && !over.signal.aborted) {
      const key = await environment.readKey(over.signal)
      if (key === null) return
      const what = /^[y\r\n]/i.test(key)
        ? 'keep'
        : ['n', 'N', 'q', '\u0003', '\u001b'].includes(key)
          ? 'undo'
          : null
      if (what === null) continue
      pending.decide({ what, why: what === 'keep' ? 'confirmed by a key' : 'by a key' })
      return
    }
  })().catch(() => {})
  try {
    return await end
  } finally {
    stop()
  }
}

/** What is said on the way, as lines for people or as JSON. */
export class Talk {
  readonly #json: boolean
  readonly #environment: Environment

  constructor(json: boolean, environment: Environment) {
    this.#json = json
    this.#environment = environment
  }

  #object(object: Readonly<Record<string, unknown>>): void {
    this.#environment.stdout(`${JSON.stringify(object)}\n`)
  }

  note(text: string): void {
    this.#environment.stderr(`note: ${text}\n`)
  }

  plan({ diff, emptied }: Plan, inForce: InForce): void {
    const { stdout, stderr, color } = this.#environment
    if (this.#json) this.#object({ event: 'plan', backend: inForce.tools.backend, diff, emptied })
    else {
      stdout(
        renderRulesDiff(diff, palette(color.stdout))
          .map((line) => `${line}\n`)
          .join(''),
      )
      stderr(`${summarizeRulesDiff(diff)} (iptables-${inForce.tools.backend})\n`)
    }
    for (const list of emptied)
      this.note(`the kernel empties the recency list ${list}: the new rules ask for a longer history`)
    const others = rulesOfOtherBackend(inForce.tools)
    if (others > 0)
      this.note(
        `${others} rules of iptables-${inForce.tools.backend === 'nft' ? 'legacy' : 'nft'} are in force besides, and stay`,
      )
  }

  refused(why: string): number {
    if (this.#json) this.#object({ event: 'refused', why })
    this.#environment.stderr(`error: the kernel does not take these rules, so nothing was changed\n${why}\n`)
    return exit.finding
  }

  session({ session, fate, why, warnings, isTracked }: SessionReport): void {
    const way = printSession(session)
    if (this.#json) {
      this.#object({ event: 'session', session: way, own: session.isOwn, isTracked, fate, why, warnings })
    }
    const { stderr } = this.#environment
    const whose = session.isOwn ? 'your SSH session' : 'the SSH session'
    if (fate === 'cut') stderr(`error: ${whose} ${way} would be cut: ${why}\n  try: let it in, or --force\n`)
    else if (fate === 'unknown')
      stderr(`warning: whether ${whose} ${way} stays open cannot be told: ${why}\n`)
    else if (!this.#json) stderr(`${whose} ${way} stays open\n`)
    for (const warning of warnings) stderr(`warning: ${warning}\n`)
  }

  waiting(pending: Pending): void {
    const { id, confirmSeconds: seconds } = pending.change
    if (this.#json) {
      this.#object({ event: 'waiting', id, seconds })
      return
    }
    const keys = !this.#environment.interactive ? '' : 'press y to keep them, n to put the old ones back; '
    this.#environment.stderr(
      `the new rules are in force for ${seconds} s: ${keys}from another login: postern confirm\n`,
    )
  }

  /** Shows the seconds that are left on a terminal; returns what ends that. */
  countDown(pending: Pending): () => void {
    const { interactive, stderr } = this.#environment
    if (!interactive || this.#json) return () => {}
    const show = (): void => stderr(`\r\u001b[K${Math.ceil(secondsLeft(pending) ?? 0)} s left `)
    const timer = setInterval(show, 1000)
    show()
    return () => {
      clearInterval(timer)
      stderr('\r\u001b[K')
    }
  }

  outcome(outcome: Outcome | null): number {
    if (outcome === null) {
      this.#environment.stderr('how it ended is not known: postern status\n')
      return exit.finding
    }
    if (this.#json) this.#object({ event: 'outcome', ...outcome })
    else this.#environment.stdout(`${sentenceOf(outcome)}\n`)
    if (!this.#json)
      for (const { list, removed, added } of outcome.lists)
        this.#environment.stdout(`recency list ${list}: ${added} put back, ${removed} taken out\n`)
    for (const problem of outcome.problems) this.#environment.stderr(`warning: ${problem}\n`)
    return outcome.result === 'kept' ? exit.ok : exit.finding
  }
}

export function sentenceOf({ result, why, generation }: Outcome): string {
  switch (result) {
    case 'kept':
      return `kept as generation ${generation}: ${why}`
    case 'undone':
      return `the old rules are in force: ${why}`
    case 'refused':
      return `the new rules could not be loaded, and the old ones are in force: ${why}`
    case 'gone':
      return `nothing to do: ${why}`
    case 'broken':
      return `THE OLD RULES COULD NOT BE PUT BACK: ${why}`
  }
}
