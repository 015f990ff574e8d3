/** The language against what the real iptables made of 110 rulesets and of its own test tables. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { decodeText } from '../src/lang/bytes.ts'
import type { Diagnostic } from '../src/lang/diagnostic.ts'
import { rulesToCommands, rulesToJson } from '../src/lang/json.ts'
import { listTable } from '../src/lang/listing.ts'
import { parseRuleText } from '../src/lang/parse-rule.ts'
import { printRule, printRuleset } from '../src/lang/print.ts'
import { linux618 } from '../src/lang/profile.ts'
import type { Machine } from '../src/lang/program/answer.ts'
import { runIptables } from '../src/lang/program/iptables.ts'
import { parseRules } from '../src/lang/read.ts'
import { type Family, newRuleset, newTable, noCounters, type Rule, type TableName } from '../src/lang/rule.ts'
import { SourceText } from '../src/lang/source.ts'
import type { ExtensionSyntax } from '../src/lang/syntax.ts'
import { refusalsOf } from '../src/lang/verify.ts'
import { splitRestoreLine } from '../src/lang/words.ts'
import { absent, sharedPath } from './shared.ts'

/** Matches and targets that the registry lacks, as `match NAME` and `target NAME`. */
const lacking = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics.flatMap(({ code, span }) => {
    const [kind, what] = code.split('/')
    if (what !== 'unsupported' || span === null) return []
    return [`${kind} ${span.source.text.slice(span.start, span.end)}`]
  })

