/**
 * `iptables` and `ip6tables`: one command line on the rules of a machine that never was, answered as
 * iptables-legacy 1.8.9 answers it.
 *
 * Source: `do_command4()`, iptables/iptables.c; the messages were measured.
 */
import { type Action, type Command, parseCommand } from '../command.ts'
import type { Diagnostic, Refusal } from '../diagnostic.ts'
import { echoRule, type ListingContext, listRules, listTable } from '../listing.ts'
import { sortedChains } from '../print.ts'
import { Problems } from '../problems.ts'
import {
  type Chain,
  type Family,
  newTable,
  type Rule,
  type Table,
  type TableName,
  tableHooks,
} from '../rule.ts'
import { applyAction, copyTable, isReading, zeroPolicies } from '../ruleset.ts'
import { refusalsOf } from '../verify.ts'
import { wordsOfArguments } from '../words.ts'
import {
  type Answer,
  badRule,
  calledWrongly,
  done,
  invalid,
  type Machine,
  noSets,
  noSuchName,
  noTable,
  refusedAtRunTime,
  runTimeTexts,
  saidOfPrinted,
  tryHelp,
  verifyContext,
  version,
} from './answer.ts'
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
    chains: (name) => tableOf(name).chains,
  })
  const error = firstError(problems)
  if (error !== undefined) {
    // By then the table has been opened.
    const name = tableNameIn(args)
    if (lateErrors.indexOf(error.code) > lateErrors.indexOf('table/unknown') && isTable(name))
      ruleset.tables.set(name, tableOf(name))
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

/** What iptables finds only once all words are understood, in its order. Source: do_command4(). */
const lateErrors = ['interface/wrong-chain', 'table/nat-drop', 'table/unknown', 'target/unknown']

/** The error that iptables tells, which is the first it meets. */
function firstError({ list }: Problems): Diagnostic | undefined {
  const errors = list.filter(({ severity }) => severity === 'error')
  const late = lateErrors.map((code) => errors.find((error) => error.code === code))
  return errors.find(({ code }) => !lateErrors.includes(code)) ?? late.find((error) => error !== undefined)
}

const isTable = (name: string): name is TableName => Object.hasOwn(tableHooks, name)

/** `filter` where none is named. */
function tableNameIn(args: readonly string[]): string {
  const at = args.findIndex((word) => /^(-t|--t(a(b(le?)?)?)?)$/.test(word))
  if (at >= 0) return args[at + 1] ?? ''
  const glued = args.find((word) => /^(-t.|--t(a(b(le?)?)?)?=)/.test(word))
  return glued?.replace(/^(-t|--[a-z]*=)/, '') ?? 'filter'
}

function carryOut(command: Command, table: Table, program: string, context: ListingContext): Answer {
  const { action, flags } = command
  const said = flags.verbose > 0 ? echo(action, table, context) : ''
  const refusal = applyAction(table, action)
  if (refusal !== null) {
    // Rules are told before the chain is looked at, everything else as it is done.
    const told = 'rules' in action || 'rule' in action ? said : ''
    return { ...refusedAtRunTime(program, runTimeText(action, refusal)), stdout: told }
  }
  switch (action.kind) {
    case 'list': {
      const text = listTable(table, action.chain?.text ?? null, action.number, listingFlags(command), context)
      return listed(text, command, table, program, context)
    }
    case 'list-rules': {
      const chain = action.chain?.text ?? null
      const text = listRules(table, chain, action.number, flags.verbose > 0, context)
      return listed(text, command, table, program, context)
    }
    default:
      return done(said)
  }
}

/** The rules that a listing shows. */
function printedRules(
  { chain, number }: Extract<Action, { kind: 'list' | 'list-rules' }>,
  { chains }: Table,
): readonly Rule[] {
  const shown = chain === null ? [...chains.values()] : [chains.get(chain.text)!]
  const rules = shown.flatMap((each) => each.rules)
  return number === null ? rules : rules.slice(number - 1, number)
}

const listingFlags = ({ flags }: Command) => ({ ...flags, verbose: flags.verbose > 0 })

/** A listing, and what `-Z` beside it does. */
function listed(
  text: string,
  command: Command,
  table: Table,
  program: string,
  context: ListingContext,
): Answer {
  const { zero, action, flags } = command
  if (action.kind !== 'list' && action.kind !== 'list-rules') return done(text)
  const { chain, number } = action
  const said = saidOfPrinted(printedRules(action, table), context)
  if (zero === false) return done(text, said)
  const zeroing: Action =
    zero === 'rule' && chain !== null && number !== null
      ? { kind: 'zero-number', chain, number }
      : { kind: 'zero', chain }
  const refusal = applyAction(table, zeroing)
  if (refusal !== null) return { ...refusedAtRunTime(program, runTimeText(zeroing, refusal)), stdout: text }
  const told = zeroing.kind === 'zero' && flags.verbose > 0
  return done(text + (told ? eachChain('Zeroing', chain?.text ?? null, table) : ''), said)
}

function runTimeText(action: Action, { code }: Refusal): string {
  switch (code) {
    case 'rule/missing': {
      const [rule] = 'rules' in action ? action.rules : []
      const { kind } = rule?.target ?? { kind: 'none' }
      return kind === 'chain' || kind === 'extension' ? noSuchName : badRule
    }
    case 'rule/number-too-big':
      return `Index of ${indexNames[action.kind] ?? 'deletion'} too big`
    case 'chain/missing':
      if (action.kind === 'delete' || action.kind === 'check') return badRule
      return action.kind === 'policy' ? runTimeTexts['chain/no-policy']! : noSuchName
    case 'chain/exists':
      return action.kind === 'rename-chain' ? 'File exists' : runTimeTexts[code]!
    case 'chain/base':
      return action.kind === 'rename-chain' ? noSuchName : runTimeTexts[code]!
    default:
      return runTimeTexts[code] ?? invalid
  }
}

const indexNames: Partial<Record<Action['kind'], string>> = {
  insert: 'insertion',
  replace: 'replacement',
  'delete-number': 'deletion',
  'zero-number': 'counter',
}

/** What `-v` says about a change. */
function echo(action: Action, table: Table, context: ListingContext): string {
  const lines = (rules: readonly Rule[]) => rules.map((rule) => echoRule(rule, context)).join('')
  switch (action.kind) {
    case 'append':
    case 'insert':
    case 'delete':
    case 'check':
      return lines(action.rules)
    case 'replace':
      return lines([action.rule])
    case 'flush':
      return eachChain('Flushing', action.chain?.text ?? null, table)
    case 'zero':
      return eachChain('Zeroing', action.chain?.text ?? null, table)
    case 'delete-chain':
      return eachChain('Deleting', action.chain?.text ?? null, table, ({ policy }) => policy === null)
    default:
      return ''
  }
}

function eachChain(
  verb: string,
  name: string | null,
  table: Table,
  isMeant: (chain: Chain) => boolean = () => true,
): string {
  const names = name === null ? sortedChains(table).filter(isMeant) : [{ name }]
  return names.map((each) => `${verb} chain \`${each.name}'\n`).join('')
}
