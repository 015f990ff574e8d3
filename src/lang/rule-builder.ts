/** The rules that one command line describes, once all its words are read. */
import type { CommandEnvironment } from './command.ts'
import type { CommandLine, NamedTarget, UnknownWords } from './command-line.ts'
import * as complain from './complaints.ts'
import { type AddressList, parseAddressList, parseCounters, parseInterface } from './conditions.ts'
import { ExtensionUse } from './extension-use.ts'
import { protocolName } from './names.ts'
import type { MatchUse, Negatable, Rule, TargetUse, UnknownUse } from './rule.ts'
import { emptyRule, hooks, noCounters, tableHooks } from './rule.ts'
import { spanOfWords, type Word } from './words.ts'

/**
 * One rule for each pair of source and destination, sources in the outer loop. What is wrong is reported; the rules
 * are then not to be used.
 */
export function buildRules(line: CommandLine, environment: CommandEnvironment): Rule[] {
  const { problems } = environment
  const seen = (name: Parameters<typeof line.seen.get>[0]) => line.seen.get(name)
  const sources = parseAddressList(seen('source'), environment)
  const destinations = parseAddressList(seen('destination'), environment)
  if (line.command?.name === 'replace' && (sources.length > 1 || destinations.length > 1)) {
    problems.error(complain.replaceWithList(), line.command.span)
  }
  const counted = seen('set-counters')
  const base: Rule = {
    ...emptyRule,
    inInterface: parseInterface(seen('in-interface'), environment),
    outInterface: parseInterface(seen('out-interface'), environment),
    protocol: protocolOf(line, environment),
    fragment: fragmentOf(line),
    matches: line.matches.flatMap((match) => finishMatch(match, line)),
    target: finishTarget(line, environment),
    counters: (counted && parseCounters(counted, environment)) ?? noCounters,
    span: spanOfWords(line.words),
  }
  checkInterfaces(line, environment)
  return crossProduct(sources, destinations, base)
}

function crossProduct(sources: AddressList, destinations: AddressList, base: Rule): Rule[] {
  return sources.flatMap((source) => destinations.map((destination) => ({ ...base, source, destination })))
}

/** Protocols that are extension headers in IPv6. Source: `is_exthdr()`, iptables/xshared.c. */
const extensionHeaders = [0, 43, 44, 51, 60]

function protocolOf(line: CommandLine, { family, problems }: CommandEnvironment): Negatable<number> | null {
  if (line.protocol === null) return null
  const { number, inverted } = line.protocol
  if (family === 'ipv6' && !inverted && extensionHeaders.includes(number)) {
    problems.warn(complain.extensionHeader(protocolName(number)), line.seen.get('protocol')!.span)
  }
  return { value: number, inverted }
}

function fragmentOf(line: CommandLine): Negatable<true> | null {
  const seen = line.seen.get('fragments')
  return seen === undefined ? null : { value: true, inverted: seen.inverted }
}

const textsOf = (words: readonly Word[]): string[] => words.map(({ text }) => text)

function finishMatch(match: ExtensionUse | UnknownWords, line: CommandLine): (MatchUse | UnknownUse)[] {
  if (match instanceof ExtensionUse) {
    const finished = match.finish(line.protocol)
    if (finished === null) return []
    return [{ kind: 'known', name: match.syntax.name, data: finished.data, span: match.span }]
  }
  const span = spanOfWords([match.name, ...match.words])
  return [{ kind: 'unknown', name: match.name.text, words: textsOf(match.words), span }]
}

function finishTarget(line: CommandLine, environment: CommandEnvironment): TargetUse {
  const { target } = line
  if (target === null) return { kind: 'none' }
  const name = target.name.text
  const { span } = target.name
  if (name === 'DROP' && line.table === 'nat') environment.problems.error(complain.natDrop(), span)
  switch (target.kind) {
    case 'verdict':
      return { kind: 'verdict', verdict: name as 'ACCEPT', span }
    case 'chain':
      checkJump(target, line, environment)
      return { kind: 'chain', chain: name, goto: target.goto, span }
    case 'extension': {
      const finished = target.use.finish(line.protocol)
      const spanOfUse = target.use.span ?? span
      return finished === null
        ? { kind: 'none' }
        : { kind: 'extension', name: target.use.syntax.name, data: finished.data, span: spanOfUse }
    }
    case 'unknown':
      return {
        kind: 'unknown',
        name,
        words: textsOf(target.words),
        span: spanOfWords([target.name, ...target.words]),
      }
    case 'nowhere':
      refuseTarget(target, line, environment)
      return { kind: 'none' }
  }
}

/** libiptc refuses jumps to base chains of the table; the name of another table's base chain is an ordinary one. */
function checkJump(target: NamedTarget, line: CommandLine, { problems }: CommandEnvironment): void {
  const { text, span } = target.name
  if (tableHooks[line.table].some((hook) => hook === text)) problems.error(complain.jumpToBase(text), span)
}

function refuseTarget(
  target: NamedTarget,
  line: CommandLine,
  { problems, chains, syntax, family, chainMadeLater }: CommandEnvironment,
): void {
  const { text, span } = target.name
  if (text === '' || text.length > 28 || /\s/.test(text)) return
  const later = chainMadeLater?.(line.table, text) ?? null
  if (later !== null) {
    problems.error(complain.chainLater(text), span, { span: later, message: 'the chain is made here' })
    return
  }
  const users = [...chains(line.table).keys()].filter((name) => !hooks.some((hook) => hook === name))
  const targets = syntax.targets.filter(({ families }) => families.includes(family)).map(({ name }) => name)
  const candidates = target.goto ? users : ['ACCEPT', 'DROP', 'RETURN', ...targets, ...users]
  problems.error(complain.unknownTarget(text, candidates, target.goto), span)
}

/** Literal names only: a user chain takes both interfaces. Source: iptables/iptables.c, `do_command4()`. */
function checkInterfaces(line: CommandLine, { problems }: CommandEnvironment): void {
  const chain = line.command?.chain?.text
  if (chain === undefined) return
  const out = line.seen.get('out-interface')
  const into = line.seen.get('in-interface')
  if (out && (chain === 'PREROUTING' || chain === 'INPUT')) {
    problems.error(complain.interfaceInChain('-o', chain), out.span)
  }
  if (into && (chain === 'POSTROUTING' || chain === 'OUTPUT')) {
    problems.error(complain.interfaceInChain('-i', chain), into.span)
  }
}