describe('rulesets of other people', () => {
  const folder = sharedPath('conformance/rulesets')
  const names = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.rules'))
  const read = (name: string): Uint8Array => readFileSync(join(folder!, name))

  /** What the kernel printed back, without the dated comments, and the family it was asked in. */
  function canonicalOf(name: string): { readonly family: Family; readonly text: string } {
    const text = decodeText(read(name.replaceAll('.rules', '.canonical')))
    return { family: text.includes('ip6tables-save') ? 'ipv6' : 'ipv4', text: text.replace(/^#.*\n/gm, '') }
  }

  function ours(name: string) {
    const { family, text } = canonicalOf(name)
    const parsed = parseRules(new SourceText(name, decodeText(read(name))), { family, syntax: registry })
    const printed = printRuleset(parsed.ruleset, registry, { counters: () => noCounters })
    return { parsed, same: printed === text, printed, text }
  }

  const skip = folder === null
  const why = skip ? ` (${absent('conformance/rulesets')})` : ''

  it.skipIf(skip)(`have no errors${why}`, () => {
    expect(names.length).toBe(110)
    const errors = names.flatMap((name) => {
      const { diagnostics } = ours(name).parsed
      return diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => `${name}: ${code}`)
    })
    expect(errors).toEqual([])
  })

  // Every other ruleset prints byte for byte as the kernel does; this list may only become shorter.
  const gaps: Readonly<Record<string, readonly string[]>> = {}

  it.skipIf(skip)(`print canonically, but for ${Object.keys(gaps).length}${why}`, () => {
    const unlisted = names
      .filter((name) => !ours(name).same)
      .map((name) => ({ name, lacks: lacking(ours(name).parsed.diagnostics) }))
      .filter(({ name, lacks }) => lacks.length === 0 || lacks.some((one) => !gaps[name]?.includes(one)))
    expect(unlisted).toEqual([])
  })

  it.skipIf(skip)(`print to what reads back the same${why}`, () => {
    for (const name of names) {
      const { parsed, printed } = ours(name)
      const again = parseRules(new SourceText(name, printed), {
        family: parsed.ruleset.family,
        syntax: registry,
      })
      // The order of tables turns round with each reading.
      const tables = (text: string) => text.split(/(?=^\*)/m).sort()
      const reprinted = printRuleset(again.ruleset, registry, { counters: () => noCounters })
      expect(tables(reprinted), name).toEqual(tables(printed))
      expect(again.counts.error, name).toBe(0)
    }
  })
})

describe('rulesets of other people in other forms', () => {
  const folder = sharedPath('conformance/rulesets')
  const names = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.rules'))

  it('say the same as JSON and as commands', ({ skip }) => {
    if (folder === null) skip(absent('conformance/rulesets'))
    expect(names.length).toBe(110)
    for (const name of names) {
      const bytes = readFileSync(join(folder!, name))
      const { ruleset } = parseRules(new SourceText(name, decodeText(bytes)), { syntax: registry })
      const context = { family: ruleset.family, syntax: registry }
      const saved = printRuleset(ruleset, registry, { withCounters: true })
      const json = JSON.stringify(rulesToJson(ruleset, context, { counters: true }))
      const fromJson = parseRules(new SourceText(name, json), { syntax: registry })
      expect(fromJson.format).toBe('json')
      const tables = (text: string) => text.split(/(?=^\*)/m).sort()
      expect(tables(printRuleset(fromJson.ruleset, registry, { withCounters: true })), name).toEqual(
        tables(saved),
      )
      const commands = rulesToCommands(ruleset, context)
      if (commands === '') continue
      const fromCommands = parseRules(new SourceText(name, commands), { syntax: registry, format: 'script' })
      const plain = { counters: () => noCounters }
      expect(tables(printRuleset(fromCommands.ruleset, registry, plain)), name).toEqual(
        tables(printRuleset(ruleset, registry, plain)),
      )
    }
  })
})

describe('iptables’ own test tables', () => {
  interface OracleLine {
    readonly file: string
    readonly line: number
    readonly tool: 'iptables' | 'ip6tables'
    readonly table: TableName
    readonly chain: string
    readonly rule: string
    readonly add_rc: number
    readonly saved?: string
    readonly add_err: string
    readonly check_rc?: number
    readonly del_rc?: number
    readonly del_err?: string
    /** The rule's line in `-L -nvx --line-numbers` and in `-L`, without the newline. */
    readonly list_nv?: string
    readonly list_plain?: string
  }

  const path = sharedPath('conformance/iptables/oracle-legacy.jsonl')
  const lines: OracleLine[] =
    path === null
      ? []
      : readFileSync(path, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))

  /** The saved line, or the code of the refusal; null when the registry lacks what the line needs. */
  function ours({ tool, table, chain, rule: text }: OracleLine): { answer: string | null; lacks: string[] } {
    const family: Family = tool === 'ip6tables' ? 'ipv6' : 'ipv4'
    const sets = new Map<string, Family | null>()
    const { rules, diagnostics } = parseRuleText(text, { family, syntax: registry, table, chain, sets })
    const lacks = lacking(diagnostics)
    if (lacks.length > 0) return { answer: null, lacks }
    const error = diagnostics.find(({ severity }) => severity === 'error')
    if (error !== undefined) return { answer: `refused ${error.code}`, lacks }
    const loaded = newTable(table)
    loaded.chains.get(chain)!.rules.push(...rules)
    const [refusal] = refusalsOf(loaded, { family, syntax: registry, profile: linux618 })
    if (refusal !== undefined) return { answer: `refused ${refusal.code}`, lacks }
    return {
      answer: rules.map((rule) => printRule(chain, rule, { family, syntax: registry })).join('\n'),
      lacks,
    }
  }

  it.skipIf(path === null)(
    `have the same outcome for all extensions there are${path === null ? ` (${absent('conformance/iptables')})` : ''}`,
    () => {
      let compared = 0
      const differences = lines.flatMap((line) => {
        const { answer } = ours(line)
        if (answer === null) return []
        compared++
        const theirs = line.add_rc === 0 ? line.saved! : 'refused'
        const same = theirs === 'refused' ? answer.startsWith('refused ') : answer === theirs
        return same ? [] : [`${line.file}:${line.line} ${line.chain} ${line.rule}: ${answer}, not ${theirs}`]
      })
      expect(differences).toEqual([])
      // May only grow: lines times chains, of 2429.
      expect(compared).toBeGreaterThanOrEqual(2298)
    },
  )

  /** Extensions with options whose text in `iptables -L` is not written yet. */
  const unlisted = (rule: Rule, family: Family): string[] => {
    const lacks = (extension: ExtensionSyntax | null): boolean =>
      extension !== null && extension.list === undefined && Object.keys(extension.options).length > 0
    const { target } = rule
    return [
      ...rule.matches.flatMap(({ name }) => (lacks(registry.match(name, family)) ? [`match ${name}`] : [])),
      ...(target.kind === 'extension' && lacks(registry.target(target.name, family))
        ? [`target ${target.name}`]
        : []),
    ]
  }

  it.skipIf(path === null)('are listed alike by -L, numeric and plain', () => {
    const form = { exact: true, verbose: true, numeric: true, lineNumbers: true }
    const lacked = new Set<string>()
    let compared = 0
    const differences = lines.flatMap(
      ({ file, line, tool, table: tableName, chain, rule: text, ...theirs }) => {
        const family: Family = tool === 'ip6tables' ? 'ipv6' : 'ipv4'
        if (theirs.list_nv === undefined) return []
        const { rules, diagnostics } = parseRuleText(text, {
          family,
          syntax: registry,
          table: tableName,
          chain,
        })
        if (lacking(diagnostics).length > 0) return []
        const missing = rules.flatMap((rule) => unlisted(rule, family))
        for (const name of missing) lacked.add(name)
        if (missing.length > 0) return []
        const table = newTable(tableName)
        table.chains.get(chain)!.rules.push(...rules)
        compared++
        const context = { family, syntax: registry }
        const numeric = listTable(table, chain, 1, form, context)
        const plain = listTable(
          table,
          chain,
          1,
          { exact: false, verbose: false, numeric: false, lineNumbers: false },
          context,
        )
        return [
          ...(numeric === `${theirs.list_nv}\n` ? [] : [`${file}:${line}\n${numeric}${theirs.list_nv}`]),
          ...(plain === `${theirs.list_plain}\n` ? [] : [`${file}:${line}\n${plain}${theirs.list_plain}`]),
        ]
      },
    )
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThanOrEqual(1626)
    // May only become shorter.
    const listed = new Set([...words('match', unlistedMatches), ...words('target', unlistedTargets)])
    expect([...lacked].filter((name) => !listed.has(name))).toEqual([])
  })

  it.skipIf(path === null)('answer alike to -A, -C and -D: exit codes and messages', () => {
    const counts = { add: 0, message: 0, check: 0, delete: 0 }
    const parted: string[] = []
    let compared = 0
    for (const line of lines) {
      const { tool, table, chain, rule: text, file, line: number } = line
      const family: Family = tool === 'ip6tables' ? 'ipv6' : 'ipv4'
      if (ours(line).lacks.length > 0) continue
      compared++
      const machine: Machine = {
        rulesets: { ipv4: newRuleset('ipv4'), ipv6: newRuleset('ipv6') },
        syntax: registry,
        profile: linux618,
      }
      const source = new SourceText('rule', text)
      const rule = splitRestoreLine(source, 0, text.length).words.map((word) => word.text)
      const run = (verb: string) => runIptables(['-t', table, verb, chain, ...rule], family, machine)
      const add = run('-A')
      if (add.exitCode === line.add_rc) counts.add++
      else parted.push(`${file}:${number} ${text}: exit ${add.exitCode}, not ${line.add_rc}`)
      if (add.stderr === line.add_err) counts.message++
      else parted.push(`${file}:${number} ${text}\n  ours   ${add.stderr}  theirs ${line.add_err}`)
      if (run('-C').exitCode === (line.check_rc ?? run('-C').exitCode)) counts.check++
      else parted.push(`${file}:${number} -C ${text}`)
      const deleted = run('-D')
      const theirs = line.del_rc ?? deleted.exitCode
      if (deleted.exitCode === theirs && deleted.stderr === (line.del_err ?? deleted.stderr)) counts.delete++
      else parted.push(`${file}:${number} -D ${text}: ${deleted.stderr}, not ${line.del_err}`)
    }
    if (process.env.ORACLE !== undefined) console.log(JSON.stringify(counts), compared, parted.join('\n'))
    expect(counts.add).toBe(compared)
    expect(counts.check).toBe(compared)
    expect(counts.delete).toBe(compared)
    // May only grow.
    expect(counts.message / compared).toBeGreaterThanOrEqual(0.5)
  })

  const words = (kind: string, text: string) =>
    text
      .trim()
      .split(/\s+/)
      .map((name) => `${kind} ${name}`)
  const unlistedMatches = ''
  const unlistedTargets = ''

  // These may only become shorter.
  const lackedMatches = `
    cluster ipvs nfacct policy rateest set
  `
  const lackedTargets = ``

  it.skipIf(path === null)('name what the registry lacks', () => {
    const names = new Set(lines.flatMap((line) => ours(line).lacks))
    const listed = new Set([...words('match', lackedMatches), ...words('target', lackedTargets)])
    expect([...names].filter((name) => !listed.has(name))).toEqual([])
  })
})
