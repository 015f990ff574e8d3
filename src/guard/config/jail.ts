/**
 * One jail, resolved as fail2ban 1.0.2 does it, in two passes: what it needs to find its filter; then, with the
 * filter's options known as %(known/option)s, everything.
 */
import { nearest } from '../../lang/suggest.ts'
import { errorOf, JailFailure, warningOf } from './complaint.ts'
import { DefinitionReader } from './definition.ts'
import { joinPath } from './files.ts'
import type { ConfigLibrary, MergedConfig } from './merged.ts'
import { jsonText, repr } from './python.ts'
import { BadReference, parseReference, type Reference, splitReferences } from './reference.ts'
import { readSettings, type Setting, type Settings, type Template, textOf } from './setting.ts'
import { part, presetValue, spanOf, type Value } from './value.ts'

export interface ResolvedJail {
  readonly name: string
  /** Options of the jail, by name, in fail2ban's order. */
  readonly settings: ReadonlyMap<string, Setting>
  readonly filter: ResolvedFilter | null
  readonly actions: readonly ResolvedAction[]
}

export interface ResolvedFilter {
  readonly name: string
  /** Options of the filter that the jail does not override; those in brackets and of [Init], too. */
  readonly settings: ReadonlyMap<string, Setting>
}

export type ResolvedAction =
  | {
      readonly kind: 'commands'
      /** What it is called within the jail. */
      readonly name: string
      /** The file of `action.d`, without `.conf`. */
      readonly file: string
      readonly settings: ReadonlyMap<string, Setting>
      readonly from: Value
    }
  | {
      readonly kind: 'python'
      readonly name: string
      readonly path: string
      /** Its arguments as JSON. */
      readonly json: string
      readonly from: Value
    }
  | {
      /** One of Postern's own, with its options as given. */
      readonly kind: 'own'
      readonly name: string
      readonly file: string
      readonly settings: ReadonlyMap<string, Setting>
      readonly from: Value
    }

/** Options of a filter that a jail may set, too. */
export const filterTemplate: Template = {
  usedns: { kind: 'text' },
  prefregex: { kind: 'text' },
  ignoreregex: { kind: 'text' },
  failregex: { kind: 'text' },
  maxlines: { kind: 'whole' },
  datepattern: { kind: 'text' },
  journalmatch: { kind: 'text' },
}

const firstPass: Template = {
  enabled: { kind: 'yes', preset: false },
  backend: { kind: 'text', preset: 'auto' },
  filter: { kind: 'text', preset: '' },
}

/** In the order in which fail2ban sends them. */
export const jailTemplate: Template = {
  enabled: { kind: 'yes', preset: false },
  backend: { kind: 'text', preset: 'auto' },
  maxretry: { kind: 'whole' },
  maxmatches: { kind: 'whole' },
  findtime: { kind: 'text' },
  bantime: { kind: 'text' },
  'bantime.increment': { kind: 'yes' },
  'bantime.factor': { kind: 'text' },
  'bantime.formula': { kind: 'text' },
  'bantime.multipliers': { kind: 'text' },
  'bantime.maxtime': { kind: 'text' },
  'bantime.rndtime': { kind: 'text' },
  'bantime.overalljails': { kind: 'yes' },
  ignorecommand: { kind: 'text' },
  ignoreself: { kind: 'yes' },
  ignoreip: { kind: 'text' },
  ignorecache: { kind: 'text' },
  filter: { kind: 'text', preset: '' },
  logtimezone: { kind: 'text' },
  logencoding: { kind: 'text' },
  logpath: { kind: 'text' },
  action: { kind: 'text', preset: '' },
  ...filterTemplate,
}

export const actionTemplate: Template = {
  actionstart: { kind: 'text' },
  actionstart_on_demand: { kind: 'yes' },
  actionstop: { kind: 'text' },
  actionflush: { kind: 'text' },
  actionreload: { kind: 'text' },
  actioncheck: { kind: 'text' },
  actionrepair: { kind: 'text' },
  actionrepair_on_unban: { kind: 'yes' },
  actionban: { kind: 'text' },
  actionprolong: { kind: 'text' },
  actionreban: { kind: 'text' },
  actionunban: { kind: 'text' },
  norestored: { kind: 'yes' },
}

