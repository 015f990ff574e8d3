/** `postern trace`: one packet's journey, rule by rule, and why. */
import { Host } from '../engine/host.ts'
import { type Outcome, printRuleRef, type TraceEvent } from '../engine/outcome.ts'
import { type Possibilities, type Possibility, possibilities } from '../engine/possibilities.ts'
import type { Supposition } from '../engine/suppositions.ts'
import { registry } from '../ext/registry.ts'
import { printRuleBody } from '../lang/print.ts'
import type { Rule } from '../lang/rule.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { encodePacketLine, type PacketLine, parsePacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { durationSeconds, parseDuration, printDuration } from '../scenario/duration.ts'
import { frameOfLine } from '../scenario/frame.ts'
import { canBeOwn, guessHost, type Observed } from '../scenario/guess-host.ts'
import { loadRulesets } from '../scenario/rules.ts'
import type { HostConfig } from '../scenario/scenario.ts'
import { type Command, familyOptions, jsonOption } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { hostOfOptions, hostOptions } from './host-options.ts'
import { renderConnections, renderPossibilities, renderTrace, renderVerdict } from './report/trace.ts'
import { readRules, reportErrors } from './rules-input.ts'
import { palette } from './style.ts'

export const trace: Command = {
  name: 'trace',
  summary: "show a packet's way through the rules, and why",
  description:
    'Runs packets through rules, one after the other on the same host, and shows each hook, table and rule they meet: ' +
    'which condition failed, what was read from and written to recency lists, and what decided. Where a rule asks for what nobody said, every outcome is shown with what is supposed for it.\n\nPackets are written ' +
    'in one line: interface (or "out" for what the host sends), protocol, addresses, flags. Without --host or ' +
    '--address the packets themselves say which addresses are the host’s, and the assumption is printed.',
  arguments: [
    { name: '<rules>', doc: 'save file or script of iptables commands; - for standard input' },
    { name: '<packet...>', doc: 'packet notation: "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn"' },
  ],
  options: [
    ...familyOptions,
    ...hostOptions,
    { flags: '--every <time>', doc: 'time between the packets (default: 0s)' },
    jsonOption,
  ],
  examples: [
    {
      does: 'why is a connection to port 3306 refused?',
      command:
        'postern trace examples/port-knock/rules.v4 "eth0 tcp 198.51.100.7:4000 > 203.0.113.1:3306 syn"',
    },
  ],

  async run([rulesPath, ...texts], options, environment) {
    const rules = await readRules(rulesPath!, options, environment)
    if (reportErrors(rulesPath!, rules, environment)) return exit.finding
    const everyNs = readEvery(options.every)
    const lines = texts.map(readPacket)
    const base = await hostOfOptions(options, environment)
    const { host: config, assumptions } = guessHost(observedOf(lines, base), base)
    const newHost = (): Host => {
      const host = new Host(config)
      loadRulesets(host, [...rules.rulesets.values()])
      return host
    }
    const host = newHost()
    if (options.json !== true) for (const line of assumptions) environment.stderr(`assumed: ${line}\n`)
    for (const [at, line] of lines.entries()) {
      const traced = traceOne(host, config, line, BigInt(at) * everyNs)
      /** The packet again, on a host that met all those before it, with something supposed. */
      const again = (supposing: readonly Supposition[]): Traced => {
        const other = newHost()
        for (const [before, earlier] of lines.slice(0, at).entries())
          traceOne(other, config, earlier, BigInt(before) * everyNs)
        return traceOne(other, config, line, BigInt(at) * everyNs, supposing)
      }
      const outcomes = traced.outcome.openQuestion === undefined ? null : possibilities(again)
      print(
        { text: texts[at]!, atNs: BigInt(at) * everyNs, outcomes, ...traced },
        options.json === true,
        environment,
      )
    }
    return exit.ok
  },
}

interface Traced {
  readonly printRule: (rule: Rule) => string
  readonly events: readonly TraceEvent[]
  readonly outcome: Outcome
  /** The connections tracked after the packet, as `conntrack -L` lists them. */
  readonly connections: readonly string[]
}

function traceOne(
  host: Host,
  config: HostConfig,
  line: PacketLine,
  nowNs: bigint,
  suppositions: readonly Supposition[] = [],
): Traced {
  const events: TraceEvent[] = []
  const sink = (event: TraceEvent) => void events.push(event)
  const { mark, circumstances } = line
  const said = { mark, circumstances, trace: sink, suppositions }
  const outcome =
    line.device === null
      ? host.send(encodePacketLine(line), nowNs, {
          ...said,
          socket: {
            uid: line.uid ?? 0,
            gid: line.gid ?? 0,
            ...(line.uid === null && line.gid === null && { isAnonymous: true }),
          },
        })
      : host.receive(frameOfLine(config, line), line.device, nowNs, said)
  const family = decodeLine(line).family ?? 'ipv4'
  const printRule = (rule: Rule) => printRuleBody(rule, { family, syntax: registry }).trim()
  return { events, outcome, printRule, connections: host.connections(nowNs).map(asListed) }
}

/** Without the family in front, which conntrack -L leaves out. */
const asListed = (line: string): string => line.replace(/^ipv[46] +\d+ /, '')

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

function readPacket(text: string): PacketLine {
  const parsed = parsePacketLine(text)
  if ('line' in parsed) return parsed.line
  const { message, start, end, help } = parsed.error
  const caret = `${' '.repeat(start)}${'^'.repeat(Math.max(1, end - start))}`
  throw new UsageError(`${message}\n  ${text}\n  ${caret}`, help ?? null)
}

/** Addresses given by hand are the whole truth; the packets then only name interfaces. */
function observedOf(lines: readonly PacketLine[], base: HostConfig): Observed[] {
  const isGiven = base.interfaces.some(({ addresses }) => addresses.length > 0)
  const observed = lines.flatMap(observe)
  return isGiven ? observed.map((one) => ({ ...one, own: [] })) : observed
}

/** An arriving packet goes to the host, a sent one comes from it. */
function observe(line: PacketLine): Observed[] {
  const packet = decodeLine(line)
  if (packet.family === null || packet.defect === 'ip-truncated') return []
  const own = line.device === null ? packet.source : packet.destination
  const isLoopback = own.words.length === 1 && own.words[0]! >>> 24 === 127
  return [{ device: line.device ?? 'eth0', own: canBeOwn(own) && !isLoopback ? [own] : [], mac: null }]
}

function decodeLine(line: PacketLine): Packet {
  const packet = new Packet()
  if (line.content.kind === 'frame') decodeFrame(packet, line.content.bytes)
  else decodeIp(packet, encodePacketLine(line))
  return packet
}

function readEvery(value: unknown): bigint {
  const everyNs = parseDuration(String(value ?? '0s'))
  if (everyNs === null) throw new UsageError(`--every "${value}" is no time`, '--every 500ms')
  return everyNs
}
