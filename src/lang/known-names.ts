/**
 * Names of extensions that exist beside those of the registry: shipped with iptables 1.8.9, or with the
 * xtables-addons package 3.23. A rule that uses one is no mistake, even where nothing here can run it.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

export const otherMatches = words(`
  addrtype ah bpf cgroup cluster comment connbytes connlabel connlimit connmark conntrack cpu dccp devgroup dscp
  dst ecn esp eui64 frag hashlimit hbh helper hl icmp icmp6 ipcomp iprange ipv6header ipvs length limit mac mark
  mh multiport nfacct osf owner physdev pkttype policy quota rateest realm recent rpfilter rt sctp set socket srh
  state statistic string tcp tcpmss time tos ttl u32 udp
  condition dnetmap fuzzy geoip gradm iface ipp2p ipv4options length2 lscan pknock psd quota2 asn
`)

export const otherTargets = words(`
  AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK IDLETIMER LED LOG MARK
  MASQUERADE NETMAP NFLOG NFQUEUE NOTRACK RATEEST REDIRECT REJECT SECMARK SET SNAT SNPT SYNPROXY TCPMSS
  TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG
  ACCOUNT CHAOS DELUDE DHCPMAC DNETMAP ECHO IPMARK LOGMARK PROTO SYSRQ TARPIT
`)

/**
 * Matches that options load by themselves behind `-p`, where the registry lacks them: by protocol number, with the
 * names of their options.
 */
export const otherImplied: ReadonlyMap<
  number,
  { readonly match: string; readonly options: ReadonlySet<string> }
> = new Map([
  [132, { match: 'sctp', options: words('sport dport source-port destination-port chunk-types') }],
  [33, { match: 'dccp', options: words('sport dport source-port destination-port dccp-types dccp-option') }],
  [50, { match: 'esp', options: words('espspi') }],
  [51, { match: 'ah', options: words('ahspi ahlen ahres') }],
  [108, { match: 'ipcomp', options: words('ipcompspi compres') }],
  [135, { match: 'mh', options: words('mh-type') }],
])

/** Matches and targets of iptables of long ago, and what does the same today. */
export const oldMatches: Readonly<Record<string, string>> = {
  unclean: '-m conntrack --ctstate INVALID',
  iplimit: '-m connlimit --connlimit-above N',
  random: '-m statistic --mode random --probability P',
  nth: '-m statistic --mode nth --every N',
  dstlimit: '-m hashlimit',
  mport: '-m multiport',
  ipv4optionsstrip: '-m ipv4options of xtables-addons',
  'tcp-window': '-m conntrack --ctstate INVALID',
}

export const oldTargets: Readonly<Record<string, string>> = {
  MIRROR: '-j DROP, or -j REJECT',
  SAME: '-j SNAT --persistent',
  ROUTE: '-j TEE, or -j MARK and a rule of ip rule',
  FTOS: '-j TOS',
  BALANCE: '-j DNAT with a range of addresses',
}
