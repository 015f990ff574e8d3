/**
 * Would new rules cut the SSH sessions that are open? Their packets are run through the rules by our engine, on a host like
 * this machine, with the sets and recency lists as they are.
 */
import { readFileSync } from 'node:fs'
import type { HostConfig } from '../../engine/config.ts'
import { Host } from '../../engine/host.ts'
import type { Outcome } from '../../engine/outcome.ts'
import { registry } from '../../ext/registry.ts'
import { parseRules } from '../../lang/read.ts'
import { newRuleset, newTable, type Ruleset } from '../../lang/rule.ts'
import { SourceText } from '../../lang/source.ts'
import { type Address, parseAddress, printAddress, sameAddress } from '../../net/address.ts'
import { encodePacketLine, parsePacketLine } from '../../net/notation.ts'
import { frameOfLine } from '../../scenario/frame.ts'
import { loadRulesets } from '../../scenario/rules.ts'
import { RulesRefused } from '../../scenario/rules-refused.ts'
import { printEnd, type SshSession } from '../ssh-sessions.ts'
import { kernelTicks } from './clock.ts'
import type { InForce } from './in-force.ts'
import { hostNow, seedLists } from './live-host.ts'
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

/** Asks for each session. Null where the rules cannot be run here, with the reason. */
export function checkSessions(
  sessions: readonly SshSession[],
  wanted: Wanted,
  inForce: InForce,
): { readonly reports: readonly SessionReport[] } | { readonly cannot: string } {
  if (sessions.length === 0) return { reports: [] }
  const sets = [inForce.sets ?? '', wanted.sets ?? ''].filter((text) => text !== '').join('\n')
  const config = hostNow(inForce.lists, kernelTicks(), sets)
  const rulesets = families.map((family) => mergedRules(family, wanted, inForce))
  const tracked = trackedConnections(inForce)
  const reports: SessionReport[] = []
  try {
    for (const session of sessions)
      reports.push(new Check({ session, config, rulesets, lists: inForce.lists }).report(tracked(session)))
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

/** Data that go through a session, in bytes. */
const typedBytes = 36
const typed = `"${'x'.repeat(typedBytes)}"`

class Check {
  readonly #scene: Scene
  /** Where the far end's packets come in; `out` for a session from this machine to itself. */
  readonly #device: string

  constructor(scene: Scene) {
    this.#scene = scene
    this.#device = deviceOf(scene.config, scene.session)
  }

  report(isTracked: boolean | null): SessionReport {
    const tracked = this.#goesOn(true)
    const untracked = this.#goesOn(false)
    const anew = this.#connectsAnew()
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
  #goesOn(isTracked: boolean): Answer {
    let stage = this.#stage(permissive)
    this.#run(stage, opening)
    if (isTracked) this.#loadNew(stage)
    else stage = this.#newStage()
    return this.#run(stage, [
      { name: 'what you type', from: 'remote', words: `psh-ack seq=2 ack=1002 payload=${typed}` },
      {
        name: 'what you are answered',
        from: 'local',
        words: `psh-ack seq=1002 ack=${2 + typedBytes} payload=${typed}`,
      },
    ])
  }

  #connectsAnew(): Answer {
    return this.#run(this.#newStage(), opening)
  }

  #stage(rulesets: readonly Ruleset[]): Stage {
    const host = new Host(this.#scene.config)
    loadRulesets(host, rulesets)
    return { host, nowNs: 0n }
  }

  #newStage(): Stage {
    const stage = { host: new Host(this.#scene.config), nowNs: 0n }
    this.#loadNew(stage)
    return stage
  }

  #loadNew(stage: Stage): void {
    loadRulesets(stage.host, this.#scene.rulesets)
    stage.nowNs = seedLists(stage.host, this.#scene.lists, kernelTicks())
  }

  /** Packets one after the other, up to the first that does not get through. */
  #run(stage: Stage, packets: readonly SessionPacket[]): Answer {
    for (const { name, from, words } of packets) {
      const { verdict, by, why } = this.#send(stage, from, words)
      if (verdict === 'unknown') return { fate: 'unknown', why: `${name}: ${why}` }
      if (verdict !== 'accept') return { fate: 'cut', why: `${name}: ${verdict} by ${by}` }
    }
    return { fate: 'open', why: null }
  }

  #send({ host, nowNs }: Stage, from: SessionPacket['from'], words: string): Outcome {
    const { remote, remotePort, local, localPort } = this.#scene.session
    const [far, near] = [printEnd(remote, remotePort), printEnd(local, localPort)]
    const comes = from === 'remote' && this.#device !== 'out'
    const ends = from === 'remote' ? `${far} > ${near}` : `${near} > ${far}`
    const text = `${comes ? this.#device : 'out'} tcp ${ends} ${words}`
    const parsed = parsePacketLine(text)
    if ('error' in parsed) throw new Error(`${text}: ${parsed.error.message}`)
    return comes
      ? host.receive(frameOfLine(this.#scene.config, parsed.line), this.#device, nowNs)
      : host.send(encodePacketLine(parsed.line), nowNs)
  }
}

interface Stage {
  host: Host
  nowNs: bigint
}

interface SessionPacket {
  readonly name: string
  readonly from: 'remote' | 'local'
  /** Behind the addresses, in the packet notation. */
  readonly words: string
}

const opening: readonly SessionPacket[] = [
  { name: 'its SYN', from: 'remote', words: 'syn seq=1' },
  { name: 'the SYN-ACK', from: 'local', words: 'syn-ack seq=1001 ack=2' },
  { name: 'its ACK', from: 'remote', words: 'ack seq=2 ack=1002' },
]

const worse = (a: Answer, b: Answer): Answer => (a.fate === 'open' ? b : a)

/** The device with the near address; `out` for a session from this machine. */
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
