/** Reading rules for commands: families by file name, diagnostics on stderr. */
import { registry } from '../ext/registry.ts'
import type { Diagnostic } from '../lang/diagnostic.ts'
import { linux618 } from '../lang/profile.ts'
import { parseRules } from '../lang/read.ts'
import type { Ruleset } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import type { Family } from '../net/address.ts'
import { familyOfName } from '../scenario/read.ts'
import type { OptionValues } from './command.ts'
import { type Environment, UsageError } from './environment.ts'

export interface RulesFile {
  readonly source: SourceText
  readonly rulesets: readonly Ruleset[]
  readonly diagnostics: readonly Diagnostic[]
}

/** The family that `-4`, `-6` or the file's name asks for. */
export function chosenFamily(path: string, options: OptionValues): Family {
  if (options.ipv4 === true && options.ipv6 === true) throw new UsageError('-4 and -6 exclude each other')
  if (options.ipv4 === true) return 'ipv4'
  if (options.ipv6 === true) return 'ipv6'
  return familyOfName(path)
}

export async function readRulesFile(
  path: string,
  options: OptionValues,
  environment: Environment,
): Promise<RulesFile> {
  const text = new TextDecoder().decode(await environment.readFile(path))
  const source = new SourceText(path === '-' ? '<stdin>' : path, text)
  const family = chosenFamily(path, options)
  const { rulesets, diagnostics } = parseRules(source, { family, syntax: registry, profile: linux618 })
  return { source, rulesets: [...rulesets.values()], diagnostics }
}

/** Whether any of them is an error. */
export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some(({ severity }) => severity === 'error')
