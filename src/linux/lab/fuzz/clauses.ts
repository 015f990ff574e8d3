/** Random matches. */
import type { Family } from '../../../net/address.ts'
import type { Random } from './random.ts'
import type { Room, Taste } from './rules.ts'
import { setClause } from './sets.ts'
import { ports, recentNames, sourceMacs, uids } from './world.ts'

const maybeNot = (random: Random, probability = 0.25): string => (random.chance(probability) ? '! ' : '')

/**
 * `--dport 22` or a range of ports. What nft holds of a range that is inverted and open on a side prints as another
 * range.
 */
function portOption(random: Random, name: string, { avoidsNftDifferences }: Taste): string {
  const range = portRange(random)
  const mayInvert = !avoidsNftDifferences || !/^:|:$/.test(range)
  return `${mayInvert ? maybeNot(random, 0.2) : ''}--${name} ${range}`
}

function portRange(random: Random): string {
  const port = random.pick(ports)
  return random.weighted([
    [5, String(port)],
    [2, `${port}:${port + random.between(0, 30)}`],
    [1, `:${port}`],
    [1, `${port}:`],
  ])
}

const tcpFlagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']

/** Matches that go with a protocol, each a clause. */
export function protocolClauses(random: Random, family: Family, protocol: string, taste: Taste): string[] {
  switch (protocol) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'udplite':
      return portClauses(random, protocol, taste)
    case 'icmp': {
      if (family === 'ipv6') return []
      const type = random.pick(['8', '0', '3', '3/3', '11', 'any', '8/0', '13', '5'])
      return [`-m icmp ${maybeNot(random)}--icmp-type ${type}`]
    }
    case 'ipv6-icmp': {
      if (family === 'ipv4') return []
      const type = random.pick(['128', '129', '1', '1/4', '3', '2', '128/0', '133'])
      return [`-m icmp6 ${maybeNot(random)}--icmpv6-type ${type}`]
    }
    default:
      return []
  }
}

function portClauses(random: Random, protocol: string, taste: Taste): string[] {
  if (protocol === 'sctp' || protocol === 'udplite' || random.chance(0.2)) return [multiport(random)]
  const options: string[] = []
  if (random.chance(0.6)) options.push(portOption(random, 'dport', taste))
  // iptables-nft 1.8.9 takes two inverted ports together: not both at once.
  const mayInvert = !taste.avoidsNftDifferences || !options.some((option) => option.startsWith('!'))
  if (random.chance(0.2))
    options.push(mayInvert ? portOption(random, 'sport', taste) : `--sport ${portRange(random)}`)
  if (protocol === 'tcp') {
    if (random.chance(0.25)) options.push(`${maybeNot(random)}--syn`)
    else if (random.chance(0.2)) {
      const mask = random.some(tcpFlagNames, 1, 4)
      const wanted = random.chance(0.2) ? ['NONE'] : random.some(mask, 1, mask.length)
      options.push(`${maybeNot(random)}--tcp-flags ${mask.join(',')} ${wanted.join(',')}`)
    }
    if (random.chance(0.08)) options.push(`${maybeNot(random)}--tcp-option ${random.pick([2, 3, 4, 8, 5])}`)
  }
  // An empty `-m tcp` still looks at the header in legacy, and vanishes in nft.
  if (options.length === 0 && taste.avoidsNftDifferences) return []
  return [[`-m ${protocol}`, ...options].join(' ')]
}

function multiport(random: Random): string {
  const list = random
    .some(ports, 1, 4)
    .map((port) => (random.chance(0.3) ? `${port}:${port + random.between(1, 9)}` : String(port)))
  return `-m multiport ${maybeNot(random, 0.2)}--${random.pick(['dports', 'sports', 'ports'])} ${list.join(',')}`
}

type Maker = (random: Random, room: Room) => string | null

const statelessMakers: readonly Maker[] = [
  (random) => `-m comment --comment ${random.pick(['x', '"two words"'])}`,
  (random) =>
    `-m mark ${maybeNot(random)}--mark ${random.pick(['0x0', '0x1', '0x5', '0x4/0x4', '0x1/0xff'])}`,
  (random, { hooks }) =>
    hooks.includes('OUTPUT') || hooks.includes('POSTROUTING')
      ? null
      : `-m mac ${maybeNot(random)}--mac-source ${random.pick(sourceMacs)}`,
  (random, { family }) => {
    const [low, high] =
      family === 'ipv4' ? ['198.51.100.7', '198.51.100.9'] : ['2001:db8:9::7', '2001:db8:9::ff']
    const side = random.pick(['src', 'dst'])
    return `-m iprange ${maybeNot(random)}--${side}-range ${low}-${high}`
  },
  (random, { family, hooks }) => {
    const types = ['LOCAL', 'UNICAST', 'MULTICAST', ...(family === 'ipv4' ? ['BROADCAST'] : [])]
    const side = random.pick(['src', 'dst'])
    const limit =
      family === 'ipv4' && random.chance(0.2)
        ? hooks.every((hook) => hook === 'PREROUTING' || hook === 'INPUT')
          ? ' --limit-iface-in'
          : hooks.every((hook) => hook === 'OUTPUT' || hook === 'POSTROUTING')
            ? ' --limit-iface-out'
            : ''
        : ''
    return `-m addrtype ${maybeNot(random)}--${side}-type ${random.some(types, 1, 2).join(',')}${limit}`
  },
  (random) =>
    `-m length ${maybeNot(random)}--length ${random.pick(['0:40', '40', '28', '41:100', '1200:65535', '60'])}`,
  (random, { family }) => {
    const [match, option] = family === 'ipv4' ? ['ttl', 'ttl'] : ['hl', 'hl']
    const value = random.pick([0, 1, 62, 63, 64, 128, 255])
    const how = random.pick(['eq', 'lt', 'gt'])
    const not = how === 'eq' ? maybeNot(random) : ''
    return `-m ${match} ${not}--${option}-${how} ${value}`
  },
  (random) =>
    `-m pkttype ${maybeNot(random)}--pkt-type ${random.pick(['unicast', 'broadcast', 'multicast'])}`,
  (random, { hooks }) =>
    hooks.every((hook) => hook === 'OUTPUT' || hook === 'POSTROUTING')
      ? `-m owner ${random.pick([
          `${maybeNot(random)}--uid-owner ${random.pick(uids)}`,
          `${maybeNot(random)}--gid-owner ${random.pick(uids)}`,
          `${maybeNot(random)}--uid-owner 1000-2000`,
          `${maybeNot(random)}--socket-exists`,
        ])}`
      : null,
  (random) => multiportWithoutProtocol(random),
  (random) => random.pick(headerFields)(random),
  (random, { family }) => (family === 'ipv6' ? random.pick(ipv6Headers)(random) : null),
]

