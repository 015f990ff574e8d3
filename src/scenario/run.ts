/** Runs a case before a judge and holds what happened against what was expected. */

import { decodeFrame } from '../net/decode.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { durationSeconds } from './duration.ts'
import { compareExpectation, type Mismatch } from './expect.ts'
import { FlowPlayer, type PlayedPacket } from './flow/player.ts'
import { bytesOfHex } from './hex.ts'
import type { Case, CaseStep, EndResult, Expectation, Judge, StepResult } from './scenario.ts'

export interface StepReport {
  readonly step: CaseStep
  readonly result: StepResult
  /** Of a flow: its packets, with the steps that the judge took. Empty for other steps. */
  readonly packets: readonly PlayedPacket[]
  readonly mismatches: readonly Mismatch[]
}

export interface CaseReport {
  readonly part: Case
  /** Name of the judge. */
  readonly judge: string
  readonly steps: readonly StepReport[]
  readonly end: EndResult
  readonly failed: boolean
}

/** Every step is run, also behind a failed one: the later ones often say why. */
export async function runCase(part: Case, judge: Judge): Promise<CaseReport> {
  const steps: StepReport[] = []
  // Judges count time from the first step, whatever the scenario calls it.
  const startNs = part.steps[0]?.atNs ?? 0n
  const player = new FlowPlayer(part.host, judge)
  for (const step of part.steps) {
    const atNs = step.atNs - startNs
    const { result: judged, packets } =
      'flow' in step
        ? await player.play({ ...step, atNs })
        : { result: await judge.step({ ...step, atNs }), packets: [] }
    const result = { ...judged, at: durationSeconds(step.atNs) }
    const mismatches = compareExpectation(expectationOf(step), result, describeFrame)
    steps.push({ step, result, packets, mismatches })
  }
  const end = await judge.end()
  return {
    part,
    judge: judge.name,
    steps,
    end,
    failed: steps.some(({ mismatches }) => mismatches.length > 0),
  }
}

/** A command must be accepted unless the step says otherwise. */
const expectationOf = (step: CaseStep): Expectation =>
  'action' in step && step.action.kind === 'run' ? { refused: false, ...step.expect } : (step.expect ?? {})

/** A sent frame in packet notation. */
export function describeFrame({ if: device, hex }: StepResult['sent'][number]): string {
  const packet = new Packet()
  decodeFrame(packet, bytesOfHex(hex))
  return printPacketLine(describePacket(packet, device))
}
