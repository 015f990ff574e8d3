/**
 * `iptables-restore` and `ip6tables-restore`: each table is put in force at its COMMIT, or not at all.
 * Source: iptables/iptables-restore.c, 1.8.9.
 */
import { Problems } from '../problems.ts'
import { type RestoreEcho, readRestore } from '../restore.ts'
import { type Family, newRuleset, noCounters, type Table } from '../rule.ts'
import { useTable } from '../ruleset.ts'
import { SourceText } from '../source.ts'
import { refusalsOf } from '../verify.ts'
import {
  type Answer,
  calledWrongly,
  done,
  type Machine,
  noSets,
  type Told,
  verifyContext,
  version,
} from './answer.ts'
import { attempt, eachChain, firstError } from './carry-out.ts'
import { type LetterSpec, readLetters, unknownArguments } from './letters.ts'

const restoreLetters: Readonly<Record<string, LetterSpec>> = {
  counters: { letter: 'c', argument: false },
  verbose: { letter: 'v', argument: false },
  version: { letter: 'V', argument: false },
  test: { letter: 't', argument: false },
  noflush: { letter: 'n', argument: false },
  modprobe: { letter: 'M', argument: true },
  table: { letter: 'T', argument: true },
  help: { letter: 'h', argument: false },
  wait: { letter: 'w', argument: 'next' },
  'wait-interval': { letter: 'W', argument: 'next' },
}

/** The file that is read in place of standard input; null where none is named. */
export function restoreFile(args: readonly string[]): string | null {
  const letters = readLetters(args, restoreLetters)
  return 'complaint' in letters ? null : (letters.words[0] ?? null)
}

/** Runs the program on the text it would read. Tables whose COMMIT was reached before an error stay changed. */
export function runRestore(args: readonly string[], input: string, family: Family, machine: Machine): Answer {
  const program = family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore'
  const letters = readLetters(args, restoreLetters)
  if ('complaint' in letters) {
    const stderr = `${program}: ${letters.complaint}\nTry \`${program} -h' for more information.\n`
    return { exitCode: 1, stdout: '', stderr }
  }
  const { given, words } = letters
  if (given.has('version')) return done(`${program} v${version} (legacy)\n`)
  if (given.has('help')) return done(restoreUsage(program))
  const before = waiting(given, program)
  if (typeof before !== 'string') return before
  if (words.length > 1) return { exitCode: 1, stdout: '', stderr: before + unknownArguments }
  const answer = restoreText(given, input, family, machine)
  return { ...answer, stderr: before + answer.stderr }
}

/** What is said of `-w` and `-W`, or the refusal. */
function waiting(given: ReadonlyMap<string, string>, program: string): string | Answer {
  const [wait, interval] = [given.get('wait'), given.get('wait-interval')]
  const isBad = (text: string | undefined) => text !== undefined && text !== '' && !/^\s*[-+]?\d/.test(text)
  const wrong = (said: string) => calledWrongly(program, { code: 'option/bad-wait', message: said, said }, 0)
  if (isBad(wait)) return wrong('wait seconds not numeric')
  if (interval === undefined) return ''
  if (interval === '') return wrong('wait interval value required')
  if (isBad(interval)) return wrong('wait interval not numeric')
  const ignored = 'Ignoring deprecated --wait-interval option.\n'
  if (wait !== undefined) return ignored
  return { exitCode: 1, stdout: '', stderr: `${ignored}Option --wait-interval requires option --wait\n` }
}

