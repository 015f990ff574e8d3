/** Verdicts of a replay, counted by the rule that decided. */

import type { Outcome } from '../../engine/outcome.ts'
import { registry } from '../../ext/registry.ts'
import { printRuleBody } from '../../lang/print.ts'
import type { Ruleset } from '../../lang/rule.ts'
import type { ReplayedPacket } from '../../scenario/replay.ts'
import { cutToColumns, type Palette, paintVerdict, table } from '../style.ts'

interface Row {
  readonly verdict: string
  readonly by: string
  packets: number
  bytes: number
}

export interface Tally {
  count(packet: ReplayedPacket): void
  /** Most packets first. */
  rows(): readonly Row[]
  /** Packets no rule could see, by reason. */
  readonly skipped: ReadonlyMap<string, number>
  /** Packets that left because others came in. */
  readonly departures: Readonly<Record<'same' | 'differs' | 'kept', number>>
  /** Words of the rule that a row names, or ''. */
  ruleText(by: string): string
  json(): object
}

export function tallyOf(rulesets: readonly Ruleset[]): Tally {
  const rows = new Map<string, Row>()
  /** The same by what outcomes say, so that no text is made for a packet: verdict, rule, chain of the policy. */
  const known = new Map<string, Map<string, Row>>()
  const rowOf = ({ verdict, by, policies }: Outcome): Row => {
    const isPolicy = by === 'policy'
    const place = isPolicy ? (policies.at(-1) ?? '') : by
    const kind = isPolicy ? policyKinds[verdict] : verdict
    let rowsOfKind = known.get(kind)
    if (rowsOfKind === undefined) {
      rowsOfKind = new Map()
      known.set(kind, rowsOfKind)
    }
    let row = rowsOfKind.get(place)
    if (row === undefined) {
      row = { verdict, by: isPolicy ? `policy ${place}`.trim() : by, packets: 0, bytes: 0 }
      rowsOfKind.set(place, row)
      rows.set(`${kind} ${place}`, row)
    }
    return row
  }
  const skipped = new Map<string, number>()
  const departures = { same: 0, differs: 0, kept: 0 }
  const sorted = () => [...rows.values()].sort((a, b) => b.packets - a.packets)
  return {
    skipped,
    departures,
    count({ outcome, skipped: why, record, departure }) {
      if (departure !== null) {
        departures[departure.kind === 'differs' && departure.frame === null ? 'kept' : departure.kind]++
        return
      }
      if (outcome === null) {
        skipped.set(why!, (skipped.get(why!) ?? 0) + 1)
        return
      }
      const row = rowOf(outcome)
      row.packets++
      row.bytes += record.originalLength
    },
    rows: sorted,
    ruleText: (by) => ruleText(rulesets, by),
    json: () => ({ verdicts: sorted(), skipped: Object.fromEntries(skipped), departures }),
  }
}

const policyKinds = {
  accept: 'accept by policy',
  drop: 'drop by policy',
  reject: 'reject by policy',
  unknown: 'unknown by policy',
} as const

function ruleText(rulesets: readonly Ruleset[], by: string): string {
  const [, table, chain, number] = /^(\w+)\/(.+):(\d+)$/.exec(by) ?? []
  for (const { family, tables } of rulesets) {
    for (const { name, chains } of tables.values()) {
      const rule = name === table ? chains.get(chain!)?.rules[Number(number) - 1] : undefined
      if (rule !== undefined) return printRuleBody(rule, { family, syntax: registry }).trim()
    }
  }
  return ''
}

export function renderTally(tally: Tally, colors: Palette, columns: number): string[] {
  const rows = tally.rows()
  const lines = table([
    ['VERDICT', 'BY', 'PACKETS', 'BYTES', 'RULE'],
    ...rows.map(({ verdict, by, packets, bytes }) => [
      verdict,
      by.replace('filter/', ''),
      String(packets).padStart(7),
      String(bytes).padStart(5),
      tally.ruleText(by),
    ]),
  ]).map((line) => cutToColumns(line, columns))
  const [head = '', ...body] = lines
  return [
    colors.bold(head),
    ...body.map((line, at) => paintVerdict(colors, rows[at]!.verdict, line.slice(0, 7)) + line.slice(7)),
    ...departuresLine(tally.departures).map(colors.dim),
    ...[...tally.skipped].map(([why, count]) => colors.dim(`not run: ${count} (${why})`)),
  ]
}

function departuresLine({ same, differs, kept }: Tally['departures']): string[] {
  const parts = [
    same > 0 ? `${same} as the rules let them out` : '',
    differs > 0 ? `${differs} otherwise` : '',
    kept > 0 ? `${kept} that the rules keep` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? [] : [`seen leaving: ${parts.join(', ')}`]
}
