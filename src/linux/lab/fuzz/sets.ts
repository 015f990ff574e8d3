/** Random sets of every type, and clauses and targets that ask and change them. */
import type { Family } from '../../../net/address.ts'
import type { TargetDraft } from './draft.ts'
import type { Random } from './random.ts'
import type { Room } from './rules.ts'
import { addresses, ports, prefixes, sourceMacs } from './world.ts'

interface SetKind {
  readonly type: string
  /** Null for sets of both families. */
  readonly family: Family | null
  /** Parts of an element, for which a rule names sides of the packet. */
  readonly parts: number
  /** What `create` needs beside what all sets can have. */
  readonly own: string
  element(random: Random): string
}

/** Where each set keeps an element that packets meet now and then. */
const kinds: Readonly<Record<string, SetKind>> = { ...kindsOf('ipv4'), ...kindsOf('ipv6'), ...bitmaps() }

function kindsOf(family: Family): Record<string, SetKind> {
  const { outside, inside, own } = addresses[family]
  const networks = prefixes[family].filter((prefix) => /\/\d+$/.test(prefix))
  const address = (random: Random): string => random.pick([...outside, ...inside, ...own])
  const network = (random: Random): string => (random.chance(0.3) ? address(random) : random.pick(networks))
  const icmp = family === 'ipv4' ? 'icmp:8/0' : 'icmpv6:128/0'
  const port = (random: Random): string =>
    random.chance(0.2) ? random.pick([icmp, 'gre:0']) : `${random.pick(protocols)}:${random.pick(ports)}`
  const device = (random: Random): string => random.pick(['eth0', 'eth1', 'lo', 'eth wildcard'])
  const types: readonly (readonly [string, ...((random: Random) => string)[]])[] = [
    ['hash:ip', address],
    ['hash:net', network],
    ['hash:ip,port', address, port],
    ['hash:ip,port,ip', address, port, address],
    ['hash:ip,port,net', address, port, network],
    ['hash:net,port', network, port],
    ['hash:net,iface', network, device],
  ]
  const digit = family === 'ipv4' ? '4' : '6'
  const kind = ([type, ...parts]: (typeof types)[number]): [string, SetKind] => [
    `${type.replace('hash:', '').replaceAll(',', '-')}-${digit}`,
    {
      type,
      family,
      parts: parts.length,
      own: `family ${family === 'ipv4' ? 'inet' : 'inet6'}`,
      element: (random) => parts.map((part) => part(random)).join(','),
    },
  ]
  return Object.fromEntries(types.map(kind))
}

const protocols = ['tcp', 'udp', 'sctp', 'udplite'] as const

function bitmaps(): Record<string, SetKind> {
  const near = (random: Random): string => random.pick(['198.51.100.7', '198.51.100.8', '198.51.100.71'])
  return {
    'bitmap-ip': {
      type: 'bitmap:ip',
      family: 'ipv4',
      parts: 1,
      own: 'range 198.51.100.0/25',
      element: near,
    },
    'bitmap-ip-mac': {
      type: 'bitmap:ip,mac',
      family: 'ipv4',
      parts: 2,
      own: 'range 198.51.100.0/25',
      element: (random) => near(random) + (random.chance(0.7) ? `,${random.pick(sourceMacs)}` : ''),
    },
    'bitmap-port': {
      type: 'bitmap:port',
      family: null,
      parts: 1,
      own: 'range 20-100',
      element: (random) => String(random.pick([22, 23, 53, 80])),
    },
  }
}

const lists: Readonly<Record<string, Family>> = { 'list-4': 'ipv4', 'list-6': 'ipv6' }

const membersOf = (list: string): string[] =>
  Object.entries(kinds).flatMap(([name, { family }]) => (family === lists[list] ? [name] : []))

const namesFor = (family: Family): string[] => [
  ...Object.entries(kinds).flatMap(([name, kind]) =>
    kind.family === (family satisfies string) ? [name] : [],
  ),
  'bitmap-port',
  family === 'ipv4' ? 'list-4' : 'list-6',
]

