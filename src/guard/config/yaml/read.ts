/**
 * Jails of a `postern.yaml`: the same that fail2ban's files declare, without INI. Filters and actions are those of
 * fail2ban's folder, or Postern's own. Failures are counted within an exact window unless the file says otherwise.
 */
import type { SourceText } from '../../../lang/source.ts'
import { complaintsOf, type Path } from '../../../scenario/shape-complaints.ts'
import { ownFilters } from '../../filters/index.ts'
import { checkExpressions } from '../check-expressions.ts'
import { type Command, jailCommands } from '../commands.ts'
import { ConfigFailure, errorOf, JailFailure } from '../complaint.ts'
import { type ConfigFiles, folderOf, joinPath } from '../files.ts'
import { guardSettings, readGlobalSettings } from '../global.ts'
import { JailReader, type ResolvedJail } from '../jail.ts'
import { ConfigLibrary, MergedConfig } from '../merged.ts'
import { ownActions, ownDefinitions } from '../own.ts'
import { type ConfiguredJail, type GuardConfig, type GuardConfigOptions, originsOf } from '../read.ts'
import type { Settings } from '../setting.ts'
import { settleJail } from '../settings.ts'
import { presetValue, type Value, ValueBuilder } from '../value.ts'
import { YamlFile } from './document.ts'
import { guardFileShape, type JailFile, type PosternFile } from './schema.ts'

/** What holds where neither the jail nor `defaults` says otherwise. */
const presets: JailFile = {
  maxretry: 5,
  findtime: '10m',
  bantime: '10m',
  window: 'exact',
  actions: ['postern'],
}

export function readPosternGuard(
  source: SourceText,
  files: ConfigFiles,
  options: GuardConfigOptions = {},
): GuardConfig {
  return new PosternReader(source, files, options).read()
}

class PosternReader {
  readonly #yaml: YamlFile
  readonly #files: ConfigFiles
  readonly #options: GuardConfigOptions
  readonly #jails: ConfiguredJail[] = []
  readonly #disabled: string[] = []

  constructor(source: SourceText, files: ConfigFiles, options: GuardConfigOptions) {
    this.#yaml = new YamlFile(source)
    this.#files = files
    this.#options = options
  }

