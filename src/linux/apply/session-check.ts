/**
 * Would new rules cut the SSH sessions that are open? Their packets are run through the rules by our engine, on a host like
 * this machine, with the sets and recency lists as they are.
 */
import { readFileSync } from 'node:fs'
import type { HostConfig } from '../../engine/config.ts'
import { Host } from '../../engine/host.ts'
import { registry } from '../../ext/registry.ts'
import { parseRules } from '../../lang/read.ts'
import { newRuleset, newTable, type Ruleset } from '../../lang/rule.ts'
import { SourceText } from '../../lang/source.ts'
import { type Address, parseAddress, printAddress, sameAddress } from '../../net/address.ts'
import { resultOfOutcome } from '../../scenario/engine-judge.ts'
import { parseFlowLine } from '../../scenario/flow/line.ts'
import { FlowPlayer } from '../../scenario/flow/player.ts'
import { loadRulesets } from '../../scenario/rules.ts'
import { RulesRefused } from '../../scenario/rules-refused.ts'
import type { Action } from '../../scenario/scenario.ts'
import { machineHost } from '../machine-host.ts'
import type { SshSession } from '../ssh-sessions.ts'
import { kernelTicks } from './clock.ts'
import type { InForce } from './in-force.ts'
import { seedLists } from './live-host.ts'
import type { Wanted } from './plan.ts'
import { type Family, families } from './tools.ts'

export interface SessionReport {
  readonly session: SshSession
  /** Whether the kernel tracks the connection now; null where it does not say. */
  readonly isTracked: boolean | null
  /**
   * What becomes of the session: `open`; `cut`: a packet of it is dropped; `unknown`: rules ask for what nobody can say here.
   */
  readonly fate: 'open' | 'cut' | 'unknown'
  /** Where it is cut: `request dropped by filter/INPUT:3`. Null when it is not. */
  readonly why: string | null
  /** What is not the session's end and yet to be known: that it would not survive a flush, or that nobody gets in again. */
  readonly warnings: readonly string[]
}

/** A session as the packet notation writes it. */
export const printSession = ({ remote, remotePort, local, localPort }: SshSession): string =>
  `${printEnd(remote, remotePort)} > ${printEnd(local, localPort)}`

const printEnd = (address: Address, port: number): string =>
  address.family === 'ipv6' ? `[${printAddress(address)}]:${port}` : `${printAddress(address)}:${port}`

/** Asks for each session. Null where the rules cannot be run here, with the reason. */
export async function checkSessions(
  sessions: readonly SshSession[],
  wanted: Wanted,
  inForce: InForce,
): Promise<{ readonly reports: readonly SessionReport[] } | { readonly cannot: string }> {
  if (sessions.length === 0) return { reports: [] }
  const sets = [inForce.sets ?? '', wanted.sets ?? ''].filter((text) => text !== '').join('\n')
  const config = { ...machineHost(), ...(sets === '' ? {} : { sets }) }
  const rulesets = families.map((family) => mergedRules(family, wanted, inForce))
  const tracked = trackedConnections(inForce)
  const reports: SessionReport[] = []
  try {
    for (const session of sessions)
      reports.push(
        await new Check({ session, config, rulesets, lists: inForce.lists }).report(tracked(session)),
      )
  } catch (error) {
    if (error instanceof RulesRefused)
      return { cannot: error.diagnostics[0]?.message ?? 'the rules are refused' }
    return { cannot: (error as Error).message }
  }
  return { reports }
}

/** The tables of the change, and those that stay. */
function mergedRules(family: Family, wanted: Wanted, inForce: InForce): Ruleset {
  const present = inForce.rulesets.get(family) ?? newRuleset(family)
  const next = wanted.rulesets.get(family) ?? newRuleset(family)
  // Table filter is always there: it takes the place of the one that let everything.
  return { family, tables: new Map([['filter', newTable('filter')], ...present.tables, ...next.tables]) }
}

interface Scene {
  readonly session: SshSession
  readonly config: HostConfig
  readonly rulesets: readonly Ruleset[]
  readonly lists: InForce['lists']
}

/** What came of a line of the conversation. */
interface Answer {
  readonly fate: SessionReport['fate']
  readonly why: string | null
}

class Check {
  readonly #scene: Scene
  readonly #way: string

  constructor(scene: Scene) {
    this.#scene = scene
    const { session, config } = scene
    const device = deviceOf(config, session)
    this.#way = `${device} ${printEnd(session.remote, session.remotePort)} > ${printEnd(session.local, session.localPort)}`
  }