/** The sets that rules speak of, as text for `ipset restore`; '' where they speak of none. */
export function randomSets(random: Random, rules: string): string {
  const named = new Set([...rules.matchAll(/--(?:match|add|del|map)-set (\S+)/g)].map(([, name]) => name!))
  const members = [...named].flatMap((name): [string, string[]][] =>
    name in lists ? [[name, random.some(membersOf(name), 0, 3)]] : [],
  )
  const wanted = [...new Set([...named, ...members.flatMap(([, names]) => names)])]
  const lines = wanted.flatMap((name) => (name in kinds ? setLines(random, name, kinds[name]!) : []))
  const listLines = members.flatMap(([name, names]) => [
    `create ${name} list:set ${random.some(['timeout 600', 'counters', 'skbinfo'], 0, 3).join(' ')}`.trim(),
    ...names.map((member) => `add ${name} ${member}`),
  ])
  return [...lines, ...listLines].map((line) => `${line}\n`).join('')
}

function setLines(random: Random, name: string, { type, own, element }: SetKind): string[] {
  const isHash = type.startsWith('hash')
  // What is added by a packet may be forgotten within the case; what was there before stays.
  const timeout = random.weighted([
    [4, null],
    [2, 600],
    [1, 0],
    [1, 1],
    [1, 2],
  ])
  const options = [
    own,
    ...(isHash ? ['initval 7'] : []),
    ...(timeout === null ? [] : [`timeout ${timeout}`]),
    ...random.some(['counters', 'skbinfo', 'comment'], 0, 3),
    ...(isHash && random.chance(0.2) ? ['maxelem 4 hashsize 64'] : []),
  ]
  const elements = Array.from({ length: random.between(0, isHash ? 4 : 2) }, () => {
    const words = [element(random)]
    if (type.includes('net') && random.chance(0.25)) words.push('nomatch')
    if (timeout !== null) words.push(`timeout ${random.pick([0, 600])}`)
    if (options.includes('skbinfo') && random.chance(0.7))
      words.push(random.pick(['skbmark 0x5/0xff', 'skbmark 0x1', 'skbprio 1:2 skbqueue 3']))
    return `add -exist ${name} ${words.join(' ')}`
  })
  return [`create ${name} ${type} ${options.join(' ')}`, ...elements]
}

/** `net-4 src`: a set and a side for each of its parts, sometimes too few. */
function use(random: Random, { family }: Room): string {
  const name = random.pick(namesFor(family))
  const parts = kinds[name]?.parts ?? random.between(1, 3)
  const side = (): string => random.pick(['src', 'src', 'dst'])
  const sides = Array.from({ length: random.chance(0.08) ? random.between(1, 3) : parts }, side)
  return `${name} ${sides.join(',')}`
}

export function setClause(random: Random, room: Room): string {
  const words = [`-m set ${random.chance(0.25) ? '! ' : ''}--match-set ${use(random, room)}`]
  if (random.chance(0.15)) words.push('--return-nomatch')
  if (random.chance(0.1)) words.push('! --update-counters')
  if (random.chance(0.1)) words.push('! --update-subcounters')
  if (random.chance(0.25)) {
    words.push(
      random.pick(['--packets-gt 1', '! --packets-eq 1', '--packets-lt 3', '--bytes-gt 100', '--bytes-eq 0']),
    )
  }
  return words.join(' ')
}

export function setTarget(random: Random, room: Room): TargetDraft {
  const late = room.hooks.every((hook) => hook !== 'PREROUTING' && hook !== 'INPUT')
  const maps = room.table === 'mangle' && random.chance(0.5)
  const wanted = random.some(['add', 'del'], maps ? 0 : 1, random.chance(0.2) ? 2 : 1)
  const words: string[] = []
  if (wanted.includes('add')) {
    words.push(`--add-set ${use(random, room)}`)
    if (random.chance(0.4)) words.push('--exist')
    if (random.chance(0.3)) words.push(`--timeout ${random.pick([0, 1, 2, 500])}`)
  }
  if (wanted.includes('del')) words.push(`--del-set ${use(random, room)}`)
  if (maps) {
    words.push(`--map-set ${use(random, room)} --map-mark`)
    if (late && random.chance(0.3)) words.push('--map-prio --map-queue')
  }
  return { text: `-j SET ${words.join(' ')}` }
}
