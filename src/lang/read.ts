/**
 * The front door of this room: a text of rules, in whatever form, becomes rulesets and diagnostics.
 */
import { advise } from './advice.ts'
import { allowedIn } from './allowed.ts'
import { binaryKind, isBinary } from './bytes.ts'
import type { Diagnostic, Severity } from './diagnostic.ts'
import { saveTextOfJson } from './json.ts'
import { Problems } from './problems.ts'
import { type KernelProfile, linux618 } from './profile.ts'
import { repairText } from './repair.ts'
import { readRestore } from './restore.ts'
import type { Chain, Family, Rule, Ruleset } from './rule.ts'
import { newRuleset } from './rule.ts'
import { readScript } from './script.ts'
import { SourceText } from './source.ts'
import type { Survey } from './survey.ts'
import type { Syntax } from './syntax.ts'
import { reportTranslated } from './translated.ts'

/**
 * `save`: what iptables-save prints and iptables-restore reads; `script`: commands for a shell; `json`: what
 * `rulesToJson` makes.
 */
export type RulesFormat = 'save' | 'script' | 'json'

export interface ReadOptions {
  /** Family of save text, and the one that is asked for in scripts. Default `ipv4`. */
  readonly family?: Family
  readonly syntax: Syntax
  /** Default: Linux 6.18. */
  readonly profile?: KernelProfile
  /** Default: what the text looks like. */
  readonly format?: RulesFormat | 'auto'
  /** Say what loads and is probably not meant, too. Default false. */
  readonly advice?: boolean
  /** Says what shows when packets run, behind the advice; `reviewRules` of the room `scenario` does. */
  readonly review?: (ruleset: Ruleset, problems: Problems) => void
  /** Diagnostics kept; the rest is counted. Default 200. */
  readonly limit?: number
  /** What is in force when a script begins, for scripts that change it. Save text says by itself what is to be. */
  readonly base?: ReadonlyMap<Family, Ruleset>
  /** Codes of warnings and notes to leave out. */
  readonly silence?: Iterable<string>
}

export interface ParsedRules {
  readonly format: RulesFormat
  /** The ruleset of the family asked for; of the only other one when a script has none of that. */
  readonly ruleset: Ruleset
  /** All of them: a script may have both. */
  readonly rulesets: ReadonlyMap<Family, Ruleset>
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[]
  /** How many there were of each severity, those left out included. */
  readonly counts: Readonly<Record<Severity, number>>
  /** Diagnostics beyond the limit. */
  readonly omitted: number
}

/** Reads rules. Rules with errors are left out of the ruleset; never throws for bad text. */
export function parseRules(source: SourceText, options: ReadOptions): ParsedRules {
  const { family = 'ipv4', syntax, profile = linux618, limit, silence } = options
  const problems = new Problems(limit, silence, allowedIn(source))
  const format =
    options.format === undefined || options.format === 'auto' ? guessFormat(source.text) : options.format
  const rulesets = new Map<Family, Ruleset>()
  const surveys = new Map<Chain, Survey>()
  if (isBinary(source.text)) {
    reportBinary(source, problems)
  } else if (format === 'json') {
    readJson(source, rulesets, { syntax, profile, problems })
  } else {
    const text = repairText(source, problems)
    if (format === 'script') {
      const script = { syntax, profile, problems, text, ...(options.base && { base: options.base }) }
      for (const [each, ruleset] of readScript(source, script)) rulesets.set(each, ruleset)
    } else {
      const ruleset = newRuleset(family)
      rulesets.set(family, ruleset)
      readRestore(source, ruleset, { syntax, profile, problems, text, surveys })
    }
  }
  for (const ruleset of rulesets.values()) {
    reportTranslated(ruleset, syntax, problems)
    // Rules with errors were left out: what seems to be missing may be in them.
    if (options.advice && problems.counts.error === 0) {
      advise(ruleset, syntax, profile, problems, surveys)
      options.review?.(ruleset, problems)
    }
  }
  const only = rulesets.size === 1 ? [...rulesets.values()][0] : undefined
  const diagnostics = inOrder(problems.list)
  const ruleset = rulesets.get(family) ?? only ?? newRuleset(family)
  return {
    format,
    ruleset,
    rulesets,
    diagnostics: format === 'save' ? withFamilyHint(diagnostics, ruleset) : diagnostics,
    counts: problems.counts,
    omitted: problems.omitted,
  }
}

