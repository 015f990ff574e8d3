/**
 * Every extension there is: two plain lists, and the look-ups that the parser, the engine and the prover share.
 * A file in `match/` or `target/` that is missing here fails a test.
 */
import type { Syntax } from '../lang/syntax.ts'
import type { Family } from '../net/address.ts'
import type { AnyMatch, AnyTarget } from './define.ts'
import { addrtype } from './match/addrtype.ts'
import { ah } from './match/ah.ts'
import { bpf } from './match/bpf.ts'
import { cgroup } from './match/cgroup.ts'
import { cluster } from './match/cluster.ts'
import { comment } from './match/comment.ts'
import { connbytes } from './match/connbytes.ts'
import { connlabel } from './match/connlabel.ts'
import { connlimit } from './match/connlimit.ts'
import { connmark } from './match/connmark.ts'
import { conntrack } from './match/conntrack.ts'
import { cpu } from './match/cpu.ts'
import { dccp } from './match/dccp.ts'
import { devgroup } from './match/devgroup.ts'
import { dscp } from './match/dscp.ts'
import { dst } from './match/dst.ts'
import { ecn } from './match/ecn.ts'
import { esp } from './match/esp.ts'
import { eui64 } from './match/eui64.ts'
import { frag } from './match/frag.ts'
import { hashlimit } from './match/hashlimit.ts'
import { hbh } from './match/hbh.ts'
import { helper } from './match/helper.ts'
import { hl } from './match/hl.ts'
import { icmp } from './match/icmp.ts'
import { icmp6 } from './match/icmp6.ts'
import { ipcomp } from './match/ipcomp.ts'
import { iprange } from './match/iprange.ts'
import { ipv6header } from './match/ipv6header.ts'
import { ipvs } from './match/ipvs.ts'
import { length } from './match/length.ts'
import { limit } from './match/limit.ts'
import { mac } from './match/mac.ts'
import { mark } from './match/mark.ts'
import { mh } from './match/mh.ts'
import { multiport } from './match/multiport.ts'
import { nfacct } from './match/nfacct.ts'
import { osf } from './match/osf.ts'
import { owner } from './match/owner.ts'
import { physdev } from './match/physdev.ts'
import { pkttype } from './match/pkttype.ts'
import { policy } from './match/policy.ts'
import { quota } from './match/quota.ts'
import { rateest } from './match/rateest.ts'
import { realm } from './match/realm.ts'
import { recent } from './match/recent.ts'
import { rpfilter } from './match/rpfilter.ts'
import { rt } from './match/rt.ts'
import { sctp } from './match/sctp.ts'
import { set } from './match/set.ts'
import { socket } from './match/socket.ts'
import { srh } from './match/srh.ts'
import { state } from './match/state.ts'
import { statistic } from './match/statistic.ts'
import { string } from './match/string.ts'
import { tcp } from './match/tcp.ts'
import { tcpmss } from './match/tcpmss.ts'
import { time } from './match/time.ts'
import { tos } from './match/tos.ts'
import { ttl } from './match/ttl.ts'
import { u32 } from './match/u32.ts'
import { udp } from './match/udp.ts'
import { AUDIT } from './target/AUDIT.ts'
import { CHECKSUM } from './target/CHECKSUM.ts'
import { CLASSIFY } from './target/CLASSIFY.ts'
import { CLUSTERIP } from './target/CLUSTERIP.ts'
import { CONNMARK } from './target/CONNMARK.ts'
import { CONNSECMARK } from './target/CONNSECMARK.ts'
import { CT } from './target/CT.ts'
import { DNAT } from './target/DNAT.ts'
import { DNPT } from './target/DNPT.ts'
import { DSCP } from './target/DSCP.ts'
import { ECN } from './target/ECN.ts'
import { HL } from './target/HL.ts'
import { HMARK } from './target/HMARK.ts'
import { IDLETIMER } from './target/IDLETIMER.ts'
import { LED } from './target/LED.ts'
import { LOG } from './target/LOG.ts'
import { MARK } from './target/MARK.ts'
import { MASQUERADE } from './target/MASQUERADE.ts'
import { NETMAP } from './target/NETMAP.ts'
import { NFLOG } from './target/NFLOG.ts'
import { NFQUEUE } from './target/NFQUEUE.ts'
import { NOTRACK } from './target/NOTRACK.ts'
import { RATEEST } from './target/RATEEST.ts'
import { REDIRECT } from './target/REDIRECT.ts'
import { REJECT } from './target/REJECT.ts'
import { SECMARK } from './target/SECMARK.ts'
import { SET } from './target/SET.ts'
import { SNAT } from './target/SNAT.ts'
import { SNPT } from './target/SNPT.ts'
import { SYNPROXY } from './target/SYNPROXY.ts'
import { TCPMSS } from './target/TCPMSS.ts'
import { TCPOPTSTRIP } from './target/TCPOPTSTRIP.ts'
import { TEE } from './target/TEE.ts'
import { TOS } from './target/TOS.ts'
import { TPROXY } from './target/TPROXY.ts'
import { TRACE } from './target/TRACE.ts'
import { TTL } from './target/TTL.ts'

