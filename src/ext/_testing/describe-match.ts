/**
 * The tests of a match: tables of its own, and the laws that hold for all.
 *
 *   describeMatch(ttl, {
 *     text: { '--ttl 64': '--ttl-eq 64', '--ttl-eq 256': 'error ttl/out-of-range' },
 *   })
 *
 * A text is the match's options, or a whole rule with `-m NAME` and, where it matters, `[TABLE/]CHAIN` in front:
 * `nat/POSTROUTING -p tcp -m mac --mac-source 1:2:3:4:5:6`.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RefusedError } from '../../lang/diagnostic.ts'
import { protocolNumber } from '../../lang/names.ts'
import { linux618 } from '../../lang/profile.ts'
import { emptyRule, type Hook, type Rule, type TableName } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { newSpace } from '../../space/packet-space.ts'
import type { MatchDefinition } from '../define.ts'
import { pointOf } from '../facts.ts'
import { askKernel, kernelIsOutOfReach } from './kernel.ts'
import { readOptions } from './read-options.ts'
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
  const texts = [...accepted, ...examples]

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
          const { data, rule, place } = reader.data(text)
          const again = reader.readAgain(match.print(data, family), rule, place)
          if (fixtures.lossy?.includes(text)) expect(again, text).not.toEqual(data)
          else expect(again, text).toEqual(data)
        }
      })
    })

    const reason = kernelIsOutOfReach
    it.skipIf(reason !== null)(`reads as iptables and the kernel do${reason ? ` (${reason})` : ''}`, () => {
      const rows = [...Object.keys(fixtures.text), ...examples]
      const questions = rows.map((text) => ({ family, ...reader.ruleLine(text) }))
      const answers = askKernel(questions)
      const theirs = rows.map((text, at) => [
        text,
        answers[at]!.exitCode,
        matchWords(answers[at]!.saved, match.name),
      ])
      const ours = rows.map((text) => [text, ...reader.asKernel(text)])
      expect(ours).toEqual(theirs)
    })

    if (match.stateful) return
    const samples = anySample(family, fixtures.hook ?? 'FORWARD', hintsOf(texts, family))
    const rules = texts.map((text) => ({ text, ...reader.data(text) }))

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
        { numRuns: 1000 },
      )
    })

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

/** The option words behind `-m NAME` of a saved rule. */
function matchWords(saved: string | null, name: string): string | null {
  if (saved === null) return null
  const at = saved.indexOf(` -m ${name}`)
  return at < 0 ? saved : saved.slice(at + ` -m ${name}`.length).trimStart()
}

type Reading<Data> =
  | { readonly kind: 'data'; readonly data: Data; readonly rule: Rule; readonly place: RulePlace }
  | { readonly kind: 'error'; readonly by: 'iptables' | 'kernel'; readonly code: string }

interface RuleParts {
  readonly table: TableName
  readonly chain: Hook
  /** Words before `-m NAME`. */
  readonly conditions: string
  readonly options: string
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
    const { table, chain, conditions, options } = this.#parts(text)
    const protocol = protocolOf(conditions)
    const rule: Rule = {
      ...emptyRule,
      protocol: protocol && { value: protocol.number, inverted: protocol.inverted },
    }
    const place: RulePlace = { family: this.#family, table, hooks: [chain], profile: linux618 }
    try {
      const data = readOptions(this.#match, options, { family: this.#family, protocol })
      const refusal = this.#match.check?.(data, rule, place) ?? null
      if (refusal === null) return { kind: 'data', data, rule, place }
      return { kind: 'error', by: 'kernel', code: this.#fullCode(refusal.code) }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      return { kind: 'error', by: 'iptables', code: this.#fullCode(error.refusal.code) }
    }
  }

  data(text: string) {
    const reading = this.read(text)
    if (reading.kind === 'error') throw new Error(`${text} is refused: ${reading.code}`)
    return reading
  }

  readAgain(options: string, rule: Rule, { family }: RulePlace): Data {
    const protocol = rule.protocol && { number: rule.protocol.value, inverted: rule.protocol.inverted }
    return readOptions(this.#match, options, { family, protocol })
  }

  canonical(text: string): string {
    const reading = this.read(text)
    return reading.kind === 'data' ? this.#match.print(reading.data, this.#family) : `error ${reading.code}`
  }

  /** What `askKernel` would answer. */
  asKernel(text: string): [exitCode: number, saved: string | null] {
    const reading = this.read(text)
    if (reading.kind === 'data') return [0, this.#match.print(reading.data, this.#family)]
    return [reading.by === 'kernel' ? 1 : 2, null]
  }

  ruleLine(text: string): { table: TableName; line: string } {
    const { table, chain, conditions, options } = this.#parts(text)
    return {
      table,
      line: ['-A', chain, conditions, '-m', this.#match.name, options].filter(Boolean).join(' '),
    }
  }

  #parts(text: string): RuleParts {
    const { hook = 'FORWARD', rule } = this.#fixtures
    const [implied] = this.#match.impliedBy ?? []
    const conditions = rule ?? (implied === undefined ? '' : `-p ${implied}`)
    const [, before, options] = new RegExp(`^(.*?) ?-m ${this.#match.name}(?: (.*))?$`).exec(text) ?? []
    const plain = { table: 'mangle', chain: hook } as const
    if (before === undefined) return { ...plain, conditions, options: text }
    const [, table, chain, rest] = /^(?:([a-z]+)\/)?([A-Z]+)? ?(.*)$/.exec(before)!
    return {
      table: (table as TableName | undefined) ?? plain.table,
      chain: (chain as Hook | undefined) ?? hook,
      conditions: rest!,
      options: options ?? '',
    }
  }

  #fullCode(code: string): string {
    return code.includes('/') ? code : `${this.#match.name}/${code}`
  }
}

function protocolOf(conditions: string): { number: number; inverted: boolean } | null {
  const [, bang, name] = /(! )?-p (\S+)/.exec(conditions) ?? []
  return name === undefined ? null : { number: protocolNumber(name)!, inverted: bang !== undefined }
}
