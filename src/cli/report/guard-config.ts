/** The guard's configuration for people: what takes effect, and at the right where it was set. */
import type { ConfiguredJail, GuardConfig } from '../../guard/config/read.ts'
import type { Origin } from '../../guard/config/value.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import type { Environment } from '../environment.ts'
import { type Palette, palette } from '../style.ts'

/** Columns for the names of settings, the indent included. */
const nameColumns = 18

/** `whole`: every expression and command of the jails, unshortened. */
export function renderGuardConfig(
  config: GuardConfig,
  whole: boolean,
  { color, columns }: Pick<Environment, 'color' | 'columns'>,
): string {
  const page = new Page(palette(color.stdout), Math.max(60, Math.min(columns, 120)), whole)
  const { jails, disabled, settings, origins } = config
  if (!whole) {
    page.title('guard')
    page.row('log level', settings.logLevel, origins.get('loglevel'))
    page.row('log target', settings.logTarget, origins.get('logtarget'))
    page.row('database', settings.dbFile, origins.get('dbfile'))
    page.row('kept for', seconds(settings.dbPurgeAgeSeconds), origins.get('dbpurgeage'))
    page.row('IPv6', settings.allowIpv6, origins.get('allowipv6'))
  }
  for (const jail of jails) addJail(page, jail)
  if (!whole) {
    page.blank()
    page.line(`${jails.length === 1 ? '1 jail' : `${jails.length} jails`}, ${disabled.length} not enabled`)
    if (disabled.length > 0 && disabled.length <= 200) page.words(disabled)
  }
  return page.text()
}

function addJail(page: Page, { settings, origins }: ConfiguredJail): void {
  const at = (option: string): Origin | undefined => origins.get(option)
  const { filter, increment } = settings
  page.title(settings.name)
  page.row('filter', filter.name, at('filter'))
  addFilter(page, settings, at)
  if (settings.backend === 'journal') page.row('reads', 'the journal', at('backend'))
  for (const match of settings.backend === 'journal' ? filter.journalmatch : []) {
    page.row('journal match', match, at('filter.journalmatch'))
  }
  for (const { glob, from } of settings.logPaths) {
    page.row('log', from === 'tail' ? `${glob} (from its end)` : glob, at('logpath'))
  }
  page.row('bans after', `${settings.maxRetry} failures`, at('maxretry'))
  page.row('within', `${seconds(settings.findTimeSeconds)} (${settings.window})`, at('findtime'))
  page.row('for', settings.banTimeSeconds < 0 ? 'ever' : seconds(settings.banTimeSeconds), at('bantime'))
  if (increment.enabled) page.row('and longer', growth(increment), at('bantime.increment'))
  if (settings.ipv4PrefixLength < 32) page.row('IPv4 prefix', `/${settings.ipv4PrefixLength}`)
  if (settings.ipv6PrefixLength < 128) page.row('IPv6 prefix', `/${settings.ipv6PrefixLength}`)
  page.row('keeps lines', String(settings.maxMatches), at('maxmatches'))
  const own = settings.ignoreSelf ? ['itself'] : []
  const ignored = [...own, ...settings.ignoreAddresses].join(' ')
  if (ignored !== '') page.row('ignores', ignored, at('ignoreip') ?? at('ignoreself'))
  if (settings.ignoreCommand !== undefined)
    page.row('ignore command', settings.ignoreCommand, at('ignorecommand'))
  if (settings.ignoreCache !== undefined) page.row('ignore cache', settings.ignoreCache, at('ignorecache'))
  if (settings.logEncoding !== 'auto') page.row('encoding', settings.logEncoding, at('logencoding'))
  if (filter.logtimezone !== undefined) page.row('time zone', filter.logtimezone, at('logtimezone'))
  for (const { name, action, options } of settings.actions) {
    page.row('action', name === action ? name : `${name} (${action})`, at(`action.${name}`))
    if (!page.whole) continue
    for (const [option, value] of Object.entries(options)) {
      page.row(`  ${option}`, value, at(`action.${name}.${option}`))
    }
  }
}

function addFilter(page: Page, { filter }: JailSettings, at: (option: string) => Origin | undefined): void {
  if (filter.prefregex !== undefined) page.row('  first', filter.prefregex, at('filter.prefregex'))
  page.list('  failures', filter.failregex, at('filter.failregex'))
  page.list('  harmless', filter.ignoreregex, at('filter.ignoreregex'))
  if (filter.maxlines > 1) page.row('  lines', String(filter.maxlines), at('filter.maxlines'))
  if (filter.datepattern !== undefined) page.row('  dates', filter.datepattern, at('filter.datepattern'))
  if (page.whole || filter.usedns !== 'warn') page.row('  names', filter.usedns, at('filter.usedns'))
}

