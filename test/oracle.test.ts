/**
 * iptables' own test tables, line by line and chain by chain, against what the real iptables-legacy did with them: exit
 * codes, messages, `-S`, both forms of `-L`, `-C` and `-D`.
 */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { linux618 } from '../src/lang/profile.ts'
import type { Answer, Machine } from '../src/lang/program/answer.ts'
import { runIptables } from '../src/lang/program/iptables.ts'
import { type Family, newRuleset } from '../src/lang/rule.ts'
import { SourceText } from '../src/lang/source.ts'
import { splitRestoreLine } from '../src/lang/words.ts'
import { absent, sharedPath } from './shared.ts'

/** What the real commands did with one line of a table in one chain. */
interface OracleRow {
  readonly file: string
  readonly line: number
  readonly tool: 'iptables' | 'ip6tables'
  readonly table: string
  readonly chain: string
  readonly rule: string
  /** What the table expects to be saved, `=` for the rule as it is written. */
  readonly expect: string
  /** `OK` or `FAIL`, and behind a semicolon what holds for legacy only. */
  readonly res: string
  readonly add_rc: number
  readonly add_err: string
  /** The rest is there where the rule was taken. */
  readonly saved?: string
  /** The rule's line in `-L -nvx --line-numbers` and in `-L`, without the line end. */
  readonly list_nv?: string
  readonly list_plain?: string
  readonly check_rc?: number
  readonly del_rc?: number
  readonly del_err?: string
}

const path = sharedPath('conformance/iptables/oracle-legacy.jsonl')
const rows: readonly OracleRow[] =
  path === null
    ? []
    : readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))

/** Lines of the tables that run a command before those behind them. */
const commands = new Map<string, readonly (readonly [line: number, words: string[]])[]>()

/** What a table has run before a line, in words. */
function commandsBefore(file: string, line: number): string[][] {
  const all =
    commands.get(file) ??
    readFileSync(sharedPath(`conformance/iptables/t/${file}`)!, 'utf8')
      .split('\n')
      .flatMap((text, at) =>
        text.startsWith('%iptables ') ? [[at + 1, text.split(' ').slice(1)] as const] : [],
      )
  commands.set(file, all)
  return all.filter(([at]) => at < line).map(([, words]) => words)
}

/** What each command answers for one row; nothing but the refusal where the rule is not taken. */
function answersOf({ file, line, tool, table, chain, rule: text }: OracleRow) {
  const family: Family = tool === 'ip6tables' ? 'ipv6' : 'ipv4'
  const machine: Machine = {
    rulesets: { ipv4: newRuleset('ipv4'), ipv6: newRuleset('ipv6') },
    syntax: registry,
    profile: linux618,
  }
  const source = new SourceText('rule', text)
  const rule = splitRestoreLine(source, 0, text.length).words.map((word) => word.text)
  const run = (...words: string[]): Answer => runIptables(['-t', table, ...words], family, machine)
  for (const command of commandsBefore(file, line)) runIptables(command, 'ipv4', machine)
  const before = run('-S', chain).stdout.split('\n-A').length
  const add = run('-A', chain, ...rule)
  if (add.exitCode !== 0) return { add, taken: null }
  return {
    add,
    taken: {
      saved: run('-S', chain, String(before)).stdout.trimEnd(),
      exact: run('-L', chain, String(before), '-nvx', '--line-numbers').stdout,
      plain: run('-L', chain, String(before)).stdout,
      check: run('-C', chain, ...rule),
      delete: run('-D', chain, ...rule),
    },
  }
}

type Answers = ReturnType<typeof answersOf>
interface Answered {
  readonly row: OracleRow
  readonly answers: Answers
}

/** The columns that are compared; where the kernel took no rule, there is only the refusal. */
function columnsOf({ row, answers: { add, taken } }: Answered) {
  const refusal = {
    'exit code': { ours: add.exitCode, theirs: row.add_rc },
    message: { ours: add.stderr, theirs: row.add_err },
  }
  if (row.add_rc !== 0) return refusal
  return {
    ...refusal,
    '-S': { ours: taken?.saved, theirs: row.saved },
    '-L -nvx': { ours: taken?.exact, theirs: `${row.list_nv}\n` },
    '-L': { ours: taken?.plain, theirs: `${row.list_plain}\n` },
    '-C': { ours: taken?.check.exitCode, theirs: row.check_rc },
    '-D': { ours: [taken?.delete.exitCode, taken?.delete.stderr], theirs: [row.del_rc, row.del_err] },
  }
}

/** Whether a line does in a chain what the table says it does. */
function isAsWritten({ row, answers: { taken } }: Answered): boolean {
  const [result] = row.res.split(';')
  if (result === 'FAIL') return taken === null
  const wanted = `${row.chain} ${row.expect === '=' ? row.rule : row.expect}`
  return taken !== null && `${taken.saved}\n`.includes(wanted) && taken.delete.exitCode !== 1
}

/** What this kernel lacks, and `--hitcount 999`, which it takes since Linux 6.11 and the tables do not know of. */
const failingOnKernel = [
  'libipt_CLUSTERIP.t:3',
  'libipt_CLUSTERIP.t:4',
  'libxt_LED.t:3',
  'libxt_LED.t:4',
  'libxt_SECMARK.t:3',
  ...Array.from({ length: 19 }, (_, at) => `libxt_ipvs.t:${at + 2}`),
  'libxt_recent.t:7',
]

const reason = path === null ? ` (${absent('conformance/iptables')})` : ''
describe.skipIf(path === null)(`iptables’ own test tables${reason}`, () => {
  let answered: readonly Answered[] = []
  beforeAll(() => {
    answered = rows.map((row) => ({ row, answers: answersOf(row) }))
  })

  it('have 843 of 868 lines that do here what they say, as with iptables-legacy on this kernel', () => {
    expect(new Set(rows.map(({ file, line }) => `${file}:${line}`)).size).toBe(868)
    const failing = answered.filter((each) => !isAsWritten(each)).map(({ row }) => `${row.file}:${row.line}`)
    const asWritten = 868 - new Set(failing).size
    console.log(`iptables' own test tables: ${asWritten} of 868 lines do here what they say`)
    expect([...new Set(failing)]).toEqual(failingOnKernel)
    expect(868 - failingOnKernel.length).toBe(843)
  })

  it('are answered alike in every column', () => {
    const counts: Record<string, number> = {}
    const parted = answered.flatMap((each) =>
      Object.entries(columnsOf(each)).flatMap(([column, { ours, theirs }]) => {
        const [own, real] = [JSON.stringify(ours), JSON.stringify(theirs)]
        if (own === real) counts[column] = (counts[column] ?? 0) + 1
        const { file, line, chain, rule } = each.row
        return own === real ? [] : [`${file}:${line} ${chain} ${rule}\n${column}: ${own}, not ${real}`]
      }),
    )
    const told = Object.entries(counts).map(([column, count]) => `${column} ${count}`)
    console.log(`iptables' own test tables, lines and chains answered alike: ${told.join(', ')}`)
    expect(parted).toEqual([])
    // Lines times chains. Where iptables refuses a rule there is no more to compare than its refusal.
    const taken = rows.filter((row) => row.add_rc === 0).length
    expect([rows.length, taken]).toEqual([2429, 1672])
    expect(counts).toEqual({
      'exit code': 2429,
      message: 2429,
      '-S': 1672,
      '-L -nvx': 1672,
      '-L': 1672,
      '-C': 1672,
      '-D': 1672,
    })
  })
})
