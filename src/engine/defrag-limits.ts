/** How long fragments wait for each other, and how many may. */

export type FragmentTable = 'ipv4' | 'ipv6' | 'ipv6-conntrack'

export interface ReassemblerLimits {
  /** Life of a queue from its first fragment. */
  readonly timeoutSeconds: number
  /** Bytes of memory above which no further fragment is taken. */
  readonly highThreshold: number
  /** IPv4: fragments of other packets from the same source that may come in between; 0 for any number. */
  readonly maxDistance: number
}

/**
 * `ipfrag_time` (IP_FRAG_TIME), `ip6frag_time` and `nf_conntrack_frag6_timeout` (IPV6_FRAG_TIMEOUT),
 * `ipfrag_high_thresh`, `ipfrag_max_dist`. Source: ipv4_frags_init_net(), ipv6_frags_init_net(), nf_ct_net_init().
 */
export const defaultLimits: Readonly<Record<FragmentTable, ReassemblerLimits>> = {
  ipv4: { timeoutSeconds: 30, highThreshold: 4 << 20, maxDistance: 64 },
  ipv6: { timeoutSeconds: 60, highThreshold: 4 << 20, maxDistance: 0 },
  'ipv6-conntrack': { timeoutSeconds: 60, highThreshold: 4 << 20, maxDistance: 0 },
}

const limitSysctls: Readonly<Record<FragmentTable, Readonly<Record<keyof ReassemblerLimits, string>>>> = {
  ipv4: {
    timeoutSeconds: 'net.ipv4.ipfrag_time',
    highThreshold: 'net.ipv4.ipfrag_high_thresh',
    maxDistance: 'net.ipv4.ipfrag_max_dist',
  },
  ipv6: {
    timeoutSeconds: 'net.ipv6.ip6frag_time',
    highThreshold: 'net.ipv6.ip6frag_high_thresh',
    maxDistance: '',
  },
  'ipv6-conntrack': {
    timeoutSeconds: 'net.netfilter.nf_conntrack_frag6_timeout',
    highThreshold: 'net.netfilter.nf_conntrack_frag6_high_thresh',
    maxDistance: '',
  },
}

/** Full dotted names of all settings here. */
export const fragmentSysctls: readonly string[] = Object.values(limitSysctls)
  .flatMap((names) => Object.values(names))
  .filter((name) => name !== '')

/** The limits that sysctls (by full dotted name) set; what they do not name, or not as a number, keeps its default. */
export function readLimits(table: FragmentTable, sysctls: ReadonlyMap<string, string>): ReassemblerLimits {
  const read = (limit: keyof ReassemblerLimits): number => {
    const text = sysctls.get(limitSysctls[table][limit])?.trim() ?? ''
    return /^\d+$/.test(text) ? Number(text) : defaultLimits[table][limit]
  }
  return {
    timeoutSeconds: read('timeoutSeconds'),
    highThreshold: read('highThreshold'),
    maxDistance: read('maxDistance'),
  }
}
