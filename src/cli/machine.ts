/** The rules of a host that never was, kept in a file between commands. */
import { registry } from '../ext/registry.ts'
import { decodeText, encodeText } from '../lang/bytes.ts'
import { printTable } from '../lang/print.ts'
import { Problems } from '../lang/problems.ts'
import { linux618 } from '../lang/profile.ts'
import type { Machine, Rulesets } from '../lang/program/answer.ts'
import { readRestore } from '../lang/restore.ts'
import { type Family, newRuleset, type Ruleset } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { type Environment, UsageError } from './environment.ts'

interface StateFile {
  readonly postern: 'state'
  readonly version: 1
  /** Tables in the order of their first use, with counters. */
  readonly ipv4: string
  readonly ipv6: string
}

/**
 * Runs an action on the machine of a state file and writes back what it changed. Nobody else changes the file
 * meanwhile. A file that does not exist is a machine without tables.
 */
export async function withMachine<T>(
  path: string,
  environment: Environment,
  action: (machine: Machine) => T | Promise<T>,
): Promise<T> {
  return environment.exclusively(path, async () => {
    const before = environment.exists(path) ? decodeText(await environment.readFile(path)) : ''
    const rulesets = before === '' ? emptyRulesets() : parseState(path, before)
    const answer = await action(machineOf(rulesets))
    const after = printState(rulesets)
    if (after !== before) await environment.replaceFile(path, encodeText(after))
    return answer
  })
}

const machineOf = (rulesets: Rulesets): Machine => ({ rulesets, syntax: registry, profile: linux618 })

/** A machine without tables. */
export const emptyMachine = (): Machine => machineOf(emptyRulesets())

const emptyRulesets = (): Rulesets => ({ ipv4: newRuleset('ipv4'), ipv6: newRuleset('ipv6') })

function parseState(path: string, text: string): Rulesets {
  const state = parseJson(text)
  if (!isStateFile(state)) {
    throw new UsageError(`${path} is no state file of postern`, 'name a file that does not exist yet')
  }
  return { ipv4: readTables('ipv4', state.ipv4, path), ipv6: readTables('ipv6', state.ipv6, path) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isStateFile(value: unknown): value is StateFile {
  if (typeof value !== 'object' || value === null) return false
  const { postern, version, ipv4, ipv6 } = value as Record<string, unknown>
  return postern === 'state' && version === 1 && typeof ipv4 === 'string' && typeof ipv6 === 'string'
}

function readTables(family: Family, text: string, path: string): Ruleset {
  const ruleset = newRuleset(family)
  const problems = new Problems()
  const source = new SourceText(path, text)
  readRestore(source, ruleset, { syntax: registry, profile: linux618, problems, verify: false })
  const error = problems.list.find(({ severity }) => severity === 'error')
  if (error !== undefined) throw new UsageError(`${path} has been damaged: ${error.message}`)
  return ruleset
}

function printState({ ipv4, ipv6 }: Rulesets): string {
  const state: StateFile = { postern: 'state', version: 1, ipv4: printTables(ipv4), ipv6: printTables(ipv6) }
  return `${JSON.stringify(state, null, 1)}\n`
}

const printTables = ({ family, tables }: Ruleset): string =>
  [...tables.values()]
    .map((table) => printTable(table, { family, syntax: registry }, { withCounters: true }))
    .join('')
