/**
 * Rules as JSON: the same model with every word of an option on its own, for programs that would rather not parse
 * iptables-save text. One document holds the rules of one family.
 */
import type { Refusal } from './diagnostic.ts'
import { say } from './diagnostic.ts'
import { type PrintContext, printRuleBody, sortedChains } from './print.ts'
import type { Chain, Counters, Rule, Ruleset } from './rule.ts'
import { described, listOf, oneOf, optional, orNull, record, type TypeOf, text } from './shape.ts'
import { SourceText } from './source.ts'
import { quoteText, splitRestoreLine } from './words.ts'

const count = text({ pattern: /^\d{1,20}$/ })

const counters = described(record({ packets: count, bytes: count }), '64-bit counts, as decimal text')

const chain = record({
  name: text({ minLength: 1 }),
  policy: described(orNull(oneOf('ACCEPT', 'DROP')), 'null for a chain of the user'),
  counters: described(optional(counters), 'of the policy'),
  rules: listOf(
    record({
      words: described(
        listOf(text()),
        'what stands behind `-A CHAIN`, a word each: `["-p", "tcp", "-m", "tcp", "--dport", "22"]`',
      ),
      counters: optional(counters),
    }),
  ),
})

const document = described(
  record({
    family: oneOf('ipv4', 'ipv6'),
    tables: described(
      listOf(
        record({
          name: oneOf('raw', 'mangle', 'nat', 'filter', 'security'),
          chains: described(listOf(chain), 'base chains in hook order, then those of the user by name'),
        }),
      ),
      'in the order of iptables-save',
    ),
  }),
  'rules of one family, as `postern fmt --to json` prints them',
)

export type RulesDocument = TypeOf<typeof document>

/** The JSON schema of rules. */
export const rulesJsonSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...document.schema,
})

/** `counters: false` leaves them out. */
export function rulesToJson(
  ruleset: Ruleset,
  context: PrintContext,
  options: { readonly counters: boolean },
): RulesDocument {
  const counted = ({ packets, bytes }: Counters) =>
    options.counters ? { counters: { packets: String(packets), bytes: String(bytes) } } : {}
  const chainToJson = ({ name, policy, counters, rules }: Chain) => ({
    name,
    policy,
    ...(policy === null ? {} : counted(counters)),
    rules: rules.map((rule) => ({ words: wordsOfRule(rule, context), ...counted(rule.counters) })),
  })
  return {
    family: ruleset.family,
    tables: [...ruleset.tables.values()]
      .toReversed()
      .map((table) => ({ name: table.name, chains: sortedChains(table).map(chainToJson) })),
  }
}

/** The words behind `-A CHAIN`, without their quotes. */
export function wordsOfRule(rule: Rule, context: PrintContext): string[] {
  const text = printRuleBody(rule, context)
  const source = new SourceText('rule', text)
  return splitRestoreLine(source, 0, text.length).words.map((word) => word.text)
}

/** Save text that says the same, or what is wrong with the document. */
export function saveTextOfJson(
  text: string,
): { readonly family: Ruleset['family']; readonly text: string } | { readonly refusal: Refusal } {
  const parsed = parseJson(text)
  if ('refusal' in parsed) return parsed
  const fault = document.fault(parsed.value, '')
  if (fault !== null)
    return { refusal: say('json/shape', `${fault.path || 'the document'}: ${fault.message}`) }
  const { family, tables } = parsed.value as RulesDocument
  const sections = tables.map(({ name, chains }) => {
    const heads = chains.map((each) => `:${each.name} ${each.policy ?? '-'} ${countersText(each.counters)}\n`)
    const rules = chains.flatMap((each) =>
      each.rules.map(
        ({ words, counters: counted }) =>
          `${counted === undefined ? '' : `${countersText(counted)} `}-A ${[each.name, ...words].map(quoteWord).join(' ')}\n`,
      ),
    )
    return `*${name}\n${heads.join('')}${rules.join('')}COMMIT\n`
  })
  return { family, text: sections.join('') }
}

function parseJson(text: string): { readonly value: unknown } | { readonly refusal: Refusal } {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return { refusal: say('json/syntax', `this is no JSON: ${(error as Error).message}`) }
  }
}

const countersText = (given: TypeOf<typeof counters> | undefined): string =>
  `[${given?.packets ?? 0}:${given?.bytes ?? 0}]`

const quoteWord = (word: string): string => (/^[^\s"\\']+$/.test(word) ? word : quoteText(word))

/** A line of shell for each chain, policy and rule. `program` is `iptables` or `ip6tables`. */
export function rulesToCommands(ruleset: Ruleset, context: PrintContext): string {
  const program = ruleset.family === 'ipv4' ? 'iptables' : 'ip6tables'
  const lines = [...ruleset.tables.values()].toReversed().flatMap((table) => {
    const command = table.name === 'filter' ? program : `${program} -t ${table.name}`
    const chains = sortedChains(table)
    return [
      ...chains.map(({ name, policy }) =>
        policy === null ? `${command} -N ${shellWord(name)}` : `${command} -P ${name} ${policy}`,
      ),
      ...chains.flatMap(({ name, rules }) =>
        rules.map((rule) =>
          [`${command} -A`, ...[name, ...wordsOfRule(rule, context)].map(shellWord)].join(' '),
        ),
      ),
    ]
  })
  return lines.map((line) => `${line}\n`).join('')
}

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) || word === '!' ? word : `'${word.replaceAll("'", "'\\''")}'`
