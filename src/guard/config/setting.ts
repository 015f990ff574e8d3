/** Options read out of a merged configuration by a template, as fail2ban's readers do. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { errorOf, warningOf } from './complaint.ts'
import type { MergedConfig, Variables } from './merged.ts'
import { isYes, parseInteger, pythonText } from './python.ts'
import { presetValue, rewritten, spanOf, type Value } from './value.ts'

/** A value after conversion. */
export interface Setting {
  /** null where a value was refused and there is no default: Python's None. */
  readonly value: string | number | boolean | null
  /** The text it was made from, with its place. */
  readonly from: Value
}

export type Settings = Map<string, Setting>

export interface Template {
  readonly [option: string]: {
    readonly kind: 'text' | 'whole' | 'yes'
    readonly preset?: string | number | boolean
  }
}

export type Say = (diagnostic: Diagnostic) => void

/** What fail2ban calls `vars`: names in lower case, values as text. */
export function variablesOf(settings: ReadonlyMap<string, Setting>): Variables {
  const variables = new Map<string, Value | null>()
  for (const [name, setting] of settings) variables.set(name.toLowerCase(), textOf(setting))
  return variables
}

/** The setting as text; null for None. */
export function textOf({ value, from }: Setting): Value | null {
  return value === null ? null : rewritten(from, pythonText(value))
}

export interface ReadSettings {
  readonly section: string
  readonly template: Template
  /** Options that are settled: left out of the result, seen by %()s. */
  readonly settled?: ReadonlyMap<string, Setting>
  /** Whether numbers and yes or no are made of the texts already. */
  readonly convert?: boolean
}

export function readSettings(
  config: MergedConfig,
  { section, template, settled = new Map(), convert = true }: ReadSettings,
  say: Say,
): Settings {
  const variables = variablesOf(settled)
  const settings: Settings = new Map()
  const hasSection = config.hasSection(section)
  for (const [option, { kind, preset }] of Object.entries(template)) {
    if (settled.has(option)) continue
    const value = hasSection ? config.get(section, option, variables) : null
    if (value === null) {
      if (preset !== undefined || !hasSection) {
        settings.set(option, { value: preset ?? null, from: presetValue(pythonText(preset ?? '')) })
      }
      continue
    }
    settings.set(
      option,
      convert ? converted(option, value, kind, preset, say) : { value: value.text, from: value },
    )
  }
  return settings
}

export function converted(
  option: string,
  value: Value,
  kind: Template[string]['kind'],
  preset: string | number | boolean | undefined,
  say: Say,
): Setting {
  if (kind === 'yes') {
    if (!/^(1|on|true|yes|0|off|false|no|)$/i.test(value.text)) {
      say(
        warningOf('no-boolean', spanOf(value), `"${option}" is neither yes nor no`, {
          notes: ['fail2ban takes everything but 1, on, true and yes for no'],
          help: 'true',
        }),
      )
    }
    return { value: isYes(value.text), from: value }
  }
  if (kind === 'text') return { value: value.text, from: value }
  const number = parseInteger(value.text)
  if (number !== null) return { value: number, from: value }
  say(
    errorOf('no-number', spanOf(value), `"${option}" is "${value.text}", and should be a whole number`, {
      notes: [
        preset === undefined
          ? 'fail2ban sends "None" to its server, which refuses it'
          : `fail2ban takes ${preset}`,
        ...(/[#]/.test(value.text) ? ['only ";" begins a comment behind a value, "#" does not'] : []),
      ],
    }),
  )
  return { value: preset ?? null, from: value }
}
