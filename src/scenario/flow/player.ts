/** Plays the flows of one case before a judge: each line becomes ordinary packets, which depend on what came before. */
import { decodeFrame, decodeIp } from '../../net/decode.ts'
import { describePacket, printPacketLine } from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import type { Action, FlowStep, HostConfig, Judge, Step, StepResult } from '../scenario.ts'
import { PingConversation, UdpConversation } from './datagrams.ts'
import type { Act, FlowLine, Opening } from './line.ts'
import type { FlowOutcome, FlowReport, PacketName } from './outcome.ts'
import { TcpConversation } from './tcp.ts'
import { type Play, Stuck, Wire } from './wire.ts'

/** A packet of a flow, as a step of its own. */
export interface PlayedPacket {
  readonly name: PacketName
  readonly step: Step
  readonly result: StepResult
}

export interface PlayedLine {
  readonly result: StepResult
  readonly packets: readonly PlayedPacket[]
}

/** Of flows that name no source port: the first, and ids of pings. */
const firstPort = 40000
/** Between the initial sequence numbers of two connections; any number would do. */
const sequenceStep = 0x01000000
const serverSequence = 0x80000000

type Conversation =
  | { readonly kind: 'tcp'; readonly talk: TcpConversation }
  | { readonly kind: 'udp'; readonly talk: UdpConversation }
  | { readonly kind: 'ping'; readonly talk: PingConversation }

interface Standing {
  readonly wire: Wire
  readonly conversation: Conversation
  /** How the line before ended; a flow that got stuck stays so. */
  outcome: FlowOutcome
  stuck: Stuck | null
}

export class FlowPlayer {
  readonly #host: HostConfig
  readonly #judge: Judge
  readonly #named = new Map<string, Standing>()
  readonly #ids = new Counter(0)
  #flows = 0
  /** Packets of the line at hand. */
  #packets: PlayedPacket[] = []
  #step: FlowStep | null = null

  constructor(host: HostConfig, judge: Judge) {
    this.#host = host
    this.#judge = judge
  }

  async play(step: FlowStep): Promise<PlayedLine> {
    this.#packets = []
    this.#step = step
    const { name } = step.flow
    const standing = this.#standingOf(step.flow)
    try {
      if (standing.stuck !== null)
        throw new Stuck(standing.stuck.outcome, standing.stuck.at, 'it was stuck before')
      standing.outcome = await run(standing.conversation, step.flow)
    } catch (error) {
      if (!(error instanceof Stuck)) throw error
      standing.stuck = error
      standing.outcome = error.outcome
    }
    const { outcome, stuck } = standing
    const report: FlowReport = { name, outcome, at: stuck?.at ?? null }
    return { result: summary(step, report, stuck, this.#packets), packets: this.#packets }
  }

  /** The flow that a line speaks of, opened where it opens one. */
  #standingOf({ name, opening }: FlowLine): Standing {
    const standing = opening === null ? this.#named.get(name!)! : this.#open(opening)
    if (name !== null) this.#named.set(name, standing)
    return standing
  }

  #open(opening: Opening): Standing {
    const number = ++this.#flows
    const play: Play = (name, action) => this.#take(name, action)
    const wire = new Wire(this.#host, opening, opening.sourcePort ?? firstPort + number - 1, play, this.#ids)
    return { wire, conversation: conversationOf(opening, wire, number), outcome: 'dropped', stuck: null }
  }

  async #take(name: PacketName, action: Action): Promise<StepResult> {
    const { number, atNs, span } = this.#step!
    const step: Step = { number, atNs, action, expect: null, text: describeAction(action), span }
    const result = await this.#judge.step(step)
    this.#packets.push({ name, step, result })
    return result
  }
}

class Counter {
  #last: number

  constructor(last: number) {
    this.#last = last
  }

  /** 1 to 65535. */
  next(): number {
    this.#last = (this.#last % 0xffff) + 1
    return this.#last
  }
}

