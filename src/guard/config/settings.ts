/** A jail's settings as the guard works with them, from the commands that the configuration comes down to. */
import type { FilterDefinition } from '../filter-definition.ts'
import type { ActionSettings, BanTimeIncrement, JailSettings } from '../jail-settings.ts'
import { type Command, logPathsOf } from './commands.ts'
import { errorOf, warningOf } from './complaint.ts'
import { noTime } from './global.ts'
import type { ResolvedJail } from './jail.ts'
import { parseInteger, pythonText } from './python.ts'
import type { Say, Setting } from './setting.ts'
import { evaluateSum, parseTime } from './time.ts'
import { spanOf, type Value } from './value.ts'

/** Which value a setting came of, by fail2ban's name: `maxretry`, `filter.failregex`, `action.NAME`. */
export type ValueOrigins = Map<string, Value>

export interface SettledJail {
  readonly settings: JailSettings
  readonly origins: ValueOrigins
}

/** What the server presets where nothing is said: fail2ban 1.0.2. */
const presets = { maxRetry: 3, findTimeSeconds: 600, banTimeSeconds: 600, maxMatches: 5 } as const

export function settleJail(jail: ResolvedJail, commands: readonly Command[], say: Say): SettledJail {
  const reader = new SettingsReader(jail, say)
  const filter = reader.filter(commands)
  const backend = reader.text('backend') ?? 'auto'
  reader.text('ignoreip')
  const settings: JailSettings = {
    name: jail.name,
    enabled: true,
    filter,
    logPaths: reader.logPaths(backend),
    backend: backend.startsWith('systemd') ? 'journal' : 'files',
    logEncoding: reader.text('logencoding') ?? 'auto',
    maxRetry: reader.whole('maxretry', 1) ?? presets.maxRetry,
    findTimeSeconds: reader.seconds('findtime') ?? presets.findTimeSeconds,
    banTimeSeconds: Math.trunc(reader.seconds('bantime') ?? presets.banTimeSeconds),
    increment: reader.increment(),
    window: 'rate',
    maxMatches: reader.whole('maxmatches', 0) ?? presets.maxMatches,
    ignoreSelf: reader.yes('ignoreself') ?? true,
    ignoreAddresses: commands
      .filter(({ words }) => words[2] === 'addignoreip')
      .flatMap(({ words }) => words.slice(3).map(String)),
    ...optional('ignoreCommand', reader.text('ignorecommand') || undefined),
    ...optional('ignoreCache', reader.text('ignorecache') || undefined),
    ipv6PrefixLength: 128,
    ipv4PrefixLength: 32,
    actions: jail.actions.flatMap((action) => reader.action(action)),
  }
  return { settings, origins: reader.origins }
}

const optional = <Name extends string, T>(name: Name, value: T | undefined): { [key in Name]?: T } =>
  (value === undefined ? {} : { [name]: value }) as { [key in Name]?: T }

class SettingsReader {
  readonly origins: ValueOrigins = new Map()
  readonly #jail: ResolvedJail
  readonly #say: Say

  constructor(jail: ResolvedJail, say: Say) {
    this.#jail = jail
    this.#say = say
  }

