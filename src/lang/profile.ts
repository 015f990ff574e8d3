/** Which kernel and which iptables the rules are for. Limits and behaviours that differ between them live here. */
export interface KernelProfile {
  readonly name: string
  /** Timer ticks a second; jiffies derive from it. */
  readonly hz: number
  /** xt_recent `ip_list_tot`: addresses one list holds. */
  readonly recentListTotal: number
  /** xt_recent `ip_pkt_list_tot`: 0 means that rules decide the ring size. */
  readonly recentPacketListTotal: number
  /** xt_recent XT_RECENT_MAX_NSTAMPS: 255 before Linux commit f4ebd03496f6, 65535 since. */
  readonly recentMaxHitcount: number
}

/** Linux 6.18 with iptables 1.8.9 legacy, as Debian 12 users meet it. */
export const linux618: KernelProfile = {
  name: 'linux-6.18',
  hz: 250,
  recentListTotal: 100,
  recentPacketListTotal: 0,
  recentMaxHitcount: 65535,
}