  read(): GuardConfig {
    const file = this.#shape()
    const beside = file?.guard.etc && joinPath(folderOf(this.#yaml.name), file.guard.etc)
    const folder = this.#options.folder ?? beside ?? '/etc/fail2ban'
    const library = new ConfigLibrary(this.#files, folder, true)
    for (const diagnostic of this.#yaml.diagnostics) library.say(diagnostic)
    const settings = readGlobalSettings(library, new MergedConfig())
    if (file !== null) {
      this.#setGlobal(file.guard, settings)
      const own = ownDefinitions(
        library,
        this.#options.filters ?? ownFilters,
        this.#options.actions ?? ownActions,
      )
      const reader = new JailReader(library, own)
      for (const name of Object.keys(file.guard.jails)) this.#readJail(name, file, reader, library)
      for (const name of this.#options.jails ?? []) {
        if (!Object.hasOwn(file.guard.jails, name))
          library.say(errorOf('unknown-jail', null, `there is no jail "${name}"`))
      }
    }
    const origins = originsOf([...settings].map(([option, { from }]) => [option, from]))
    const guard = guardSettings(settings, library)
    const fatal = file === null
    const commands: Command[] = fatal ? [] : this.#jails.flatMap((jail) => [...jail.commands])
    return {
      settings: guard,
      origins,
      jails: this.#jails,
      disabled: this.#disabled,
      diagnostics: library.diagnostics,
      fatal,
      commands,
    }
  }

  /** Null, and complaints, when the file has another shape. */
  #shape(): PosternFile | null {
    const { data, diagnostics } = this.#yaml
    if (data === undefined) return null
    const parsed = guardFileShape.safeParse(data)
    if (parsed.success) return parsed.data
    for (const { path, atKey, message, help } of complaintsOf(parsed.error.issues, data, guardFileShape)) {
      const span = atKey ? this.#yaml.spanOfKey(path) : this.#yaml.spanOf(path)
      diagnostics.push(errorOf('yaml-shape', span, message, { help: help ?? null }))
    }
    return null
  }

  #setGlobal({ database, keep, log, level }: PosternFile['guard'], settings: Settings): void {
    const set = (option: string, key: string, text: string | number | undefined): void => {
      if (text === undefined) return
      const from = this.#yaml.valueAt(['guard', key], String(text))
      settings.set(option, { value: from.text, from })
    }
    set('dbfile', 'database', database)
    set('dbpurgeage', 'keep', keep)
    set('logtarget', 'log', log)
    set('loglevel', 'level', level)
  }

  #readJail(name: string, { guard }: PosternFile, reader: JailReader, library: ConfigLibrary): void {
    const wanted = this.#options.jails
    const jail = new JailFields(name, guard, this.#yaml)
    if (wanted?.includes(name) === false) return
    if (wanted === undefined && jail.get('enabled') === false) {
      this.#disabled.push(name)
      return
    }
    try {
      const resolved = this.#resolve(name, jail, reader)
      const commands = jailCommands(resolved, this.#files)
      const say = (diagnostic: Parameters<typeof library.say>[0]): void => library.say(diagnostic)
      const { settings, origins } = settleJail(resolved, commands, say)
      if (this.#options.checkExpressions) checkExpressions(settings.filter, origins, say)
      const { ipv4 = 32, ipv6 = 128 } = jail.get('prefix') ?? {}
      this.#jails.push({
        settings: {
          ...settings,
          enabled: jail.get('enabled') ?? true,
          window: jail.get('window')!,
          ipv4PrefixLength: ipv4,
          ipv6PrefixLength: ipv6,
        },
        origins: originsOf(origins),
        commands: [...commands, { words: ['start', name], from: presetValue(name) }],
      })
    } catch (error) {
      if (error instanceof JailFailure) library.say(error.diagnostic)
      else if (error instanceof ConfigFailure)
        for (const diagnostic of error.diagnostics) library.say(diagnostic)
      else throw error
    }
  }

  #resolve(name: string, jail: JailFields, reader: JailReader): ResolvedJail {
    const settings = jail.settings()
    const { name: filterName, reader: filter } = reader.openFilter(
      settings.get('filter')!.from,
      String(settings.get('backend')!.value),
    )
    filter.read(settings)
    return {
      name,
      settings,
      filter: { name: filterName, settings: filter.combined() },
      actions: jail.actions().map((action) => reader.openAction(action, name, settings)),
    }
  }
}

type Field = keyof JailFile

/** Fields that are a text or a list of them. */
type TextField = 'ignoreip' | 'failregex' | 'ignoreregex' | 'journal'

/** The fields of one jail with those of `defaults` and the presets behind them. */
class JailFields {
  readonly #name: string
  readonly #guard: PosternFile['guard']
  readonly #yaml: YamlFile

  constructor(name: string, guard: PosternFile['guard'], yaml: YamlFile) {
    this.#name = name
    this.#guard = guard
    this.#yaml = yaml
  }

