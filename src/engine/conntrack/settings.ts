/**
 * What `net.netfilter.nf_conntrack_*` sets, with the kernel's defaults.
 *
 * Source: net/netfilter/nf_conntrack_standalone.c for the names; tcp_timeouts, sctp_timeouts, udp_timeouts, gre_timeouts,
 * nf_ct_icmp_timeout, nf_ct_icmpv6_timeout and nf_ct_generic_timeout for the times; Linux 6.18.
 */

/** Seconds, by the name behind `nf_conntrack_`. */
const defaultTimeouts = {
  generic_timeout: 600,
  icmp_timeout: 30,
  icmpv6_timeout: 30,
  udp_timeout: 30,
  udp_timeout_stream: 120,
  gre_timeout: 30,
  gre_timeout_stream: 180,
  tcp_timeout_syn_sent: 120,
  tcp_timeout_syn_recv: 60,
  tcp_timeout_established: 432_000,
  tcp_timeout_fin_wait: 120,
  tcp_timeout_close_wait: 60,
  tcp_timeout_last_ack: 30,
  tcp_timeout_time_wait: 120,
  tcp_timeout_close: 10,
  tcp_timeout_max_retrans: 300,
  tcp_timeout_unacknowledged: 300,
  sctp_timeout_closed: 10,
  sctp_timeout_cookie_wait: 3,
  sctp_timeout_cookie_echoed: 3,
  sctp_timeout_established: 210,
  sctp_timeout_shutdown_sent: 3,
  sctp_timeout_shutdown_recd: 3,
  sctp_timeout_shutdown_ack_sent: 3,
  sctp_timeout_heartbeat_sent: 30,
} as const
export type TimeoutName = keyof typeof defaultTimeouts

const defaultNumbers = {
  /** Connections that the table holds; 0 for any number. */
  max: 262_144,
  /** Hash buckets; they decide which connections are in reach of an early drop. */
  buckets: 262_144,
  /** Expectations that the host keeps at once. */
  expect_max: 4096,
  /** 1: a packet with a wrong checksum is invalid. */
  checksum: 1,
  /** 1: count packets and bytes of connections made from now on. */
  acct: 0,
  /** 1: take up connections in their middle. */
  tcp_loose: 1,
  /** 1: segments outside the window are valid. */
  tcp_be_liberal: 0,
  /** 1: do not compare the sequence number of a reset with what was acknowledged. */
  tcp_ignore_invalid_rst: 0,
  /** Equal acknowledgements in a row after which the time is short. */
  tcp_max_retrans: 3,
} as const
export type NumberName = keyof typeof defaultNumbers

export interface ConntrackSettings {
  /** Timer ticks a second. */
  readonly hz: number
  readonly numbers: Readonly<Record<NumberName, number>>
  /** In timer ticks. */
  readonly timeouts: Readonly<Record<TimeoutName, number>>
  /** How long TCP connections live in each state from SYN_SENT on, in timer ticks. */
  readonly tcpStates: readonly number[]
}

const tcpStateTimeouts = [
  'tcp_timeout_syn_sent',
  'tcp_timeout_syn_recv',
  'tcp_timeout_established',
  'tcp_timeout_fin_wait',
  'tcp_timeout_close_wait',
  'tcp_timeout_last_ack',
  'tcp_timeout_time_wait',
  'tcp_timeout_close',
] as const

const prefix = 'net.netfilter.nf_conntrack_'

/** Full dotted names of all settings here. */
export const conntrackSysctls: readonly string[] = [
  ...Object.keys(defaultNumbers),
  ...Object.keys(defaultTimeouts),
].map((name) => prefix + name)

/**
 * The settings that sysctls (by full dotted name) make; what they do not name, or not as a number, keeps its default.
 */
export function readSettings(
  hz: number,
  sysctls: ReadonlyMap<string, string> = new Map(),
): ConntrackSettings {
  const read = <Name extends string>(
    defaults: Readonly<Record<Name, number>>,
    unit: number,
  ): Record<Name, number> => {
    const entries = Object.entries<number>(defaults).map(([name, fallback]) => {
      const text = sysctls.get(prefix + name)?.trim() ?? ''
      return [name, (/^\d+$/.test(text) ? Number(text) : fallback) * unit]
    })
    return Object.fromEntries(entries) as Record<Name, number>
  }
  const timeouts = read(defaultTimeouts, hz)
  const tcpStates = tcpStateTimeouts.map((name) => timeouts[name])
  return { hz, numbers: read(defaultNumbers, 1), timeouts, tcpStates }
}
