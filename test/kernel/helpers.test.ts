/** FTP and TFTP through the kernel's helpers and the engine's: random conversations, translations and accidents. */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Address, type Family, parseAddress, printAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import { encodeUdp } from '../../src/net/encode.ts'
import { Packet } from '../../src/net/packet.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import { runs } from './budget.ts'
import { type End, flag, TcpTalk, textOf, wrap } from './ftp-talk.ts'
import { routerUnavailable } from './router.ts'
import { type Device, type Excuse, TwinRouter } from './twin-router.ts'

/** Hosts outside (eth0) and inside (eth1), the router's addresses, and some that only translation knows. */
const hosts = {
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
type Name = keyof (typeof hosts)['ipv4']

interface Way {
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
interface Scene {
  readonly family: Family
  readonly way: Way
  readonly filter: string
  readonly attach: string
}

function rulesText({ family, way: { nat }, filter, attach }: Scene): string {
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

// --- What is said

/** `{me}` and `{peer}` are addresses, with commas before `,PORT` and in full or short words elsewhere. */
const clientWords = [
  'USER anonymous\r\n',
  'PORT {me,},{high},{low}\r\n',
  'PORT {me,},{high},{low}\r\n',
  'EPRT |{af}|{me}|{port}|\r\n',
  'EPRT |{af}|{me}|{port}|\r\n',
  'eprt !{af}!{me}!{port}!\r\n',
  'EPRT |{af}|{me}|{port}\r\n',
  'EPRT |3|{me}|{port}|\r\n',
  'EPRT a{af}a{me}a{port}a\r\n',
  'EPRT |{af}|{other}|{port}|\r\n',
  'EPRT |{af}||{port}|\r\n',
  'EPRT |{af}|{me}|0|\r\n',
  'EPRT |{af}|{me}|70000|\r\n',
  'EPRT |2|::ffff:1.2.3.4|{port}|\r\n',
  'EPRT  |{af}|{me}|{port}|\r\n',
  'port {me,},{high},{low}\r\n',
  'PORT {me,},{high},{low} \r\n',
  'PORT {me,},{high},{low}\n',
  'PORT {me,},{high},{low}',
  'PORT {other,},{high},{low}\r\n',
  'PORT {me,},300,{low}\r\n',
  'PORT {me,},0,0\r\n',
  'PORT {me,},255,255\r\n',
  'PORT {me,},{low}\r\n',
  'PORT  {me,},{high},{low}\r\n',
  'PORT',
  'PO',
  'POR\r\n',
  'PASV\r\n',
  'EPSV\r\n',
  'NOOP\r\nPORT {me,},{high},{low}\r\n',
  'PORT {me,},{high},{low}\r\nRETR file\r\n',
  '\r\n',
  'x',
]
const serverWords = [
  '220 ready\r\n',
  '200 done\r\n',
  '227 Entering Passive Mode ({me,},{high},{low}).\r\n',
  '227 Entering Passive Mode ({me,},{high},{low}).\r\n',
  '227 Entering Passive Mode {me,},{high},{low}\r\n',
  '227 ={me,},{high},{low}\r\n',
  '227 {me,},{high},{low}',
  '227 Entering Passive Mode ({other,},{high},{low}).\r\n',
  '227 Entering Passive Mode\r\n',
  '227 ({me,},256,{low})\r\n',
  '227 ({me,},0,0)\r\n',
  '227-more\r\n',
  '229 Entering Extended Passive Mode (|||{port}|)\r\n',
  '229 Entering Extended Passive Mode (|||{port}|)\r\n',
  '229 Entering Extended Passive Mode (!!!{port}!)\r\n',
  '229 Entering Extended Passive Mode (|||{port})\r\n',
  '229 Entering Extended Passive Mode (|{af}|{me}|{port}|)\r\n',
  '229 Entering Extended Passive Mode |||{port}|\r\n',
  '229 (|||0|)\r\n',
  '229 (',
  '22',
  '229',
  '150 here\r\n227 Entering Passive Mode ({me,},{high},{low}).\r\n',
]

type Who = 'client' | 'server'

type Move =
  | {
      readonly kind: 'say'
      readonly who: Who
      readonly words: string
      readonly port: number
      readonly ackShift: number
      readonly cutAt: number
    }
  | { readonly kind: 'again'; readonly who: Who; readonly which: number }
  | {
      readonly kind: 'ack'
      readonly who: Who
      readonly ackShift: number
      readonly sackAt: number | null
      readonly style: 'aligned' | 'odd' | 'broken'
    }
  | { readonly kind: 'error'; readonly who: Who; readonly type: number }
  | { readonly kind: 'close'; readonly who: Who; readonly flags: number }
  /** The other end opens the data connection that it heard of last, and the two talk a little. */
  | { readonly kind: 'data'; readonly who: Who; readonly fromPort: number }
  | { readonly kind: 'second' }

const who = fc.constantFrom<Who>('client', 'server')
const ackShift = fc.constantFrom(0, 0, 0, 0, -3, -30, 5)
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: who.chain((speaker) =>
      fc.record({
        kind: fc.constant('say' as const),
        who: fc.constant(speaker),
        words: fc.constantFrom(...(speaker === 'client' ? clientWords : serverWords)),
        port: fc.constantFrom(50000, 1025, 20, 21, 65535, 4660),
        ackShift,
        cutAt: fc.constantFrom(0, 0, 0, 0, 0, 2, 7, 20),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('again' as const), who, which: fc.nat({ max: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      who,
      ackShift,
      sackAt: fc.constantFrom(null, -40, -12, -3, 10),
      style: fc.constantFrom('aligned' as const, 'aligned' as const, 'odd' as const, 'broken' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('error' as const), who, type: fc.constantFrom(3, 11) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      who,
      flags: fc.constantFrom(flag.fin | flag.ack, flag.rst, flag.rst | flag.ack),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('data' as const), who, fromPort: fc.constantFrom(20, 33333) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'second' as const }) },
)

function fill(words: string, family: Family, end: End, port: number): string {
  const me = printAddress(end.address)
  return words
    .replaceAll('{me,}', me.replaceAll('.', ','))
    .replaceAll('{other,}', hosts[family].far.replaceAll('.', ','))
    .replaceAll('{me}', me)
    .replaceAll('{other}', hosts[family].far)
    .replaceAll('{af}', family === 'ipv4' ? '1' : '2')
    .replaceAll('{port}', String(port))
    .replaceAll('{high}', String(port >> 8))
    .replaceAll('{low}', String(port & 255))
}

/** The address and port that words name, as their hearer reads them; where none is named, the address of the speaker. */
function endNamed(words: string, speaker: string): { address: string; port: number } | null {
  const six = /(\d+,\d+,\d+,\d+),(\d+),(\d+)/.exec(words)
  if (six !== null) {
    return { address: six[1]!.replaceAll(',', '.'), port: (Number(six[2]) * 256 + Number(six[3])) & 0xffff }
  }
  const extended = /\|\d\|([^|]+)\|(\d+)\|/.exec(words)
  if (extended !== null) return { address: extended[1]!, port: Number(extended[2]) & 0xffff }
  const passive = /\|\|\|(\d+)\|/.exec(words)
  return passive === null ? null : { address: speaker, port: Number(passive[1]) & 0xffff }
}

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
const chanceDecided: Excuse = (given, kernel, engine) => {
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

// --- The story

const deviceOf = (name: Name): Device => (name.startsWith('in') ? 'eth1' : 'eth0')

class Story {
  readonly #twin: TwinRouter
  readonly #family: Family
  readonly #way: Way
  readonly #talks: TcpTalk[] = []
  #nextPort = 40000

  constructor(twin: TwinRouter, family: Family, way: Way) {
    this.#twin = twin
    this.#family = family
    this.#way = way
    this.#openControl()
  }

  get isOver(): boolean {
    return this.#talks.some(({ isOver }) => isOver)
  }

  readonly #pass = (device: Device, packet: Uint8Array, sender: Address, note: string) =>
    this.#twin.pass(device, packet, sender, note, chanceDecided)

  #openControl(): void {
    const { client, server, calls, nat } = this.#way
    const names = hosts[this.#family]
    const talk = new TcpTalk(
      this.#pass,
      this.#family,
      { device: deviceOf(client), address: names[client], port: this.#nextPort++, sequence: 0xffffff00 },
      {
        device: deviceOf(server),
        address: names[server],
        port: nat.some((rule) => rule.includes('2121')) ? 2121 : 21,
        sequence: 5000,
      },
      { address: names[calls], port: 21 },
    )
    this.#talks.unshift(talk)
    talk.open()
    talk.say(talk.server, { text: '220 ready\r\n' })
    talk.say(talk.client, { text: 'USER me\r\n' })
  }

  take(move: Move): void {
    const talk = this.#talks[0]!
    if (move.kind === 'second') {
      if (this.#talks.length < 3) this.#openControl()
      return
    }
    const end = talk[move.who]
    switch (move.kind) {
      case 'say': {
        const text = fill(move.words, this.#family, end, move.port)
        const cut = Math.min(move.cutAt, text.length - 1)
        if (cut > 0) talk.say(end, { text: text.slice(0, cut), ackShift: move.ackShift })
        talk.say(end, { text: text.slice(cut), ackShift: move.ackShift })
        return
      }
      case 'again':
        talk.again(end, move.which)
        return
      case 'ack':
        talk.say(end, {
          ackShift: move.ackShift,
          sack:
            move.sackAt === null
              ? []
              : [
                  [move.sackAt, move.sackAt + 2],
                  [move.sackAt - 30, move.sackAt - 5],
                ],
          optionsStyle: move.style,
        })
        return
      case 'error':
        talk.complain(end, move.type)
        return
      case 'close':
        talk.say(end, { flags: move.flags })
        return
      case 'data':
        this.#openData(talk, end, move.fromPort)
        return
    }
  }

  /** `end` goes where it was told to. */
  #openData(control: TcpTalk, end: End, fromPort: number): void {
    const named = (control.said.get(end) ?? [])
      .map((words) => endNamed(words, printAddress(end.peer.address)))
      .findLast((found) => found !== null)
    // The kernel is slow to answer for addresses it has no way to.
    const known: readonly string[] = Object.values(hosts[this.#family])
    if (named == null || !known.includes(named.address) || named.port === 0) return
    const listener = control.other(end)
    // What the listener listens at is what it said itself.
    const said = listener.sent
      .map((packet) => endNamed(textOf(packet), printAddress(listener.address)))
      .findLast((found) => found !== null)
    const talk = new TcpTalk(
      this.#pass,
      this.#family,
      {
        device: end.device,
        address: printAddress(end.address),
        port: fromPort === 20 ? 20 : this.#nextPort++,
        sequence: 77,
      },
      {
        device: listener.device,
        address: printAddress(listener.address),
        port: said?.port ?? named.port,
        sequence: 99,
      },
      named,
    )
    talk.open()
    talk.say(talk.client, { text: 'data' })
    talk.say(talk.server, { text: '227 Entering Passive Mode (1,2,3,4,5,6)\r\n' })
    if (talk.isOver) control.isOver = true
  }
}

// --- TFTP

type TftpMove =
  /** A client (one of two ports) sends an opcode to the port it called. */
  | { readonly kind: 'ask'; readonly port: number; readonly opcode: number; readonly bytes: number }
  /** The server answers what it heard last, from some port. */
  | { readonly kind: 'answer'; readonly port: number; readonly opcode: number }
  /** The client answers what it heard last. */
  | { readonly kind: 'go-on' }

const tftpMove: fc.Arbitrary<TftpMove> = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    port: fc.constantFrom(4000, 4000, 4001),
    opcode: fc.constantFrom(1, 1, 2, 3, 5, 256),
    bytes: fc.constantFrom(20, 20, 2, 1, 0),
  }),
  fc.record({
    kind: fc.constant('answer' as const),
    port: fc.constantFrom(69, 30000, 30001),
    opcode: fc.constantFrom(3, 4, 1),
  }),
  fc.record({ kind: fc.constant('go-on' as const) }),
)

class TftpStory {
  isOver = false
  readonly #twin: TwinRouter
  readonly #family: Family
  readonly #way: Way
  /** What came out to each side last: addresses and ports. */
  readonly #heard: Partial<Record<Who, UdpEnds>> = {}

  constructor(twin: TwinRouter, family: Family, way: Way) {
    this.#twin = twin
    this.#family = family
    this.#way = way
  }

  take(move: TftpMove): void {
    const address = (name: Name): Address => parseAddress(hosts[this.#family][name])!
    const { client, calls } = this.#way
    if (move.kind === 'ask') {
      const ends = { source: address(client), destination: address(calls) }
      const ports = { sourcePort: move.port, destinationPort: 69 }
      this.#send(
        'client',
        { ...ends, ...ports },
        Uint8Array.of(0, move.opcode, ...Array(20).fill(97)).slice(0, move.bytes),
      )
      return
    }
    const from = move.kind === 'answer' ? 'server' : 'client'
    const heard = this.#heard[from]
    if (heard === undefined) return
    const back = {
      source: heard.destination,
      destination: heard.source,
      sourcePort: move.kind === 'answer' ? move.port : heard.destinationPort,
      destinationPort: heard.sourcePort,
    }
    this.#send(from, back, Uint8Array.of(0, move.kind === 'answer' ? move.opcode : 4, 0, 1))
  }

  #send(from: Who, ends: UdpEnds, payload: Uint8Array): void {
    const packet = wrap(ends, ipProtocol.udp, encodeUdp(ends, payload, ends))
    const device = deviceOf(this.#way[from])
    const frames = this.#twin.pass(device, packet, ends.source, from, chanceDecided)
    if (frames === null) this.isOver = true
    for (const { device: leaves, frame } of frames ?? []) {
      const heard = new Packet()
      decodeFrame(heard, frame)
      if (heard.protocol !== ipProtocol.udp || leaves === device) continue
      const { source, destination, transportOffset: at } = heard
      const ports = { sourcePort: heard.u16(at), destinationPort: heard.u16(at + 2) }
      this.#heard[from === 'client' ? 'server' : 'client'] = { source, destination, ...ports }
    }
  }
}

interface UdpEnds {
  readonly source: Address
  readonly destination: Address
  readonly sourcePort: number
  readonly destinationPort: number
}

describe('helpers through the kernel', () => {
  const lack = routerUnavailable()
  let twin: TwinRouter

  beforeEach((context) => {
    if (lack !== null) context.skip(lack)
  })
  beforeAll(() => {
    if (lack !== null) return
    const at = (...names: Name[]) => names.flatMap((name) => [hosts.ipv4[name], hosts.ipv6[name]])
    twin = new TwinRouter({ eth0: at('out', 'out2', 'long', 'short', 'far'), eth1: at('in', 'in2') }, [
      `${hosts.ipv4.short}/32 dev eth0`,
      `${hosts.ipv4.far}/32 dev eth0`,
      `${hosts.ipv6.far}/128 dev eth0`,
    ])
  })
  afterAll(() => {
    if (lack === null) twin.close()
  })

  const scenes: fc.Arbitrary<Scene> = fc.record({
    family: fc.constantFrom('ipv4' as const, 'ipv4' as const, 'ipv6' as const),
    way: fc.constantFrom(...ways),
    filter: fc.constantFrom(...filters),
    attach: fc.constantFrom(attaching[0]!, ...attaching),
  })
  const begin = (scene: Scene): void =>
    twin.begin({ [scene.family]: rulesText(scene) }, { 'net.netfilter.nf_conntrack_acct': 1 })

  test('conversations of FTP', { timeout: 600_000 }, () => {
    let expected = 0
    fc.assert(
      fc.property(scenes, fc.array(move, { minLength: 5, maxLength: 30 }), (scene, moves) => {
        const { family, way } = scene
        begin(scene)
        const story = new Story(twin, family, way)
        for (const each of moves) {
          if (story.isOver) return
          story.take(each)
        }
        if (!story.isOver) expected += packetsOfExpected(twin.end([family]))
      }),
      { numRuns: runs(60) },
    )
    expect(expected).toBeGreaterThan(10)
  })

  test('conversations of TFTP', { timeout: 600_000 }, () => {
    let expected = 0
    fc.assert(
      fc.property(scenes, fc.array(tftpMove, { minLength: 1, maxLength: 15 }), (scene, moves) => {
        const { family, way } = scene
        begin(scene)
        const story = new TftpStory(twin, family, way)
        for (const each of moves) {
          if (story.isOver) return
          story.take(each)
        }
        if (!story.isOver) expected += packetsOfExpected(twin.end([family]))
      }),
      { numRuns: runs(30) },
    )
    expect(expected).toBeGreaterThan(5)
  })
})

const packetsOfExpected = (saved: readonly string[]): number =>
  saved
    .filter((line) => line.includes('--ctstatus EXPECTED'))
    .reduce((sum, line) => sum + Number(/^\[(\d+):/.exec(line)![1]), 0)
