/**
 * The lines that the kernel logs of a packet that TRACE marked, one for each rule it meets.
 *
 * Kernel: trace_packet(), get_chainname_rulenum(), net/ipv4/netfilter/ip_tables.c, Linux 6.18.
 */
import type { HookContext } from '../ext/context.ts'
import { type LogFlags, logLine, noLogFlags } from '../ext/log-line.ts'
import { isUnconditional } from '../lang/reach.ts'
import type { LoadedChain, LoadedRule } from './compile.ts'
import type { HostSkb } from './skb.ts'

/** Source: NF_LOG_DEFAULT_MASK, include/uapi/linux/netfilter/nf_log.h. */
const flags: LogFlags = { ...noLogFlags, tcpSequence: true, tcpOptions: true, ipOptions: true, uid: true }

/** An unconditional verdict is called what the end of its chain would be called. */
export function traceOfRule(
  { rule, ref }: LoadedRule,
  chain: LoadedChain,
  skb: HostSkb,
  context: HookContext,
): string {
  const isEnd = rule.target.kind === 'verdict' && isUnconditional(rule)
  return line(chain, isEnd ? endOf(chain) : 'rule', ref.number, skb, context)
}

/** A chain that runs out ends in a rule of its own. */
export const traceOfEnd = (chain: LoadedChain, skb: HostSkb, context: HookContext): string =>
  line(chain, endOf(chain), chain.rules.length + 1, skb, context)

const endOf = ({ policy }: LoadedChain): string => (policy === null ? 'return' : 'policy')

const line = (
  { name }: LoadedChain,
  word: string,
  number: number,
  skb: HostSkb,
  context: HookContext,
): string => logLine(`TRACE: ${context.table}:${name}:${word}:${number} `, flags, skb, context)
