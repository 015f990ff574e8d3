/**
 * The tests of a match: tables of its own, and the laws that hold for all.
 *
 *   describeMatch(ttl, {
 *     text: { '--ttl 64': '--ttl-eq 64', '--ttl-eq 256': 'error ttl/out-of-range' },
 *     packets: { '--ttl-lt 5': { yes: ['ttl=4'], no: { 'ttl=5': 'ttl 5 is not below 5' } } },
 *   })
 *
 * A text is the match's options, or a whole rule with `-m NAME` and, where it matters, `[TABLE/]CHAIN` in front:
 * `nat/POSTROUTING -p tcp -m mac --mac-source 1:2:3:4:5:6`.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyRule, type Hook, type Rule } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { newSpace } from '../../space/packet-space.ts'
import type { MatchDefinition } from '../define.ts'
import { pointOf } from '../facts.ts'
import { compareWithKernel } from './compare-packets.ts'
import { kernelHostIsOutOfReach } from './kernel-host.ts'
import { packetSample, type RouteTypes } from './packet-lines.ts'
import { describeText, RuleReader, type TextFixtures, textsOf } from './rule-reader.ts'
import { anySample, type Hints, hintsOf, type Sample } from './samples.ts'

export interface MatchFixtures extends TextFixtures {
  /** Of what may run in both families. Default: the first family of the match. */
  readonly family?: Family
  /** Base chain of the rules that name none. Default FORWARD. */
  readonly hook?: Hook
  /** Words before `-m NAME` in rules that name none. Default: the `-p` that implies the match. */
  readonly rule?: string
  /**
   * Rules, and packets that they match, miss, and drop at once. `packet-lines.ts` has the form of a packet. Matches
   * with state have timelines of their own instead.
   */
  readonly packets?: Readonly<Record<string, PacketTable>>
  /** Of the random packets: `Hints.wantsHeaders`, `Hints.strings`. */
  readonly samples?: Pick<Hints, 'wantsHeaders' | 'strings'>
  /** What the routing table says of the addresses in `packets`. */
  readonly routes?: RouteTypes
}

interface PacketTable {
  readonly yes?: readonly string[]
  /** With the reason that a trace gives. */
  readonly no?: readonly string[] | Readonly<Record<string, string>>
  readonly drop?: readonly string[]
}

export function describeMatch<Data, State>(
  match: MatchDefinition<Data, State>,
  fixtures: MatchFixtures,
): void {
  const family = fixtures.family ?? match.families[0]!
  const [implied] = match.impliedBy ?? []
  const reader = new RuleReader<Data>(match, {
    family,
    flag: '-m',
    place: { table: 'mangle', chain: fixtures.hook ?? 'FORWARD' },
    conditions: fixtures.rule ?? (implied === undefined ? '' : `-p ${implied}`),
  })
  const packets = fixtures.packets ?? {}
  const texts = [...new Set([...textsOf(match, reader, fixtures.text), ...Object.keys(packets)])]

  describe(`${match.name} in ${family}`, () => {
    describeText(match, reader, texts, fixtures)

    if (match.stateful) return
    describe('packets', () => {
      it.each(packetRows(packets))('%s: %s', (text, packet, expected) => {
        const hook = fixtures.hook ?? 'FORWARD'
        const { data, place } = reader.data(text)
        const sample = packetSample(packet, family, hook, fixtures.routes)
        const answer = evaluate(match, data, place, sample)
        if (answer === null) throw new Error(`no rule ${text} is taken for the protocol of ${packet}`)
        const verdict = answer.hotdrop ? 'drop' : answer.matched ? 'yes' : 'no'
        const why = match.explain?.(data, sample.skb, sample.context, undefined as State) ?? null
        expect({ verdict, ...(expected.why === undefined ? {} : { why }) }).toEqual(expected)
      })
    })

    const hints = { ...hintsOf(texts, family), ...fixtures.samples }
    const samples = anySample(family, fixtures.hook ?? 'FORWARD', hints)
    const rules = texts.map((text) => ({ text, source: reader.words(text), ...reader.data(text) }))

    it('evaluates every packet as its analysis says', () => {
      const space = newSpace(family)
      const analysed = rules.map((rule) => ({
        ...rule,
        bounds: match.analyse(rule.data, space),
        hotdrops: match.hotdrops?.(rule.data, space) ?? space.none,
      }))
      fc.assert(
        fc.property(samples, (sample) => {
          const point = pointOf(sample.skb, sample.context, space.facts, match.facts)
          for (const { text, data, place, bounds, hotdrops } of analysed) {
            const answer = evaluate(match, data, place, sample)
            if (answer === null) continue
            expect({ text, ...answer }).toEqual({
              text,
              matched: bounds.must.has(point),
              hotdrop: hotdrops.has(point),
            })
            expect(bounds.may.equals(bounds.must), text).toBe(true)
          }
        }),
        { numRuns: 500 },
      )
    })

    // Owners and routes are not the packet's own; scenarios compare those.
    if (fixtures.hook === undefined && fixtures.routes === undefined) {
      const lack = kernelHostIsOutOfReach
      it.skipIf(lack !== null)(`decides as the kernel does${lack ? ` (${lack})` : ''}`, async () => {
        await compareWithKernel(match, family, rules, hints)
      })
    }

    if (match.explain === undefined) return
    it('says why it missed', () => {
      fc.assert(
        fc.property(samples, (sample) => {
          for (const { text, data, place } of rules) {
            if (evaluate(match, data, place, sample)?.matched !== false) continue
            const { skb, context } = sample
            expect(match.explain!(data, skb, context, undefined as State) ?? '', text).toMatch(/^\S.*\S$/)
          }
        }),
        { numRuns: 300 },
      )
    })
  })
}

interface Expected {
  readonly verdict: 'yes' | 'no' | 'drop'
  readonly why?: string
}

const packetRows = (
  tables: Readonly<Record<string, PacketTable>>,
): [text: string, packet: string, expected: Expected][] =>
  Object.entries(tables).flatMap(([text, { yes = [], no = [], drop = [] }]) => {
    const missed: [packet: string, expected: Expected][] = isList(no)
      ? no.map((packet) => [packet, { verdict: 'no' }])
      : Object.entries(no).map(([packet, why]) => [packet, { verdict: 'no', why }])
    return [
      ...yes.map((packet): [string, Expected] => [packet, { verdict: 'yes' }]),
      ...missed,
      ...drop.map((packet): [string, Expected] => [packet, { verdict: 'drop' }]),
    ].map(([packet, expected]): [string, string, Expected] => [text, packet, expected])
  })

const isList = (no: NonNullable<PacketTable['no']>): no is readonly string[] => Array.isArray(no)

/** The answer for one packet, or null where the kernel would not take the rule for the packet's protocol. */
function evaluate<Data, State>(
  match: MatchDefinition<Data, State>,
  data: Data,
  place: RulePlace,
  { skb, context }: Sample,
): { matched: boolean; hotdrop: boolean } | null {
  const rule: Rule = { ...emptyRule, protocol: { value: skb.packet.protocol, inverted: false } }
  if (match.check && match.check(data, rule, place) !== null) return null
  context.hotdrop = false
  const matched = match.evaluate(data, skb, context, undefined as State)
  return { matched, hotdrop: context.hotdrop }
}
