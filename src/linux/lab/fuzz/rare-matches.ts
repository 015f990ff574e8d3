/**
 * Random clauses of matches that few rulesets have, by their name. Those of every day are in `clauses.ts`; what is drawn
 * nowhere is in `undrawn.ts`, with its reason.
 */
import type { Hook } from '../../../lang/rule.ts'
import { estimateClause } from './estimates.ts'
import type { Random } from './random.ts'
import type { Room } from './rules.ts'
import { accountNames } from './world.ts'

/** A clause, and the protocol without which it means nothing or is refused. */
export interface RareMatch {
  readonly text: string
  readonly needs?: string
}

/** Null where the place cannot hold it. */
type Maker = (random: Random, room: Room) => RareMatch | null

const not = (random: Random): string => (random.chance(0.3) ? '! ' : '')

const isWithin = ({ hooks }: Room, ...allowed: readonly Hook[]): boolean =>
  hooks.every((hook) => allowed.includes(hook))

const inward = ['PREROUTING', 'INPUT', 'FORWARD'] as const

/** Random bytes of headers lie on either side of these. */
const indices = ['0', '0:2147483647', '2147483648:4294967295', '65536:16777216']

/** The rates of `limit`, for the same reason. */
const rates = ['1/second', '2/second', '1/minute', '10/minute', '3/hour', '120/minute']

const programs = [
  // Is it TCP, in IPv4?
  '4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0',
  // Are the third and fourth byte, IPv4's length, more than 60?
  '4,40 0 0 2,37 0 1 60,6 0 0 1,6 0 0 0',
  // A byte behind most headers, which short packets do not have.
  '3,48 0 0 64,69 0 0 1,6 0 0 1',
  '1,6 0 0 0',
]

function hashlimit(random: Random, { family }: Room): RareMatch {
  const modes = random.some(['srcip', 'dstip', 'srcport', 'dstport'], 1, 3)
  const words = [
    `-m hashlimit --hashlimit-${random.pick(['upto', 'above'])} ${random.pick(rates)}`,
    `--hashlimit-burst ${random.between(1, 5)}`,
    `--hashlimit-mode ${modes.join(',')}`,
    `--hashlimit-name h${random.between(1, 3)}`,
  ]
  const [short, long] = family === 'ipv4' ? [24, 32] : [64, 128]
  if (modes.includes('srcip') && random.chance(0.4))
    words.push(`--hashlimit-srcmask ${random.pick([short, long])}`)
  return { text: words.join(' ') }
}

const forIpv6 =
  (make: (random: Random) => string): Maker =>
  (random, { family }) =>
    family === 'ipv6' ? { text: make(random) } : null

const spi =
  (protocol: string, match: string, option: string): Maker =>
  (random) => ({ text: `-m ${match} ${not(random)}--${option} ${random.pick(indices)}`, needs: protocol })

