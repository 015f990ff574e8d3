/**
 * An existing `/etc/fail2ban`, read as fail2ban 1.0.2 reads it: jails resolved down to their expressions and commands,
 * each value with its place. What fail2ban would not start for is fatal; a jail that it skips leaves the others.
 */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { ownFilters } from '../filters/index.ts'
import type { JailSettings } from '../jail-settings.ts'
import { checkExpressions } from './check-expressions.ts'
import { type Command, jailCommands, skippedJail } from './commands.ts'
import { ConfigFailure, errorOf, JailFailure } from './complaint.ts'
import type { ConfigFiles } from './files.ts'
import { type GuardSettings, globalCommands, guardSettings, readGlobalSettings } from './global.ts'
import { JailReader, type OwnDefinitions } from './jail.ts'
import { ConfigLibrary, MergedConfig } from './merged.ts'
import { ownActions, ownDefinitions } from './own.ts'
import type { Settings } from './setting.ts'
import { settleJail } from './settings.ts'
import { type Origin, originOf } from './value.ts'

export interface GuardConfigOptions {
  /** The folder of `jail.conf`; `/etc/fail2ban` by default. */
  readonly folder?: string
  /** Resolve only these jails, enabled or not. */
  readonly jails?: readonly string[]
  /** The version that %(fail2ban_version)s tells: 1.0.2 by default. */
  readonly version?: string
  /** Postern's own filters by name, texts in the same language, for folders that lack them: `ownFilters` by default. */
  readonly filters?: Readonly<Record<string, string>>
  /** Postern's own actions by the names that ask for them, for folders that lack them: `ownActions` by default. */
  readonly actions?: Readonly<Record<string, string>>
  /** Read lost lines of `action` as fail2ban does, which ignores them; by default they count. */
  readonly asFail2ban?: boolean
  /** Also look at the expressions of filters: which cannot be read, which could search without end. */
  readonly checkExpressions?: boolean
}

export interface ConfiguredJail {
  readonly settings: JailSettings
  /** Where values were set, by fail2ban's name of the option: `maxretry`, `filter.failregex`, `action.NAME`. */
  readonly origins: ReadonlyMap<string, Origin>
  /** What fail2ban's client would send its server. */
  readonly commands: readonly Command[]
}

export interface GuardConfig {
  readonly settings: GuardSettings
  /** Where global settings were set, by fail2ban's name of the option. */
  readonly origins: ReadonlyMap<string, Origin>
  /** Jails to run, in fail2ban's order. */
  readonly jails: readonly ConfiguredJail[]
  /** Names of jails that nothing enables. */
  readonly disabled: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
  /** Whether fail2ban would not start at all; the jails that could be read are there nonetheless. */
  readonly fatal: boolean
  /** What `fail2ban-client -d` prints, a command a row; nothing when it is fatal. */
  readonly commands: readonly Command[]
}

export function readGuardConfig(files: ConfigFiles, options: GuardConfigOptions = {}): GuardConfig {
  return new GuardConfigReader(files, options).read()
}

class GuardConfigReader {
  readonly #library: ConfigLibrary
  readonly #options: GuardConfigOptions
  readonly #own: OwnDefinitions
  readonly #jails: ConfiguredJail[] = []
  readonly #disabled: string[] = []
  readonly #commands: Command[] = []
  readonly #starts: Command[] = []
  #fatal = false

  constructor(files: ConfigFiles, options: GuardConfigOptions) {
    const folder = (options.folder ?? '/etc/fail2ban').replace(/(?<=.)\/+$/, '')
    this.#library = new ConfigLibrary(files, folder, options.asFail2ban !== true)
    this.#options = options
    this.#own = ownDefinitions(
      this.#library,
      options.filters ?? (options.asFail2ban ? {} : ownFilters),
      options.actions ?? (options.asFail2ban ? {} : ownActions),
    )
  }

  read(): GuardConfig {
    const settings =
      this.#attempt(() => this.#readGlobal()) ?? readGlobalSettings(this.#library, new MergedConfig())
    this.#attempt(() => this.#readJails())
    const { diagnostics } = this.#library
    return {
      settings: guardSettings(settings, this.#library),
      origins: originsOf([...settings].map(([option, { from }]) => [option, from])),
      jails: this.#jails,
      disabled: this.#disabled,
      diagnostics,
      fatal: this.#fatal,
      commands: this.#fatal ? [] : [...globalCommands(settings), ...this.#commands, ...this.#starts],
    }
  }

  #readGlobal(): Settings {
    const { files, folder } = this.#library
    if (files.list(folder) === null) {
      throw new ConfigFailure(errorOf('no-folder', null, `there is no folder ${folder}`))
    }
    return readGlobalSettings(this.#library, this.#library.config('fail2ban') ?? new MergedConfig())
  }

  #readJails(): void {
    const config = this.#library.config('jail')
    if (config === null) {
      if (!this.#fatal) {
        this.#library.say(
          errorOf('no-jails', null, `there is neither jail.conf nor jail.local in ${this.#library.folder}`),
        )
      }
      return
    }
    config.setDefault('fail2ban_version', this.#options.version ?? '1.0.2')
    config.setDefault('fail2ban_confpath', this.#library.folder)
    const reader = new JailReader(this.#library, this.#own)
    const names = config.sectionNames().filter((name) => name !== 'INCLUDES')
    for (const name of names) {
      if (this.#options.jails?.includes(name) === false) continue
      this.#attempt(() => this.#readJail(reader, config, name))
    }
    for (const name of this.#options.jails ?? []) {
      if (!names.includes(name))
        this.#library.say(errorOf('unknown-jail', null, `there is no jail "${name}"`))
    }
  }

  #readJail(reader: JailReader, config: MergedConfig, name: string): void {
    if (this.#options.jails === undefined && !reader.isEnabled(config, name)) {
      this.#disabled.push(name)
      return
    }
    try {
      const jail = reader.read(config, name)
      const commands = jailCommands(jail, this.#library.files)
      const say = (diagnostic: Diagnostic): void => this.#library.say(diagnostic)
      const { settings, origins } = settleJail(jail, commands, say)
      if (this.#options.checkExpressions) checkExpressions(settings.filter, origins, say)
      this.#jails.push({ settings, origins: originsOf(origins), commands })
      this.#commands.push(...commands)
      this.#starts.push({ words: ['start', name], from: jail.settings.get('enabled')!.from })
    } catch (error) {
      if (!(error instanceof JailFailure)) throw error
      this.#library.say(error.diagnostic)
      this.#commands.push(skippedJail(name, error.said))
    }
  }

  /** Null, and a complaint, where fail2ban would not start. */
  #attempt<T>(action: () => T): T | null {
    try {
      return action()
    } catch (error) {
      if (!(error instanceof ConfigFailure)) throw error
      for (const diagnostic of error.diagnostics) this.#library.say(diagnostic)
      this.#fatal = true
      return null
    }
  }
}

/** The place of the value itself, or of its name where the value was put together of several. */
export function originsOf(
  values: Iterable<readonly [string, Parameters<typeof originOf>[0]]>,
): Map<string, Origin> {
  const origins = new Map<string, Origin>()
  for (const [option, value] of values) {
    const origin = originOf(value)
    if (origin !== null) origins.set(option, origin)
  }
  return origins
}
