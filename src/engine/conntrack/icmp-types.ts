/**
 * Which ICMP and ICMPv6 messages ask, which answer, and which report an error.
 *
 * Kernel: net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c, Linux 6.18.
 */
import { ipProtocol } from '../../net/protocol.ts'

/** Question and answer: echo, timestamp, information, address mask; ICMPv6 echo, node information. */
const exchanges = {
  icmp: [
    [8, 0],
    [13, 14],
    [15, 16],
    [17, 18],
  ],
  icmp6: [
    [128, 129],
    [139, 140],
  ],
} as const

type Kind = keyof typeof exchanges

const kindOf = (protocol: number): Kind => (protocol === ipProtocol.icmp ? 'icmp' : 'icmp6')

function inverses(kind: Kind): readonly (number | null)[] {
  const table = Array<number | null>(256).fill(null)
  for (const [question, answer] of exchanges[kind]) {
    table[question] = answer
    table[answer] = question
  }
  return table
}

const inverseOf = { icmp: inverses('icmp'), icmp6: inverses('icmp6') }

const questions = {
  icmp: new Set<number>(exchanges.icmp.map(([question]) => question)),
  icmp6: new Set<number>(exchanges.icmp6.map(([question]) => question)),
}

/** The type that answers, or is answered by, a message of this type; null for every other message. */
export const icmpInverse = (protocol: number, type: number): number | null =>
  inverseOf[kindOf(protocol)][type]!

/** Whether a connection may begin with it. Source: valid_new of both files. */
export const icmpIsQuestion = (protocol: number, type: number): boolean =>
  questions[kindOf(protocol)].has(type)

/** NR_ICMP_TYPES: higher IPv4 types are unknown and invalid. Source: include/uapi/linux/icmp.h. */
export const highestIcmpType = 18

/** Destination unreachable, source quench, redirect, time exceeded, parameter problem. Source: icmp_is_err(). */
const icmpErrors = new Set([3, 4, 5, 11, 12])

/** Whether it quotes the packet that caused it. */
export const icmpIsError = (protocol: number, type: number): boolean =>
  protocol === ipProtocol.icmp ? icmpErrors.has(type) : type < 128

/**
 * ICMPv6 messages that are never tracked: MLD queries, reports and done (130 to 132), router and neighbour discovery
 * (133 to 136), MLDv2 reports (143). Redirects (137) are none of them: they are invalid. Source: noct_valid_new.
 */
export const icmp6IsUntracked = (type: number): boolean => (130 <= type && type <= 136) || type === 143
