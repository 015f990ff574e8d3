/**
 * Several files as one configuration: their order, what they include, and which value wins.
 *
 * The rules are fail2ban 1.0.2's: NAME.conf, NAME.d/*.conf, NAME.local, NAME.d/*.local; each drags in its own .local
 * and what its [INCLUDES] names; the last value wins, and the one before it stays known as %(known/option)s.
 */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { SourceText } from '../../lang/source.ts'
import { ConfigFailure, warningOf } from './complaint.ts'
import { byCodePoint, type ConfigFiles, folderOf, joinPath, withoutSuffix } from './files.ts'
import { type IniFile, parseIni, plainLineEnds, type Section } from './ini.ts'
import { interpolate, type Lookup } from './interpolate.ts'
import { presetValue, type Value } from './value.ts'

/** Everything that is read once and shared by all jails of one configuration. */
export class ConfigLibrary {
  readonly files: ConfigFiles
  /** The configuration's folder, without a slash at the end. */
  readonly folder: string
  readonly diagnostics: Diagnostic[] = []
  readonly #joinLostActions: boolean
  readonly #parsed = new Map<string, IniFile | null>()
  readonly #includes = new Map<string, readonly string[]>()
  readonly #configs = new Map<string, MergedConfig | null>()
  readonly #said = new Set<string>()

  constructor(files: ConfigFiles, folder: string, joinLostActions: boolean) {
    this.files = files
    this.folder = folder
    this.#joinLostActions = joinLostActions
  }

  /** Says something once, however many jails come by. */
  say(diagnostic: Diagnostic): void {
    const place = diagnostic.span?.source.locate(diagnostic.span.start)
    const key = `${diagnostic.span?.source.name}:${place?.line}:${place?.column}:${diagnostic.message}`
    if (this.#said.has(key)) return
    this.#said.add(key)
    this.diagnostics.push(diagnostic)
  }

  /** The merged files of a name such as `jail` or `filter.d/sshd`; null when there are none. */
  config(name: string, folder = this.folder): MergedConfig | null {
    const base = joinPath(folder, name)
    const known = this.#configs.get(base)
    if (known !== undefined) return known
    const config = this.#readConfig(base)
    this.#configs.set(base, config)
    return config
  }

  #readConfig(base: string): MergedConfig | null {
    const files = [
      `${base}.conf`,
      ...this.#inFolder(`${base}.d`, '.conf'),
      `${base}.local`,
      ...this.#inFolder(`${base}.d`, '.local'),
    ].filter((path) => this.parsed(path) !== null)
    if (files.length === 0) return null
    const config = new MergedConfig()
    for (const path of this.#withIncludes(files, [])) {
      const file = this.parsed(path)
      if (file !== null) config.add(file)
    }
    return config
  }

  #inFolder(folder: string, suffix: string): string[] {
    const names = this.files.list(folder) ?? []
    return names
      .filter((name) => name.endsWith(suffix) && !name.startsWith('.'))
      .map((name) => `${folder}/${name}`)
      .sort(byCodePoint)
  }

  /** One file; null when there is none or it cannot be read. Throws what fail2ban refuses to start for. */
  parsed(path: string): IniFile | null {
    const known = this.#parsed.get(path)
    if (known !== undefined) return known
    const file = this.#parse(path)
    this.#parsed.set(path, file)
    return file
  }

  #parse(path: string): IniFile | null {
    const text = this.#text(path)
    if (text === null) return null
    const source = new SourceText(path, plainLineEnds(text))
    const { file, diagnostics } = parseIni(source, { joinLostActions: this.#joinLostActions })
    const errors = diagnostics.filter(({ severity }) => severity === 'error')
    if (errors.length > 0) throw new ConfigFailure(...errors)
    for (const diagnostic of diagnostics) this.say(diagnostic)
    return file
  }

  #text(path: string): string | null {
    try {
      const bytes = this.files.read(path)
      return bytes === null ? null : strictUtf8.decode(bytes)
    } catch (error) {
      const source = new SourceText(path, '')
      const why =
        error instanceof TypeError
          ? 'it is not UTF-8'
          : error instanceof Error
            ? error.message
            : String(error)
      this.say(
        warningOf('unreadable', { source, start: 0, end: 0 }, `this file is left out: ${why}`, {
          notes: ['fail2ban leaves it out, too, and goes on without its options'],
        }),
      )
      return null
    }
  }

  /** The files with what they include, in the order in which they count. `seen`: those that led here. */
  #withIncludes(files: readonly string[], seen: readonly string[]): readonly string[] {
    const all = files.flatMap((path) => {
      const local = `${withoutSuffix(path)}.local`
      return files.includes(local) || this.parsed(local) === null ? [path] : [path, local]
    })
    // fail2ban remembers the answer by the names alone: in a loop of includes the first question decides.
    const key = all.join('\u0001')
    const known = this.#includes.get(key)
    if (known !== undefined) return known
    const order = all.flatMap((path) => this.#includesOf(path, seen))
    this.#includes.set(key, order)
    return order
  }

  #includesOf(path: string, seen: readonly string[]): string[] {
    const file = this.parsed(path)
    if (file === null) return []
    const named = (option: 'before' | 'after'): string[] => {
      const value = includesSection(file)?.(option)
      if (value === undefined || value === null) return []
      return value.text.split('\n').flatMap((name) => {
        const target = joinPath(folderOf(path), name)
        return seen.includes(target) ? [] : this.#withIncludes([target], [...seen, path])
      })
    }
    const before = named('before')
    const after = named('after')
    return [...before, path, ...after]
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** How options of [INCLUDES] are read; undefined when the file has no such section. */
function includesSection(file: IniFile): ((option: string) => Value | null) | undefined {
  if (!file.sections.has('INCLUDES')) return undefined
  const config = new MergedConfig()
  config.add(file)
  return (option) => config.get('INCLUDES', option)
}

