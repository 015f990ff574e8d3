/**
 * The library: rules from text, a host, packets through it, and scenarios. Pure: no I/O, no clock, no Node built-ins.
 */
import { registry } from './ext/registry.ts'
import { type ParsedRules, type ReadOptions, parseRules as readRules } from './lang/read.ts'
import { SourceText } from './lang/source.ts'

/** Rules from the text of a save file or a script of iptables commands, with every mistake in `diagnostics`. */
export function parseRules(
  text: string,
  options: Omit<ReadOptions, 'syntax'> & {
    /** How diagnostics name the text. */ readonly name?: string
  } = {},
): ParsedRules {
  const { name = 'rules', ...rest } = options
  return readRules(new SourceText(name, text), { ...rest, syntax: registry })
}

export * from './engine/config.ts'
export { Host } from './engine/host.ts'
export * from './engine/outcome.ts'
export { registry } from './ext/registry.ts'
export type { Diagnostic } from './lang/diagnostic.ts'
export { printRuleset } from './lang/print.ts'
export { linux618 } from './lang/profile.ts'
export { diagnosticJson, renderDiagnostic } from './lang/render.ts'
export type * from './lang/rule.ts'
export * from './net/index.ts'
export { runScenario, type ScenarioOptions, type ScenarioOutcome } from './scenario/run-scenario.ts'
