/** `postern status` and `postern counters`: what is in force, and what it does. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Counters } from '../lang/rule.ts'
import { sameRules } from '../linux/apply/generations.ts'
import {
  type InForce,
  isOrphaned,
  readInForce,
  rulesOfOtherBackend,
  type State,
  secondsLeft,
} from '../linux/apply/index.ts'
import { stateOf, stateOption } from './apply-common.ts'
import { backendOption } from './backend-option.ts'
import { type Command, jsonOption } from './command.ts'
import { type Environment, exit } from './environment.ts'
import {
  familyName,
  liveFirewall,
  type PlacedRule,
  placeOf,
  rulesInForce,
  ruleText,
  show,
  watchOption,
} from './live.ts'
import { cutToColumns, table } from './style.ts'

export const status: Command = {
  name: 'status',
  summary: 'what is in force on this machine, rule by rule with packets per second',
  description:
    'Says which backend and which generation is in force, whether a change waits to be confirmed, and lists every chain with ' +
    'what its rules counted in total and within the last second.',
  arguments: [],
  options: [watchOption, backendOption, stateOption, jsonOption],
  examples: [
    { does: 'What is in force?', command: 'postern status', needs: 'root' },
    { does: 'Where do packets go just now?', command: 'postern status --watch', needs: 'root' },
  ],
  async run(_args, options, environment) {
    const state = stateOf(options)
    const meter = new Meter(liveFirewall('status', options))
    await show(
      async () => {
        const reading = await meter.read()
        const about = await aboutOf(state, reading.firewall)
        return options.json === true
          ? [JSON.stringify({ ...about, chains: chainsOf(reading) })]
          : cut([...renderAbout(about), '', ...renderChains(reading)], environment)
      },
      options,
      environment,
    )
    return exit.ok
  },
}

export const counters: Command = {
  name: 'counters',
  summary: 'what the rules in force have counted, the busiest first',
  description: 'Each rule with its packets and bytes, and packets within the last second.',
  arguments: [],
  options: [
    { flags: '--unused', doc: 'only rules that no packet has met' },
    watchOption,
    backendOption,
    jsonOption,
  ],
  examples: [
    { does: 'Which rules do nothing?', command: 'postern counters --unused', needs: 'root' },
    { does: 'Which do most?', command: 'postern counters', needs: 'root' },
  ],
  async run(_args, options, environment) {
    const meter = new Meter(liveFirewall('counters', options))
    await show(
      async () => {
        const { rules } = await meter.read()
        const chosen = rules.filter(({ counters: { packets } }) => options.unused !== true || packets === 0n)
        const sorted = chosen.toSorted((a, b) => Number(b.counters.packets - a.counters.packets))
        if (options.json === true) return sorted.map((rule) => JSON.stringify(plain(rule)))
        const rows = sorted.map(({ placed, counters: { packets, bytes }, perSecond }) => [
          String(packets),
          String(bytes),
          rateText(perSecond),
          placeOf(placed),
          ruleText(placed),
        ])
        return cut(table([['PACKETS', 'BYTES', 'PER SECOND', 'RULE', ''], ...rows]), environment)
      },
      options,
      environment,
    )
    return exit.ok
  },
}

const cut = (lines: readonly string[], { screen }: Environment): string[] =>
  lines.map((line) => cutToColumns(line, screen?.columns ?? 0))

interface CountedRule {
  readonly placed: PlacedRule
  readonly counters: Counters
  /** Packets; null where the rule was not there before. */
  readonly perSecond: number | null
}

interface Reading {
  readonly firewall: InForce
  readonly rules: readonly CountedRule[]
}

/** Reads what rules count, again and again, a second apart at least. */
class Meter {
  #last: InForce
  #lastMs = performance.now()

  constructor(first: InForce) {
    this.#last = first
  }