  async report(isTracked: boolean | null): Promise<SessionReport> {
    const tracked = await this.#goesOn(true)
    const untracked = await this.#goesOn(false)
    const anew = await this.#connectsAnew()
    const now = isTracked === null ? worse(tracked, untracked) : isTracked ? tracked : untracked
    const warnings = [
      ...(now.fate === 'open' && untracked.fate === 'cut'
        ? [`without its entry in connection tracking (conntrack -F) it would be cut: ${untracked.why}`]
        : []),
      ...(anew.fate === 'cut' ? [`a new connection like it would not stand: ${anew.why}`] : []),
    ]
    return { session: this.#scene.session, isTracked, ...now, warnings }
  }

  /** The session began under rules that let it; now data go both ways, and connection tracking knows of it or not. */
  async #goesOn(isTracked: boolean): Promise<Answer> {
    const { host: before, config } = this.#host(permissive)
    const stage = { host: before, nowNs: 0n }
    const player = playerOn(config, stage)
    await play(player, `ssh: connect ${this.#way}`)
    if (isTracked) this.#loadNew(stage)
    else Object.assign(stage, this.#newHost())
    return play(player, 'ssh: request 36 response 36')
  }

  async #connectsAnew(): Promise<Answer> {
    return play(playerOn(this.#scene.config, this.#newHost()), `anew: connect ${this.#way}`)
  }

  #host(rulesets: readonly Ruleset[]): { host: Host; config: HostConfig } {
    const { config } = this.#scene
    const host = new Host(config)
    loadRulesets(host, rulesets)
    return { host, config }
  }

  #newHost(): Stage {
    const stage = { host: new Host(this.#scene.config), nowNs: 0n }
    this.#loadNew(stage)
    return stage
  }

  #loadNew(stage: Stage): void {
    loadRulesets(stage.host, this.#scene.rulesets)
    stage.nowNs = seedLists(stage.host, this.#scene.lists, kernelTicks())
  }
}

interface Stage {
  host: Host
  nowNs: bigint
}

function playerOn(config: HostConfig, stage: Stage): FlowPlayer {
  return new FlowPlayer(config, {
    name: 'engine',
    step: async ({ number, action }) => ({
      step: number,
      at: 0,
      ...resultOfOutcome(run(stage, action), {}),
    }),
    end: () => Promise.reject(new Error('it has no end')),
    close: async () => {},
  })
}

function run({ host, nowNs }: Stage, action: Action) {
  if (action.kind === 'receive') return host.receive(action.frame, action.device, nowNs)
  if (action.kind === 'send') return host.send(action.packet, nowNs, { socket: action.socket })
  throw new Error(`a session has no ${action.kind}`)
}

async function play(player: FlowPlayer, text: string): Promise<Answer> {
  const parsed = parseFlowLine(text)
  if ('problem' in parsed) throw new Error(`${text}: ${parsed.problem.message}`)
  const step = { number: 1, atNs: 0n, flow: parsed.line, text, expect: null, span: null }
  const { result } = await player.play(step)
  const { at } = result.flow!
  if (at === null) return { fate: 'open', why: null }
  if (result.verdict === 'unknown') return { fate: 'unknown', why: result.why ?? null }
  return { fate: 'cut', why: `${nameOf[at] ?? at} ${result.verdict} by ${result.by}` }
}

const nameOf: Readonly<Record<string, string>> = {
  request: 'what you type:',
  response: 'what you are answered:',
}

const worse = (a: Answer, b: Answer): Answer => (a.fate === 'open' ? b : a)

/** Where the far end's packets come in: by the device with the near address; `out` for a session from this machine. */
function deviceOf({ interfaces }: HostConfig, { local, remote }: SshSession): string {
  const owner = (address: Address) =>
    interfaces.find(({ addresses }) => addresses.some((prefix) => sameAddress(prefix.address, address)))
  const isLoopback = ({ family, words }: Address): boolean =>
    family === 'ipv4' ? words[0]! >>> 24 === 127 : printAddress({ family, words }) === '::1'
  if (isLoopback(remote) || owner(remote) !== undefined) return 'out'
  const device = owner(local)
  if (device === undefined) throw new Error(`no interface has the address ${printAddress(local)}`)
  return device.name
}

/** Rules that let everything, and track. */
const permissive: readonly Ruleset[] = families.map(
  (family) =>
    parseRules(
      new SourceText('rules', '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n'),
      { family, syntax: registry, format: 'save' },
    ).ruleset,
)

/** Whether the kernel's table of connections has one; where it cannot be read, whether rules in force make it track. */
function trackedConnections(inForce: InForce): (session: SshSession) => boolean | null {
  let lines: string[] | null = null
  try {
    lines = readFileSync('/proc/net/nf_conntrack', 'latin1').split('\n')
  } catch {
    // Kernels without this file track all the same.
  }
  return ({ remote, remotePort, local, localPort }) => {
    if (lines === null) {
      return /-m (conntrack|state) /.test(`${inForce.texts.ipv4}${inForce.texts.ipv6}`) ? null : false
    }
    const tuple = new RegExp(` sport=${remotePort} dport=${localPort} `)
    return lines.some((line) => {
      const [, source, destination] = / src=(\S+) dst=(\S+)/.exec(line) ?? []
      return (
        tuple.test(line) &&
        /\btcp\b/.test(line) &&
        source !== undefined &&
        destination !== undefined &&
        isAddress(source, remote) &&
        isAddress(destination, local)
      )
    })
  }
}

const isAddress = (text: string, address: Address): boolean => {
  const parsed = parseAddress(text)
  return parsed !== null && sameAddress(parsed, address)
}
