/** Rules about one extension, read by the rule parser and by the real iptables: what matches and targets share. */
import { describe, expect, it } from 'vitest'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { listTable } from '../../lang/listing.ts'
import { parseRuleText } from '../../lang/parse-rule.ts'
import { printRule, printRuleBody } from '../../lang/print.ts'
import { linux618 } from '../../lang/profile.ts'
import { type Hook, newTable, type Rule, type TableName } from '../../lang/rule.ts'
import type { ExtensionSyntax, RulePlace } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { registry } from '../registry.ts'
import { askKernel, type KernelAnswer, type KernelRule, kernelIsOutOfReach } from './kernel.ts'

const isError = ({ severity }: Diagnostic): boolean => severity === 'error'

export type Reading<Data> =
  | { readonly kind: 'data'; readonly data: Data; readonly rule: Rule; readonly place: RulePlace }
  | { readonly kind: 'error'; readonly by: 'iptables' | 'kernel'; readonly code: string }

/** A rule of a table, as `-A CHAIN WORDS` would give it. */
interface RuleText {
  readonly table: TableName
  readonly chain: Hook
  readonly words: string
}

export interface ReaderSettings {
  readonly family: Family
  /** How a rule asks for the extension. */
  readonly flag: '-m' | '-j'
  /** Of texts that name none. */
  readonly place: { readonly table: TableName; readonly chain: Hook }
  /** Words before the extension in texts that are only its options. */
  readonly conditions: string
}

/**
 * A text is the extension's options, or a whole rule; `[TABLE/]CHAIN` may stand in front of either:
 * `nat/POSTROUTING -p tcp -m mac --mac-source 1:2:3:4:5:6`.
 */
export class RuleReader<Data> {
  readonly #extension: ExtensionSyntax<Data>
  readonly #settings: ReaderSettings

  constructor(extension: ExtensionSyntax<Data>, settings: ReaderSettings) {
    this.#extension = extension
    this.#settings = settings
  }

  read(text: string): Reading<Data> {
    const { family } = this.#settings
    const { table, chain, words } = this.#ruleText(text)
    const { rules, diagnostics } = parseRuleText(words, { family, syntax: registry, table, chain })
    const [rule] = rules
    if (rule === undefined) return { kind: 'error', by: 'iptables', code: diagnostics.find(isError)!.code }
    const data = this.#dataIn(rule)
    const place: RulePlace = { family, table, hooks: [chain], profile: linux618 }
    const refusal = this.#extension.check?.(data, rule, place) ?? null
    if (refusal === null) return { kind: 'data', data, rule, place }
    const code = refusal.code.includes('/') ? refusal.code : `${this.#extension.name}/${refusal.code}`
    return { kind: 'error', by: 'kernel', code }
  }

