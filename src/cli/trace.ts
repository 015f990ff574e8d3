/** `postern trace`: one packet's journey, rule by rule, and why. */
import { listed } from '../engine/conntrack/listing.ts'
import { Host, type PacketOptions } from '../engine/host.ts'
import { type Outcome, printRuleRef, type TraceEvent } from '../engine/outcome.ts'
import { type Possibilities, type Possibility, possibilities } from '../engine/possibilities.ts'
import type { Supposition } from '../engine/suppositions.ts'
import { registry } from '../ext/registry.ts'
import { printRuleBody } from '../lang/print.ts'
import type { Rule } from '../lang/rule.ts'
import type { Family } from '../net/address.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { Packet } from '../net/packet.ts'
import { durationSeconds, parseDuration, printDuration } from '../scenario/duration.ts'
import { resultOfOutcome } from '../scenario/engine-judge.ts'
import { printOutcome } from '../scenario/flow/outcome.ts'
import { FlowPlayer } from '../scenario/flow/player.ts'
import { guessHost } from '../scenario/guess-host.ts'
import { loadRulesets } from '../scenario/rules.ts'
import type { Action, HostConfig, Step, StepResult } from '../scenario/scenario.ts'
import { backendOption } from './backend-option.ts'
import { type Command, familyOptions, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { hostOfOptions, hostOptions } from './host-options.ts'
import { renderConnections, renderPossibilities, renderTrace, renderVerdict } from './report/trace.ts'
import { readRules, reportErrors } from './rules-input.ts'
import { paintVerdict, palette } from './style.ts'
import { actionOf, checkFlows, observedOf, readTold, type Told } from './told.ts'

export const trace: Command = {
  name: 'trace',
  summary: "show a packet's way through the rules, and why",
  description:
    'Runs packets through rules, one after the other on the same host, and shows each hook, table and rule they meet: ' +
    'which condition failed, what was read from and written to recency lists, and what decided. Where a rule asks for what nobody said, every outcome is shown with what is supposed for it.\n\nPackets are written ' +
    'in one line: interface (or "out" for what the host sends), protocol, addresses, flags. Whole conversations take a ' +
    'line, too, as in scenarios: each of their packets is shown. Without --host or --address the packets themselves say which addresses are the host’s, and the assumption is printed.',
  arguments: [
    {
      name: '<rules>',
      doc: 'save file or script of iptables commands; - for standard input; left out with --live',
    },
    {
      name: '[packet...]',
      doc: 'packet notation: "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn"; or a flow: "ssh: connect eth0 198.51.100.7 > 203.0.113.1:22", "ssh: close"',
    },
  ],
  options: [
    ...familyOptions,
    ...hostOptions,
    { flags: '--live', doc: "run the packets through the kernel's present rules, sets and recency lists" },
    backendOption,
    { flags: '--every <time>', doc: 'time between the packets (default: 0s)' },
    jsonOption,
  ],
  examples: [
    {
      does: 'why is a connection to port 3306 refused?',
      command:
        'postern trace examples/port-knock/rules.v4 "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:3306 syn"',
    },
    {
      does: 'how is a whole conversation tracked and translated?',
      command:
        'postern trace examples/gateway/rules.v4 --host examples/gateway/scenario.yaml "ping eth1 192.168.1.9 > 198.51.100.7"',
    },
    {
      does: 'would this machine, as it is now, let somebody in?',
      command: 'postern trace --live "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn"',
      needs: 'root, and an interface of that name',
    },
  ],

  async run([rulesPath, ...texts], options, environment) {
    if (options.live === true) return traceLive([rulesPath!, ...texts], options, environment)
    if (texts.length === 0)
      throw new UsageError('no packet given', 'postern trace RULES PACKET, or postern trace --live PACKET')
    const rules = await readRules(rulesPath!, options, environment)
    if (reportErrors(rulesPath!, rules, environment)) return exit.finding
    const everyNs = readEvery(options.every)
    const all = texts.map(readTold)
    const base = await hostOfOptions(options, environment)
    const { host: config, assumptions } = guessHost(observedOf(all, base), base)
    checkFlows(all, config)
    if (options.json !== true) for (const line of assumptions) environment.stderr(`assumed: ${line}\n`)
    const newHost = (): Host => {
      const host = new Host(config)
      loadRulesets(host, [...rules.rulesets.values()])
      return host
    }
    const run = new TraceRun(newHost, config, options.json === true, environment)
    for (const [at, told] of all.entries()) await run.take(told, BigInt(at) * everyNs)
    return exit.ok
  },
}

/** On a host as this machine is at the moment; what it tracks is not known to it. */
async function traceLive(
  texts: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  // What looks at the machine is loaded only where that is asked for.
  const { liveFirewall } = await import('./live.ts')
  const { liveHost } = await import('../linux/apply/live-host.ts')
  const all = texts.map(readTold)
  const everyNs = readEvery(options.every)
  const firewall = liveFirewall('trace --live', options)
  const { config, nowNs } = liveHost(firewall)
  checkDevices(all, config)
  checkFlows(all, config)
  const newHost = (): Host => liveHost(firewall).host
  const run = new TraceRun(newHost, config, options.json === true, environment)
  for (const [at, told] of all.entries()) await run.take(told, nowNs + BigInt(at) * everyNs)
  return exit.ok
}

/** Throws UsageError for an interface that the machine does not have. */
function checkDevices(all: readonly Told[], { interfaces }: HostConfig): void {
  for (const told of all) {
    const device = told.kind === 'packet' ? told.line.device : (told.flow.opening?.device ?? null)
    if (device === null || device === 'lo' || interfaces.some(({ name }) => name === device)) continue
    const names = ['lo', ...interfaces.map(({ name }) => name)].join(', ')
    throw new UsageError(`this machine has no interface ${device}: there are ${names}`)
  }
}

/** Something that happened to the host. */
interface Taken {
  readonly action: PacketAction
  readonly atNs: bigint
}

type PacketAction = Extract<Action, { kind: 'receive' | 'send' | 'socket' }>

class TraceRun {
  readonly #newHost: () => Host
  readonly #config: HostConfig
  readonly #host: Host
  readonly #player: FlowPlayer
  readonly #json: boolean
  readonly #environment: Environment
  /** Everything so far. */
  readonly #taken: Taken[] = []

  constructor(newHost: () => Host, config: HostConfig, json: boolean, environment: Environment) {
    this.#newHost = newHost
    this.#config = config
    this.#host = newHost()
    this.#json = json
    this.#environment = environment
    this.#player = new FlowPlayer(config, {
      name: 'engine',
      step: async (step) => this.#playStep(step),
      end: () => Promise.reject(new Error('a trace has no end')),
      close: async () => {},
    })
  }

  async take(told: Told, atNs: bigint): Promise<void> {
    if (told.kind === 'packet') {
      this.#trace(told.text, { action: actionOf(told.line, this.#config) as PacketAction, atNs })
      return
    }
    const { text, flow } = told
    const step = { number: 1, atNs, flow, text, expect: null, span: null }
    const { result } = await this.#player.play(step)
    this.#printFlow(text, result)
  }

  #playStep({ action, atNs, text, number }: Step): StepResult {
    const outcome = this.#trace(text, { action: action as PacketAction, atNs })
    return { step: number, at: durationSeconds(atNs), ...resultOfOutcome(outcome, {}) }
  }

  #trace(text: string, taken: Taken): Outcome {
    const traced = traceOne(this.#host, taken)
    /** The packet again, on a host that met all those before it, with something supposed. */
    const again = (supposing: readonly Supposition[]): Traced => {
      const other = this.#newHost()
      for (const earlier of before) traceOne(other, earlier)
      return traceOne(other, taken, supposing)
    }
    const before = [...this.#taken]
    this.#taken.push(taken)
    const outcomes = traced.outcome.openQuestion === undefined ? null : possibilities(again)
    print({ text, atNs: taken.atNs, outcomes, ...traced }, this.#json, this.#environment)
    return traced.outcome
  }

  #printFlow(text: string, { at, flow, why, verdict }: StepResult): void {
    const { stdout, color } = this.#environment
    const ended = printOutcome(flow!)
    const isStuck = flow!.at !== null
    if (this.#json) {
      stdout(`${JSON.stringify({ flow: text, at, outcome: ended, ...(isStuck && { why }) })}\n`)
      return
    }
    const colors = palette(color.stdout)
    const said = paintVerdict(colors, isStuck ? verdict! : 'accept', ended)
    stdout(`${colors.bold('FLOW')}    ${text}: ${said}${isStuck && why ? ` (${why})` : ''}\n\n`)
  }
}

