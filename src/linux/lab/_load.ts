/** Rules go into the kernel by the real commands, started without a shell. */
import { spawnSync } from 'node:child_process'
import { restoreText } from '../../engine/set/restore.ts'
import { type TableName, tableHooks } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import { UnavailableError } from '../unavailable.ts'
import type { TableCounters } from './_counters.ts'

export type Backend = 'legacy' | 'nft'

/** The real iptables refused the rules; its own words are the message. */
export class RulesRefusedError extends Error {
  readonly family: Family
  readonly status: number

  constructor(command: string, family: Family, status: number, stderr: string) {
    super(stderr.trim() === '' ? `${command} failed with status ${status}` : stderr.trim())
    this.name = 'RulesRefusedError'
    this.family = family
    this.status = status
  }
}

const familyPrefix: Readonly<Record<Family, string>> = { ipv4: 'iptables', ipv6: 'ip6tables' }

/** `ip6tables-nft-restore`: a command of the chosen backend. */
export const commandName = (
  family: Family,
  backend: Backend,
  suffix: '' | '-restore' | '-save' = '',
): string => `${familyPrefix[family]}-${backend}${suffix}`

/**
 * The lock of legacy iptables guards the one table of a machine; a lab's tables are its own. Each command locks its
 * own process file instead, so that labs do not wait for each other, or for the machine's firewall.
 */
const environment = { ...process.env, XTABLES_LOCKFILE: '/proc/self/status', LC_ALL: 'C' }

export interface Answer {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Preconditions: inside the namespace. */
export function runTool(command: string, args: readonly string[], input = ''): Answer {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    env: environment,
    maxBuffer: 1 << 28,
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    const debianPackage = /^ip6?tables/.test(command) ? 'iptables' : command
    throw new UnavailableError(`${command} is not installed`, `apt-get install ${debianPackage}`)
  }
  if (error) throw error
  return { status: status ?? 128, stdout, stderr }
}

/** Save text, or a script of commands. */
export const isSaveText = (text: string): boolean => /^\s*\*/m.test(text) && !/^\s*ip6?tables\b/m.test(text)

/** Loads a text of rules; throws `RulesRefusedError`. */
export function loadRules(text: string, family: Family, backend: Backend): void {
  if (isSaveText(text)) {
    const command = commandName(family, backend, '-restore')
    const input = text.endsWith('\n') ? text : `${text}\n`
    const { status, stderr } = runTool(command, [], input)
    if (status !== 0) throw new RulesRefusedError(command, family, status, stderr)
    return
  }
  for (const command of commandLines(text)) {
    const words = splitWords(command)
    const { status, stderr } = runIptables(words, backend)
    if (status !== 0) throw new RulesRefusedError(words[0]!, family, status, `${command}\n${stderr}`)
  }
}

/**
 * The nft backend makes only the chains that the text names, and counts for policies only in those whose policy was
 * set; legacy has all of a table's, and counts in all. So that policies count alike, the missing ones are made, and
 * the policies of the others set to what they are.
 */
export function completeTables(existing: readonly TableCounters[]): void {
  setPolicies(existing, ({ policy }) => policy?.counts === false)
}

/**
 * Zeroes the counters of a table's policies, as iptables-legacy does whenever a command changes the table; the nft
 * backend leaves them.
 */
export function zeroPolicies(existing: readonly TableCounters[], words: readonly string[]): void {
  if (isIpset(words)) return
  if (words.some((word) => /^(-[LSC]|--(list|list-rules|check))$/.test(word))) return
  const family: Family = /ip6tables/.test(words[0] ?? '') ? 'ipv6' : 'ipv4'
  const at = words.findIndex((word) => word === '-t' || word === '--table')
  const name = at < 0 ? 'filter' : words[at + 1]
  setPolicies(
    existing.filter((table) => table.family === family && table.name === name),
    () => true,
  )
}

/** Makes the base chains that are missing, and sets the chosen policies to what they are. */
function setPolicies(
  existing: readonly TableCounters[],
  isChosen: (chain: TableCounters['chains'][number]) => boolean,
): void {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const lines = existing
      .filter((table) => table.family === family)
      .flatMap((table) => {
        const chains = (tableHooks[table.name as TableName] ?? []).flatMap((hook) => {
          const chain = table.chains.find(({ name }) => name === hook)
          if (chain === undefined) return [`:${hook} ACCEPT`]
          return isChosen(chain) ? [`:${hook} ${(chain.policy?.verdict ?? 'accept').toUpperCase()}`] : []
        })
        return chains.length === 0 ? [] : [`*${table.name}`, ...chains, 'COMMIT']
      })
    if (lines.length === 0) continue
    const command = commandName(family, 'nft', '-restore')
    const { status, stderr } = runTool(command, ['--noflush'], `${lines.join('\n')}\n`)
    if (status !== 0) throw new RulesRefusedError(command, family, status, stderr)
  }
}

/** Whether a command is for sets, and no table changes by it. */
export const isIpset = ([name = '']: readonly string[]): boolean => /^(?:\/\S*\/)?ipset$/.test(name)

/** Runs `iptables ...` or `ip6tables ...` with the chosen backend. */
export function runIptables(words: readonly string[], backend: Backend): Answer {
  const [name = '', ...args] = words
  if (isIpset(words)) return runTool('ipset', args)
  const tool = /^(?:\/\S*\/)?(iptables|ip6tables)(-save|-restore)?$/.exec(name)
  if (tool === null)
    throw new Error(`"${name}" is not a command that a step can run; iptables, ip6tables and ipset are`)
  const family = tool[1] === 'iptables' ? 'ipv4' : 'ipv6'
  return runTool(commandName(family, backend, (tool[2] ?? '') as '' | '-save' | '-restore'), args)
}

/** Makes the sets of a text; throws where ipset refuses them. */
export function loadSets(text: string): void {
  const { status, stderr } = runTool('ipset', ['restore'], restoreText(text))
  if (status !== 0) throw new Error(`ipset: ${stderr.trim()}`)
}

/** Lines of a script that are commands, continuation lines joined. */
function commandLines(text: string): string[] {
  return text
    .replace(/\\\r?\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** The words of a command: blanks separate, quotes and backslashes as in a shell, nothing is expanded. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (/\s/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else if (character === '#' && word === null) {
      break
    } else if (character === "'" || character === '"') {
      word ??= ''
      for (at++; at < line.length && line[at] !== character; at++) {
        if (character === '"' && line[at] === '\\' && /["\\$`]/.test(line[at + 1] ?? '')) at++
        word += line[at]
      }
    } else {
      if (character === '\\') at++
      word = (word ?? '') + (line[at] ?? '')
    }
  }
  if (word !== null) words.push(word)
  return words
}
