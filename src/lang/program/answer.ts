/** What one run of a program answers, and the messages that all of them share. */
import type { SetKernel } from '../ipset/kernel.ts'
import type { KernelProfile } from '../profile.ts'
import type { Family, Rule, Ruleset } from '../rule.ts'
import type { KnownSets, Syntax } from '../syntax.ts'
import type { VerifyContext } from '../verify.ts'

/** The part of a diagnostic that a program tells. */
export interface Told {
  readonly code: string
  readonly message: string
  readonly said?: string
  readonly saidBefore?: string
}

/** The rules of a host that never was: what the programs read and change. */
export type Rulesets = Readonly<Record<Family, Ruleset>>

export interface Machine {
  readonly rulesets: Rulesets
  readonly syntax: Syntax
  readonly profile: KernelProfile
  /** The sets of ipset that there are; none when absent. */
  readonly sets?: KnownSets
  /** The same for the program ipset. */
  readonly ipset?: SetKernel
  /** The accounting objects (nfacct) that there are; none when absent. */
  readonly accounts?: ReadonlySet<string>
}

export const noSets: KnownSets = new Map()

/** What the machine's kernel looks at when it is given a table. */
export const verifyContext = (family: Family, machine: Machine): VerifyContext => ({
  family,
  syntax: machine.syntax,
  profile: machine.profile,
  sets: machine.sets ?? noSets,
  accounts: machine.accounts ?? new Set(),
  inForce: (['ipv4', 'ipv6'] as const).flatMap((each) =>
    [...machine.rulesets[each].tables.values()].map((table) => ({ family: each, table })),
  ),
})

export interface Answer {
  /** iptables' own codes: 0 well, 1 refused at run time, 2 called wrongly, 3 no such table. */
  readonly exitCode: 0 | 1 | 2 | 3
  readonly stdout: string
  readonly stderr: string
  /** Where `stdout` is to be written instead (`iptables-save -f`). */
  readonly file?: string
}

export const version = '1.8.9'

export const done = (stdout = '', stderr = ''): Answer => ({ exitCode: 0, stdout, stderr })

/** The line below every message about a command line. */
export const tryHelp = (program: string): string =>
  `Try \`${program} -h' or '${program} --help' for more information.\n`

/**
 * A command line that was not understood, in iptables' words where they are known. `line` is that of restore text.
 * Source: `iptables_exit_error()`, iptables/iptables.c.
 */
export function calledWrongly(program: string, refusal: Told, line: number | null = null): Answer {
  const { code, message, said = message, saidBefore = '' } = refusal
  const where = line === null ? '' : `Error occurred at line: ${line}\n`
  // iptables prints this one by itself, without its name.
  const text =
    said.startsWith('Bad argument `') || code === 'file/no-final-newline'
      ? said
      : `${program} v${version} (legacy): ${said}`
  return { exitCode: 2, stdout: '', stderr: `${saidBefore}${text}\n${where}${tryHelp(program)}` }
}

/** `-t` with a table that does not exist. */
export const noTable = (program: string, table: string): Answer => ({
  exitCode: 3,
  stdout: '',
  stderr:
    `${program} v${version} (legacy): can't initialize ${program} table \`${table}': ` +
    'Table does not exist (do you need to insmod?)\n' +
    `Perhaps ${program} or your kernel needs to be upgraded.\n`,
})

/** What was understood and could not be done. */
export const refusedAtRunTime = (program: string, text: string): Answer => ({
  exitCode: 1,
  stdout: '',
  stderr: `${program}: ${text}.${dmesgTexts.has(text) ? " Run `dmesg' for more information." : ''}\n`,
})

/** Where nothing more is known. */
export const invalid = 'Invalid argument'
export const noSuchName = 'No chain/target/match by that name'
const dmesgTexts: ReadonlySet<string> = new Set([invalid, 'Bad policy name'])

/** libiptc's words for what the tables refuse. Source: `iptc_strerror()`, libiptc/libiptc.c; measured. */
export const runTimeTexts: Readonly<Record<string, string>> = {
  'chain/missing': noSuchName,
  'chain/exists': 'Chain already exists',
  'chain/base': invalid,
  'chain/not-empty': 'Directory not empty',
  'chain/in-use': 'Too many links',
  'chain/no-policy': 'Bad built-in chain name',
  'chain/bad-policy': 'Bad policy name',
  'chain/loop': 'Too many levels of symbolic links',
  'limit/overflow': 'Numerical result out of range',
}

/** What iptables complains of while it prints rules. */
export const saidOfPrinted = (
  rules: Iterable<Rule>,
  { family, syntax }: Pick<VerifyContext, 'family' | 'syntax'>,
): string =>
  [...rules]
    .flatMap(({ matches }) => matches.map((use) => syntax.match(use.name, family)?.saidWhenPrinted ?? ''))
    .join('')

export const badRule = 'Bad rule (does a matching rule exist in that chain?)'