interface Traced {
  readonly printRule: (rule: Rule) => string
  readonly events: readonly TraceEvent[]
  readonly outcome: Outcome
  /** The connections tracked after the packet, as `conntrack -L` lists them. */
  readonly connections: readonly string[]
}

function traceOne(host: Host, { action, atNs }: Taken, suppositions: readonly Supposition[] = []): Traced {
  const events: TraceEvent[] = []
  const trace = (event: TraceEvent) => void events.push(event)
  const outcome = run(host, action, atNs, { trace, suppositions })
  const printRule = (rule: Rule) => printRuleBody(rule, { family: familyOf(action), syntax: registry }).trim()
  return { events, outcome, printRule, connections: host.connections(atNs).map(listed) }
}

function run(
  host: Host,
  action: PacketAction,
  nowNs: bigint,
  how: Pick<PacketOptions, 'trace' | 'suppositions'>,
): Outcome {
  if (action.kind === 'socket') {
    return host.useSocket(action.connection, action.does, action.payload, nowNs, how)
  }
  const { mark, circumstances = {} } = action
  return action.kind === 'receive'
    ? host.receive(action.frame, action.device, nowNs, { ...how, mark, circumstances })
    : host.send(action.packet, nowNs, { ...how, mark, circumstances, socket: action.socket })
}