export const matches: readonly AnyMatch[] = [
  addrtype,
  ah,
  bpf,
  cgroup,
  cluster,
  comment,
  connbytes,
  connlabel,
  connlimit,
  connmark,
  conntrack,
  cpu,
  dccp,
  devgroup,
  dscp,
  dst,
  ecn,
  esp,
  eui64,
  frag,
  hashlimit,
  hbh,
  helper,
  hl,
  icmp,
  icmp6,
  ipcomp,
  iprange,
  ipv6header,
  ipvs,
  length,
  limit,
  mac,
  mark,
  mh,
  multiport,
  nfacct,
  osf,
  owner,
  physdev,
  pkttype,
  policy,
  quota,
  rateest,
  realm,
  recent,
  rpfilter,
  rt,
  sctp,
  set,
  socket,
  srh,
  state,
  statistic,
  string,
  tcp,
  tcpmss,
  time,
  tos,
  ttl,
  u32,
  udp,
]

export const targets: readonly AnyTarget[] = [
  AUDIT,
  CHECKSUM,
  CLASSIFY,
  CLUSTERIP,
  CONNMARK,
  CONNSECMARK,
  CT,
  DNAT,
  DNPT,
  DSCP,
  ECN,
  HL,
  HMARK,
  IDLETIMER,
  LED,
  LOG,
  MARK,
  MASQUERADE,
  NETMAP,
  NFLOG,
  NFQUEUE,
  NOTRACK,
  RATEEST,
  REDIRECT,
  REJECT,
  SECMARK,
  SET,
  SNAT,
  SNPT,
  SYNPROXY,
  TCPMSS,
  TCPOPTSTRIP,
  TEE,
  TOS,
  TPROXY,
  TRACE,
  TTL,
]

export interface Registry extends Syntax {
  readonly matches: readonly AnyMatch[]
  readonly targets: readonly AnyTarget[]
  /** By name or alias; null where the family has none of that name. */
  match(name: string, family: Family): AnyMatch | null
  target(name: string, family: Family): AnyTarget | null
}

/** A registry of these extensions; tests make small ones. */
export function makeRegistry(matches: readonly AnyMatch[], targets: readonly AnyTarget[]): Registry {
  const matchIndex = indexByName(matches)
  const targetIndex = indexByName(targets)
  return {
    matches,
    targets,
    match: (name, family) => matchIndex[family].get(name) ?? null,
    target: (name, family) => targetIndex[family].get(name) ?? null,
  }
}

export const registry: Registry = makeRegistry(matches, targets)

function indexByName<Extension extends AnyMatch | AnyTarget>(
  extensions: readonly Extension[],
): Record<Family, Map<string, Extension>> {
  const index = { ipv4: new Map<string, Extension>(), ipv6: new Map<string, Extension>() }
  for (const extension of extensions) {
    for (const family of extension.families) {
      for (const name of [extension.name, ...(extension.aliases ?? [])]) {
        if (index[family].has(name)) throw new Error(`two extensions are called ${name} in ${family}`)
        index[family].set(name, extension)
      }
    }
  }
  return index
}
