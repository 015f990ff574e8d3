/** One packet's journey as text: hooks, tables, each rule it met, what was read and written, and the verdict. */
import type { Outcome, TraceEvent } from '../../engine/outcome.ts'
import { type Possibilities, printSupposition } from '../../engine/possibilities.ts'
import { fold } from '../../lang/display.ts'
import type { Rule } from '../../lang/rule.ts'
import { type Palette, paintVerdict } from '../style.ts'

export interface TraceStyle {
  readonly colors: Palette
  /** Lines are folded at this width; 0 never. */
  readonly columns: number
  /** A rule's words without `-A CHAIN`. */
  readonly printRule: (rule: Rule) => string
}

export function renderTrace(events: readonly TraceEvent[], style: TraceStyle): string[] {
  return events.flatMap((event) => renderEvent(event, style))
}

function renderEvent(event: TraceEvent, style: TraceStyle): string[] {
  const { colors } = style
  switch (event.kind) {
    case 'packet':
      return event.origin === 'generated'
        ? [`  ${colors.cyan(`the host answers: ${event.text}`)}`]
        : [colors.bold(event.text)]
    case 'hook': {
      const way = [event.in && `in ${event.in}`, event.out && `out ${event.out}`].filter(Boolean).join(' ')
      return [`${colors.blue(event.hook)} ${colors.dim(way)}`]
    }
    case 'enter':
      return [`  ${colors.dim(`${event.table}/${event.chain}`)}`]
    case 'rule':
      return renderRule(event, style)
    case 'return':
      return [`    ${colors.dim(`back to ${event.to}`)}`]
    case 'policy':
      return [
        `      ${colors.dim('policy')} ${paintVerdict(colors, event.policy === 'ACCEPT' ? 'accept' : 'drop', event.policy)}`,
      ]
    case 'host':
      return fold(event.text, '  ', style.columns).map((line) => colors.dim(line))
    case 'verdict':
      return []
  }
}

function renderRule(event: Extract<TraceEvent, { kind: 'rule' }>, style: TraceStyle): string[] {
  const { colors, columns, printRule } = style
  const number = String(event.ref.number).padStart(4)
  const mark = event.matched ? colors.green('✓') : colors.dim('·')
  const [first = '', ...rest] = fold(printRule(event.rule), '', columns - 8)
  const paint = event.matched ? (text: string) => text : colors.dim
  const lines = [`  ${number} ${mark} ${paint(first)}`, ...rest.map((line) => `         ${paint(line)}`)]
  if (event.failed !== null) {
    // What a match read from its list is the better reason, where there is one.
    const { condition, why } = event.failed
    const said = event.notes.join('; ')
    const text = said !== '' ? said : condition === '' ? why : `${condition}: ${why}`
    return [...lines, ...fold(text, '         ', columns).map((line) => colors.yellow(line))]
  }
  const notes = event.notes.flatMap((note) => fold(note, '         ', columns))
  return [...lines, ...notes.map((line) => colors.cyan(line))]
}

/** The closing lines: the verdict and its reason. */
export function renderVerdict({ verdict, why }: Outcome, { colors, columns }: TraceStyle): string[] {
  const [first = '', ...rest] = fold(why, '', columns - 8)
  const head = colors.bold(paintVerdict(colors, verdict, verdict.toUpperCase().padEnd(6)))
  return [`${head}  ${first}`, ...rest.map((line) => `        ${line}`)]
}

/**
 * Each outcome of a packet whose rules ask for what nobody said, from where the first of them asks. `known`: the events
 * up to there.
 */
export function renderPossibilities(
  known: readonly TraceEvent[],
  { list, isCut }: Possibilities<{ readonly events: readonly TraceEvent[]; readonly outcome: Outcome }>,
  style: TraceStyle,
): string[] {
  const { colors } = style
  const parting = known.findLastIndex(({ kind }) => kind === 'rule')
  const lines = list.flatMap(({ supposing, run: { events, outcome } }) => [
    colors.blue(`if ${supposing.map(printSupposition).join(', ')}:`),
    ...renderTrace(events.slice(parting), style),
    ...renderVerdict(outcome, style),
  ])
  const [first] = list
  const isSame = !isCut && list.every(({ run }) => run.outcome.verdict === first?.run.outcome.verdict)
  return [
    ...lines,
    ...(isCut ? [colors.dim('... and more')] : []),
    ...(isSame && first !== undefined ? [`${first.run.outcome.verdict} in any case`] : []),
  ]
}

/** Connections shown; who traces looks at a few packets. */
const shownConnections = 8

/** What is tracked after the packet, the newest last; nothing where nothing is. */
export function renderConnections(
  connections: readonly string[],
  { colors, columns }: Pick<TraceStyle, 'colors' | 'columns'>,
): string[] {
  const hidden = Math.max(0, connections.length - shownConnections)
  const lines = connections.slice(hidden).flatMap((line) => {
    const [first = '', ...rest] = fold(line.trim(), '', columns - 8)
    return [`conntrack ${first}`, ...rest.map((more) => `        ${more}`)]
  })
  const omitted = hidden === 0 ? [] : [`conntrack ... and ${hidden} before these`]
  return [...omitted, ...lines].map((line) => colors.dim(line))
}