/** What fail2ban's stock files hand on to actions: right though this jail's actions may not ask for it. */
const usualVariables = new Set([
  'banaction',
  'banaction_allports',
  'port',
  'protocol',
  'chain',
  'mode',
  'sender',
  'mta',
])

/** Tags of actions that are filled in at each ban: what they hold comes from outside, or changes. */
export const tagsOfBans: ReadonlySet<string> = new Set([
  'matches',
  'ipmatches',
  'ipjailmatches',
  'timeout',
  'bantime',
])

/** Where filters and actions are found that the configuration's folder lacks. */
export interface OwnDefinitions {
  /** The merged files of one of Postern's own filters; null when there is none of that name. */
  filter(name: string): MergedConfig | null
  /** Which of Postern's own actions does what a name asks for, with options that hold then; null when there is none. */
  action(name: string): string | null
}

export class JailReader {
  readonly #library: ConfigLibrary
  readonly #own: OwnDefinitions

  constructor(library: ConfigLibrary, own: OwnDefinitions) {
    this.#library = library
    this.#own = own
  }

  /** Whether fail2ban would run the jail. Throws `ConfigFailure`. */
  isEnabled(config: MergedConfig, name: string): boolean {
    return this.#firstPass(config, name).get('enabled')?.value === true
  }

  /** Throws `JailFailure` where fail2ban skips the jail, `ConfigFailure` where it does not start. */
  read(config: MergedConfig, name: string): ResolvedJail {
    const first = this.#firstPass(config, name)
    const filter = this.#findFilter(config, name, first)
    const settings = readSettings(config, { section: name, template: jailTemplate }, this.#say)
    filter?.reader.read(settings)
    const actions = this.#readActions(settings.get('action')!, name, settings)
    this.#warnOfTypos(config, name)
    return {
      name,
      settings,
      filter: filter === null ? null : { name: filter.name, settings: filter.reader.combined() },
      actions,
    }
  }

  readonly #say = (...args: Parameters<ConfigLibrary['say']>): void => this.#library.say(...args)

  #firstPass(config: MergedConfig, name: string): Settings {
    return readSettings(config, { section: name, template: firstPass }, this.#say)
  }

  #findFilter(config: MergedConfig, jail: string, first: Settings) {
    const setting = first.get('filter')!
    if (setting.value === '') {
      this.#say(warningOf('no-filter', setting.from.key, `jail "${jail}" has no filter, so it finds nothing`))
      return null
    }
    const { name, reader } = this.openFilter(setting.from, textOf(first.get('backend')!)?.text ?? '')
    reader.read(first, true)
    for (const [option, known] of reader.combined()) {
      if (option.startsWith('known/')) continue
      config.setOwn(jail, `known/${option}`, typeof known.value === 'string' ? textOf(known) : null)
    }
    return { name, reader }
  }

  /** The filter that a reference such as `sshd[mode=aggressive]` means. */
  openFilter(from: Value, backend: string): { readonly name: string; readonly reader: DefinitionReader } {
    const { name, options } = this.#reference(from, 'filter')
    const config = this.#library.config(joinPath('filter.d', name)) ?? this.#own.filter(name)
    if (config === null) throw this.#missing('filter', name, from)
    const reader = new DefinitionReader(this.#library, config, filterTemplate, initOf(options, from))
    if (!options.get('logtype') && !config.hasOwn('Definition', 'logtype')) {
      reader.presetInit('logtype', backend.startsWith('systemd') ? 'journal' : 'file')
    }
    return { name, reader }
  }

  /** Options that nothing reads, and that look like one that something reads. */
  #warnOfTypos(config: MergedConfig, jail: string): void {
    for (const option of config.ownOptions(jail)) {
      if (option in jailTemplate || option.startsWith('known/') || usualVariables.has(option)) continue
      if (config.isUsed(option)) continue
      const near = nearest(option, Object.keys(jailTemplate))
      const value = config.rawOf(jail, option)
      if (near === null || value === null) continue
      this.#say(warningOf('unread-option', value.key, `nothing reads the option "${option}"`, { help: near }))
    }
  }