/** Places in diagnostics are those of the save text that says the same. */
function readJson(
  source: SourceText,
  rulesets: Map<Family, Ruleset>,
  options: { readonly syntax: Syntax; readonly profile: KernelProfile; readonly problems: Problems },
): void {
  const read = saveTextOfJson(source.text)
  if ('refusal' in read) {
    options.problems.error(read.refusal, { source, start: 0, end: 0 })
    return
  }
  const ruleset = newRuleset(read.family)
  rulesets.set(read.family, ruleset)
  readRestore(new SourceText(`${source.name} (as save text)`, read.text), ruleset, options)
}

/** Where no address of a file is of the family that it was read in, the first that is not says so. */
function withFamilyHint(
  diagnostics: readonly Diagnostic[],
  { family, tables }: Ruleset,
): readonly Diagnostic[] {
  const first = diagnostics.find(({ code }) => code === 'address/family')
  const hasAddress = ({ source, destination }: Rule): boolean => source !== null || destination !== null
  const isOfFamily = [...tables.values()].some(({ chains }) =>
    [...chains.values()].some(({ rules }) => rules.some(hasAddress)),
  )
  if (first === undefined || isOfFamily) return diagnostics
  const [given, other] = family === 'ipv4' ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4']
  const help = `${family === 'ipv4' ? '-6, or a name like rules.v6' : '-4, or a name without a 6'}: then it is read as ${other}`
  const hinted = { ...first, notes: [...first.notes, `no address of the file is ${given}`], help }
  return diagnostics.map((each) => (each === first ? hinted : each))
}

/** By place; what has none comes last. */
function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const start = ({ span, code }: Diagnostic): number =>
    code === 'file/given-up' ? Number.POSITIVE_INFINITY : (span?.start ?? Number.POSITIVE_INFINITY)
  return diagnostics.toSorted((a, b) => (start(a) === start(b) ? 0 : start(a) - start(b)))
}

/** Characters looked at to tell what a text is. */
const lookAhead = 1 << 20

/**
 * What a text looks like. The first line that only one of the forms can have decides: a table or chain head or a bare
 * option line is save text, a line with the program's name a script. Default is `save`.
 */
export function guessFormat(text: string): RulesFormat {
  const head = text.slice(0, lookAhead)
  if (/^\ufeff?\s*\{\s*"/.test(head)) return 'json'
  const save =
    /^\ufeff?(?:\*\w+[ \t\r]*$|:\S+[ \t]+(?:ACCEPT|DROP|-)(?:[ \t]|\r?$)|(?:\[\d+:\d+\][ \t]*)?-[ADIRNPFX][ \t])/m.exec(
      head,
    )
  // A script's line counts where it comes first.
  const before = save === null ? head : head.slice(0, save.index)
  const script =
    /^\ufeff?(?:#!(?![^\n]*-restore)|[^#\n]{0,200}?(?:^|[\s/;&|=$"({])ip6?tables(?:[-\s"'])|[A-Za-z_]\w*=|[^#\n]{0,40}\$\{?IP6?T)/m.exec(
      before,
    )
  if (script === null) {
    // A file of commented-out commands is a script of none.
    return save === null && /^#+\s*(?:sudo\s+)?(?:\S*\/)?ip6?tables\s/m.test(head) ? 'script' : 'save'
  }
  return 'script'
}

function reportBinary(source: SourceText, problems: Problems): void {
  const { what, help } = binaryKind(source.text)
  problems.error(
    {
      code: 'file/binary',
      message: `this is ${what}, not a text of rules`,
      notes: ['rules are text: what iptables-save prints, or a script of iptables commands'],
      ...(help === null ? {} : { help }),
    },
    { source, start: 0, end: 0 },
  )
}
