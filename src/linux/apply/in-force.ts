/** The rules, sets and recency lists that are in force on this machine, read into our own model. */
import { registry } from '../../ext/registry.ts'
import { parseRules } from '../../lang/read.ts'
import { newRuleset, type Ruleset } from '../../lang/rule.ts'
import { SourceText } from '../../lang/source.ts'
import { saveRulesIfAny, saveSets } from './load.ts'
import { readLists } from './recency.ts'
import { splitTables } from './tables.ts'
import { type Family, families, findProgram, runTool, type Tools } from './tools.ts'

export interface InForce {
  readonly tools: Tools
  /** As `iptables-save -c` prints them; '' for a family without tables. */
  readonly texts: Readonly<Record<Family, string>>
  /** The same, with counters. A family without tables has an empty ruleset. */
  readonly rulesets: ReadonlyMap<Family, Ruleset>
  /** As `ipset save` prints them; null without ipset. */
  readonly sets: string | null
  /** Lines of each recency list by its name. */
  readonly lists: Readonly<Record<string, readonly string[]>>
}

export function readInForce(tools: Tools): InForce {
  const texts = { ipv4: saveRulesIfAny(tools, 'ipv4'), ipv6: saveRulesIfAny(tools, 'ipv6') }
  const rulesets = new Map(families.map((family) => [family, rulesetOf(texts[family], family)]))
  return { tools, texts, rulesets, sets: saveSets(tools), lists: readLists() }
}

/** What the kernel printed is what it holds; what we cannot read is kept as its words. */
export function rulesetOf(text: string, family: Family): Ruleset {
  if (text.trim() === '') return newRuleset(family)
  const source = new SourceText('the rules in force', text)
  return parseRules(source, { family, syntax: registry, format: 'save' }).ruleset
}

/** Rules that the other backend has in force besides, as their number; 0 where it has none or is not installed. */
export function rulesOfOtherBackend({ backend }: Tools): number {
  const other = backend === 'nft' ? 'legacy' : 'nft'
  return ['iptables', 'ip6tables'].reduce((sum, name) => {
    const save = findProgram(`${name}-${other}-save`)
    const text = save === null ? '' : runTool(save, []).stdout
    return sum + [...splitTables(text).values()].flat().filter((line) => line.startsWith('-A ')).length
  }, 0)
}