  #setting(option: string): Setting | undefined {
    const setting = this.#jail.settings.get(option)
    if (setting !== undefined) this.origins.set(option, setting.from)
    return setting
  }

  text(option: string): string | undefined {
    const value = this.#setting(option)?.value
    return value === undefined || value === null ? undefined : pythonText(value)
  }

  yes(option: string): boolean | undefined {
    const value = this.#setting(option)?.value
    return typeof value === 'boolean' ? value : undefined
  }

  whole(option: string, least: number): number | undefined {
    const setting = this.#setting(option)
    if (typeof setting?.value !== 'number') return undefined
    if (setting.value >= least) return setting.value
    this.#say(
      errorOf('too-small', spanOf(setting.from), `"${option}" is ${setting.value}, less than ${least}`),
    )
    return undefined
  }

  seconds(option: string): number | undefined {
    const setting = this.#setting(option)
    if (setting === undefined || setting.from.text === '') return undefined
    const seconds = parseTime(setting.from.text)
    if (seconds === null) this.#say(noTime(option, setting.from))
    return seconds ?? undefined
  }

  #number(option: string): number | undefined {
    const setting = this.#setting(option)
    if (setting === undefined || setting.from.text === '') return undefined
    const number = evaluateSum(setting.from.text)
    if (number === null) {
      this.#say(
        errorOf(
          'no-number',
          spanOf(setting.from),
          `"${option}" is "${setting.from.text}", and should be a number`,
        ),
      )
    }
    return number ?? undefined
  }

  increment(): BanTimeIncrement {
    return {
      enabled: this.yes('bantime.increment') ?? false,
      ...optional('factor', this.#number('bantime.factor')),
      ...optional('formula', this.text('bantime.formula') || undefined),
      ...optional('multipliers', this.#multipliers()),
      ...optional('maximumSeconds', this.seconds('bantime.maxtime')),
      ...optional('randomSeconds', this.seconds('bantime.rndtime')),
      overAllJails: this.yes('bantime.overalljails') ?? false,
    }
  }

  #multipliers(): number[] | undefined {
    const setting = this.#setting('bantime.multipliers')
    if (setting === undefined || setting.from.text === '') return undefined
    const numbers = setting.from.text.split(' ').map(parseInteger)
    if (numbers.every((number) => number !== null)) return numbers
    this.#say(
      errorOf(
        'no-number',
        spanOf(setting.from),
        '"bantime.multipliers" should be whole numbers with one blank between',
        {
          help: '1 2 4 8 16 32 64',
        },
      ),
    )
    return undefined
  }

  logPaths(backend: string): JailSettings['logPaths'] {
    const setting = this.#setting('logpath')
    if (backend.startsWith('systemd')) return []
    if (setting === undefined) {
      if (this.#jail.filter !== null) {
        this.#say(
          errorOf(
            'no-log',
            this.#jail.settings.get('backend')?.from.key ?? null,
            `jail "${this.#jail.name}" reads no log`,
            {
              help: 'logpath = /var/log/..., or backend = systemd',
            },
          ),
        )
      }
      return []
    }
    return logPathsOf(setting.from)
      .filter(({ pattern }) => pattern !== '')
      .map(({ pattern, from, value }) => {
        if (from !== 'head' && from !== 'tail') {
          this.#say(
            warningOf('odd-logpath', spanOf(value), `"${from}" behind the path is neither head nor tail`, {
              notes: ['fail2ban takes what stands behind the last blank for where to begin reading'],
            }),
          )
        }
        return { glob: pattern, from: from === 'tail' ? ('tail' as const) : ('head' as const) }
      })
  }

  filter(commands: readonly Command[]): FilterDefinition {
    const { filter, name } = this.#jail
    const all = (option: string): string[] =>
      commands
        .filter(({ words }) => words[2] === option)
        .flatMap(({ words, from }) => {
          this.origins.set(`filter.${option.replace(/^add/, '')}`, from)
          return words[0] === 'multi-set' ? (words[3] as string[]) : [String(words[3])]
        })
    const last = (option: string) => {
      const command = commands.findLast(({ words }) => words[0] === 'set' && words[2] === option)
      if (command !== undefined) this.origins.set(`filter.${option}`, command.from)
      return command
    }
    const journal = commands.filter(({ words }) => words[2] === 'addjournalmatch')
    if (journal.length > 0) this.origins.set('filter.journalmatch', journal[0]!.from)
    const maxlines = last('maxlines')?.words[3]
    const prefregex = last('prefregex')?.words[3]
    const datepattern = last('datepattern')?.words[3]
    const logtype = filter?.settings.get('logtype')
    if (logtype !== undefined) this.origins.set('filter.logtype', logtype.from)
    this.text('filter')
    return {
      name: filter?.name ?? name,
      failregex: all('addfailregex'),
      ignoreregex: all('addignoreregex'),
      ...optional('prefregex', prefregex ? String(prefregex) : undefined),
      maxlines: typeof maxlines === 'number' && maxlines >= 1 ? maxlines : 1,
      ...optional('datepattern', datepattern ? String(datepattern) : undefined),
      usedns: this.#usedns(last('usedns')),
      logtype: logtypes.find((type) => type === logtype?.value) ?? 'file',
      journalmatch: journal.map(({ words }) =>
        words
          .slice(3)
          .map((word) => quoted(String(word)))
          .join(' '),
      ),
      ...optional('logtimezone', this.text('logtimezone') || undefined),
    }
  }

  #usedns(command: Command | undefined): FilterDefinition['usedns'] {
    const value = command === undefined ? 'warn' : String(command.words[3]).toLowerCase()
    const known = ['yes', 'warn', 'no', 'raw'].find((word) => word === value)
    if (known === undefined) {
      this.#say(
        warningOf('unknown-usedns', spanOf(command!.from), `"usedns" is "${value}": names are not resolved`, {
          help: 'yes, warn, no, raw',
        }),
      )
    }
    return (known ?? 'no') as FilterDefinition['usedns']
  }

  action(action: ResolvedJail['actions'][number]): ActionSettings[] {
    this.origins.set(`action.${action.name}`, { ...action.from, key: spanOf(action.from) })
    if (action.kind === 'python') return this.#pythonAction(action)
    const options: Record<string, string> = {}
    for (const [option, { value, from }] of action.settings) {
      if (value === null) continue
      options[option] = typeof value === 'boolean' ? String(value) : pythonText(value)
      if (from.key !== null) this.origins.set(`action.${action.name}.${option}`, from)
    }
    return [{ name: action.name, action: action.file, options }]
  }

  /** fail2ban's own mailer is done by Postern's; any other program in Python is not run. */
  #pythonAction({
    name,
    path,
    json,
    from,
  }: ResolvedJail['actions'][number] & { kind: 'python' }): ActionSettings[] {
    if (path.endsWith('/smtp.py')) {
      return [
        { name, action: 'postern-mail', options: optionsOfSmtp(JSON.parse(json) as Record<string, string>) },
      ]
    }
    this.#say(
      errorOf('python-action', spanOf(from), `"${from.text}" is a program in Python, which is not run`, {
        notes: ['the other actions of the jail stand'],
        help: 'a file of action.d that calls a program',
      }),
    )
    return []
  }
}

/** The options of fail2ban's smtp.py as those of `postern-mail`; its defaults are others. */
const optionsOfSmtp = ({ host = 'localhost', matches = 'no', ...others }: Record<string, string>) => ({
  sender: 'fail2ban',
  sendername: 'Fail2Ban',
  whois: 'no',
  tellstart: 'yes',
  ...others,
  smtp: host,
  lines: matches,
})

const logtypes = ['file', 'journal', 'short', 'rfc5424'] as const

const quoted = (word: string): string => (/[\s'"\\]/.test(word) ? `'${word.replaceAll("'", `'"'"'`)}'` : word)
