/** `run:` steps: one iptables, ip6tables or ipset command on a host's rules and sets in force. */
import type { Host } from '../engine/host.ts'
import { registry } from '../ext/registry.ts'
import { parseCommand } from '../lang/command.ts'
import { runIpset } from '../lang/ipset/program.ts'
import { Problems } from '../lang/problems.ts'
import { applyAction, isReading, useTable, zeroPolicies } from '../lang/ruleset.ts'
import { ShellLexer, type ShellWord } from '../lang/shell-words.ts'
import { SourceText } from '../lang/source.ts'
import type { Family } from '../net/address.ts'

const programs: Readonly<Record<string, Family>> = { iptables: 'ipv4', ip6tables: 'ipv6' }

/** Carries the command out. Returns null, or why it was refused; then nothing has changed. */
export function runCommand(host: Host, text: string, nowNs = 0n): string | null {
  const [program, ...words] = wordsOf(text)
  const name = program?.text.replace(/^.*\//, '') ?? ''
  if (name === 'ipset') return runSets(host, words, nowNs)
  const family = programs[name]
  if (family === undefined) return `"${name}" is not iptables, ip6tables or ipset`
  const ruleset = host.ruleset(family)
  const problems = new Problems()
  const command = parseCommand(words, {
    family,
    syntax: registry,
    profile: host.config.profile,
    problems,
    sets: host.sets.known,
    restoreTable: null,
    chains: (table) => useTable(ruleset, table).chains,
  })
  if (command === null)
    return problems.list.find(({ severity }) => severity === 'error')?.message ?? 'no command'
  const { action } = command
  const table = useTable(ruleset, command.table)
  const refusal = applyAction(table, action)
  if (refusal !== null) return refusal.message
  if (isReading(action)) return null
  zeroPolicies(table, action)
  // The one table is replaced as a whole: its limits begin anew, other tables stay.
  const changed = { family, tables: new Map([[table.name, table]]) }
  return host.load(changed, { counters: true })[0]?.message ?? null
}

/** One ipset command; what it prints is not kept. A `test` that finds nothing is refused, as its exit code says. */
function runSets(host: Host, words: readonly ShellWord[], nowNs: bigint): string | null {
  const args = words.map(({ text }) => text)
  const { exitCode, stderr } = runIpset(args, '', host.setsAt(nowNs))
  return exitCode === 0 ? null : stderr.trim()
}

/** As a shell splits them; there is no shell, so `;` and `|` end the command. */
function wordsOf(text: string): ShellWord[] {
  const lexer = new ShellLexer(new SourceText('run', text), () => null)
  const words: ShellWord[] = []
  for (let token = lexer.next(); token?.kind === 'words'; token = lexer.next()) words.push(...token.words)
  return words
}
