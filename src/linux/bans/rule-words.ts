/** The words of iptables rules that an action's options ask for. */
import type { Family } from '../../net/address.ts'

/** What becomes of packets of the banned. LOG alone stops nobody: a new jail is best tried with it. */
export type Verdict = 'drop' | 'reject' | 'log' | 'log-drop' | 'log-reject'

export const verdicts: readonly Verdict[] = ['drop', 'reject', 'log', 'log-drop', 'log-reject']

export interface RuleOptions {
  /** The chain that packets come through. */
  readonly chain: string
  /** Protocols by name; empty means all. */
  readonly protocols: readonly string[]
  /** Ports and ranges by name or number; empty means all. */
  readonly ports: readonly string[]
  readonly verdict: Verdict
  /** The text before what LOG says; at most 29 characters count. */
  readonly logPrefix: string
}

/** Reads options as fail2ban names them: `chain`, `protocol`, `port`, `blocktype`; and `verdict`. */
export function ruleOptionsOf(jail: string, options: Readonly<Record<string, string>>): RuleOptions {
  const list = (text = ''): string[] => text.split(/[\s,]+/).filter((word) => word !== '')
  const protocols = list(options.protocol ?? 'tcp').filter((word) => word !== 'all')
  const ports = list(options.port).filter((word) => word !== '0:65535' && word !== '1:65535')
  return {
    chain: options.chain ?? 'INPUT',
    protocols,
    // Ports belong to a protocol; without one there is nothing to compare.
    ports: protocols.length === 0 ? [] : ports,
    verdict: verdictOf(options.verdict ?? options.blocktype ?? 'drop'),
    logPrefix: `postern ${jail}: `.slice(0, 29),
  }
}

function verdictOf(text: string): Verdict {
  const word = text.toLowerCase().split(/\s/)[0]!
  const verdict = verdicts.find((known) => known === word)
  if (verdict === undefined) throw new Error(`verdict "${text}" is none of ${verdicts.join(', ')}`)
  return verdict
}

/** Ports that one `multiport` takes; a range counts as two. */
const portsOfRule = 15

/** The matches of the rules that cover the ports, one list of words a rule. */
export function portMatches({ protocols, ports }: RuleOptions): string[][] {
  if (protocols.length === 0) return [[]]
  return protocols.flatMap((protocol) =>
    ports.length === 0
      ? [['-p', protocol]]
      : groupsOf(ports).map((group) => ['-p', protocol, '-m', 'multiport', '--dports', group.join(',')]),
  )
}

function groupsOf(ports: readonly string[]): string[][] {
  const groups: string[][] = []
  let room = 0
  for (const port of ports) {
    const size = port.includes(':') ? 2 : 1
    if (room < size) {
      groups.push([])
      room = portsOfRule
    }
    groups.at(-1)!.push(port.replace('-', ':'))
    room -= size
  }
  return groups
}

/** The targets that a verdict needs, one list of words a rule, in their order. */
export function verdictTargets({ verdict, logPrefix }: RuleOptions, family: Family): string[][] {
  const log = ['-j', 'LOG', '--log-prefix', logPrefix]
  const unreachable = family === 'ipv6' ? 'icmp6-port-unreachable' : 'icmp-port-unreachable'
  const reject = ['-j', 'REJECT', '--reject-with', unreachable]
  switch (verdict) {
    case 'drop':
      return [['-j', 'DROP']]
    case 'reject':
      return [reject]
    case 'log':
      return [log]
    case 'log-drop':
      return [log, ['-j', 'DROP']]
    case 'log-reject':
      return [log, reject]
  }
}

/** A word as iptables-restore reads it. */
export const restoreWord = (word: string): string =>
  /^[\w.:/,!@-]+$/.test(word) ? word : `"${word.replace(/[\\"]/g, '\\$&')}"`
