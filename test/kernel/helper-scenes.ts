/** Stories that helpers are put to: who meets whom, by which rules, and what may be left to chance. */
import fc from 'fast-check'
import type { Family } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import { Packet } from '../../src/net/packet.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import { textOf } from './ftp-talk.ts'
import type { Device, Excuse } from './twin-router.ts'

/** Hosts outside (eth0) and inside (eth1), the router's addresses, and some that only translation knows. */
export const hosts = {
  ipv4: {
    out: '203.0.113.7',
    out2: '203.0.113.8',
    in: '192.168.1.9',
    in2: '192.168.1.10',
    gateway: '203.0.113.1',
    inner: '192.168.1.1',
    long: '203.0.113.200',
    short: '8.8.8.8',
    far: '198.51.100.99',
  },
  ipv6: {
    out: '2001:db8:1::7',
    out2: '2001:db8:1::8',
    in: '2001:db8:2::9',
    in2: '2001:db8:2::10',
    gateway: '2001:db8:1::1',
    inner: '2001:db8:2::1',
    long: '2001:db8:1:0:abcd:abcd:abcd:abcd',
    short: '2001:db8:1::2',
    far: '2001:db8:9::99',
  },
} as const
export type Name = keyof (typeof hosts)['ipv4']

export interface Way {
  readonly client: Name
  readonly server: Name
  /** Whom the client calls. */
  readonly calls: Name
  readonly nat: readonly string[]
}

/** How the two meet. `{name}` is an address; port 21 for TCP and 69 for UDP are called. */
const ways: readonly Way[] = [
  { client: 'out', server: 'in', calls: 'in', nat: [] },
  { client: 'in', server: 'out', calls: 'out', nat: [] },
  { client: 'in', server: 'out', calls: 'out', nat: ['-A POSTROUTING -o eth0 -j MASQUERADE'] },
  { client: 'in', server: 'out', calls: 'out', nat: ['-A POSTROUTING -o eth0 -j SNAT --to-source {long}'] },
  { client: 'in', server: 'out', calls: 'out', nat: ['-A POSTROUTING -o eth0 -j SNAT --to-source {short}'] },
  {
    client: 'in',
    server: 'out',
    calls: 'out',
    nat: ['-A POSTROUTING -o eth0 -p tcp -j SNAT --to-source [gateway]:5000-5010'],
  },
  {
    client: 'out',
    server: 'in',
    calls: 'gateway',
    nat: ['-A PREROUTING -i eth0 -j DNAT --to-destination {in}'],
  },
  {
    client: 'out',
    server: 'in',
    calls: 'gateway',
    nat: ['-A PREROUTING -i eth0 -p tcp --dport 21 -j DNAT --to-destination [in]:2121'],
  },
  {
    client: 'out',
    server: 'in',
    calls: 'gateway',
    nat: [
      '-A PREROUTING -i eth0 -j DNAT --to-destination {in}',
      '-A POSTROUTING -o eth1 -j SNAT --to-source {inner}',
    ],
  },
]

const marking = [
  '-A PREROUTING -p tcp --dport 21 -j CONNMARK --set-mark 7',
  '-A PREROUTING -m conntrack --ctstate RELATED',
  '-A PREROUTING -m conntrack --ctstate ESTABLISHED',
  '-A PREROUTING -m conntrack --ctstate NEW',
  '-A PREROUTING -m conntrack --ctstate INVALID',
  '-A FORWARD -m conntrack --ctstatus EXPECTED',
  '-A FORWARD -m helper --helper ftp-2121',
  '-A FORWARD -m helper ! --helper tftp',
  '-A FORWARD -m helper --helper ""',
  '-A FORWARD -m helper --helper f',
]

const filters = [
  '',
  '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n-A FORWARD -p tcp --dport 21 -j ACCEPT\n-A FORWARD -p tcp --dport 2121 -j ACCEPT\n-A FORWARD -p udp --dport 69 -j ACCEPT\n-A FORWARD -j DROP',
]

const attaching = [
  '-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n-A PREROUTING -p udp --dport 69 -j CT --helper tftp',
  '-A PREROUTING -p tcp --dport 21 -j CT --helper ftp --zone 5\n-A PREROUTING -p udp --dport 69 -j CT --helper tftp --zone 5\n-A PREROUTING -j CT --zone 5',
  // Without a rule nobody is helped, whatever the port.
  '',
  '-A PREROUTING -p tcp --dport 21 -j CT --helper ftp --zone-orig 5\n-A PREROUTING -p udp --dport 69 -j CT --helper tftp --zone-orig 5',
]

/** The rules of a story, and how its two sides meet. */
export interface Scene {
  readonly family: Family
  readonly way: Way
  readonly filter: string
  readonly attach: string
}

export function rulesText({ family, way: { nat }, filter, attach }: Scene): string {
  const names = hosts[family]
  return [
    '*raw',
    attach,
    'COMMIT',
    '*mangle',
    ...marking,
    'COMMIT',
    '*nat',
    ...nat,
    'COMMIT',
    '*filter',
    // Or the router's own stack would answer what it knows nothing of.
    '-A INPUT -j DROP',
    filter,
    'COMMIT',
    '',
  ]
    .join('\n')
    .replaceAll(/\{(\w+)\}/g, (_, name: Name) => names[name])
    .replaceAll(/\[(\w+)\]/g, (_, name: Name) => (family === 'ipv4' ? names[name] : `[${names[name]}]`))
}

export const scenes: fc.Arbitrary<Scene> = fc.record({
  family: fc.constantFrom('ipv4' as const, 'ipv4' as const, 'ipv6' as const),
  way: fc.constantFrom(...ways),
  filter: fc.constantFrom(...filters),
  // First and last come more often than the others.
  attach: fc.constantFrom(...attaching, attaching[0]!),
})

export type Who = 'client' | 'server'

export const deviceOf = (name: Name): Device => (name.startsWith('in') ? 'eth1' : 'eth0')

interface Seen {
  readonly text: string
  readonly sourcePort: number
}

function seenIn(frame: Uint8Array): Seen | null {
  const packet = new Packet()
  decodeFrame(packet, frame)
  const { protocol, transportOffset: at } = packet
  if (protocol !== ipProtocol.tcp && protocol !== ipProtocol.udp) return null
  const payloadAt = at + (protocol === ipProtocol.tcp ? (packet.u8(at + 12) >>> 4) * 4 : 8)
  return { text: textOf(packet.bytes.slice(payloadAt, packet.endOffset)), sourcePort: packet.u16(at) }
}

/**
 * Whether a port was taken and had to be replaced by chance, in what is said or as the source: then both chose another
 * than was given, and not the same.
 */
export const chanceDecided: Excuse = (given, kernel, engine) => {
  if (kernel.length !== 1 || engine.length !== 1) return false
  const all = [given, kernel[0]!.frame, engine[0]!.frame].map(seenIn)
  if (all.includes(null)) return false
  const [was, theirs, mine] = all as [Seen, Seen, Seen]
  const differ = <T>(a: T, b: T, c: T): boolean => a !== b && b !== c && a !== c
  if (theirs.text === mine.text) return differ(was.sourcePort, theirs.sourcePort, mine.sourcePort)
  const [a, b, c] = [was, theirs, mine].map(({ text }) => /^(.*?)((?:\d+,)?\d+)(\D*)$/s.exec(text))
  if (a == null || b == null || c == null) return false
  return differ(a[2], b[2], c[2]) && b[1] === c[1] && b[3] === c[3]
}