/** What the IP header says, and what stands anywhere. */
const headerFields: readonly ((random: Random) => string)[] = [
  (random) => `-m dscp ${maybeNot(random)}--dscp ${random.pick([0, 4, 10, 46])}`,
  (random) => `-m tos ${maybeNot(random)}--tos ${random.pick(['0x00/0x3f', '0x10/0xff', '0x08/0x0c'])}`,
  (random) => `-m ecn ${maybeNot(random)}--ecn-ip-ect ${random.between(0, 3)}`,
  (random) =>
    `-m u32 ${maybeNot(random)}--u32 ${random.pick(['"8>>24=0:0x3f"', '"0>>22&0x3C@0>>16=0:0x1ff"'])}`,
  (random) =>
    `-m string ${maybeNot(random)}--hex-string "|${random.pick(['00', '0000', '16'])}|" --algo bm --to 120`,
]

const ipv6Headers: readonly ((random: Random) => string)[] = [
  (random) => `-m frag ${random.pick(['--fragfirst', '--fragmore', '--fraglast'])}`,
  (random) =>
    `-m ipv6header ${maybeNot(random)}--header ${random.pick(['ipv6-frag', 'protocol', 'ipv6-opts'])} --soft`,
  (random) => `-m dst ${maybeNot(random)}--dst-len ${random.pick([8, 16])}`,
]

/** Refused without `-p`: the ruleset is then thrown away by both sides alike. */
function multiportWithoutProtocol(random: Random): string | null {
  return random.chance(0.02) ? multiport(random) : null
}

export function statelessClauses(random: Random, room: Room, _taste: Taste): string[] {
  const count = random.weighted([
    [5, 1],
    [1, 2],
  ])
  return Array.from({ length: count }, () => random.pick(statelessMakers)(random, room)).filter(
    (clause) => clause !== null,
  )
}

const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED']

const statefulMakers: readonly (readonly [number, Maker])[] = [
  [8, (random, room) => recent(random, room)],
  [1.5, setClause],
  [1, (random) => `-m limit --limit ${random.pick(rates)} --limit-burst ${random.between(1, 5)}`],
  [
    0.5,
    (random) =>
      `-m statistic --mode nth ${maybeNot(random)}--every ${random.between(2, 4)} --packet ${random.between(0, 1)}`,
  ],
  [0.7, (random) => `-m state ${maybeNot(random, 0.2)}--state ${random.some(states, 1, 3).join(',')}`],
  [1, (random) => `-m conntrack ${maybeNot(random, 0.2)}--ctstate ${random.some(states, 1, 3).join(',')}`],
]

/** Their credits come at multiples of half a second, which the time grid keeps away from, or not at all. */
const rates = ['1/second', '2/second', '1/minute', '10/minute', '3/hour', '120/minute']

export function statefulClauses(random: Random, room: Room, _taste: Taste): string[] {
  const count = random.weighted([
    [6, 1],
    [1, 2],
  ])
  return Array.from({ length: count }, () => random.weighted(statefulMakers)(random, room)).filter(
    (clause) => clause !== null,
  )
}

function recent(random: Random, { family }: Room): string {
  const mode = random.weighted([
    [4, 'set'],
    [3, 'rcheck'],
    [3, 'update'],
    [1, 'remove'],
  ])
  const words = ['-m recent', `${maybeNot(random, 0.15)}--${mode}`]
  if (random.chance(0.9)) words.push(`--name ${random.pick(recentNames)}`)
  if (mode === 'rcheck' || mode === 'update') {
    const hasSeconds = random.chance(0.6)
    if (hasSeconds) words.push(`--seconds ${random.pick([1, 1, 2, 2, 3, 60, 3600, 17179870, 4294967295])}`)
    if (hasSeconds && random.chance(0.2)) words.push('--reap')
    if (random.chance(0.5)) words.push(`--hitcount ${random.pick([1, 2, 2, 3, 4, 5, 9, 33])}`)
    if (random.chance(0.2)) words.push('--rttl')
  }
  if (random.chance(0.12)) words.push(`--mask ${random.pick(masks[family])}`)
  if (random.chance(0.35)) words.push(random.pick(['--rsource', '--rdest', '--rdest']))
  return words.join(' ')
}

const masks = {
  ipv4: ['255.255.255.0', '255.255.255.255', '0.0.0.255', '0.0.0.0'],
  ipv6: ['ffff:ffff:ffff:ffff::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::ffff', '::'],
} as const
