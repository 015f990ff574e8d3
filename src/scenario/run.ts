/** Runs a case before a judge and holds what happened against what was expected. */

import { decodeFrame } from '../net/decode.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { durationSeconds } from './duration.ts'
import { compareExpectation, type Mismatch } from './expect.ts'
import type { Case, EndResult, Judge, Step, StepResult } from './scenario.ts'

export interface StepReport {
  readonly step: Step
  readonly result: StepResult
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
  for (const step of part.steps) {
    const judged = await judge.step({ ...step, atNs: step.atNs - startNs })
    const result = { ...judged, at: durationSeconds(step.atNs) }
    const expect = step.action.kind === 'run' ? { refused: false, ...step.expect } : step.expect
    const mismatches = expect === null ? [] : compareExpectation(expect, result, describeFrame)
    steps.push({ step, result, mismatches })
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

/** A sent frame in packet notation. */
export function describeFrame({ if: device, hex }: StepResult['sent'][number]): string {
  const packet = new Packet()
  decodeFrame(packet, bytesOfHex(hex))
  return printPacketLine(describePacket(packet, device))
}

export const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))

export const hexOfBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