  #readActions({ from }: Setting, jail: string, settings: Settings): ResolvedAction[] {
    const actions = splitReferences(from.text).map(({ text, start }) =>
      this.openAction(part(from, start, start + text.length), jail, settings),
    )
    if (actions.length === 0) {
      this.#say(warningOf('no-action', from.key, `jail "${jail}" has no action, so its bans do nothing`))
    }
    return actions
  }

  /** The action that a reference such as `iptables[port=ssh]` means. `settings`: the jail's. */
  openAction(from: Value, jail: string, settings: Settings): ResolvedAction {
    const { name: file, options } = this.#reference(from, 'action')
    if (file.endsWith('.py')) return this.#pythonAction(file, options, from)
    const all = new Map(options)
    if (!all.has('name')) all.set('name', jail)
    const called = all.get('name')!
    if (!all.has('actname')) {
      // The same file twice in a jail makes two actions, told apart by the names they were given.
      const suffix = called === jail ? '' : called.startsWith(jail) ? called.slice(jail.length) : `-${called}`
      all.set('actname', file + suffix)
    }
    const name = all.get('actname')!
    const config = this.#library.config(joinPath('action.d', file))
    if (config === null) {
      const own = this.#own.action(file)
      if (own !== null) {
        const { name: action, options: fixed } = parseReference(own)
        return { kind: 'own', name, file: action, settings: initOf(new Map([...all, ...fixed]), from), from }
      }
      throw this.#missing('action', file, from)
    }
    const reader = new DefinitionReader(this.#library, config, actionTemplate, initOf(all, from))
    reader.read(settings)
    const combined = reader.combined(tagsOfBans)
    const sent: Settings = new Map()
    for (const [option, setting] of combined) if (option in actionTemplate) sent.set(option, setting)
    for (const [option, setting] of reader.init) {
      if (!(option in actionTemplate) && !option.startsWith('known/')) sent.set(option, setting)
    }
    return { kind: 'commands', name, file, settings: sent, from }
  }

  #pythonAction(file: string, options: ReadonlyMap<string, string>, from: Value): ResolvedAction {
    const rest = new Map(options)
    const name = rest.get('actname') ?? file.slice(0, -3)
    rest.delete('actname')
    const path = joinPath(this.#library.folder, joinPath('action.d', file))
    return { kind: 'python', name, path, json: jsonText(rest), from }
  }

  #reference(from: Value, what: 'filter' | 'action'): Reference {
    try {
      return parseReference(from.text)
    } catch (error) {
      if (!(error instanceof BadReference)) throw error
      throw new JailFailure(
        `Invalid ${what} definition ${repr(from.text)}: ${error.message}`,
        errorOf(
          'bad-reference',
          spanOf(from, error.start, error.end),
          `the options of this ${what} end too early here`,
          {
            notes: [`fail2ban: ${error.message}; it skips the jail`],
            help: 'name[option=value, other="a, b"]',
          },
        ),
      )
    }
  }

  #missing(what: 'filter' | 'action', name: string, from: Value): JailFailure {
    const folder = joinPath(this.#library.folder, `${what}.d`)
    return new JailFailure(
      `Unable to read ${what === 'filter' ? 'the filter' : 'action'} ${repr(name)}`,
      errorOf(`unknown-${what}`, spanOf(from, 0, name.length), `there is no ${what} "${name}"`, {
        notes: [`looked for ${joinPath(folder, `${name}.conf`)}`, 'fail2ban skips the jail'],
        help: nearest(
          name,
          (this.#library.files.list(folder) ?? []).map((file) => file.replace(/\.(conf|local)$/, '')),
        ),
      }),
    )
  }
}

function initOf(options: ReadonlyMap<string, string>, from: Value): Settings {
  return new Map(
    [...options].map(([name, text]) => [
      name,
      { value: text, from: { ...presetValue(text), key: spanOf(from) } },
    ]),
  )
}
