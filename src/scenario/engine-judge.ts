/** The engine as judge of a case. */
import { Host } from '../engine/host.ts'
import { type Outcome, printRuleRef } from '../engine/outcome.ts'
import type { Chance } from '../engine/random.ts'
import { runIpset } from '../lang/ipset/program.ts'
import { runCommand } from './command.ts'
import { durationSeconds } from './duration.ts'
import { hexOfBytes } from './hex.ts'
import { loadRules } from './rules.ts'
import type { Action, Case, EndResult, Judge, Step, StepResult } from './scenario.ts'
import { setLines } from './set-lines.ts'

export class EngineJudge implements Judge {
  readonly name = 'engine'
  readonly #host: Host
  #nowNs = 0n

  /** Throws RulesRefused when the rules have errors. `chance` as for `Host`. */
  constructor(part: Case, chance?: Chance) {
    this.#host = new Host(part.host, undefined, chance)
    loadRules(this.#host, part.rules)
  }

  async step({ number, atNs, action }: Step): Promise<StepResult> {
    this.#nowNs = atNs
    const host = this.#host
    const common = { step: number, at: durationSeconds(atNs) }
    switch (action.kind) {
      case 'receive': {
        const { device, frame, mark, circumstances = {} } = action
        return {
          ...common,
          ...this.#packetResult(host.receive(frame, device, atNs, { mark, circumstances })),
        }
      }
      case 'send': {
        const { packet, socket, mark, circumstances = {} } = action
        return { ...common, ...this.#packetResult(host.send(packet, atNs, { socket, mark, circumstances })) }
      }
      case 'write': {
        const { error, log } = host.writeRecent(action.list, action.text, atNs)
        return { ...common, ...this.#quietResult(error, log === null ? [] : [log]) }
      }
      case 'run':
        return { ...common, ...this.#quietResult(runCommand(host, action.command, atNs), []) }
      case 'socket':
        return { ...common, ...this.#socketResult(action, atNs) }
    }
  }

  #packetResult(outcome: Outcome): Omit<StepResult, 'step' | 'at'> {
    return resultOfOutcome(outcome, this.#host.recent.readAll())
  }

  #socketResult(action: Extract<Action, { kind: 'socket' }>, atNs: bigint): Omit<StepResult, 'step' | 'at'> {
    const { connection, does, payload } = action
    const { error, ...outcome } = this.#host.useSocket(connection, does, payload, atNs)
    return { ...this.#packetResult(outcome), error }
  }

  /** The result of a step that sends no packet. */
  #quietResult(error: string | null, log: readonly string[]): Omit<StepResult, 'step' | 'at'> {
    const recent = this.#host.recent.readAll()
    return { verdict: null, by: null, hits: [], policies: [], sent: [], delivered: false, log, recent, error }
  }

  async end(): Promise<EndResult> {
    const host = this.#host
    const save = host.loadedFamilies.map((family) => host.save(family, { counters: true })).join('')
    const expectations = host.expectations(this.#nowNs)
    return {
      end: true,
      save,
      conntrack: host.connections(this.#nowNs),
      ...(expectations.length > 0 && { expectations }),
      ...setLines(runIpset(['save'], '', host.setsAt(this.#nowNs)).stdout),
    }
  }

  async close(): Promise<void> {}
}

/** What the engine says of a packet, as a judge says it. */
export function resultOfOutcome(
  outcome: Outcome,
  recent: StepResult['recent'],
): Omit<StepResult, 'step' | 'at'> {
  const { verdict, by, why, hits, policies, sent, delivered, log, state, accepted, lostBy } = outcome
  return {
    verdict,
    by,
    why,
    hits: hits.map(printRuleRef),
    policies,
    sent: sent.map(({ if: device, bytes }) => ({ if: device, hex: hexOfBytes(bytes) })),
    delivered,
    log,
    recent,
    state: state ?? null,
    ...(accepted !== undefined && { accepted }),
    ...(lostBy !== undefined && { lostBy }),
  }
}