function restoreText(
  given: ReadonlyMap<string, string>,
  input: string,
  family: Family,
  machine: Machine,
): Answer {
  const program = family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore'
  const { rulesets, syntax, profile, sets = noSets } = machine
  const ruleset = rulesets[family]
  const isTest = given.has('test')
  const target = isTest ? newRuleset(family) : ruleset
  if (isTest) for (const [name, table] of ruleset.tables) target.tables.set(name, table)
  const before = new Map(target.tables)
  const problems = new Problems()
  const refuseCommit = (table: Table) => {
    const [refusal] = refusalsOf(table, verifyContext(family, machine))
    return refusal === undefined ? null : { code: 'file/commit-refused', message: refusal.message }
  }
  const source = new SourceText('standard input', input)
  const onlyTable = given.get('table')
  let stdout = ''
  const isVerbose = given.has('verbose')
  const echo: RestoreEcho = {
    comment: (line) => {
      stdout += `${line}\n`
    },
    emptied: (table) => {
      stdout += eachChain('Flushing', null, table)
      stdout += eachChain('Deleting', null, table, ({ policy }) => policy === null)
    },
  }
  // What `-n` leaves alone it tells of less (measured).
  const louder = isVerbose && !given.has('noflush') ? 1 : 0
  readRestore(source, target, {
    syntax,
    profile,
    problems,
    sets,
    noflush: given.has('noflush'),
    verify: false,
    ignoresCounters: !given.has('counters'),
    opened: (name) => {
      const table = useTable(ruleset, name)
      if (isTest && !target.tables.has(name)) target.tables.set(name, table)
    },
    apply: (command, table) => {
      const { verbose } = command.flags
      const flags = { ...command.flags, verbose: verbose + louder }
      const tried = attempt({ ...command, flags }, table, { family, syntax })
      stdout += tried.stdout
      return tried.refusal
    },
    ...(isVerbose ? { echo } : {}),
    // A test stops in front of the kernel.
    ...(isTest ? {} : { refuseCommit }),
    stopAtError: true,
    ...(onlyTable === undefined ? {} : { onlyTable }),
  })
  for (const [name, table] of target.tables) {
    const old = before.get(name)
    if (old !== undefined && old !== table) forgetPolicyCounters(table, old, given.has('noflush'))
  }
  const error = firstError(problems)
  if (error === undefined) return done(stdout)
  const line = error.span === null ? 1 : source.locate(error.span.start).line
  return { ...refusal(program, error, line, input), stdout }
}

/** Base chains that the text says nothing of count anew, unless nothing at all has changed. */
function forgetPolicyCounters(table: Table, before: Table, keepsRules: boolean): void {
  if (keepsRules && isUnchanged(table, before)) return
  for (const chain of table.chains.values()) {
    if (chain.counters === before.chains.get(chain.name)?.counters) chain.counters = noCounters
  }
}

const isUnchanged = ({ chains }: Table, before: Table): boolean =>
  chains.size === before.chains.size &&
  [...chains.values()].every(({ name, counters, rules }) => {
    const old = before.chains.get(name)
    return (
      old !== undefined &&
      old.counters === counters &&
      old.rules.length === rules.length &&
      rules.every((rule, at) => rule === old.rules[at])
    )
  })

/** Codes of what the kernel or libiptc refuses, which iptables-restore tells by the line alone. */
const runTimeCodes =
  /^(chain\/(missing|exists|base|not-empty|in-use|bad-policy|no-policy)|rule\/|file\/(outside-table|commit-refused)$)/

function refusal(program: string, { code, message, said }: Told, line: number, input: string): Answer {
  const failed = (text: string): Answer => ({ exitCode: 1, stdout: '', stderr: `${program}: ${text}\n` })
  if (code === 'file/missing-commit') return failed(`COMMIT expected at line ${input.split('\n').length}`)
  // This one alone is told in whole words and yet ends as a run-time problem.
  const isDeclaration = lineAt(input, line).startsWith(':')
  if ((code === 'chain/bad-policy' || code === 'chain/no-policy') && isDeclaration)
    return failedWith(program, said ?? message)
  if (runTimeCodes.test(code) && !(code === 'chain/exists' && isDeclaration))
    return failed(`line ${line} failed`)
  const told =
    code === 'table/unknown' ? `${program}: unable to initialize table '${tableAt(input, line)}'` : said
  return calledWrongly(program, { code, message, ...(told === undefined ? {} : { said: told }) }, line)
}

const failedWith = (program: string, text: string): Answer => ({
  exitCode: 1,
  stdout: '',
  stderr: `${program} v${version} (legacy): ${text}\n`,
})

const lineAt = (input: string, line: number): string => input.split('\n')[line - 1] ?? ''

const tableAt = (input: string, line: number): string => lineAt(input, line).slice(1).trim()

const restoreUsage = (program: string): string =>
  `Usage: ${program} [-c] [-v] [-V] [-t] [-h] [-n] [-w secs] [-W usecs] [-T table] [-M command] [file]\n`
