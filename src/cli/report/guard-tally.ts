/** What a filter found in a whole log: counts, and some of the lines. */
import type { Filter, LineBlock, LineResult, PassedLine } from '../../guard/filter/index.ts'
import type { OptionValues } from '../command.ts'
import type { Environment } from '../environment.ts'
import { cutToColumns, palette, table } from '../style.ts'

/** Lines of a kind that are kept when not all are asked for. */
const keptLines = 20

export class FilterTally {
  readonly filter: Filter
  readonly log: string
  lines = 0
  matched = 0
  ignored = 0
  missed = 0
  /** Lines that an expression matched, and that are no failure. */
  harmless = 0
  /** Matches whose id is no real address, or that other lines contradict. */
  refused = 0
  seconds = 0
  readonly failHits: number[]
  readonly ignoreHits: number[]
  prefixHits = 0
  readonly missedLines: string[] = []
  readonly matchedLines: string[] = []
  readonly ignoredLines: string[] = []
  /** Failures by id. */
  readonly ids = new Map<string, number>()

  constructor(filter: Filter, log: string) {
    this.filter = filter
    this.log = log
    this.failHits = filter.definition.failregex.map(() => 0)
    this.ignoreHits = filter.definition.ignoreregex.map(() => 0)
  }

  add(line: string, result: LineResult): void {
    this.lines++
    if (result.prefixMatched) this.prefixHits++
    if (result.ignoredBy !== undefined) this.ignoreHits[result.ignoredBy]!++
    for (const { expression } of result.matches) this.failHits[expression]!++
    const failures = result.matches.filter(({ harmless }) => !harmless)
    if (failures.some(({ refused }) => refused !== undefined)) this.refused++
    const someHarmless = result.matches.length > failures.length
    // a line that one expression says is no failure is none, as fail2ban-regex counts
    if (failures.length > 0 && !someHarmless && result.ignoredBy === undefined) {
      this.matched++
      this.matchedLines.push(line)
      const [{ id, refused }] = failures as [LineResult['matches'][number]]
      if (id !== undefined && refused === undefined) this.ids.set(id, (this.ids.get(id) ?? 0) + 1)
    } else if (result.ignoredBy !== undefined || someHarmless) {
      if (someHarmless) this.harmless++
      this.ignored++
      this.ignoredLines.push(line)
    } else {
      this.missed++
      this.missedLines.push(line)
    }
    this.#forget(this.missedLines)
    this.#forget(this.matchedLines)
    this.#forget(this.ignoredLines)
  }

  /** Counts lines of a block that were passed over: nothing but the prefix can match them, which is asked if wanted. */
  passer({ textOf }: LineBlock): PassedLine {
    return (start, dateEnd, end) => {
      this.lines++
      this.missed++
      if (this.countsPrefix && this.filter.prefixMatches(textOf(dateEnd, end))) this.prefixHits++
      if (this.keepAll || this.missedLines.length < keptLines) this.missedLines.push(textOf(start, end))
    }
  }

  /** Whether the prefix expression is held against every line: a third of the time. */
  countsPrefix = false

  /** Whether all lines of each kind are kept, for those who print them. */
  keepAll = false

  #forget(lines: string[]): void {
    if (!this.keepAll && lines.length > keptLines) lines.length = keptLines
  }

  json() {
    const { definition, dateHits, gaveUp } = this.filter
    return {
      filter: definition.name,
      lines: this.lines,
      matched: this.matched,
      ignored: this.ignored,
      missed: this.missed,
      harmless: this.harmless,
      refused: this.refused,
      gaveUp,
      prefix: definition.prefregex === undefined ? null : this.prefixHits,
      failregex: definition.failregex.map((expression, index) => ({
        expression,
        hits: this.failHits[index],
      })),
      ignoreregex: definition.ignoreregex.map((expression, index) => ({
        expression,
        hits: this.ignoreHits[index],
      })),
      dates: dateHits.filter(({ hits }) => hits > 0),
      addresses: this.ids.size,
      seconds: this.seconds,
    }
  }
}

export function renderTally(tally: FilterTally, options: OptionValues, environment: Environment): string {
  const colors = palette(environment.color.stdout)
  const { definition, dateHits, gaveUp } = tally.filter
  const out: string[] = []
  const section = (title: string, rows: readonly (readonly [number, string, string])[]) => {
    if (rows.length === 0) return
    const width = environment.columns - 16
    out.push(colors.bold(title))
    const cells = rows.map(([hits, number, text]) => [
      `${hits}`.padStart(9),
      number,
      cutToColumns(text, width),
    ])
    out.push(...table(cells), '')
  }
  const prefixTitle = tally.countsPrefix ? 'prefix' : 'prefix (of lines that an expression could match)'
  if (definition.prefregex !== undefined) section(prefixTitle, [[tally.prefixHits, '', definition.prefregex]])
  const hitRows = (list: readonly string[], hits: readonly number[]) =>
    list.flatMap((text, index) => (hits[index]! > 0 ? [[hits[index]!, `${index + 1}`, text] as const] : []))
  section(
    `expressions (${tally.failHits.filter((hits) => hits > 0).length} of ${definition.failregex.length} matched)`,
    hitRows(definition.failregex, tally.failHits),
  )
  section('ignored by', hitRows(definition.ignoreregex, tally.ignoreHits))
  section(
    'dates',
    dateHits.filter(({ hits }) => hits > 0).map(({ name, hits }) => [hits, '', name] as const),
  )
  for (const [kind, lines, count] of [
    ['matched', tally.matchedLines, tally.matched],
    ['ignored', tally.ignoredLines, tally.ignored],
    ['missed', tally.missedLines, tally.missed],
  ] as const) {
    const few = kind === 'missed' && count <= keptLines
    if (count === 0 || !(options[kind] || few)) continue
    out.push(colors.bold(`${kind} lines`), ...lines.map((line) => `  ${line}`), '')
  }
  const addresses = `${tally.ids.size} ${tally.ids.size === 1 ? 'address' : 'addresses'}`
  out.push(
    `${tally.lines} ${tally.lines === 1 ? 'line' : 'lines'}: ${colors.green(`${tally.matched} matched`)}` +
      `${tally.matched > 0 ? ` (${addresses})` : ''}, ${tally.ignored} ignored, ${tally.missed} missed`,
  )
  if (tally.refused > 0) {
    out.push(colors.yellow(`${tally.refused} matched without an address that could be banned`))
  }
  if (gaveUp > 0)
    out.push(colors.yellow(`${gaveUp} searches were given up: the expression takes for ever on such lines`))
  return `${out.join('\n')}\n`
}