  get<Name extends Field>(field: Name): JailFile[Name] {
    const { jails, defaults } = this.#guard
    const own = jails[this.#name]![field]
    return own ?? ((defaults as JailFile | undefined)?.[field] as JailFile[Name]) ?? presets[field]
  }

  /** Where a field is set; null for presets. */
  #path(field: Field): Path | null {
    const { jails, defaults } = this.#guard
    if (jails[this.#name]![field] !== undefined) return ['guard', 'jails', this.#name, field]
    return (defaults as JailFile | undefined)?.[field] === undefined ? null : ['guard', 'defaults', field]
  }

  #valueAt(field: Field, text: string, inner: Path = []): Value {
    const path = this.#path(field)
    return path === null ? presetValue(text) : this.#yaml.valueAt([...path, ...inner], text)
  }

  /** The jail as fail2ban's options. */
  settings(): Settings {
    const settings: Settings = new Map()
    const set = (option: string, from: Value, value: string | number | boolean = from.text): void => {
      settings.set(option, { value, from })
    }
    const plain = (option: string, field: Field): void => {
      const value = this.get(field)
      if (value !== undefined)
        set(option, this.#valueAt(field, String(value)), value as string | number | boolean)
    }
    const lines = (option: string, field: TextField, join: string): void => {
      const value = this.get(field)
      if (value !== undefined) set(option, this.#joined(field, join))
    }
    set('enabled', this.#valueAt('enabled', 'true'), true)
    set('backend', this.#valueAt('journal', this.#readsJournal() ? 'systemd' : 'auto'))
    for (const option of ['maxretry', 'maxmatches'] as const) plain(option, option)
    for (const option of ['findtime', 'bantime'] as const) {
      const value = this.get(option)
      if (value !== undefined) set(option, this.#valueAt(option, String(value)))
    }
    this.#setIncrement(set)
    plain('ignorecommand', 'ignorecommand')
    plain('ignoreself', 'ignoreself')
    lines('ignoreip', 'ignoreip', ' ')
    plain('ignorecache', 'ignorecache')
    set('filter', this.#reference('filter', this.get('filter') ?? this.#name, []))
    plain('logtimezone', 'timezone')
    plain('logencoding', 'encoding')
    if (this.get('logs') !== undefined) set('logpath', this.#logs())
    plain('usedns', 'usedns')
    plain('prefregex', 'prefregex')
    lines('ignoreregex', 'ignoreregex', '\n')
    lines('failregex', 'failregex', '\n')
    plain('maxlines', 'maxlines')
    plain('datepattern', 'datepattern')
    if (typeof this.get('journal') !== 'boolean') lines('journalmatch', 'journal', '\n')
    return settings
  }

  #readsJournal(): boolean {
    const journal = this.get('journal')
    return journal !== undefined && journal !== false
  }

  #setIncrement(set: (option: string, from: Value, value?: string | number | boolean) => void): void {
    const increment = this.get('increment')
    if (increment === undefined) return
    set('bantime.increment', this.#valueAt('increment', 'true'), increment !== false)
    if (typeof increment === 'boolean') return
    const { factor, formula, multipliers, maximum, random, overalljails } = increment
    const put = (option: string, key: string, value: string | number | boolean | undefined): void => {
      if (value === undefined) return
      const from = this.#valueAt('increment', String(value), [key])
      set(`bantime.${option}`, from, typeof value === 'boolean' ? value : from.text)
    }
    put('factor', 'factor', factor)
    put('formula', 'formula', formula)
    put('multipliers', 'multipliers', multipliers?.join(' '))
    put('maxtime', 'maximum', maximum)
    put('rndtime', 'random', random)
    put('overalljails', 'overalljails', overalljails)
  }

  /** One text of a field that is a text or a list of them. */
  #joined(field: TextField, join: string): Value {
    const value = this.get(field)
    if (typeof value === 'string') return this.#valueAt(field, value)
    const builder = new ValueBuilder()
    for (const [at, item] of (value as readonly string[]).entries()) {
      if (at > 0) builder.addText(join)
      const part = this.#valueAt(field, item, [at])
      builder.addPart(part, 0, part.text.length)
    }
    return builder.build(this.#valueAt(field, '').key)
  }

  #logs(): Value {
    const logs = [this.get('logs')!].flat()
    const listed = Array.isArray(this.get('logs'))
    const builder = new ValueBuilder()
    for (const [at, log] of logs.entries()) {
      if (at > 0) builder.addText('\n')
      const { path, from = 'head' } = typeof log === 'string' ? { path: log } : log
      const inner = [...(listed ? [at] : []), ...(typeof log === 'string' ? [] : ['path'])]
      const part = this.#valueAt('logs', path, inner)
      builder.addPart(part, 0, part.text.length)
      builder.addText(` ${from}`)
    }
    return builder.build(this.#valueAt('logs', '').key)
  }

  /** Each action as fail2ban's `name[option=value]`, with the jail's port, protocol and chain. */
  actions(): Value[] {
    const actions = this.get('actions')!
    const listed = Array.isArray(actions)
    const shared = (['port', 'protocol', 'chain'] as const).flatMap((option) => {
      const value = this.get(option)
      return value === undefined ? [] : [[option, String(value)] as const]
    })
    return [actions]
      .flat()
      .map((action, at) => this.#reference('actions', action, listed ? [at] : [], shared))
  }

  #reference(
    field: 'filter' | 'actions',
    reference: string | Readonly<Record<string, string | number | boolean>>,
    inner: Path,
    shared: readonly (readonly [string, string])[] = [],
  ): Value {
    const name = typeof reference === 'string' ? reference : String(reference.name)
    const options =
      typeof reference === 'string' ? [] : Object.entries(reference).filter(([key]) => key !== 'name')
    const given = new Set([
      ...options.map(([key]) => key),
      ...[...name.matchAll(/([\w.-]+)=/g)].map(([, key]) => key!),
    ])
    const all = [...options, ...shared.filter(([key]) => !given.has(key))]
    const part = this.#valueAt(field, name, typeof reference === 'string' ? inner : [...inner, 'name'])
    const builder = new ValueBuilder()
    builder.addPart(part, 0, name.length)
    if (all.length > 0)
      builder.addText(`[${all.map(([key, value]) => `${key}=${quoted(String(value))}`).join(', ')}]`)
    return builder.build(part.key)
  }
}

/** Quoted as references need it; a text with both kinds of quotes cannot be said there. */
const quoted = (text: string): string => (text.includes('"') ? `'${text}'` : `"${text}"`)
