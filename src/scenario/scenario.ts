/**
 * A scenario: a host, rules, and a timeline of packets with expectations.
 *
 * The types here are what both judges work on, the engine and the real kernel. Texts are already parsed:
 * packets are bytes, times are nanoseconds.
 */

import type { HostConfig } from '../engine/config.ts'
import type { Verdict } from '../engine/outcome.ts'
import type { LocalSocket } from '../ext/context.ts'
import type { SourceText, Span } from '../lang/source.ts'
import type { Family } from '../net/address.ts'
import type { Circumstances } from '../net/circumstances.ts'
import type { FlowLine } from './flow/line.ts'
import type { FlowReport } from './flow/outcome.ts'

export interface Scenario {
  readonly source: SourceText
  /** One when the file has plain `steps`. */
  readonly cases: readonly Case[]
}

export interface Case {
  /** Empty for the only case of a file with plain `steps`. */
  readonly name: string
  readonly host: HostConfig
  /** Texts of rules, loaded in this order before the first step. */
  readonly rules: readonly RulesText[]
  readonly steps: readonly CaseStep[]
}

export interface RulesText {
  readonly family: Family
  readonly source: SourceText
}

/** What all steps have. */
interface StepBase {
  /** From 1, counted over all steps of the case. */
  readonly number: number
  /** Nanoseconds since the case began; never falls. */
  readonly atNs: bigint
  readonly expect: Expectation | null
  /** One line for timelines: the packet notation, or what is written or run. */
  readonly text: string
  readonly span: Span | null
}

/** A step that a judge takes. */
export interface Step extends StepBase {
  readonly action: Action
}

/** A step that becomes several: the packets of a conversation. */
export interface FlowStep extends StepBase {
  readonly flow: FlowLine
}

export type CaseStep = Step | FlowStep

export type Action =
  /** A whole Ethernet frame arrives on `device`. `mark`: set before any table sees it. */
  | {
      readonly kind: 'receive'
      readonly device: string
      readonly frame: Uint8Array
      readonly mark: number
      readonly circumstances?: Circumstances
    }
  /** The host itself sends an IP packet through a raw socket. */
  | {
      readonly kind: 'send'
      readonly packet: Uint8Array
      readonly socket: LocalSocket
      readonly mark: number
      readonly circumstances?: Circumstances
    }
  /** Text written to /proc/net/xt_recent/LIST in one write. */
  | { readonly kind: 'write'; readonly list: string; readonly text: string }
  /** An `iptables`, `ip6tables` or `ipset` command. */
  | { readonly kind: 'run'; readonly command: string }
  /**
   * What a process of the host does with a socket of its own. `connection`: as `StepResult.accepted` named it.
   * `payload`: what it sends.
   */
  | {
      readonly kind: 'socket'
      readonly connection: string
      readonly does: 'send' | 'close' | 'abort'
      readonly payload: Uint8Array
    }

export interface Expectation {
  readonly verdict?: Verdict
  /** `INPUT:3`, `filter/INPUT:3`, `policy` or `host`. */
  readonly by?: string
  /** Packet notation of each frame that leaves, in order; words left out are not compared. */
  readonly sent?: readonly string[]
  /** A text that each log line, in order, must contain. */
  readonly log?: readonly string[]
  /** Addresses in each named list, order free. */
  readonly recent?: Readonly<Record<string, readonly string[]>>
  /** Connection state of the packet: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED. */
  readonly state?: string
  readonly delivered?: boolean
  /** Whether a write or a command is turned down. A `run` that says nothing of it must be accepted. */
  readonly refused?: boolean
  /** What becomes of a flow: `established`, `dropped`, `dropped at syn-ack` ... */
  readonly flow?: string
}

/** What one step did; the contract of `--json`, an object a line. */
export interface StepResult {
  readonly step: number
  /** Seconds since the case began, as the scenario says. */
  readonly at: number
  /** Null for steps that are not packets. */
  readonly verdict: Verdict | null
  readonly by: string | null
  /** In plain words, where the judge knows. */
  readonly why?: string
  readonly hits: readonly string[]
  readonly policies: readonly string[]
  readonly sent: readonly { readonly if: string; readonly hex: string }[]
  readonly delivered: boolean
  readonly log: readonly string[]
  readonly recent: Readonly<Record<string, readonly string[]>>
  /** Connection state; null when the host did not track the packet. Left out where the judge cannot tell. */
  readonly state?: string | null
  /** What a write or a command answered: null when it was accepted, else the message. */
  readonly error?: string | null
  /**
   * What listening sockets of the host got, where it is given any: `tcp LOCAL < REMOTE` for a connection that stands
   * now, `udp LOCAL < REMOTE` for a datagram.
   */
  readonly accepted?: readonly string[]
  /** Who dropped what the host answered, where a judge can tell. */
  readonly lostBy?: string
  /** Of a flow: what became of it, and its packets, each with the result it has on its own. */
  readonly flow?: FlowReport
  readonly packets?: readonly PacketResult[]
}

/** A packet of a flow: its name in the conversation, its notation, and what happened. */
export type PacketResult = Omit<StepResult, 'step' | 'at' | 'recent'> & {
  readonly name: string
  readonly packet: string
}

/** The last line of `--json`. */
export interface EndResult {
  readonly end: true
  /** `iptables-save -c` without comments, then `ip6tables-save -c` where there are IPv6 rules. */
  readonly save: string
  readonly conntrack: readonly string[]
  /** The lines of `/proc/net/nf_conntrack_expect`: connections that helpers expect; absent where there are none. */
  readonly expectations?: readonly string[]
  /** The lines of `ipset save`, without what a kernel draws or sizes by it, each set's elements sorted; absent without sets. */
  readonly sets?: readonly string[]
}

/** Whoever decides: the engine, or a kernel. Steps come in order; `close` always follows. */
export interface Judge {
  /** `engine`, `kernel legacy`, `kernel nft`. */
  readonly name: string
  step(step: Step): Promise<StepResult>
  end(): Promise<EndResult>
  close(): Promise<void>
}

export type { HostConfig, SourceText, Span }
