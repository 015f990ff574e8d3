/** What a command does to a table, and what a program says of it. */
import type { Action, Command } from '../command.ts'
import type { Diagnostic, Refusal } from '../diagnostic.ts'
import { echoRule, type ListingContext, listRules, listTable } from '../listing.ts'
import { sortedChains } from '../print.ts'
import type { Problems } from '../problems.ts'
import type { Chain, Rule, Table } from '../rule.ts'
import { applyAction } from '../ruleset.ts'
import {
  type Answer,
  badRule,
  done,
  invalid,
  noSuchName,
  refusedAtRunTime,
  runTimeTexts,
  saidOfPrinted,
} from './answer.ts'

/** What iptables finds only once all words are understood, in its order. Source: do_parse(), do_command4(). */
const lateErrors: readonly RegExp[] = [
  /^table\/nat-drop$/,
  /\/missing-option$/,
  /^syntax\/trailing-bang$/,
  /^address\//,
  /^option\/not-for-command$/,
  /^chain\/too-long$/,
  /^interface\/wrong-chain$/,
  /^table\/unknown$/,
  /^target\/unknown$/,
]

/** The error that iptables tells, which is the first it meets. */
export function firstError({ list }: Problems): Diagnostic | undefined {
  const errors = list.filter(({ severity }) => severity === 'error')
  const rank = ({ code }: Diagnostic): number => lateErrors.findIndex((late) => late.test(code))
  const ranks = errors.map(rank)
  const first = Math.min(...ranks)
  return errors[ranks.indexOf(first)]
}

/** What came of a command. */
export interface Attempt {
  readonly refusal: Refusal | null
  /** What was refused, where it is not the command itself. */
  readonly refused?: Action
  readonly stdout: string
  readonly stderr: string
}

/** Changes the table where nothing stands against it. */
export function attempt(command: Command, table: Table, context: ListingContext): Attempt {
  const { action, flags } = command
  const said = flags.verbose > 0 ? echo(action, table, context) : ''
  const refusal = applyAction(table, action)
  // What is to be done is told before it is tried.
  if (refusal !== null) return { refusal, stdout: said, stderr: '' }
  switch (action.kind) {
    case 'list': {
      const text = listTable(table, action.chain?.text ?? null, action.number, listingFlags(command), context)
      return listed(text, command, table, context)
    }
    case 'list-rules': {
      const chain = action.chain?.text ?? null
      const text = listRules(table, chain, action.number, flags.verbose > 0, context)
      return listed(text, command, table, context)
    }
    default:
      return { refusal: null, stdout: said, stderr: '' }
  }
}

/** The same in the words of `iptables`. */
export function carryOut(command: Command, table: Table, program: string, context: ListingContext): Answer {
  const { refusal, refused = command.action, stdout, stderr } = attempt(command, table, context)
  if (refusal === null) return done(stdout, stderr)
  return { ...refusedAtRunTime(program, runTimeText(refused, refusal)), stdout }
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
  { zero, action, flags }: Command,
  table: Table,
  context: ListingContext,
): Attempt {
  const quiet: Attempt = { refusal: null, stdout: text, stderr: '' }
  if (action.kind !== 'list' && action.kind !== 'list-rules') return quiet
  const { chain, number } = action
  const stderr = saidOfPrinted(printedRules(action, table), context)
  if (zero === false) return { ...quiet, stderr }
  const zeroing: Action =
    zero === 'rule' && chain !== null && number !== null
      ? { kind: 'zero-number', chain, number }
      : { kind: 'zero', chain }
  const refusal = applyAction(table, zeroing)
  if (refusal !== null) return { ...quiet, refusal, refused: zeroing }
  const isTold = zeroing.kind === 'zero' && flags.verbose > 0
  const told = isTold ? eachChain('Zeroing', chain?.text ?? null, table) : ''
  return { refusal: null, stdout: text + told, stderr }
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

/** A line for each chain, or for the one that is named. */
export function eachChain(
  verb: string,
  name: string | null,
  table: Table,
  isMeant: (chain: Chain) => boolean = () => true,
): string {
  const names = name === null ? sortedChains(table).filter(isMeant) : [{ name }]
  return names.map((each) => `${verb} chain \`${each.name}'\n`).join('')
}
