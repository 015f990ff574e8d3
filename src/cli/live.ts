/** What commands about the running firewall share: whoever may look at it, rules with their places, ages, `--watch`. */
import { setTimeout as pause } from 'node:timers/promises'
import { registry } from '../ext/registry.ts'
import { printRuleBody } from '../lang/print.ts'
import type { Chain, Family, Rule, TableName } from '../lang/rule.ts'
import { type Backend, findTools, type InForce, readInForce, requirePrivilege } from '../linux/apply/index.ts'
import type { OptionRow, OptionValues } from './command.ts'
import type { Environment } from './environment.ts'

export const watchOption: OptionRow = { flags: '--watch', doc: 'show it anew every second, until Ctrl-C' }

/** Throws `UnavailableError` for whoever may not look. */
export function liveFirewall(command: string, { backend }: OptionValues): InForce {
  requirePrivilege("looking at the kernel's rules", `sudo postern ${command}`)
  return readInForce(findTools((backend as Backend | undefined) ?? null))
}

export interface PlacedRule {
  readonly family: Family
  readonly table: TableName
  readonly chain: Chain
  /** From 1. */
  readonly number: number
  readonly rule: Rule
}

export const rulesInForce = ({ rulesets }: InForce): PlacedRule[] =>
  [...rulesets.values()].flatMap(({ family, tables }) =>
    [...tables.values()].flatMap(({ name, chains }) =>
      [...chains.values()].flatMap((chain) =>
        chain.rules.map((rule, at) => ({ family, table: name, chain, number: at + 1, rule })),
      ),
    ),
  )

/** `IPv4 filter/INPUT:3` */
export const placeOf = ({ family, table, chain, number }: PlacedRule): string =>
  `${familyName[family]} ${table}/${chain.name}:${number}`

export const familyName: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' }

export const ruleText = ({ family, rule }: PlacedRule): string =>
  printRuleBody(rule, { family, syntax: registry }).trim()

/** A span in words, its two largest units: `0.4s`, `12s`, `5m 3s`, `2d 1h`. */
export function spanText(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, Math.floor(seconds * 10) / 10)}s`
  let rest = Math.floor(seconds)
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
  }
  return parts.slice(0, 2).join(' ')
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

/**
 * Shows what `lines` gives: once, or again and again until Ctrl-C. On a terminal it stays in the same place, and only as
 * much is shown as the window holds: what has left it at the top cannot be taken back.
 */
export async function show(
  lines: () => readonly string[] | Promise<readonly string[]>,
  options: OptionValues,
  environment: Environment,
): Promise<void> {
  const { stdout, signal } = environment
  const rewrites = options.watch === true && options.json !== true && environment.screen !== undefined
  let shown = 0
  for (;;) {
    const all = await lines()
    const next = rewrites ? fitting(all, environment.screen!.rows - 1) : all
    const back = shown > 0 ? `\u001b[${shown}A\u001b[J` : ''
    stdout(`${back}${next.map((line) => `${line}\n`).join('')}`)
    shown = rewrites ? next.length : 0
    if (options.watch !== true || signal.aborted) return
    await pause(1000, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
  }
}

/** The first lines, as many as there is room for; the last of them says how many are missing. */
function fitting(lines: readonly string[], rows: number): readonly string[] {
  const room = Math.max(rows, 2)
  if (lines.length <= room) return lines
  const missing = lines.length - room + 1
  return [...lines.slice(0, room - 1), `… ${missing} more lines: in a larger window, or without --watch`]
}
