/**
 * One iptables command line, read as iptables 1.8.9 reads it: GNU getopt_long over the base options and those of
 * the extensions loaded so far, in the order of the words.
 *
 * What iptables refuses becomes a diagnostic; reading goes on behind it so that one run shows everything. A command
 * with an error yields null. Source: `do_parse()`, iptables/xshared.c.
 */
import type { Family } from '../net/address.ts'
import { type CommandName, commandAllows, shortForm } from './base-options.ts'
import { cutBytes } from './bytes.ts'
import { CommandLine } from './command-line.ts'
import type { CommandParts } from './command-parts.ts'
import * as complain from './complaints.ts'
import { parseCounters } from './conditions.ts'
import type { Problems } from './problems.ts'
import type { KernelProfile } from './profile.ts'
import type { Counters, Rule, TableName } from './rule.ts'
import { buildRules } from './rule-builder.ts'
import type { Span } from './source.ts'
import type { ExtensionSyntax, KnownSets, Syntax } from './syntax.ts'
import { byteLength, spanOfWords, type Word } from './words.ts'

/** What reading a command needs to know. */
export interface CommandEnvironment {
  readonly family: Family
  readonly syntax: Syntax
  readonly profile: KernelProfile
  readonly problems: Problems
  /** The sets of ipset that there are; absent where that is not known. */
  readonly sets?: KnownSets | undefined
  /** The table of the section in restore text, where `-t` and `-w` are refused; null elsewhere. */
  readonly restoreTable: TableName | null
  /** Nothing is guessed about words behind an extension that is not there: the program stops at its first error. */
  readonly isProgram?: boolean
  /** Names of the chains a table has at this moment. */
  chains(table: TableName): { has(name: string): boolean; keys(): Iterable<string> }
  /** Where the same input makes a chain further down, so that a jump that comes too soon can be explained. */
  chainMadeLater?(table: TableName, name: string): Span | null
}

export type Action =
  | { readonly kind: 'append' | 'delete' | 'check'; readonly chain: Word; readonly rules: readonly Rule[] }
  | {
      readonly kind: 'insert'
      readonly chain: Word
      readonly number: number
      readonly rules: readonly Rule[]
    }
  | { readonly kind: 'replace'; readonly chain: Word; readonly number: number; readonly rule: Rule }
  | { readonly kind: 'delete-number' | 'zero-number'; readonly chain: Word; readonly number: number }
  | { readonly kind: 'list' | 'list-rules'; readonly chain: Word | null; readonly number: number | null }
  | { readonly kind: 'flush' | 'zero' | 'delete-chain'; readonly chain: Word | null }
  | { readonly kind: 'new-chain'; readonly chain: Word }
  | { readonly kind: 'rename-chain'; readonly chain: Word; readonly to: Word }
  | {
      readonly kind: 'policy'
      readonly chain: Word
      readonly policy: Word
      /** From `-c`; null leaves them to the kernel, which sets zero. */
      readonly counters: Counters | null
    }
  | { readonly kind: 'version' }
  /** `-h`, with the extensions that were loaded before it. */
  | { readonly kind: 'help'; readonly extensions: readonly ExtensionSyntax[] }

export interface Command {
  readonly table: TableName
  readonly action: Action
  /** `-Z` beside `-L` or `-S`; `rule` where it named one. */
  readonly zero: boolean | 'rule'
  readonly flags: {
    readonly numeric: boolean
    readonly exact: boolean
    readonly lineNumbers: boolean
    readonly verbose: number
  }
  readonly span: Span | null
}

/**
 * Reads the words behind the program's name. Null when there was an error (reported), or when the line is for the
 * other family (`-4`, `-6` in restore text). `program` is the place of the program's name, where there is one.
 */
export function parseCommand(
  words: readonly Word[],
  environment: CommandEnvironment,
  program: Span | null = null,
): Command | null {
  const { problems } = environment
  const errorsBefore = problems.counts.error
  const parts = new CommandLine(words, environment).read()
  if (parts.isForOtherFamily) return null
  const action = actionOf(parts, spanOfWords(words) ?? program, environment)
  if (action === null || errorsBefore < problems.counts.error) return null
  return {
    table: parts.table,
    action,
    zero: parts.alsoZero,
    flags: {
      numeric: parts.flags.has('numeric'),
      exact: parts.flags.has('exact'),
      lineNumbers: parts.flags.has('line-numbers'),
      verbose: parts.verbosity,
    },
    span: spanOfWords(words),
  }
}

