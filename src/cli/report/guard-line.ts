/** One line of a log with what a filter found in it: the line in colours, then each part by name. */
import type { Filter, FilterMatch, LineResult } from '../../guard/filter/index.ts'
import type { Environment } from '../environment.ts'
import { type Palette, palette, table } from '../style.ts'

interface Mark {
  readonly start: number
  readonly end: number
  readonly name: string
}

export function explainLine(
  line: string,
  result: LineResult,
  filter: Filter,
  environment: Environment,
): string {
  const colors = palette(environment.color.stdout)
  const marks = marksOf(line, result)
  const out = [paint(line, marks, colors), underline(line, marks, colors)].filter(
    (text) => text.trim() !== '',
  )
  const rows: string[][] = []
  if (result.date !== undefined) rows.push(['date', `${moment(result)}  ${result.date.template}`])
  else rows.push(['date', 'none found: the present is taken'])
  for (const match of result.matches) rows.push(...matchRows(match, filter))
  if (result.ignoredBy !== undefined) {
    rows.push(['ignored', filter.definition.ignoreregex[result.ignoredBy]!])
  }
  if (result.matches.length === 0) rows.push(['no match', whyNot(result)])
  return `${[...out, ...table(rows).map((row) => `  ${row}`)].join('\n')}\n\n`
}

function matchRows(match: FilterMatch, filter: Filter): string[][] {
  const { failure, harmless, refused, id } = match
  const verdict = harmless
    ? 'no failure'
    : refused === 'not-an-address'
      ? `refused: ${id} is no address`
      : refused === 'contradicted'
        ? `refused: the line names several addresses, and nothing says that ${id} is the right one`
        : id === undefined
          ? 'waits for a line with the address'
          : `failure of ${id}`
  const groups = Object.entries(failure.groups).filter(([name]) => !['ip4', 'ip6', 'dns'].includes(name))
  return [
    [`match ${match.expression + 1}`, verdict],
    ['', filter.definition.failregex[match.expression]!],
    ...groups.map(([name, value]) => [name, value]),
    ...(failure.users !== undefined && failure.users.length > 1 ? [['users', failure.users.join(', ')]] : []),
  ]
}

const moment = ({ timeMs }: LineResult): string =>
  timeMs === undefined ? '' : new Date(timeMs).toISOString().replace('.000Z', 'Z')

function whyNot({ prefixMatched, text }: LineResult): string {
  if (prefixMatched === false) return 'the prefix expression does not fit'
  return `no expression fits: ${JSON.stringify(text)}`
}

/** The date and the groups of the first match, as places in the line, none within another. */
function marksOf(line: string, { date, matches, text }: LineResult): Mark[] {
  const marks: Mark[] = []
  if (date !== undefined && date.text !== '') {
    marks.push({ start: date.start, end: date.start + date.text.length, name: 'date' })
  }
  const offset = line.lastIndexOf(text)
  const spans = Object.entries(matches[0]?.spans ?? {})
  if (offset >= 0) {
    for (const [name, [start, end]] of spans) {
      const mark = { start: offset + start, end: offset + end, name: shortName(name) }
      const inside = marks.some((other) => mark.start < other.end && other.start < mark.end)
      if (!inside && end > start && mark.name !== '') marks.push(mark)
    }
  }
  return marks.sort((a, b) => a.start - b.start)
}

/** Groups that only steer an expression are not shown. */
const shortName = (name: string): string =>
  ['ip4', 'ip6', 'dns', 'fid'].includes(name)
    ? 'id'
    : /^(?:mlf|cond_|skiplines|nofail)/.test(name)
      ? ''
      : name

function paint(line: string, marks: readonly Mark[], colors: Palette): string {
  let out = ''
  let at = 0
  for (const { start, end, name } of marks) {
    const color = name === 'date' ? colors.blue : name === 'id' ? colors.red : colors.yellow
    out += line.slice(at, start) + color(line.slice(start, end))
    at = end
  }
  return out + line.slice(at)
}

/** A line of signs below: `^^^ name` under each mark that has room for it. */
function underline(line: string, marks: readonly Mark[], colors: Palette): string {
  let out = ''
  for (const { start, end, name } of marks) {
    const label = '^'.repeat(Math.max(1, end - start))
    if (start < out.length) continue
    out = out.padEnd(start)
    out += end - start >= name.length ? name.padEnd(label.length, '~') : label
  }
  return colors.dim(out.slice(0, Math.max(line.length, out.length)))
}
