/** The rules that one command line describes, once all its words are read. */
import type { CommandEnvironment } from './command.ts'
import type { CommandParts, NamedTarget, UnknownWords } from './command-parts.ts'
import * as complain from './complaints.ts'
import { type AddressList, parseAddressList, parseCounters, parseInterface } from './conditions.ts'
import { ExtensionUse } from './extension-use.ts'
import { protocolName } from './names.ts'
import type { MatchUse, Negatable, Rule, TargetUse, UnknownUse } from './rule.ts'
import { emptyRule, hooks, noCounters, spanInRule, tableHooks } from './rule.ts'
import type { Span } from './source.ts'
import { spanOfWords, type Word } from './words.ts'

/**
 * One rule for each pair of source and destination, sources in the outer loop. What is wrong is reported; the rules
 * are then not to be used.
 */
export function buildRules(parts: CommandParts, environment: CommandEnvironment): Rule[] {
  const { problems } = environment
  const seen = (name: Parameters<typeof parts.seen.get>[0]) => parts.seen.get(name)
  const sources = parseAddressList(seen('source'), environment)
  const destinations = parseAddressList(seen('destination'), environment)
  if (parts.command?.name === 'replace' && (sources.length > 1 || destinations.length > 1)) {
    problems.error(complain.replaceWithList(), parts.command.span)
  }
  const inverted = [seen('source'), seen('destination')].find((option) => option?.inverted)
  if (inverted !== undefined && (sources.length > 1 || destinations.length > 1)) {
    problems.error(complain.invertedList(), inverted.span)
  }
  const counted = seen('set-counters')
  const span = spanOfWords(parts.words)
  const base: Rule = {
    ...emptyRule,
    inInterface: parseInterface(seen('in-interface'), environment),
    outInterface: parseInterface(seen('out-interface'), environment),
    protocol: protocolOf(parts, environment),
    fragment: fragmentOf(parts),
    matches: parts.matches.flatMap((match) => finishMatch(match, parts, span)),
    target: finishTarget(parts, environment, span),
    counters: (counted && parseCounters(counted)) ?? noCounters,
    span,
  }
  checkInterfaces(parts, environment)
  return crossProduct(sources, destinations, base)
}

function crossProduct(sources: AddressList, destinations: AddressList, base: Rule): Rule[] {
  if (sources.length === 1 && destinations.length === 1) {
    return [{ ...base, source: sources[0]!, destination: destinations[0]! }]
  }
  return sources.flatMap((source) => destinations.map((destination) => ({ ...base, source, destination })))
}

/** Protocols that are extension headers in IPv6. Source: `is_exthdr()`, iptables/xshared.c. */
const extensionHeaders = [0, 43, 44, 51, 60]

function protocolOf(parts: CommandParts, { family, problems }: CommandEnvironment): Negatable<number> | null {
  if (parts.protocol === null) return null
  const { number, inverted } = parts.protocol
  if (family === 'ipv6' && !inverted && extensionHeaders.includes(number)) {
    problems.warn(complain.extensionHeader(protocolName(number)), parts.seen.get('protocol')!.span)
  }
  return { value: number, inverted }
}

function fragmentOf(parts: CommandParts): Negatable<true> | null {
  const seen = parts.seen.get('fragments')
  return seen === undefined ? null : { value: true, inverted: seen.inverted }
}

const textsOf = (words: readonly Word[]): string[] => words.map(({ text }) => text)

function finishMatch(
  match: ExtensionUse | UnknownWords,
  parts: CommandParts,
  rule: Span | null,
): (MatchUse | UnknownUse)[] {
  if (match instanceof ExtensionUse) {
    const finished = match.finish(parts.protocol)
    if (finished === null) return []
    return [
      { kind: 'known', name: match.syntax.name, data: finished.data, span: spanInRule(match.span, rule) },
    ]
  }
  const span = spanInRule(spanOfWords([match.name, ...match.words]), rule)
  return [{ kind: 'unknown', name: match.name.text, words: textsOf(match.words), span }]
}

function finishTarget(parts: CommandParts, environment: CommandEnvironment, rule: Span | null): TargetUse {
  const { target } = parts
  if (target === null) return { kind: 'none' }
  const name = target.name.text
  const { span } = target.name
  if (name === 'DROP' && parts.table === 'nat') environment.problems.error(complain.natDrop(), span)
  switch (target.kind) {
    case 'verdict':
      return { kind: 'verdict', verdict: name as 'ACCEPT', span: spanInRule(span, rule) }
    case 'chain':
      checkJump(target, parts, environment)
      return { kind: 'chain', chain: name, goto: target.goto, span: spanInRule(span, rule) }
    case 'extension': {
      const finished = target.use.finish(parts.protocol)
      const place = spanInRule(target.use.span ?? span, rule)
      return finished === null
        ? { kind: 'none' }
        : { kind: 'extension', name: target.use.syntax.name, data: finished.data, span: place }
    }
    case 'unknown':
      return {
        kind: 'unknown',
        name,
        words: textsOf(target.words),
        span: spanInRule(spanOfWords([target.name, ...target.words]), rule),
      }
    case 'nowhere':
      refuseTarget(target, parts, environment)
      return { kind: 'none' }
  }
}

/** libiptc refuses jumps to base chains of the table; the name of another table's base chain is an ordinary one. */
function checkJump(target: NamedTarget, parts: CommandParts, { problems }: CommandEnvironment): void {
  const { text, span } = target.name
  if (tableHooks[parts.table].some((hook) => hook === text)) problems.error(complain.jumpToBase(text), span)
}

function refuseTarget(
  target: NamedTarget,
  parts: CommandParts,
  { problems, chains, syntax, family, chainMadeLater }: CommandEnvironment,
): void {
  const { text, span } = target.name
  if (text === '' || text.length > 28 || /\s/.test(text)) return
  const later = chainMadeLater?.(parts.table, text) ?? null
  if (later !== null) {
    problems.error(complain.chainLater(text, target.goto), span, {
      span: later,
      message: 'the chain is made here',
    })
    return
  }
  const users = [...chains(parts.table).keys()].filter((name) => !hooks.some((hook) => hook === name))
  const targets = syntax.targets.filter(({ families }) => families.includes(family)).map(({ name }) => name)
  const candidates = target.goto ? users : ['ACCEPT', 'DROP', 'RETURN', ...targets, ...users]
  problems.error(complain.unknownTarget(text, candidates, target.goto), span)
}

/** Literal names only: a user chain takes both interfaces. Source: iptables/iptables.c, `do_command4()`. */
function checkInterfaces(parts: CommandParts, { problems }: CommandEnvironment): void {
  const chain = parts.command?.chain?.text
  if (chain === undefined) return
  const out = parts.seen.get('out-interface')
  const into = parts.seen.get('in-interface')
  if (out && (chain === 'PREROUTING' || chain === 'INPUT')) {
    problems.error(complain.interfaceInChain('-o', chain), out.span)
  }
  if (into && (chain === 'POSTROUTING' || chain === 'OUTPUT')) {
    problems.error(complain.interfaceInChain('-i', chain), into.span)
  }
}
