/** What becomes of a line of a flow, in words. */

/**
 * - `established`: the TCP connection stands, and whatever the line sent was acknowledged;
 * - `answered`: a datagram or ping got its answer; `delivered`: it came to the other side, and no answer was asked for;
 * - `closed`, `reset`: the connection ended as the line says;
 * - `refused`: a RST or ICMP error came back, or a rule rejected a packet;
 * - `dropped`: a packet went in and did not come out;
 * - `unanswered`: a packet came to the other side, which answered nothing, or to somebody else.
 */
export type FlowOutcome =
  | 'established'
  | 'answered'
  | 'delivered'
  | 'closed'
  | 'reset'
  | 'refused'
  | 'dropped'
  | 'unanswered'

export const goodOutcomes = ['established', 'answered', 'delivered', 'closed', 'reset'] as const
export const badOutcomes = ['refused', 'dropped', 'unanswered'] as const

/** What a packet is in its conversation. */
export type PacketName = (typeof packetNames)[number]

export const packetNames = [
  'syn',
  'syn-ack',
  'ack',
  'request',
  'response',
  'fin',
  'rst',
  'echo-request',
  'echo-reply',
] as const

/** Words for `expect`: an outcome, and where it was bad also the packet: `dropped at syn-ack`. */
export const outcomeWords: readonly string[] = [
  ...goodOutcomes,
  ...badOutcomes.flatMap((outcome) => [outcome, ...packetNames.map((name) => `${outcome} at ${name}`)]),
]

/** The flow's part of a step result. */
export interface FlowReport {
  readonly name: string | null
  readonly outcome: FlowOutcome
  /** The packet that the line got stuck at; null where it came to its end. */
  readonly at: PacketName | null
}

/** `dropped at syn-ack`. */
export const printOutcome = ({ outcome, at }: FlowReport): string =>
  at === null ? outcome : `${outcome} at ${at}`

/** Whether an expected word fits: without a packet it means any. */
export const outcomeFits = (expected: string, report: FlowReport): boolean =>
  expected === report.outcome || expected === printOutcome(report)