export const rareMatches: Readonly<Record<string, Maker>> = {
  ah: spi('ah', 'ah', 'ahspi'),
  esp: spi('esp', 'esp', 'espspi'),
  ipcomp: spi('ipcomp', 'ipcomp', 'ipcompspi'),
  bpf: (random) => ({ text: `-m bpf --bytecode "${random.pick(programs)}"` }),
  dccp: (random) => ({
    text: `-m dccp ${random.pick([`${not(random)}--dport 22:80`, `${not(random)}--dccp-types REQUEST,RESPONSE`, `${not(random)}--dccp-option 2`])}`,
    needs: 'dccp',
  }),
  sctp: (random) => ({
    text: `-m sctp ${random.pick([`${not(random)}--sport 22:80`, `${not(random)}--chunk-types any INIT,ABORT`, '--chunk-types only INIT', '--chunk-types all INIT,DATA'])}`,
    needs: 'sctp',
  }),
  tcpmss: (random) => ({
    text: `-m tcpmss ${not(random)}--mss ${random.pick(['1460', '1000:1500', '0:536'])}`,
    needs: 'tcp',
  }),
  cluster: (random) => ({
    text: `-m cluster ${not(random)}--cluster-local-nodemask ${random.pick([1, 2, 3])} --cluster-total-nodes 2 --cluster-hash-seed 7`,
  }),
  policy: (random, room) =>
    isWithin(room, ...inward)
      ? { text: `-m policy --dir in --pol ${random.pick(['none', 'ipsec'])}` }
      : isWithin(room, 'FORWARD', 'OUTPUT', 'POSTROUTING')
        ? { text: `-m policy --dir out --pol ${random.pick(['none', 'ipsec'])}` }
        : null,
  cgroup: (random, room) =>
    isWithin(room, 'INPUT', 'OUTPUT', 'POSTROUTING')
      ? { text: `-m cgroup ${not(random)}--cgroup ${random.pick([0, 1])}` }
      : null,
  // The engine is told which processor it was.
  cpu: (random) => ({ text: `-m cpu ${not(random)}--cpu ${random.between(0, 1)}` }),
  devgroup: (random, room) =>
    isWithin(room, ...inward)
      ? { text: `-m devgroup ${not(random)}--src-group ${random.pick([0, 1])}` }
      : isWithin(room, 'OUTPUT', 'POSTROUTING')
        ? { text: `-m devgroup ${not(random)}--dst-group ${random.pick([0, 1])}` }
        : null,
  eui64: (_, room) => (room.family === 'ipv6' && isWithin(room, ...inward) ? { text: '-m eui64' } : null),
  hashlimit,
  helper: (random) => ({ text: `-m helper ${not(random)}--helper ${random.pick(['ftp', 'tftp', '""'])}` }),
  nfacct: (random) => ({ text: `-m nfacct --nfacct-name ${random.pick(accountNames)}` }),
  osf: (random, room) =>
    room.family === 'ipv4' && isWithin(room, ...inward)
      ? { text: `-m osf ${not(random)}--genre Linux`, needs: 'tcp' }
      : null,
  physdev: (random) => ({ text: `-m physdev ${not(random)}--physdev-is-in` }),
  quota: (random) => ({ text: `-m quota ${not(random)}--quota ${random.pick([0, 100, 500, 2000])}` }),
  rateest: (random) => ({ text: estimateClause(random) }),
  realm: (random, room) =>
    room.family === 'ipv4' && !room.hooks.includes('PREROUTING')
      ? { text: `-m realm ${not(random)}--realm ${random.pick(['0', '0x1/0x3'])}` }
      : null,
  rpfilter: (random, room) =>
    isWithin(room, 'PREROUTING') && (room.table === 'raw' || room.table === 'mangle')
      ? {
          text: `-m rpfilter ${random.some(['--loose', '--accept-local', '--invert'], 0, 2).join(' ')}`.trim(),
        }
      : null,
  socket: (random, room) =>
    isWithin(room, 'PREROUTING', 'INPUT')
      ? { text: `-m socket ${random.pick(['', '--transparent', '--nowildcard'])}`.trim() }
      : null,
  // The engine is told what the machine's clock says.
  time: (random) => ({
    text: `-m time ${random.pick(['--weekdays Sat,Sun', '! --weekdays Mon', '--monthdays 1,15,21', '--datestart 2024-01-01T00:00:00', '--timestart 06:00 --timestop 18:00', '--timestart 18:00 --timestop 06:00 --contiguous'])}`,
  }),
  hbh: forIpv6(
    (random) =>
      `-m hbh ${random.pick([`${not(random)}--hbh-len ${random.pick([8, 16])}`, '--hbh-opts 1:4'])}`,
  ),
  rt: forIpv6(
    (random) =>
      `-m rt ${random.pick([`${not(random)}--rt-type ${random.pick([0, 4])}`, '--rt-segsleft 0:1', `${not(random)}--rt-len 8`])}`,
  ),
  srh: forIpv6(
    (random) =>
      `-m srh ${random.pick([`${not(random)}--srh-segs-left-eq 0`, '--srh-hdr-len-lt 2', `${not(random)}--srh-next-hdr 6`])}`,
  ),
  mh: (random, { family }) =>
    family === 'ipv6'
      ? { text: `-m mh ${not(random)}--mh-type ${random.pick(['0:5', '5'])}`, needs: 'mobility-header' }
      : null,
}

const makers = Object.values(rareMatches)

/** Null where the place cannot hold the one that was drawn. */
export const randomRareMatch = (random: Random, room: Room): RareMatch | null =>
  random.pick(makers)(random, room)