/** By the version of its header; a connection's by the brackets around its addresses. */
function familyOf(action: PacketAction): Family {
  if (action.kind === 'socket') return action.connection.includes('[') ? 'ipv6' : 'ipv4'
  const packet = new Packet()
  if (action.kind === 'receive') decodeFrame(packet, action.frame)
  else decodeIp(packet, action.packet)
  return packet.family ?? 'ipv4'
}

interface Printed extends Traced {
  readonly text: string
  readonly atNs: bigint
  /** What may become of the packet, where rules ask for what nobody said; null where nothing is unknown. */
  readonly outcomes: Possibilities<Traced> | null
}

/** The same in JSON, for each way in which the questions may be answered. */
const plainPossibility = ({ supposing, run: { outcome } }: Possibility<Traced>) => {
  const { sent, hits, ...rest } = outcome
  return {
    supposing: supposing.map(({ what, proposition, holds }) => ({ what, proposition, holds })),
    ...rest,
    hits: hits.map(printRuleRef),
    sent: sent.length,
  }
}

function print(
  { text, atNs, events, outcome, outcomes, printRule, connections }: Printed,
  json: boolean,
  environment: Environment,
): void {
  if (json) {
    const { sent, hits, ...rest } = outcome
    const plain = events.map((event) =>
      event.kind === 'rule' ? { ...event, ref: printRuleRef(event.ref), rule: printRule(event.rule) } : event,
    )
    const object = {
      packet: text,
      at: durationSeconds(atNs),
      ...rest,
      hits: hits.map(printRuleRef),
      sent: sent.length,
      conntrack: connections,
      events: plain,
      ...(outcomes !== null && { outcomes: outcomes.list.map(plainPossibility) }),
    }
    // Spans would carry the whole text of the rules along.
    environment.stdout(`${JSON.stringify(object, (key, value) => (key === 'span' ? undefined : value))}\n`)
    return
  }
  const colors = palette(environment.color.stdout)
  const style = { colors, columns: environment.columns, printRule }
  const time = atNs === 0n ? [] : [colors.dim(`at ${printDuration(atNs)}`)]
  const logs = outcome.log.map((line) => colors.dim(`log: ${line}`))
  const tracked = renderConnections(connections, style)
  const lines = [
    ...time,
    ...renderTrace(events, style),
    ...logs,
    ...renderVerdict(outcome, style),
    ...(outcomes === null ? [] : renderPossibilities(events, outcomes, style)),
    ...tracked,
    '',
  ]
  environment.stdout(`${lines.join('\n')}\n`)
}

function readEvery(value: unknown): bigint {
  const everyNs = parseDuration(String(value ?? '0s'))
  if (everyNs === null) throw new UsageError(`--every "${value}" is no time`, '--every 500ms')
  return everyNs
}
