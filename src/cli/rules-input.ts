/** Files of rules as commands get them: family by option or name, text by its bytes. */
import { registry } from '../ext/registry.ts'
import { decodeText } from '../lang/bytes.ts'
import { type ParsedRules, parseRules } from '../lang/read.ts'
import type { Family, Ruleset } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { familyOfName } from '../scenario/family.ts'
import type { OptionValues } from './command.ts'
import { type Environment, UsageError } from './environment.ts'
import { renderDiagnostics } from './report/diagnostics.ts'

/** What `-4` and `-6` say; else the file's name does: `rules.v6`, `ip6tables.rules`. */
export function familyFor(path: string, { ipv4, ipv6 }: OptionValues): Family {
  if (ipv4 && ipv6) throw new UsageError('-4 and -6 exclude each other')
  if (ipv4 || ipv6) return ipv6 ? 'ipv6' : 'ipv4'
  return familyOfName(path)
}

/** Characters of a long text: some ten thousand rules. */
const longText = 1 << 20

/** `advice`: say what loads and is probably not meant, too. `base`: what is in force when a script begins. */
export async function readRules(
  path: string,
  options: OptionValues,
  environment: Environment,
  advice = false,
  base?: ReadonlyMap<Family, Ruleset>,
): Promise<ParsedRules> {
  const text = decodeText(await environment.readFile(path))
  const source = new SourceText(path === '-' ? 'standard input' : path, text)
  const silence = options.silence
  const isLong = longText < text.length
  // What is read stays; with more room for what is new it is moved about less often. V8 asks for the factor each time.
  if (isLong) (await import('node:v8')).setFlagsFromString('--semi-space-growth-factor=16')
  // The engine is loaded where packets may be tried only: not with thousands of rules.
  const review =
    advice && !isLong && /recent|DROP|REJECT/.test(text)
      ? (await import('../scenario/review.ts')).reviewRules
      : null
  return parseRules(source, {
    family: familyFor(path, options),
    syntax: registry,
    advice,
    ...(base === undefined ? {} : { base }),
    ...(review === null ? {} : { review }),
    ...(Array.isArray(silence) ? { silence } : {}),
  })
}

/** Whether commands can work with these rules; if not, says on stderr what is wrong with them. */
export function reportErrors(
  path: string,
  { diagnostics, counts }: ParsedRules,
  environment: Environment,
): boolean {
  if (counts.error === 0) return false
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  environment.stderr(renderDiagnostics(errors, environment, 'stderr'))
  const name = path === '-' ? 'standard input' : path
  const hidden = counts.error - errors.length
  environment.stderr(
    `\n${name}: ${counts.error === 1 ? '1 error' : `${counts.error} errors`}` +
      `${hidden > 0 ? ` (${hidden} of them not shown)` : ''}, so nothing was done\n`,
  )
  return true
}
