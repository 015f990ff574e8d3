/**
 * Host x packet x clock -> outcome: what the kernel would do with a packet, and why.
 *
 * Here: the host with its interfaces, routes and settings; the way of packets through hooks, tables and chains;
 * connection tracking, fragments, recency lists; ICMP errors and other packets that the host makes. Not here: the text
 * of rules (`lang`), what a match or target means (`ext`), timelines (`scenario`). Time and bytes come in as
 * parameters; nothing reads a clock.
 */
export type { LoadRefusal } from './check-table.ts'
export * from './config.ts'
export { Host, type LoadOptions, type PacketOptions, type SendOptions } from './host.ts'
export {
  type Outcome,
  printRuleRef,
  type RuleRef,
  type SentFrame,
  type TraceEvent,
  type TraceSink,
  type Verdict,
} from './outcome.ts'
export { type Possibilities, type Possibility, possibilities, printSupposition } from './possibilities.ts'
export { heededSysctls, isHeededSysctl } from './sysctls.ts'
