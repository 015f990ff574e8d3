/** A single rule from its words, for tests, recipes and tools that hold no file. */
import { parseCommand } from './command.ts'
import type { Diagnostic } from './diagnostic.ts'
import { Problems } from './problems.ts'
import { type KernelProfile, linux618 } from './profile.ts'
import type { Family, Rule, TableName } from './rule.ts'
import { tableHooks } from './rule.ts'
import { SourceText } from './source.ts'
import type { KnownSets, Syntax } from './syntax.ts'
import { splitRestoreLine } from './words.ts'

export interface RuleTextOptions {
  readonly family: Family
  readonly syntax: Syntax
  readonly profile?: KernelProfile
  readonly table?: TableName
  /** The chain the rule is for; iptables looks at its name for `-i` and `-o`. Default FORWARD. */
  readonly chain?: string
  /** User chains that the rule may jump to. */
  readonly chains?: readonly string[]
  /** The sets of ipset that there are; any name is taken when absent. */
  readonly sets?: KnownSets
}

/**
 * The rules that `-A CHAIN text` describes: one, or several when addresses are lists; none when there are errors.
 * The text is cut into words as iptables-restore does it.
 */
export function parseRuleText(
  text: string,
  {
    family,
    syntax,
    profile = linux618,
    table = 'filter',
    chain = 'FORWARD',
    chains = [],
    sets,
  }: RuleTextOptions,
): { readonly rules: readonly Rule[]; readonly diagnostics: readonly Diagnostic[] } {
  const problems = new Problems()
  const source = new SourceText('rule', `-A ${chain} ${text}`)
  const { words } = splitRestoreLine(source, 0, source.text.length)
  const known = new Set<string>([...tableHooks[table], chain, ...chains])
  const command = parseCommand(words, {
    family,
    syntax,
    profile,
    problems,
    sets,
    restoreTable: table,
    chains: () => known,
  })
  const rules = command?.action.kind === 'append' ? command.action.rules : []
  return { rules, diagnostics: problems.list }
}