const conditional = /^([\p{L}\p{N}_]+)(\?.+)$/u

/** Options of a caller that come before those of the files, by name in lower case; null stands for Python's None. */
export type Variables = ReadonlyMap<string, Value | null>

const noVariables: Variables = new Map()

/** Sections of several files, merged, and their values with %(option)s filled in. */
export class MergedConfig {
  readonly defaults: Section = new Map()
  /** The files it was merged of, in the order in which they count. */
  readonly sources: SourceText[] = []
  readonly #sections = new Map<string, Map<string, Value | null>>()
  readonly #used = new Set<string>()

  /** Adds a file's sections over what is there. `[Init?family=inet6]` goes to `Init` as `option?family=inet6`. */
  add(file: IniFile): void {
    this.sources.push(file.source)
    for (const [name, value] of file.defaults) this.defaults.set(name, value)
    for (const [fullName, options] of file.sections) {
      const [, name = fullName, condition = ''] = conditional.exec(fullName) ?? []
      const before = this.#sections.get(name)
      const section = before ?? new Map<string, Value | null>()
      if (before !== undefined) {
        const known = this.#sectionFor(`KNOWN/${name}`)
        for (const option of options.keys()) {
          const overridden = before.get(option + condition)
          if (overridden !== undefined) known.set(option + condition, overridden)
        }
      }
      for (const [option, value] of options) section.set(option + condition, value)
      this.#sections.set(name, section)
    }
  }

  /** In the order in which they were first written. */
  sectionNames(): string[] {
    return [...this.#sections.keys()].filter((name) => !name.startsWith('KNOWN/'))
  }

  hasSection(name: string): boolean {
    return this.#sections.has(name)
  }

  /** Whether the section itself has the option, [DEFAULT] left aside. */
  hasOwn(section: string, option: string): boolean {
    return this.#sections.get(section)?.has(option) ?? false
  }

  /** Whether a value that was asked for has taken in the option by %()s. */
  isUsed(option: string): boolean {
    return this.#used.has(option)
  }

  /** A section's own option as it is written there; null when it has none. */
  rawOf(section: string, option: string): Value | null {
    return this.#sections.get(section)?.get(option) ?? null
  }

  /** Options of the section itself. */
  ownOptions(section: string): string[] {
    return [...(this.#sections.get(section)?.keys() ?? [])]
  }

  /** Sets what every section can refer to. */
  setDefault(name: string, text: string): void {
    this.defaults.set(name, presetValue(text))
  }

  /** Puts options into a section; null stands for a value that is no text, which %()s cannot take in. */
  setOwn(section: string, option: string, value: Value | null): void {
    this.#sectionFor(section).set(option, value)
  }

  #sectionFor(name: string): Map<string, Value | null> {
    const known = this.#sections.get(name)
    if (known !== undefined) return known
    const section = new Map<string, Value | null>()
    this.#sections.set(name, section)
    return section
  }

  /** The value with %()s filled in; null when neither `variables`, the section nor [DEFAULT] has it. */
  get(section: string, option: string, variables: Variables = noVariables): Value | null {
    const own = section === 'DEFAULT' ? this.defaults : this.#sections.get(section)
    if (own === undefined) return null
    const name = option.toLowerCase()
    const find = (wanted: string): Value | null | undefined =>
      variables.has(wanted)
        ? variables.get(wanted)
        : own.has(wanted)
          ? own.get(wanted)
          : this.defaults.get(wanted)
    const value = find(name)
    if (value === undefined || value === null) return null
    const lookup: Lookup = {
      section,
      option: name,
      find: (wanted) => {
        this.#used.add(wanted)
        return find(wanted)
      },
      findIn: (other, wanted) => this.#otherOf(section, other, wanted),
      names: () => [...variables.keys(), ...own.keys(), ...this.defaults.keys()],
    }
    return interpolate(value, lookup)
  }

  /** `%(sect/opt)s` as written there; `known` and `default` are no sections. Undefined when there is no such thing. */
  #otherOf(section: string, other: string, option: string): Value | null | undefined {
    const lower = other.toLowerCase()
    if (lower !== 'default') {
      const named = this.#sections.get(lower === 'known' ? `KNOWN/${section}` : other)
      if (named === undefined && lower !== 'known') return undefined
      if (named?.has(option)) return named.get(option)
    }
    return this.defaults.get(option)
  }

  /** What a tag `<name>` means: `<sect/opt>` names a section's option, everything else is as with `get`. */
  getTagged(section: string, option: string, variables: Variables): Value | null {
    const named = /^([\p{L}\p{N}_-]+)\/([^\s>]+)$/u.exec(option)
    if (named !== null) {
      const [, other, inner] = named as unknown as [string, string, string]
      const lower = other.toLowerCase()
      const places =
        lower === 'known' ? [`KNOWN/${section}`, section] : [lower === 'default' ? 'DEFAULT' : other]
      for (const place of places) {
        const value = this.get(place, inner)
        if (value !== null) return value
      }
    }
    return this.get(section, option, variables)
  }
}
