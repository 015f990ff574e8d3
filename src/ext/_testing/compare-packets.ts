/** Random packets through a match and through the kernel. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { seed } from '../../../test/seed.ts'
import type { Rule } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { decodeFrame } from '../../net/decode.ts'
import type { MatchDefinition } from '../define.ts'
import { askKernelPackets, numbered, type PacketAnswer } from './kernel-packets.ts'
import { anySample, type Hints, type Sample } from './samples.ts'

interface JudgedRule<Data> {
  readonly text: string
  /** The rule as it was written, for what printing loses. */
  readonly source: string
  readonly data: Data
  readonly rule: Rule
  readonly place: RulePlace
}

const packetsEach = 60

/** Destinations of frames by how the kernel then calls the packet. */
const destinationMacs: Readonly<Record<string, readonly number[]>> = {
  host: [2, 0, 0, 0, 0, 1],
  broadcast: [255, 255, 255, 255, 255, 255],
  multicast: [1, 0, 0x5e, 0, 0, 1],
}

export async function compareWithKernel<Data, State>(
  match: MatchDefinition<Data, State>,
  family: Family,
  rules: readonly JudgedRule<Data>[],
  hints: Hints,
): Promise<void> {
  const place = { table: 'raw', hooks: ['PREROUTING'] } as const
  const taken = rules.filter(
    ({ data, rule, place: { profile } }) =>
      (match.check?.(data, rule, { ...place, family, profile }) ?? null) === null,
  )
  const samples = fc
    .sample(anySample(family, 'PREROUTING', hints), { numRuns: packetsEach * 4, seed })
    .filter(({ skb }) => skb.packet.linkOffset === 0 && destinationMacs[skb.packetType] !== undefined)
    .slice(0, packetsEach)
  const pairs = taken.flatMap((rule) => samples.map((sample) => ({ ...rule, sample })))
  const questions = pairs.map(({ source, sample: { skb } }) => {
    const frame = Uint8Array.from(skb.packet.bytes)
    frame.set(destinationMacs[skb.packetType]!)
    return { rule: source, frame, mark: skb.mark }
  })
  const theirs = await askKernelPackets(family, questions)
  const differences = pairs.flatMap(({ text, data, rule, sample }, at) => {
    // A match may look at the very bytes that tell the kernel which question it is.
    decodeFrame(sample.skb.packet, numbered(family, questions[at]!.frame, at + 1))
    const ours = answer(match, data, rule, sample)
    const judged = theirs[at]!
    return judged === 'lost' || judged === ours
      ? []
      : [{ text, packet: String(sample), ours, kernel: judged }]
  })
  expect({ seed, differences: differences.slice(0, 5) }).toEqual({ seed, differences: [] })
  // The comparison is worth something only where many packets reached the tables; of those with
  // odd extension headers the kernel drops about half before.
  expect(theirs.filter((each) => each !== 'lost').length).toBeGreaterThan(pairs.length / 3)
}

function answer<Data, State>(
  match: MatchDefinition<Data, State>,
  data: Data,
  rule: Rule,
  { skb, context }: Sample,
): PacketAnswer {
  if (rule.protocol !== null && rule.protocol.value !== skb.packet.protocol) return 'no'
  context.hotdrop = false
  const matched = match.evaluate(data, skb, context, undefined as State)
  return context.hotdrop ? 'drop' : matched ? 'yes' : 'no'
}
