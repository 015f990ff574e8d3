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
import { parseRuleText } from '../../lang/parse-rule.ts'
import { printRule, printRuleBody } from '../../lang/print.ts'
import { linux618 } from '../../lang/profile.ts'
import { emptyRule, type Hook, type Rule, type TableName } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { newSpace } from '../../space/packet-space.ts'
import type { MatchDefinition } from '../define.ts'
import { pointOf } from '../facts.ts'
import { registry } from '../registry.ts'
import { compareWithKernel } from './compare-packets.ts'
import { askKernel, type KernelAnswer, type KernelRule, kernelIsOutOfReach } from './kernel.ts'
import { kernelHostIsOutOfReach } from './kernel-host.ts'
import { packetSample, type RouteTypes } from './packet-lines.ts'
import { anySample, hintsOf, type Sample } from './samples.ts'

export interface MatchFixtures {
  /** Of what may run in both families. Default: the first family of the match. */
  readonly family?: Family
  /** Base chain of the rules that name none. Default FORWARD. */
  readonly hook?: Hook
  /** Words before `-m NAME` in rules that name none. Default: the `-p` that implies the match. */
  readonly rule?: string
  /** Text to the option words that iptables-save prints, or to `error CODE`. */
  readonly text: Readonly<Record<string, string>>
  /** Texts whose printed form means something else, because iptables-save leaves out what it should not. */
  readonly lossy?: readonly string[]
  /** Rules, and packets that they match, miss, and drop at once. `packet-lines.ts` has the form of a packet. */
  readonly packets: Readonly<Record<string, PacketTable>>
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
  const reader = new RuleReader(match, family, fixtures)
  const accepted = Object.entries(fixtures.text).flatMap(([text, canonical]) =>
    canonical.startsWith('error ') ? [] : [text],
  )
  const examples = match.examples.filter((text) => reader.read(text).kind === 'data')
  const texts = [...new Set([...accepted, ...examples, ...Object.keys(fixtures.packets)])]

  describe(`${match.name} in ${family}`, () => {
    describe('text', () => {
      it.each(Object.entries(fixtures.text))('%s', (text, expected) => {
        expect(reader.canonical(text)).toBe(expected)
      })

      it('has examples that print as written', () => {
        expect(examples.length).toBeGreaterThan(0)
        expect(examples.map((text) => reader.canonical(text))).toEqual(examples)
      })

      it('prints what reads back to equal data', () => {
        for (const text of texts) {
          const { data } = reader.data(text)
          const again = reader.data(reader.printed(text)).data
          if (fixtures.lossy?.includes(text)) expect(again, text).not.toEqual(data)
          else expect(again, text).toEqual(data)
        }
      })
    })

    describe('packets', () => {
      it.each(packetRows(fixtures.packets))('%s: %s', (text, packet, expected) => {
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

    const reason = kernelIsOutOfReach
    it.skipIf(reason !== null)(`reads as iptables and the kernel do${reason ? ` (${reason})` : ''}`, () => {
      const rows = [...new Set([...Object.keys(fixtures.text), ...texts])]
      const answers = askKernel(rows.map((text) => reader.kernelRule(text)))
      const named = (answer: KernelAnswer, at: number) => ({ text: rows[at], ...answer })
      expect(rows.map((text) => reader.asKernel(text)).map(named)).toEqual(answers.map(named))
    })

    if (match.stateful) return
    const samples = anySample(family, fixtures.hook ?? 'FORWARD', hintsOf(texts, family))
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
          const point = pointOf(sample.skb, sample.context, space.facts)
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
        await compareWithKernel(match, family, rules, hintsOf(texts, family))
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

const packetRows = (tables: MatchFixtures['packets']): [text: string, packet: string, expected: Expected][] =>
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

type Reading<Data> =
  | { readonly kind: 'data'; readonly data: Data; readonly rule: Rule; readonly place: RulePlace }
  | { readonly kind: 'error'; readonly by: 'iptables' | 'kernel'; readonly code: string }

/** A rule of a table, as `-A CHAIN WORDS` would give it. */
interface RuleText {
  readonly table: TableName
  readonly chain: Hook
  readonly words: string
}

class RuleReader<Data, State> {
  readonly #match: MatchDefinition<Data, State>
  readonly #family: Family
  readonly #fixtures: MatchFixtures

  constructor(match: MatchDefinition<Data, State>, family: Family, fixtures: MatchFixtures) {
    this.#match = match
    this.#family = family
    this.#fixtures = fixtures
  }

  read(text: string): Reading<Data> {
    const { table, chain, words } = this.#ruleText(text)
    const { rules, diagnostics } = parseRuleText(words, {
      family: this.#family,
      syntax: registry,
      table,
      chain,
    })
    const [rule] = rules
    if (rule === undefined) return { kind: 'error', by: 'iptables', code: diagnostics[0]!.code }
    const use = rule.matches.find(({ name }) => name === this.#match.name)
    if (use?.kind !== 'known') throw new Error(`${text} has no ${this.#match.name}`)
    const data = use.data as Data
    const place: RulePlace = { family: this.#family, table, hooks: [chain], profile: linux618 }
    const refusal = this.#match.check?.(data, rule, place) ?? null
    if (refusal === null) return { kind: 'data', data, rule, place }
    const code = refusal.code.includes('/') ? refusal.code : `${this.#match.name}/${refusal.code}`
    return { kind: 'error', by: 'kernel', code }
  }

  data(text: string) {
    const reading = this.read(text)
    if (reading.kind === 'error') throw new Error(`${text} is refused: ${reading.code}`)
    return reading
  }

  canonical(text: string): string {
    const reading = this.read(text)
    return reading.kind === 'data' ? this.#match.print(reading.data, this.#family) : `error ${reading.code}`
  }

  /** What the rule prints as, as a text that can be read again. */
  printed(text: string): string {
    const { table, chain } = this.#ruleText(text)
    return `${table}/${chain}${printRuleBody(this.data(text).rule, { family: this.#family, syntax: registry })}`
  }

  /** The whole rule behind the chain's name. */
  words = (text: string): string => this.#ruleText(text).words

  /** What `askKernel` would answer. */
  asKernel(text: string): KernelAnswer {
    const reading = this.read(text)
    if (reading.kind === 'error') return { exitCode: reading.by === 'kernel' ? 1 : 2, saved: null }
    const { chain } = this.#ruleText(text)
    return { exitCode: 0, saved: printRule(chain, reading.rule, { family: this.#family, syntax: registry }) }
  }

  kernelRule(text: string): KernelRule {
    const { table, chain, words } = this.#ruleText(text)
    return { family: this.#family, table, line: `-A ${chain} ${words}` }
  }

  #ruleText(text: string): RuleText {
    const { hook = 'FORWARD', rule } = this.#fixtures
    const [, table = 'mangle', chain = hook, words] = /^(?:([a-z]+)\/)?([A-Z]+)? ?(.*)$/s.exec(text)!
    const isWhole = /(^|\s)-[mp]\s/.test(words!)
    const [implied] = this.#match.impliedBy ?? []
    const conditions = rule ?? (implied === undefined ? '' : `-p ${implied}`)
    return {
      table: table as TableName,
      chain: chain as Hook,
      words: isWhole ? words! : [conditions, '-m', this.#match.name, words].filter(Boolean).join(' '),
    }
  }
}
