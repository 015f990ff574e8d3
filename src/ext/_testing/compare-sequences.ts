/** A row of packets through matches that remember, here and in the kernel. All packets come at (nearly) the same time. */
import { expect } from 'vitest'
import { makeRandom } from '../../engine/random.ts'
import { SharedThings } from '../../engine/shared.ts'
import { linux618 } from '../../lang/profile.ts'
import type { Family } from '../../net/address.ts'
import type { HookContext, HostServices } from '../context.ts'
import type { MatchDefinition } from '../define.ts'
import { type KernelHost, onKernelHost } from './kernel-host.ts'
import { packetSample } from './packet-lines.ts'
import { RuleReader } from './rule-reader.ts'
import { hostOf } from './samples.ts'

/** A host that can share and draw, with the clock at `startsAtUnixNs`. */
export function rememberingHost(family: Family, startsAtUnixNs: bigint | null = null): HostServices {
  const shared = new SharedThings()
  return {
    ...hostOf(family),
    profile: linux618,
    share: (kind, name, make) => shared.acquire(kind, name, make),
    unshare: (kind, name) => shared.release(kind, name),
    startsAtUnixNs,
    random: makeRandom(1),
  }
}

/**
 * Every rule (option words, or a whole rule with `-m`) counts each packet that it matches. `then` may ask the kernel for
 * more, with the states of our own rules at hand.
 */
export async function compareSequence<Data, State>(
  match: MatchDefinition<Data, State>,
  family: Family,
  rules: readonly string[],
  packets: readonly string[],
  then: (kernel: KernelHost, states: readonly State[]) => void = () => {},
): Promise<void> {
  const reader = new RuleReader<Data>(match, {
    family,
    flag: '-m',
    place: { table: 'raw', chain: 'PREROUTING' },
    conditions: '',
  })
  const host = rememberingHost(family)
  const read = rules.map((text) => reader.data(text))
  const states = read.map(({ data }) => match.load!(data, host))
  const samples = packets.map((text) => packetSample(text, family, 'PREROUTING'))
  const ours = samples.map(({ skb, context }) => {
    const own: HookContext = { ...context, host }
    const matched: string[] = []
    for (const [at, { data, rule }] of read.entries()) {
      if (rule.protocol !== null && rule.protocol.value !== skb.packet.protocol) continue
      if (match.evaluate(data, skb, own, states[at]!)) matched.push(rules[at]!)
      if (own.hotdrop) break
    }
    return matched
  })
  await onKernelHost(family, (kernel) => {
    const lines = rules.map((text) => `-A PREROUTING ${reader.words(text)}`)
    kernel.load(['*raw', ...lines, '-A PREROUTING -j DROP', 'COMMIT\n'].join('\n'))
    let before = rules.map(() => 0)
    const theirs = samples.map(({ skb }) => {
      kernel.arrive(skb.packet.bytes)
      const after = kernel.counters('raw', 'PREROUTING')
      const matched = rules.filter((_, at) => after[at]! > before[at]!)
      before = after
      return matched
    })
    expect(ours.map((matched, at) => [packets[at], matched])).toEqual(
      theirs.map((matched, at) => [packets[at], matched]),
    )
    then(kernel, states)
  })
}
