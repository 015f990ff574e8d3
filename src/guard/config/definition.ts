/** Files of `filter.d` and `action.d`: [Definition] and [Init], with what the jail says, tags filled in. */
import { ConfigFailure, errorOf, warningOf } from './complaint.ts'
import type { ConfigLibrary, MergedConfig, Variables } from './merged.ts'
import {
  converted,
  readSettings,
  type Setting,
  type Settings,
  type Template,
  textOf,
  variablesOf,
} from './setting.ts'
import { EndlessTagError, substituteTags } from './tags.ts'
import { presetValue, rewritten, type Value } from './value.ts'

export class DefinitionReader {
  readonly #library: ConfigLibrary
  readonly #config: MergedConfig
  readonly #template: Template
  /** What the jail says in brackets, then what [Init] presets: the order of fail2ban's dictionary. */
  readonly #init: Settings
  #settings: Settings = new Map()
  /** What %()s sees: the jail's options and the ones in brackets. */
  #variables: Variables = new Map()
  /** Tags that were asked for once keep their meaning, even when the jail's options come to be known later. */
  readonly #tagged = new Map<string, Value | null>()

  constructor(library: ConfigLibrary, config: MergedConfig, template: Template, init: Settings) {
    this.#library = library
    this.#config = config
    this.#template = template
    this.#init = init
  }

  get config(): MergedConfig {
    return this.#config
  }

  /** Options in brackets and of [Init]; a name `known/option` is what [Init] itself says. */
  get init(): ReadonlyMap<string, Setting> {
    return this.#init
  }

  presetInit(option: string, value: string): void {
    this.#init.set(option, { value, from: presetValue(value) })
  }

  /** `jail`: options of the jail as far as they are known; with `all`, options beyond the template are read, too. */
  read(jail: ReadonlyMap<string, Setting>, all = false): void {
    const settled = this.#init.size === 0 ? jail : new Map([...jail, ...this.#init])
    this.#variables = variablesOf(settled)
    const config = this.#config
    if (!config.hasSection('Definition')) {
      const source = config.sources.at(-1)!
      this.#library.say(
        warningOf(
          'no-definition',
          { source, start: 0, end: 0 },
          'this file has no [Definition], so it does nothing',
        ),
      )
    }
    this.#settings = readSettings(
      config,
      { section: 'Definition', template: this.#template, settled, convert: false },
      (diagnostic) => this.#library.say(diagnostic),
    )
    for (const option of config.ownOptions('Init')) {
      const value = config.get('Init', option)!
      if (!option.startsWith('known/')) this.#init.set(`known/${option}`, { value: value.text, from: value })
      if (!this.#init.has(option)) this.#init.set(option, { value: value.text, from: value })
    }
    if (!all) return
    for (const option of config.ownOptions('Definition')) {
      if (this.#settings.has(option)) continue
      const value = config.get('Definition', option)!
      this.#settings.set(option, { value: value.text, from: value })
    }
  }

  /** All options with their tags filled in; those with a `?condition` and the ignored ones keep theirs. */
  combined(ignored: Iterable<string> = []): Settings {
    const combined: Settings = new Map([...this.#settings, ...this.#init])
    const ignore = new Set(ignored)
    for (const option of combined.keys()) {
      const condition = /^([\p{L}\p{N}_]+)\?.+$/u.exec(option)
      if (condition !== null) ignore.add(condition[1]!)
    }
    const texts = new Map([...combined].map(([option, setting]) => [option, textOf(setting)?.text ?? null]))
    const filled = this.#fillIn(texts, ignore, combined)
    for (const [option, text] of filled) {
      const { from } = combined.get(option)!
      combined.set(option, { value: text, from: text === null ? from : rewritten(from, text) })
    }
    for (const [option, { kind }] of Object.entries(this.#template)) {
      const setting = combined.get(option)
      if (kind === 'text' || setting === undefined || setting.value === null) continue
      const say = this.#library.say.bind(this.#library)
      combined.set(option, converted(option, setting.from, kind, undefined, say))
    }
    return combined
  }

  #fillIn(texts: ReadonlyMap<string, string | null>, ignore: ReadonlySet<string>, combined: Settings) {
    try {
      return substituteTags(texts, { ignore, more: (tag) => this.#meaningOf(tag)?.text ?? null })
    } catch (error) {
      if (!(error instanceof EndlessTagError)) throw error
      const from = combined.get(error.option)?.from
      throw new ConfigFailure(
        errorOf(
          'endless-tag',
          from?.key ?? null,
          `"${error.option}" leads back to itself by <${error.tag}>`,
          {
            notes: ['fail2ban refuses the whole configuration'],
          },
        ),
      )
    }
  }

  #meaningOf(tag: string): Value | null {
    const known = this.#tagged.get(tag)
    if (known !== undefined) return known
    const value = this.#config.getTagged('Definition', tag, this.#variables)
    this.#tagged.set(tag, value)
    return value
  }
}
