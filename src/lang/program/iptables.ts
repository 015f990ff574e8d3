/**
 * `iptables` and `ip6tables`: one command line on the rules of a machine that never was, answered as
 * iptables-legacy 1.8.9 answers it.
 *
 * Source: `do_command4()`, iptables/iptables.c; the messages were measured.
 */
import { parseCommand } from '../command.ts'
import type { Refusal } from '../diagnostic.ts'
import { Problems } from '../problems.ts'
import { type Family, newTable, type Table, type TableName, tableHooks } from '../rule.ts'
import { copyTable, isReading, zeroPolicies } from '../ruleset.ts'
import { refusalsOf } from '../verify.ts'
import { wordsOfArguments } from '../words.ts'
import {
  type Answer,
  calledWrongly,
  done,
  invalid,
  type Machine,
  noSets,
  noTable,
  refusedAtRunTime,
  runTimeTexts,
  tryHelp,
  verifyContext,
  version,
} from './answer.ts'
import { carryOut, firstError } from './carry-out.ts'
import { usage } from './usage.ts'

/** Runs the program. The machine's rules change only when the exit code is 0. */
export function runIptables(args: readonly string[], family: Family, machine: Machine): Answer {
  const problems = new Problems()
  const answer = run(args, family, machine, problems)
  // iptables warns of a few things only, and before it does anything.
  const warnings = problems.list.flatMap(({ severity, said }) =>
    severity === 'warning' && said !== undefined ? [`${said}\n`] : [],
  )
  return warnings.length === 0 ? answer : { ...answer, stderr: warnings.join('') + answer.stderr }
}

function run(args: readonly string[], family: Family, machine: Machine, problems: Problems): Answer {
  const program = family === 'ipv4' ? 'iptables' : 'ip6tables'
  const { rulesets, syntax, profile, sets = noSets } = machine
  const ruleset = rulesets[family]
  const empty = new Map<TableName, Table>()
  const tableOf = (name: TableName): Table => {
    const found = ruleset.tables.get(name) ?? empty.get(name) ?? newTable(name)
    empty.set(name, found)
    return found
  }
  const command = parseCommand(wordsOfArguments(program, args), {
    family,
    syntax,
    profile,
    problems,
    sets,
    restoreTable: null,
    isProgram: true,
    chains: (name) => tableOf(name).chains,
  })
  const error = firstError(problems)
  if (error !== undefined) {
    // By then the table has been opened.
    const name = tableNameIn(args)
    if (error.code === 'target/unknown' && isTable(name)) ruleset.tables.set(name, tableOf(name))
    return error.code === 'table/unknown' ? noTable(program, name) : calledWrongly(program, error)
  }
  // `-4` to ip6tables, `-6` to iptables.
  if (command === null) return { exitCode: 2, stdout: '', stderr: tryHelp(program) }
  const { action } = command
  if (action.kind === 'version') return done(`${program} v${version} (legacy)\n`)
  if (action.kind === 'help') return done(usage(program, action.extensions))
  // Even looking at a table makes it exist, and so does what then fails.
  const before = tableOf(command.table)
  ruleset.tables.set(command.table, before)
  const table = isReading(action) && !command.zero ? before : copyTable(before)
  const answer = carryOut(command, table, program, { family, syntax })
  if (answer.exitCode !== 0) return answer
  if (!isReading(action)) {
    const [refusal] = refusalsOf(table, verifyContext(family, machine))
    if (refusal !== undefined) return refusedAtRunTime(program, kernelText(refusal))
    zeroPolicies(table, action)
  }
  ruleset.tables.set(command.table, table)
  return answer
}

const kernelText = ({ code, said }: Refusal): string => said ?? runTimeTexts[code] ?? invalid

const isTable = (name: string): name is TableName => Object.hasOwn(tableHooks, name)

/** `filter` where none is named. */
function tableNameIn(args: readonly string[]): string {
  const at = args.findIndex((word) => /^(-t|--t(a(b(le?)?)?)?)$/.test(word))
  if (at >= 0) return args[at + 1] ?? ''
  const glued = args.find((word) => /^(-t.|--t(a(b(le?)?)?)?=)/.test(word))
  return glued?.replace(/^(-t|--[a-z]*=)/, '') ?? 'filter'
}