  async read(): Promise<Reading> {
    const since = performance.now() - this.#lastMs
    if (since < 900) await pause(1000 - since)
    const before = new Map(rulesInForce(this.#last).map((placed) => [keyOf(placed), placed.rule.counters]))
    const firewall = readInForce(this.#last.tools)
    const nowMs = performance.now()
    const seconds = (nowMs - this.#lastMs) / 1000
    this.#last = firewall
    this.#lastMs = nowMs
    const rules = rulesInForce(firewall).map((placed) => {
      const { counters } = placed.rule
      const old = before.get(keyOf(placed))
      const more = old === undefined ? null : Number(counters.packets - old.packets)
      // Whoever zeroes counters makes them fewer.
      return { placed, counters, perSecond: more === null || more < 0 ? null : more / seconds }
    })
    return { firewall, rules }
  }
}

const keyOf = (placed: PlacedRule): string => `${placeOf(placed)} ${ruleText(placed)}`

const rateText = (perSecond: number | null): string =>
  perSecond === null
    ? '?'
    : perSecond === 0
      ? '-'
      : perSecond < 10
        ? perSecond.toFixed(1)
        : perSecond.toFixed(0)

interface About {
  readonly backend: string
  /** Rules of the other backend that are in force besides. */
  readonly otherRules: number
  /** The last one that was confirmed; null when there is none. */
  readonly generation: {
    readonly number: number
    readonly who: string
    readonly why: string
    readonly when: string
    /** Whether its rules are those in force. */
    readonly isInForce: boolean
  } | null
  readonly pending: {
    readonly who: string
    readonly why: string
    readonly phase: string
    readonly secondsLeft: number | null
    /** Whether the processes that watched over it are gone. */
    readonly isOrphaned: boolean
  } | null
  readonly lists: number
  readonly sets: number
}

async function aboutOf(state: State, firewall: InForce): Promise<About> {
  const number = state.generations().at(-1)
  const generation = number === undefined ? null : state.generation(number)
  const pending = state.pendingChange()
  return {
    backend: firewall.tools.backend,
    otherRules: rulesOfOtherBackend(firewall.tools),
    generation:
      generation === null
        ? null
        : {
            number: generation.number,
            who: generation.change.who,
            why: generation.change.why,
            when: generation.outcome.when,
            isInForce: (['ipv4', 'ipv6'] as const).every((family) =>
              sameRules(generation.rules[family], firewall.texts[family]),
            ),
          },
    pending:
      pending === null
        ? null
        : {
            who: pending.change.who,
            why: pending.change.why,
            phase: pending.phase?.name ?? 'ending',
            secondsLeft: secondsLeft(pending),
            isOrphaned: await isOrphaned(state, pending),
          },
    lists: Object.keys(firewall.lists).length,
    sets: [...(firewall.sets ?? '').matchAll(/^create /gm)].length,
  }
}

function renderAbout({ backend, otherRules, generation, pending, lists, sets }: About): string[] {
  const other = otherRules === 0 ? '' : `; ${otherRules} rules of the other backend are in force besides`
  const rows = [
    ['backend', `iptables-${backend}${other}`],
    [
      'generation',
      generation === null
        ? 'none was confirmed yet'
        : `${generation.number}, ${generation.why}, by ${generation.who}${generation.isInForce ? '' : '; the rules were changed since'}`,
    ],
    ['memory', `${lists} recency lists (postern recent), ${sets} sets`],
  ]
  if (pending !== null) {
    const left = pending.secondsLeft === null ? pending.phase : `${Math.ceil(pending.secondsLeft)} s left`
    const watched = pending.isOrphaned
      ? 'NOBODY WATCHES OVER IT ANY MORE: postern confirm keeps it, postern rollback puts the old rules back'
      : 'postern confirm keeps it'
    rows.unshift(['WAITING', `${pending.why}, by ${pending.who}: ${left}; ${watched}`])
  }
  return table(rows)
}

function renderChains({ firewall, rules }: Reading): string[] {
  return [...firewall.rulesets.values()].flatMap(({ family, tables }) =>
    [...tables.values()].flatMap(({ name, chains }) => {
      const bodies = [...chains.values()].flatMap((chain) => {
        const own = rules.filter(({ placed }) => placed.family === family && placed.chain === chain)
        if (own.length === 0 && chain.policy !== 'DROP') return []
        const head =
          chain.policy === null
            ? `  ${chain.name}`
            : `  ${chain.name}, policy ${chain.policy} (${chain.counters.packets} packets)`
        const rows = own.map(({ placed, counters: { packets, bytes }, perSecond }) => [
          `  ${String(placed.number).padStart(4)}`,
          rateText(perSecond),
          String(packets),
          String(bytes),
          ruleText(placed),
        ])
        return [
          head,
          ...(rows.length === 0 ? [] : table([['     #', '/s', 'PACKETS', 'BYTES', 'RULE'], ...rows])),
        ]
      })
      return bodies.length === 0 ? [] : [`${familyName[family]} ${name}`, ...bodies]
    }),
  )
}

const plain = ({ placed, counters: { packets, bytes }, perSecond }: CountedRule) => ({
  family: placed.family,
  table: placed.table,
  chain: placed.chain.name,
  number: placed.number,
  rule: ruleText(placed),
  packets: Number(packets),
  bytes: Number(bytes),
  perSecond,
})

const chainsOf = ({ firewall, rules }: Reading) =>
  [...firewall.rulesets.values()].flatMap(({ family, tables }) =>
    [...tables.values()].flatMap(({ name, chains }) =>
      [...chains.values()].map((chain) => ({
        family,
        table: name,
        chain: chain.name,
        policy: chain.policy,
        packets: Number(chain.counters.packets),
        bytes: Number(chain.counters.bytes),
        rules: rules.filter(({ placed }) => placed.family === family && placed.chain === chain).map(plain),
      })),
    ),
  )
