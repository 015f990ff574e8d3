/** Numbers of the protocols that this room knows. Source: IANA, "Assigned Internet Protocol Numbers". */

export const ipProtocol = {
  /** IPv6 hop-by-hop options; in IPv4 merely the number 0. */
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  /** IPv6: nothing follows. */
  none: 59,
  destination: 60,
  /** RFC 3173. */
  ipcomp: 108,
  sctp: 132,
  /** IPv6 mobility header, RFC 6275. */
  mobility: 135,
  udplite: 136,
} as const

export const etherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  ipv6: 0x86dd,
  vlan: 0x8100,
  /** 802.1ad, the service tag. */
  serviceVlan: 0x88a8,
} as const

/** Below this, the field behind the MAC addresses is an 802.3 length. Source: ETH_P_802_3_MIN, if_ether.h. */
export const firstEtherType = 0x0600
