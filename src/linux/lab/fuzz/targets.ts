/** Random targets. */

import { registry } from '../../../ext/registry.ts'
import type { Family } from '../../../net/address.ts'
import type { TargetDraft } from './draft.ts'
import { estimateTarget } from './estimates.ts'
import type { Random } from './random.ts'
import type { Room, Taste } from './rules.ts'
import { setTarget } from './sets.ts'
import { ports } from './world.ts'

const rejectKinds: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    'icmp-net-unreachable',
    'icmp-host-unreachable',
    'icmp-proto-unreachable',
    'icmp-port-unreachable',
    'icmp-net-prohibited',
    'icmp-host-prohibited',
    'icmp-admin-prohibited',
  ],
  ipv6: [
    'icmp6-no-route',
    'icmp6-adm-prohibited',
    'icmp6-addr-unreachable',
    'icmp6-port-unreachable',
    'icmp6-policy-fail',
    'icmp6-reject-route',
  ],
}

export function randomTarget(random: Random, room: Room, taste: Taste): TargetDraft {
  const has = (name: string): boolean => registry.target(name, room.family) !== null
  const isNat = room.table === 'nat'
  const kind = random.weighted([
    [5, 'none'],
    [isNat ? 1 : 4, 'ACCEPT'],
    [isNat ? 0 : 3, 'DROP'],
    [isNat ? 8 : 0, 'translation'],
    [1.2, 'RETURN'],
    [room.chains.length > 0 ? 4 : 0, 'chain'],
    [has('LOG') ? 2.5 : 0, 'LOG'],
    [has('REJECT') && room.table === 'filter' ? 2 : 0, 'REJECT'],
    [has('MARK') ? 1.2 : 0, 'MARK'],
    [has('NOTRACK') && room.table === 'raw' ? 1.5 : 0, 'NOTRACK'],
    [room.table === 'mangle' ? 3 : 0, 'change'],
    [isNat ? 0 : 0.6, 'rare'],
    [isNat ? 0.1 : 0.6, 'SET'],
    [isNat ? 0 : 0.25, 'TEE'],
    [has('HMARK') ? 0.3 : 0, 'HMARK'],
    // iptables-nft traces through nf_tables, which tells it elsewhere.
    [has('TRACE') && room.table === 'raw' && !taste.avoidsNftDifferences ? 0.3 : 0, 'TRACE'],
  ] as const)
  switch (kind) {
    case 'none':
      return { text: '' }
    case 'chain':
      return { text: `${random.chance(0.25) ? '-g' : '-j'} ${random.pick(room.chains)}` }
    case 'translation':
      return translation(random, room)
    case 'LOG':
      return { text: log(random) }
    case 'REJECT':
      return reject(random, room.family)
    case 'MARK':
      return {
        text: `-j MARK ${random.pick(['--set-mark 1', '--set-mark 5', '--or-mark 4', '--and-mark 1', '--xor-mark 5', '--set-xmark 0x10/0xf0'])}`,
      }
    case 'change':
      return change(random, room)
    case 'rare':
      return rare(random, room)
    case 'SET':
      return setTarget(random, room)
    case 'TEE':
      return { text: tee(random, room) }
    case 'HMARK':
      return {
        text: `-j HMARK --hmark-tuple ${random.pick(['src,dst', 'src,sport,proto', 'dst,dport'])} --hmark-rnd 7 --hmark-mod 3`,
      }
    default:
      return { text: `-j ${kind}` }
  }
}

/** Changes of the packet itself, which only mangle makes. */
function change(random: Random, { family }: Room): TargetDraft {
  const hops = family === 'ipv4' ? 'TTL --ttl' : 'HL --hl'
  return random.pick<TargetDraft>([
    {
      text: `-j ${hops}-${random.pick(['set 1', 'set 64', 'set 255', 'inc 1', 'inc 200', 'dec 1', 'dec 63'])}`,
    },
    { text: `-j TOS --${random.pick(['set-tos 0x10', 'and-tos 0xfc', 'or-tos 1', 'xor-tos 0xff'])}` },
    { text: `-j DSCP --set-dscp-class ${random.pick(['EF', 'BE', 'AF41'])}` },
    { text: `-m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss ${random.pick([100, 536, 1300])}`, needs: 'tcp' },
    {
      text: `-j TCPOPTSTRIP --strip-options ${random.pick(['mss', 'timestamp,sack-permitted', 'wscale'])}`,
      needs: 'tcp',
    },
    ...(family === 'ipv4' ? [{ text: '-j ECN --ecn-tcp-remove', needs: 'tcp' }] : []),
  ])
}