function conversationOf({ kind }: Opening, wire: Wire, number: number): Conversation {
  const start = (number * sequenceStep) >>> 0
  switch (kind) {
    case 'tcp':
      return { kind, talk: new TcpConversation(wire, start, (serverSequence + start) >>> 0) }
    case 'udp':
      return { kind, talk: new UdpConversation(wire) }
    case 'ping':
      return { kind, talk: new PingConversation(wire) }
  }
}

/** Everything that a line says, in order; what it came to. */
async function run(conversation: Conversation, { opening, acts }: FlowLine): Promise<FlowOutcome> {
  let outcome: FlowOutcome = 'delivered'
  if (conversation.kind === 'ping') {
    const times = acts.length + (opening === null ? 0 : 1)
    for (let time = 0; time < times; time++) await conversation.talk.ping()
    return 'answered'
  }
  if (conversation.kind === 'tcp' && opening !== null) {
    await conversation.talk.connect()
    outcome = 'established'
  }
  for (const act of acts) outcome = await take(conversation, act)
  return outcome
}

async function take(conversation: Exclude<Conversation, { kind: 'ping' }>, act: Act): Promise<FlowOutcome> {
  const { kind, talk } = conversation
  switch (act.kind) {
    case 'request':
      await talk.request(act.payload)
      return kind === 'tcp' ? 'established' : 'delivered'
    case 'response':
      await talk.response(act.payload)
      return kind === 'tcp' ? 'established' : 'answered'
    default: {
      // The reader lets only TCP do more.
      const connection = talk as TcpConversation
      if (act.kind === 'close') await connection.close(act.by)
      if (act.kind === 'reset') await connection.reset(act.by)
      return act.kind === 'close' ? 'closed' : 'reset'
    }
  }
}

/** The whole line as one step: its verdict is that of the packet at which it ended. */
function summary(
  step: FlowStep,
  flow: FlowReport,
  stuck: Stuck | null,
  packets: readonly PlayedPacket[],
): StepResult {
  const results = packets.map(({ result }) => result)
  const last = results.at(-1)
  const states = results.flatMap(({ state }) => (state === undefined ? [] : [state]))
  // A SYN proxy took the last packet and spoke for itself.
  const isTaken = stuck === null && last?.verdict === 'drop'
  const isLost = flow.outcome === 'dropped' && last?.verdict === 'accept'
  return {
    step: step.number,
    at: Number(step.atNs) / 1e9,
    verdict: isLost ? 'drop' : isTaken ? 'accept' : (last?.verdict ?? 'drop'),
    by: isLost ? (last.lostBy ?? null) : (last?.by ?? null),
    ...(stuck !== null ? { why: stuck.message } : last?.why !== undefined && { why: last.why }),
    hits: results.flatMap(({ hits }) => hits),
    policies: results.flatMap(({ policies }) => policies),
    sent: results.flatMap(({ sent }) => sent),
    delivered: results.some(({ delivered }) => delivered),
    log: results.flatMap(({ log }) => log),
    recent: last?.recent ?? {},
    ...(states.length > 0 && { state: states.at(-1) ?? null }),
    flow,
    packets: packets.map(
      ({ name, step: { text }, result: { step: _number, at: _at, recent: _recent, ...result } }) => ({
        name,
        packet: text,
        ...result,
      }),
    ),
  }
}

function describeAction(action: Action): string {
  const packet = new Packet()
  switch (action.kind) {
    case 'receive':
      decodeFrame(packet, action.frame)
      return printPacketLine(describePacket(packet, action.device, { mark: action.mark, brief: true }))
    case 'send':
      decodeIp(packet, action.packet)
      return printPacketLine(describePacket(packet, null, { mark: action.mark, brief: true }))
    case 'socket':
      return describeSocket(action)
    default:
      return action.kind
  }
}

function describeSocket({ connection, does, payload }: Extract<Action, { kind: 'socket' }>): string {
  const what = { send: `sends ${payload.length} bytes`, close: 'closes', abort: 'resets' }[does]
  return `socket ${connection} ${what}`
}
