/** `postern rollback`: the rules of an earlier generation, or the end of a change that waits. */
import type { Family, Ruleset } from '../lang/rule.ts'
import {
  ChangeUnderWay,
  decide,
  type Generation,
  requirePrivilege,
  rulesetOf,
  type State,
} from '../linux/apply/index.ts'
import { change, changeOptions, inForceFor, stateOf, Talk } from './apply-common.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { cutToColumns, table } from './style.ts'

export const rollback: Command = {
  name: 'rollback',
  summary: 'return to the rules of an earlier generation',
  description:
    'While a change waits to be confirmed, this puts the old rules back at once. Otherwise the rules of a generation come ' +
    'into force, by default those before the present ones, as with postern apply: with a diff, a look at SSH sessions, and ' +
    'undone unless confirmed. Tables that the generation did not have are emptied. Sets that its rules name are made if ' +
    'they are missing; those that exist are left as they are.',
  arguments: [{ name: '[generation]', doc: 'its number, as --list shows it' }],
  options: [{ flags: '--list', doc: 'show the generations: when, who, why' }, ...changeOptions, jsonOption],
  examples: [
    { does: 'Which were there?', command: 'postern rollback --list', needs: 'root' },
    { does: 'The rules before the last change', command: 'postern rollback', needs: 'root and a generation' },
  ],
  run: runRollback,
}

async function runRollback(
  [number]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  requirePrivilege("looking at the kernel's rules", 'sudo postern rollback')
  const state = stateOf(options)
  if (options.list === true) return list(state, options.json === true, environment)
  if (number === undefined && state.pendingChange() !== null) {
    const outcome = await decide(state, { what: 'undo', why: 'rolled back' }).catch((error) => {
      if (!(error instanceof ChangeUnderWay)) throw error
      throw new UsageError('the change that waits was made in another network namespace')
    })
    const status = new Talk(options.json === true, environment).outcome(outcome)
    return outcome?.result === 'undone' ? exit.ok : status
  }
  const generation = chosen(state, number)
  const inForce = inForceFor('rollback', options)
  const rulesets = new Map<Family, Ruleset>()
  for (const family of ['ipv4', 'ipv6'] as const) {
    const ruleset = rulesetOf(withEmptyTables(generation.rules[family], inForce.texts[family]), family)
    if (ruleset.tables.size > 0) rulesets.set(family, ruleset)
  }
  const missing = missingSets(generation.sets ?? '', inForce.sets ?? '')
  const wanted = { rulesets, ...(missing === '' ? {} : { sets: missing }) }
  return change(wanted, inForce, `generation ${generation.number}`, options, environment)
}

function chosen(state: State, text: string | undefined): Generation {
  const numbers = state.generations()
  if (text !== undefined && !/^\d+$/.test(text))
    throw new UsageError(`"${text}" is no number of a generation`, 'postern rollback --list')
  const number = text === undefined ? numbers.at(-2) : Number(text)
  const generation = number === undefined ? null : state.generation(number)
  if (generation === null)
    throw new UsageError(
      text === undefined ? 'there is no generation before this one' : `there is no generation ${text}`,
      'postern rollback --list',
    )
  return generation
}

/** The tables of now that were not there then, with nothing in them. */
function withEmptyTables(then: string, now: string): string {
  const names = (text: string): string[] => [...text.matchAll(/^\*(\S+)$/gm)].map(([, name]) => name!)
  const gone = names(now).filter((name) => !names(then).includes(name))
  return `${then}${gone.map((name) => `*${name}\nCOMMIT\n`).join('')}`
}

/** Lines of the sets that are not there now. */
function missingSets(then: string, now: string): string {
  const nameOf = (line: string): string => line.split(' ')[1] ?? ''
  const present = new Set(
    now
      .split('\n')
      .filter((line) => line.startsWith('create '))
      .map(nameOf),
  )
  const lines = then.split('\n').filter((line) => line !== '' && !present.has(nameOf(line)))
  return lines.map((line) => `${line}\n`).join('')
}

function list(state: State, json: boolean, environment: Environment): number {
  const all = state.generations().flatMap((number) => state.generation(number) ?? [])
  if (json) {
    for (const { number, change, outcome } of all) {
      const { who, when, why, tools } = change
      const confirmed = outcome.when
      environment.stdout(
        `${JSON.stringify({ generation: number, who, when, why, confirmed, backend: tools.backend })}\n`,
      )
    }
    return exit.ok
  }
  if (all.length === 0) environment.stderr('no change has been confirmed yet\n')
  const rows = all.map(({ number, change, outcome }) => [
    String(number),
    outcome.when.replace('T', ' ').replace(/\..*/, ''),
    change.who,
    change.why,
  ])
  const lines = rows.length === 0 ? [] : table([['GENERATION', 'WHEN (UTC)', 'WHO', 'WHY'], ...rows])
  environment.stdout(
    lines.map((line) => `${cutToColumns(line, environment.screen?.columns ?? 0)}\n`).join(''),
  )
  return exit.ok
}