/** Targets that few rulesets have: of most of them only the rule's counter tells. */
function rare(random: Random, { family, table, hooks }: Room): TargetDraft {
  const isWithin = (...allowed: readonly string[]): boolean => hooks.every((hook) => allowed.includes(hook))
  const isMangle = table === 'mangle'
  return random.pick<TargetDraft>([
    { text: '-j NFLOG --nflog-group 5' },
    { text: `-j NFQUEUE --queue-num 7${random.pick([' --queue-bypass', ''])}` },
    { text: estimateTarget(random) },
    // Its label is one for all namespaces, and one timer for all of them.
    { text: '-j IDLETIMER --timeout 600 --label postern' },
    { text: `-j AUDIT --type ${random.pick(['accept', 'drop', 'reject'])}` },
    ...(isMangle && !hooks.includes('PREROUTING') ? [{ text: '-j CLASSIFY --set-class 1:2' }] : []),
    ...(isMangle ? [{ text: '-j CHECKSUM --checksum-fill' }] : []),
    ...(isMangle || table === 'security'
      ? [{ text: `-j CONNSECMARK --${random.pick(['save', 'restore'])}` }]
      : []),
    ...(isMangle && isWithin('PREROUTING')
      ? [{ text: '-j TPROXY --on-port 80 --tproxy-mark 0x1/0x1', needs: random.pick(['tcp', 'udp']) }]
      : []),
    ...(isMangle && family === 'ipv6' && isWithin('INPUT', 'POSTROUTING')
      ? [{ text: '-j SNPT --src-pfx 2001:db8:2::/64 --dst-pfx 2001:db8:1:8::/64' }]
      : []),
    // Beyond the gateway, whose neighbour everybody is.
    ...(isMangle && family === 'ipv6' && isWithin('PREROUTING', 'OUTPUT')
      ? [{ text: '-j DNPT --src-pfx 2001:db8:2::/64 --dst-pfx 2001:db8:77::/64' }]
      : []),
  ])
}

/** To neighbours, to whom there is no way, and by another device than theirs. */
const teeGateways: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    '192.168.1.77',
    '203.0.113.77',
    '192.168.1.9',
    '10.1.0.1',
    '192.168.1.78 --oif eth0',
    '192.168.1.79 --oif eth1',
  ],
  ipv6: ['2001:db8:2::77', '2001:db8:1::77', '2001:db8:2::9', '2001:db8:2::78 --oif eth1'],
}

const tee = (random: Random, { family }: Room): string =>
  `-j TEE --gateway ${random.pick(teeGateways[family])}`

function log(random: Random): string {
  const words = ['-j LOG']
  if (random.chance(0.5)) words.push(`--log-prefix ${random.pick(['"seen: "', 'x', '"it\'s [odd] "'])}`)
  if (random.chance(0.3)) words.push(`--log-level ${random.pick([4, 5, 6, 7])}`)
  for (const option of ['tcp-sequence', 'tcp-options', 'ip-options', 'uid', 'macdecode']) {
    if (random.chance(0.25)) words.push(`--log-${option}`)
  }
  return words.join(' ')
}

function reject(random: Random, family: Family): TargetDraft {
  if (random.chance(0.3)) return { text: '-j REJECT --reject-with tcp-reset', needs: 'tcp' }
  if (random.chance(0.3)) return { text: '-j REJECT' }
  return { text: `-j REJECT --reject-with ${random.pick(rejectKinds[family])}` }
}

/** Addresses that translation takes or turns to: of the host, of others, and of nobody. */
const translated: Readonly<
  Record<Family, { readonly sources: string[]; readonly destinations: string[]; readonly networks: string[] }>
> = {
  ipv4: {
    sources: ['203.0.113.1', '203.0.113.50', '203.0.113.50-203.0.113.53', '192.168.1.1'],
    destinations: ['192.168.1.9', '192.168.1.43', '203.0.113.1', '192.168.1.9-192.168.1.12', '198.51.100.8'],
    networks: ['192.168.1.0/24', '203.0.113.64/26', '10.9.9.9'],
  },
  ipv6: {
    sources: ['2001:db8:1::1', '2001:db8:1::50', '2001:db8:1::50-2001:db8:1::51'],
    destinations: ['2001:db8:2::9', '2001:db8:2::43', '2001:db8:1::1', '2001:db8:2::9-2001:db8:2::a'],
    networks: ['2001:db8:2::/64', '2001:db8:1::/64'],
  },
}

/** What the chain can hold: destinations are turned on the way in, sources on the way out. */
function translation(random: Random, { family, hooks }: Room): TargetDraft {
  const { sources, destinations, networks } = translated[family]
  const isWithin = (...allowed: readonly string[]): boolean => hooks.every((hook) => allowed.includes(hook))
  const portful = random.chance(0.4) ? { needs: random.pick(['tcp', 'udp']) } : {}
  const port = 'needs' in portful ? random.pick(ports) : null
  const end = (address: string): string =>
    port === null ? address : family === 'ipv4' ? `${address}:${port}` : `[${address}]:${port}`
  const toPorts = port === null ? '' : ` --to-ports ${port}`
  if (isWithin('PREROUTING', 'OUTPUT')) {
    return random.weighted<TargetDraft>([
      [4, { text: `-j DNAT --to-destination ${end(random.pick(destinations))}`, ...portful }],
      [2, { text: `-j REDIRECT${toPorts}`, ...portful }],
      // The lab cannot foresee whom that speaks to, and nobody asks for IPv6 neighbours in it.
      [family === 'ipv4' ? 1 : 0, { text: `-j NETMAP --to ${random.pick(networks)}` }],
    ])
  }
  if (isWithin('INPUT', 'POSTROUTING')) {
    return random.weighted<TargetDraft>([
      [4, { text: `-j SNAT --to-source ${end(random.pick(sources))}`, ...portful }],
      [isWithin('POSTROUTING') ? 3 : 0, { text: `-j MASQUERADE${toPorts}`, ...portful }],
      [1, { text: `-j NETMAP --to ${random.pick(networks)}` }],
    ])
  }
  return { text: '' }
}
