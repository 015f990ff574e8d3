/** Compares what a step should have done with what it did. */
import { parseAddress, printAddress } from '../net/address.ts'
import { outcomeFits, printOutcome } from './flow/outcome.ts'
import type { Expectation, StepResult } from './scenario.ts'

/** One place where expectation and outcome part. */
export interface Mismatch {
  /** Which word of the expectation. */
  readonly field: keyof Expectation
  readonly expected: string
  readonly actual: string
}

/** How a sent frame is written in packet notation; given by the caller so that this file stays about comparing. */
export type DescribeFrame = (frame: StepResult['sent'][number]) => string

export function compareExpectation(
  expect: Expectation,
  result: StepResult,
  describeFrame: DescribeFrame,
): Mismatch[] {
  const mismatches: Mismatch[] = []
  const differ = (field: keyof Expectation, expected: string, actual: string) =>
    void mismatches.push({ field, expected, actual })

  if (expect.verdict !== undefined && expect.verdict !== result.verdict) {
    const why = result.verdict === 'unknown' && result.why !== undefined ? `: ${result.why}` : ''
    differ('verdict', expect.verdict, `${result.verdict ?? 'no packet'}${why}`)
  }
  if (expect.by !== undefined && !sameDecider(expect.by, result.by)) {
    differ('by', expect.by, result.by ?? 'nothing')
  }
  if (expect.delivered !== undefined && expect.delivered !== result.delivered) {
    differ('delivered', String(expect.delivered), String(result.delivered))
  }
  const refused = result.error !== undefined && result.error !== null
  if (expect.refused !== undefined && expect.refused !== refused) {
    differ('refused', String(expect.refused), refused ? `true: ${result.error}` : 'false')
  }
  if (expect.state !== undefined && result.state !== undefined && expect.state !== result.state) {
    differ('state', expect.state, result.state ?? 'not tracked')
  }
  if (expect.flow !== undefined && (result.flow === undefined || !outcomeFits(expect.flow, result.flow))) {
    const why = result.why === undefined ? '' : `: ${result.why}`
    differ('flow', expect.flow, result.flow === undefined ? 'no flow' : `${printOutcome(result.flow)}${why}`)
  }
  if (expect.sent !== undefined) {
    const sent = result.sent.map(describeFrame)
    if (!pairwise(expect.sent, sent, frameFits)) differ('sent', list(expect.sent), list(sent))
  }
  if (expect.log !== undefined && !pairwise(expect.log, result.log, (part, line) => line.includes(part))) {
    differ('log', list(expect.log), list(result.log))
  }
  for (const [name, addresses] of Object.entries(expect.recent ?? {})) {
    const actual = (result.recent[name] ?? []).map(addressOfLine)
    if (list([...addresses].sort()) !== list([...actual].sort())) {
      differ('recent', `${name}: ${inline(addresses)}`, `${name}: ${inline(actual)}`)
    }
  }
  return mismatches
}

const inline = (parts: readonly string[]): string => (parts.length === 0 ? 'none' : parts.join(', '))

/** `INPUT:3` means `filter/INPUT:3`; anything with a table must be equal. */
function sameDecider(expected: string, actual: string | null): boolean {
  return actual === expected || actual === `filter/${expected}`
}

/**
 * Whether a printed packet is what a pattern describes: the head (`eth0 tcp A > B`) equal word by word, and every
 * further word of the pattern present.
 */
export function frameFits(pattern: string, packet: string): boolean {
  const expected = pattern.trim().split(/\s+/)
  const actual = packet.trim().split(/\s+/)
  const headLength = expected.indexOf('>') + 2
  const head = expected.slice(0, headLength)
  return (
    head.every((word, at) => word === actual[at]) &&
    expected.slice(headLength).every((word) => actual.includes(word))
  )
}

function pairwise(
  expected: readonly string[],
  actual: readonly string[],
  fits: (a: string, b: string) => boolean,
): boolean {
  return expected.length === actual.length && expected.every((part, at) => fits(part, actual[at]!))
}

/** The address of a line of /proc/net/xt_recent, in its short form. */
export function addressOfLine(line: string): string {
  return shortAddress(/^src=(\S+)/.exec(line)?.[1] ?? line)
}

function shortAddress(text: string): string {
  const address = parseAddress(text)
  return address === null ? text : printAddress(address)
}

const list = (items: readonly string[]): string => (items.length === 0 ? 'none' : items.join('\n'))
