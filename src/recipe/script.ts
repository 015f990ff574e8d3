/**
 * A recipe as a script of commands. Run again it changes nothing: own chains are made anew in one step, rules in base
 * chains are added where they are missing.
 */
import type { Family } from '../lang/rule.ts'
import { chainsText, tablesOf } from './piece.ts'
import { marked, type Plan } from './plan.ts'

const programOf = (family: Family): string => (family === 'ipv4' ? 'iptables' : 'ip6tables')

/** The rule goes to the top of its chain: where else only a look at the other rules can tell (`addRecipe`). */
export function insertScript(plan: Plan): string {
  const program = programOf(plan.family)
  const text = chainsText(plan)
  const shared = plan.chains.filter(({ isShared }) => isShared === true)
  const missing = (table: string, chain: string, rule: string, add: string): string => {
    const words = marked(rule, plan)
    return `${program} -t ${table} -C ${chain} ${words} 2>/dev/null ||\n  ${program} -t ${table} ${add} ${words}\n`
  }
  return [
    ...plan.remarks.map((remark) => `# ${remark}\n`),
    'set -e\n',
    plan.sets === '' ? '' : `ipset restore <<'EOF'\n${plan.sets}EOF\n`,
    text === '' ? '' : `${program}-restore --noflush <<'EOF'\n${text}EOF\n`,
    ...shared.flatMap(({ table, name, rules }) => [
      `${program} -t ${table} -N ${name} 2>/dev/null || true\n`,
      ...rules.map((rule) => missing(table, name, rule, `-A ${name}`)),
    ]),
    // The last first, each to the top, so that they stand in their order.
    ...plan.jumps.toReversed().map(({ table, chain, rule }) => missing(table, chain, rule, `-I ${chain} 1`)),
  ].join('')
}

/** Takes everything out again; what is not there is no mistake. */
export function removeScript(plan: Plan): string {
  const program = programOf(plan.family)
  const all = (table: string, chain: string, rule: string): string =>
    `while ${program} -t ${table} -D ${chain} ${marked(rule, plan)} 2>/dev/null; do :; done\n`
  const chains = tablesOf(plan).flatMap((table) => plan.chains.filter((chain) => chain.table === table))
  const quietly = (words: string) => `${program} ${words} 2>/dev/null || true\n`
  return [
    ...plan.jumps.map(({ table, chain, rule }) => all(table, chain, rule)),
    ...chains.flatMap(({ table, name, rules, isShared }) =>
      isShared === true ? rules.map((rule) => all(table, name, rule)) : [quietly(`-t ${table} -F ${name}`)],
    ),
    // Chains that lead to each other are empty by now; one that others fill stays.
    ...chains.map(({ table, name }) => quietly(`-t ${table} -X ${name}`)),
  ].join('')
}