  #dataIn({ matches, target }: Rule): Data {
    const { name } = this.#extension
    const use = this.#settings.flag === '-m' ? matches.find((match) => match.name === name) : target
    if (use?.kind !== 'known' && use?.kind !== 'extension') throw new Error(`the rule has no ${name}`)
    return use.data as Data
  }

  data(text: string) {
    const reading = this.read(text)
    if (reading.kind === 'error') throw new Error(`${text} is refused: ${reading.code}`)
    return reading
  }

  canonical(text: string): string {
    const reading = this.read(text)
    if (reading.kind === 'error') return `error ${reading.code}`
    return this.#extension.print(reading.data, this.#settings.family)
  }

  /** What the rule prints as, as a text that can be read again. */
  printed(text: string): string {
    const { table, chain } = this.#ruleText(text)
    const { family } = this.#settings
    return `${table}/${chain}${printRuleBody(this.data(text).rule, { family, syntax: registry })}`
  }

  /** The whole rule behind the chain's name. */
  words(text: string): string {
    return this.#ruleText(text).words
  }

  /** Whether the rule stands in that table and chain. */
  stands(text: string, table: TableName, chain: Hook): boolean {
    const place = this.#ruleText(text)
    return place.table === table && place.chain === chain
  }

  /** What `askKernel` would answer. */
  asKernel(text: string): KernelAnswer {
    const reading = this.read(text)
    if (reading.kind === 'error') {
      return { exitCode: reading.by === 'kernel' ? 1 : 2, saved: null, listed: null }
    }
    const { table: name, chain } = this.#ruleText(text)
    const context = { family: this.#settings.family, syntax: registry }
    const table = newTable(name)
    table.chains.get(chain)!.rules.push(reading.rule)
    const list = (all: boolean): string => {
      const flags = { numeric: all, exact: all, lineNumbers: all, verbose: all }
      return listTable(table, chain, 1, flags, context).trimEnd()
    }
    return {
      exitCode: 0,
      saved: printRule(chain, reading.rule, context),
      listed: { numeric: list(true), plain: list(false) },
    }
  }

  kernelRule(text: string): KernelRule {
    const { table, chain, words } = this.#ruleText(text)
    return { family: this.#settings.family, table, line: `-A ${chain} ${words}` }
  }

  #ruleText(text: string): RuleText {
    const { flag, place, conditions } = this.#settings
    const [, table = place.table, chain = place.chain, words] = /^(?:([a-z]+)\/)?([A-Z]+)? ?(.*)$/s.exec(
      text,
    )!
    const isWhole = /(^|\s)-[mpj]\s/.test(words!)
    return {
      table: table as TableName,
      chain: chain as Hook,
      words: isWhole ? words! : [conditions, flag, this.#extension.name, words].filter(Boolean).join(' '),
    }
  }
}

export interface TextFixtures {
  /** Text to the option words that iptables-save prints, or to `error CODE`. */
  readonly text: Readonly<Record<string, string>>
  /** Texts whose printed form means something else or nothing, because iptables-save writes what it should not. */
  readonly lossy?: readonly string[]
  /** Whether `-L` names what has other names on other machines. */
  readonly namesDiffer?: boolean
}

/** Examples that the family takes. */
const examplesOf = <Data>({ examples }: ExtensionSyntax<Data>, reader: RuleReader<Data>): string[] =>
  examples.filter((text) => reader.read(text).kind === 'data')

/** Every text that can be loaded: those of the table that are not errors, and the examples. */
export const textsOf = <Data>(
  extension: ExtensionSyntax<Data>,
  reader: RuleReader<Data>,
  table: TextFixtures['text'],
): string[] => [
  ...Object.keys(table).filter((text) => !table[text]!.startsWith('error ')),
  ...examplesOf(extension, reader),
]

/**
 * The table, the examples, printing and reading again, and the same texts through the real iptables. `texts` are all
 * that can be loaded.
 */
export function describeText<Data>(
  extension: ExtensionSyntax<Data>,
  reader: RuleReader<Data>,
  texts: readonly string[],
  fixtures: TextFixtures,
): void {
  const examples = examplesOf(extension, reader)

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
        const again = reader.read(reader.printed(text))
        const dataAgain = again.kind === 'data' ? again.data : again.code
        if (fixtures.lossy?.includes(text)) expect(dataAgain, text).not.toEqual(data)
        else expect(dataAgain, text).toEqual(data)
      }
    })
  })

  const reason = kernelIsOutOfReach
  it.skipIf(reason !== null)(`reads as iptables and the kernel do${reason ? ` (${reason})` : ''}`, () => {
    const rows = [...new Set([...Object.keys(fixtures.text), ...texts])]
    const answers = askKernel(rows.map((text) => reader.kernelRule(text)))
    const named = (answer: KernelAnswer, at: number) => ({ text: rows[at], ...comparable(answer) })
    const comparable = ({ listed, ...rest }: KernelAnswer) =>
      fixtures.namesDiffer && listed !== null ? { ...rest, listed: listed.numeric } : { ...rest, listed }
    expect(rows.map((text) => reader.asKernel(text)).map(named)).toEqual(answers.map(named))
  })
}