function growth(increment: JailSettings['increment']): string {
  const { multipliers, formula, factor, maximumSeconds, randomSeconds, overAllJails } = increment
  return [
    multipliers !== undefined ? `times ${multipliers.join(' ')}` : (formula ?? 'twice as long each time'),
    ...(factor === undefined ? [] : [`factor ${factor}`]),
    ...(maximumSeconds === undefined ? [] : [`at most ${seconds(maximumSeconds)}`]),
    ...(randomSeconds === undefined ? [] : [`up to ${seconds(randomSeconds)} by chance`]),
    ...(overAllJails ? ['over all jails'] : []),
  ].join(', ')
}

const units = [
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const

/** `1d 12h`; seconds are the rest. */
function seconds(total: number): string {
  const parts: string[] = []
  let rest = Math.abs(total)
  for (const [unit, length] of units) {
    const count = Math.floor(rest / length)
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * length
  }
  if (rest > 0 || parts.length === 0) parts.push(`${Number(rest.toFixed(3))}s`)
  return `${total < 0 ? '-' : ''}${parts.join(' ')}`
}

class Page {
  readonly whole: boolean
  readonly #colors: Palette
  readonly #columns: number
  readonly #lines: string[] = []

  constructor(colors: Palette, columns: number, whole: boolean) {
    this.#colors = colors
    this.#columns = columns
    this.whole = whole
  }

  text(): string {
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`
  }

  line(text: string): void {
    this.#lines.push(text)
  }

  blank(): void {
    if (this.#lines.length > 0) this.#lines.push('')
  }

  title(name: string): void {
    this.blank()
    this.#lines.push(this.#colors.bold(printable(name)))
  }

  /** Several expressions: their number, or all of them. */
  list(name: string, items: readonly string[], origin: Origin | undefined): void {
    if (items.length === 0) return
    if (!this.whole) this.row(name, items.length === 1 ? items[0]! : `${items.length} expressions`, origin)
    else
      for (const [at, item] of items.entries())
        this.row(at === 0 ? name : '', item, at === 0 ? origin : undefined)
  }

  row(name: string, value: string, origin?: Origin): void {
    const label = `  ${name}`.padEnd(nameColumns)
    const where = origin === undefined ? '' : `${shortPath(origin.file)}:${origin.line}`
    const lines = value.split('\n').map(printable)
    const room = this.#columns - label.length
    const first = this.#put(lines[0]!, where, room)
    this.#lines.push(`${this.#colors.cyan(label)}${first}`.trimEnd())
    if (!this.whole) return
    for (const line of lines.slice(1))
      this.#lines.push(...folded(line, room).map((part) => `${' '.repeat(nameColumns)}${part}`))
  }

  /** The value with its origin at the right end; folded or shortened where both have no room. */
  #put(value: string, where: string, room: number): string {
    const beside = room - where.length - 2
    if (value.length <= beside) {
      return where === '' ? value : `${value.padEnd(beside)}  ${this.#colors.dim(where)}`
    }
    if (!this.whole) return `${value.slice(0, beside - 1)}…  ${this.#colors.dim(where)}`
    const lines = folded(value, room)
    if (where !== '') lines.push(this.#colors.dim(where.padStart(room)))
    return lines.join(`\n${' '.repeat(nameColumns)}`)
  }

  words(names: readonly string[]): void {
    let line = ' '
    for (const name of names.map(printable)) {
      if (line.length + name.length + 1 > this.#columns) {
        this.#lines.push(this.#colors.dim(line))
        line = ' '
      }
      line += ` ${name}`
    }
    this.#lines.push(this.#colors.dim(line))
  }
}

/** Pieces of a text that fit into the columns; expressions are cut anywhere, other text after blanks if there are any. */
function folded(text: string, columns: number): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > columns) {
    const blank = rest.lastIndexOf(' ', columns - 1)
    const cut = blank > columns / 2 ? blank + 1 : columns
    lines.push(rest.slice(0, cut))
    rest = rest.slice(cut)
  }
  lines.push(rest)
  return lines
}

/** Control characters would play with the terminal. */
const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => (character === '\t' ? ' ' : '\ufffd'))

/** The last two parts of a path say enough beside a value. */
const shortPath = (path: string): string => path.split('/').slice(-2).join('/')