function actionOf(parts: CommandParts, span: Span | null, environment: CommandEnvironment): Action | null {
  const { problems } = environment
  if (parts.info === 'help') return { kind: 'help', extensions: parts.loaded }
  if (parts.info !== null) return { kind: parts.info }
  const { command } = parts
  if (command === null) {
    problems.error(complain.noCommand(), span)
    return null
  }
  const kind = commandKind(command)
  for (const [name, seen] of parts.seen) {
    if (!commandAllows(kind, name)) problems.error(complain.illegalOption(shortForm(seen.option)), seen.span)
  }
  if (command.chain !== null) checkChainLength(command.chain, environment)
  const number = command.index
  const isRule = ['append', 'delete', 'check', 'insert', 'replace'].includes(kind)
  const rules = isRule ? buildRules(parts, environment) : []
  return assemble(kind, parts, rules, number, environment)
}

function commandKind(command: NonNullable<CommandParts['command']>): CommandName {
  if (command.number !== null && command.name === 'delete') return 'delete-number'
  if (command.number !== null && command.name === 'zero') return 'zero-number'
  return command.name
}

function assemble(
  kind: CommandName,
  parts: CommandParts,
  rules: readonly Rule[],
  number: number | null,
  environment: CommandEnvironment,
): Action | null {
  const { chain, extra } = parts.command!
  switch (kind) {
    case 'list':
    case 'list-rules':
      return { kind, chain, number }
    case 'flush':
    case 'zero':
    case 'delete-chain':
      return { kind, chain }
  }
  if (chain === null) return null
  switch (kind) {
    case 'append':
    case 'delete':
    case 'check':
      return { kind, chain, rules }
    case 'insert':
      return { kind, chain, number: number ?? 1, rules }
    case 'replace':
      return number === null || rules[0] === undefined ? null : { kind, chain, number, rule: rules[0] }
    case 'delete-number':
    case 'zero-number':
      return number === null ? null : { kind, chain, number }
    case 'new-chain':
      return checkNewName(chain, environment) ? { kind, chain } : null
    case 'rename-chain':
      // Whatever the new name is, iptables takes it, and libiptc cuts it.
      return extra === null
        ? null
        : { kind, chain, to: { ...extra, text: cutBytes(extra.text, chainNameBytes) } }
    case 'policy':
      return extra === null ? null : policyAction(chain, extra, parts, environment)
  }
}

function policyAction(
  chain: Word,
  policy: Word,
  parts: CommandParts,
  environment: CommandEnvironment,
): Action | null {
  if (parts.table === 'nat' && policy.text === 'DROP') {
    environment.problems.error(complain.natDrop(), policy.span)
    return null
  }
  const counted = parts.seen.get('set-counters')
  return { kind: 'policy', chain, policy, counters: counted ? parseCounters(counted) : null }
}

/** Greatest length of a chain's name in bytes. Source: XT_EXTENSION_MAXNAMELEN - 1, include/uapi x_tables.h. */
export const chainNameBytes = 28

function checkChainLength(chain: Word, { problems }: CommandEnvironment): void {
  if (byteLength(chain.text) > chainNameBytes) problems.error(complain.chainTooLong(chain.text), chain.span)
}

const verdicts = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN', 'standard', '']

/** Whether `-N` may make a chain of this name. Source: `assert_valid_chain_name()`. */
function checkNewName({ text, span }: Word, { syntax, family, problems }: CommandEnvironment): boolean {
  const refusal = /^[-!]/.test(text)
    ? complain.chainNameStart(text)
    : verdicts.includes(text) || syntax.target(text, family) !== null || complain.isOtherTarget(text)
      ? complain.chainNameClash(text)
      : /\s/.test(text)
        ? complain.chainNameBlank(text)
        : null
  if (refusal !== null) problems.error(refusal, span)
  return refusal === null
}
