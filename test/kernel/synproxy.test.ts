/**
 * SYN proxies of the kernel and of the engine: random clients and servers on either side of a router.
 *
 * Cookies and clocks are each one's own, so each is given packets that hold its own, and what comes out is compared with
 * numbers counted from the cookie (`C`) and from the timestamp of the SYN-ACK (`T`). Not asked of the kernel: how long a
 * cookie lives (minutes), and which minute the machine is in.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Family, parseAddress } from '../../src/net/address.ts'
import { netfilterChecksumOk } from '../../src/net/checksum.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import { encodeIcmp, encodeIpv4, encodeIpv6, encodeTcp, setU32 } from '../../src/net/encode.ts'
import * as tcp from '../../src/net/headers/tcp.ts'
import { Packet } from '../../src/net/packet.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import { runs } from './budget.ts'
import { routerUnavailable } from './router.ts'
import { type SentFrame, TwinRouter } from './twin-router.ts'

const hosts = {
  ipv4: { client: '203.0.113.7', server: '192.168.1.9', gateway: '203.0.113.1' },
  ipv6: { client: '2001:db8:1::7', server: '2001:db8:2::9', gateway: '2001:db8:1::1' },
} as const
type Who = 'client' | 'server'
const sides = ['kernel', 'engine'] as const
type Side = (typeof sides)[number]

/** So that its clock shows a number that nothing else is near. */
const uptimeNs = 700_000_000n * 1_000_000n

// --- What is given

/** What TCP says; numbers of the server are counted from the cookie, and echoes of its clock from the timestamp. */
interface Said {
  readonly who: Who
  readonly flags: number
  /** From the sender's initial sequence number. */
  readonly sequence: number
  /** From the other's initial sequence number, as the sender knows it. */
  readonly acknowledgement: number
  readonly window?: number
  readonly options?: readonly (readonly number[])[]
  /** Its own clock, and what it echoes of the other's; null for no timestamps. */
  readonly clock: number | null
  readonly payload?: number
  readonly isBroken?: boolean
}

const clientStart = 0x10000000
/** The server begins so far behind the cookie, so that what has to be translated is the same on both sides. */
const serverAhead = 0x50000000
/** How often that may have been added to what comes out. */
const shifts = [0, 1, -1, 2] as const
const clocks = { client: 0x50000000, server: 0xa0000000 }

const clockSums = {
  0: 0,
  client: clocks.client,
  server: clocks.server,
  'two servers': 2 * clocks.server,
  both: clocks.client + clocks.server,
}

interface Scene {
  readonly family: Family
  readonly options: string
  readonly tracksSyn: boolean
  readonly isTranslated: boolean
}

const scenes: fc.Arbitrary<Scene> = fc.record({
  family: fc.constantFrom('ipv4', 'ipv6'),
  options: fc
    .subarray(['--sack-perm', '--timestamp', '--wscale 7', '--mss 1400', '--ecn'])
    .map((words) => words.join(' ')),
  tracksSyn: fc.boolean(),
  isTranslated: fc.boolean(),
})

function rulesOf({ family, options, tracksSyn, isTranslated }: Scene): string {
  const { server, gateway } = hosts[family]
  const to = family === 'ipv4' ? `${server}:80` : `[${server}]:80`
  const chain = isTranslated ? 'INPUT' : 'FORWARD'
  return [
    '*raw',
    ...(tracksSyn ? [] : ['-A PREROUTING -i eth0 -p tcp --syn -j CT --notrack']),
    'COMMIT',
    '*nat',
    ...(isTranslated ? [`-A OUTPUT -p tcp -d ${gateway} --dport 80 -j DNAT --to-destination ${to}`] : []),
    'COMMIT',
    '*filter',
    `-A ${chain} -i eth0 -p tcp -m conntrack --ctstate ${tracksSyn ? 'NEW,' : ''}INVALID,UNTRACKED -j SYNPROXY ${options}`,
    // The real router would answer by itself.
    '-A INPUT -p tcp -j DROP',
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A FORWARD -m conntrack --ctstate ESTABLISHED',
    '-A OUTPUT -m conntrack --ctstate INVALID',
    '-A OUTPUT -m conntrack --ctstate NEW',
    '-A OUTPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY',
    'COMMIT',
    '*mangle\nCOMMIT\n',
  ].join('\n')
}

type Move =
  | { readonly kind: 'tcp'; readonly said: Said }
  /** The server's host complains of the SYN. */
  | { readonly kind: 'unreachable' }

const { fin, syn, rst, psh, ack, ece, cwr } = tcp.flag

const offers = fc.subarray([
  [2, 4, 5, 180],
  [3, 3, 5],
  [4, 2],
])

const clientSyn = (options: readonly number[][], stamped: boolean, more = 0): Move =>
  tcpMove({
    who: 'client',
    flags: syn | more,
    sequence: 0,
    acknowledgement: Number.NaN,
    options,
    clock: stamped ? 0 : null,
  })

const tcpMove = (said: Said): Move => ({ kind: 'tcp', said })

const wrongs = fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1, 2, 1 << 24, -(1 << 24))

const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    arbitrary: offers.chain((options) => fc.boolean().map((stamped) => clientSyn(options, stamped))),
    weight: 2,
  },
  offers.map((options) => clientSyn(options, true, ece | cwr)),
  {
    // What follows a SYN-ACK, with or without data, retransmitted or wrong.
    arbitrary: fc
      .record({
        wrong: wrongs,
        before: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
        payload: fc.constantFrom(0, 0, 5),
        stamped: fc.boolean(),
        isBroken: fc.constantFrom(false, false, false, false, true),
        window: fc.constantFrom(0, 500, 65535),
      })
      .map(({ wrong, before, stamped, ...rest }) =>
        tcpMove({
          who: 'client',
          flags: ack,
          sequence: 1 + before,
          acknowledgement: 1 + wrong,
          clock: stamped ? 1 : null,
          ...rest,
        }),
      ),
    weight: 4,
  },
  {
    arbitrary: offers.chain((options) =>
      fc
        .record({ stamped: fc.boolean(), window: fc.constantFrom(0, 1000, 65535) })
        .map(({ stamped, window }) =>
          tcpMove({
            who: 'server',
            flags: syn | ack,
            sequence: 0,
            acknowledgement: 1,
            options,
            clock: stamped ? 0 : null,
            window,
          }),
        ),
    ),
    weight: 4,
  },
  {
    arbitrary: fc
      .record({
        who: fc.constantFrom<Who>('client', 'server'),
        flags: fc.constantFrom(ack, ack | psh, ack | psh, fin | ack, rst, rst | ack, 0),
        sequence: fc.constantFrom(1, 1, 6, 11),
        acknowledgement: fc.constantFrom(1, 1, 6, 11),
        payload: fc.constantFrom(0, 5, 5),
        stamped: fc.boolean(),
        isSelective: fc.constantFrom(false, false, true),
      })
      .map(({ stamped, isSelective, ...rest }) =>
        tcpMove({ ...rest, clock: stamped ? 2 : null, options: isSelective ? [[5, 10]] : [] }),
      ),
    weight: 6,
  },
  tcpMoveOf({ who: 'server', flags: rst | ack, sequence: 0, acknowledgement: 1, clock: null }),
  fc.constant<Move>({ kind: 'unreachable' }),
)

function tcpMoveOf(said: Said): fc.Arbitrary<Move> {
  return fc.constant(tcpMove(said))
}

// --- One conversation

/** What one side drew. */
interface Drawn {
  /** The sequence number of its SYN-ACKs, and the timestamp of the last one. */
  cookie: number
  stamp: number
}

const nothingDrawn: Drawn = { cookie: 0x20000000, stamp: 0x30000000 }

class Story {
  readonly #twin: TwinRouter
  readonly #scene: Scene
  readonly #drawn: Record<Side, Drawn> = {
    kernel: { ...nothingDrawn },
    engine: { ...nothingDrawn },
  }
  /** The minute ended for one of the two, and with it the same cookie; or the cookie is too near to the client's numbers. */
  isOver = false
  greeted = 0
  asked = 0
  joined = 0

  constructor(twin: TwinRouter, scene: Scene) {
    this.#twin = twin
    this.#scene = scene
  }

  /**
   * Whether the move leads to the same on both sides. Before the server has answered, segments of its own are taken for its
   * answer (a second SYN-ACK of the proxy, too) and resets judged by a window that begins at 0, so that it counts how large the cookie happens to be.
   */
  isFair(move: Move): boolean {
    if (move.kind === 'unreachable') return this.#scene.family === 'ipv4'
    const { who, flags } = move.said
    if (this.joined > 0) return true
    if (who === 'server') return (flags & (syn | rst)) !== 0
    return (flags & (rst | ack)) !== (rst | ack) && !(this.asked > 0 && flags & syn)
  }

  take(move: Move): void {
    const { family, isTranslated } = this.#scene
    const words = hosts[family]
    const clientTo = isTranslated ? words.gateway : words.server
    const from = move.kind === 'tcp' ? move.said.who : 'server'
    const packets = Object.fromEntries(
      sides.map((side) => [side, this.#packetOf(move, side, clientTo)]),
    ) as Record<Side, Uint8Array>
    const device = from === 'client' ? 'eth0' : 'eth1'
    const sent = this.#twin.passEach(device, packets, parseAddress(words[from])!, JSON.stringify(move))
    for (const side of sides) this.#learn(side, sent[side])
    if (this.isOver) return
    const [kernel, engine] = sides.map((side) => sent[side].map((frame) => this.#print(frame, side)))
    expect(engine, this.#twin.log.join('\n')).toEqual(kernel)
    if (engine!.some((line) => line.includes(' [SA] '))) this.greeted++
    if (engine!.some((line) => /^eth1 .* \[S/.test(line))) this.asked++
    if (engine!.length === 2) this.joined++
  }

  #packetOf(move: Move, side: Side, clientTo: string): Uint8Array {
    const { family } = this.#scene
    const [client, server, spoken] = [hosts[family].client, hosts[family].server, clientTo].map(
      (text) => parseAddress(text)!,
    )
    if (move.kind === 'unreachable') {
      const quoted = this.#segment(
        { who: 'client', flags: syn, sequence: 0, acknowledgement: 0, clock: null },
        side,
        { source: client!, destination: server! },
      )
      const ends = { source: server!, destination: client! }
      return encodeIpv4(
        { ...ends, protocol: ipProtocol.icmp },
        encodeIcmp({ type: 3, code: 3 }, quoted.subarray(0, 40)),
      )
    }
    const ends =
      move.said.who === 'client'
        ? { source: client!, destination: spoken! }
        : { source: server!, destination: client! }
    return this.#segment(move.said, side, ends)
  }

  #segment(
    { who, flags, sequence, acknowledgement, window, options, clock, payload, isBroken }: Said,
    side: Side,
    ends: { source: ReturnType<typeof parseAddress> & {}; destination: ReturnType<typeof parseAddress> & {} },
  ): Uint8Array {
    const { cookie, stamp } = this.#drawn[side]
    const serverStart = cookie + serverAhead
    const [ownStart, theirStart] = who === 'client' ? [clientStart, cookie] : [serverStart, clientStart]
    const number = (value: number): number => value >>> 0
    const bytes = new Uint8Array(40)
    let length = 0
    for (const option of options ?? []) {
      bytes.set(option, length)
      // A selective acknowledgement of what lies a bit further.
      if (option[0] === 5) {
        setU32(bytes, length + 2, number(theirStart + 20))
        setU32(bytes, length + 6, number(theirStart + 30))
      }
      length += option[1]!
    }
    if (clock !== null) {
      bytes.set([8, 10], length)
      setU32(bytes, length + 2, number(clocks[who] + clock))
      const echo = (flags & ack) === 0 ? 0 : who === 'client' ? stamp : clocks.client
      setU32(bytes, length + 6, number(echo))
      length += 10
    }
    const segment = encodeTcp(
      {
        sourcePort: who === 'client' ? 4000 : 80,
        destinationPort: who === 'client' ? 80 : 4000,
        sequence: number(ownStart + sequence),
        acknowledgement: Number.isNaN(acknowledgement) ? 0 : number(theirStart + acknowledgement),
        flags,
        window: window ?? 1000,
        options: bytes.slice(0, Math.ceil(length / 4) * 4),
      },
      new Uint8Array(payload ?? 0).fill(65),
      ends,
    )
    if (isBroken) segment[16]! ^= 1
    return this.#scene.family === 'ipv4'
      ? encodeIpv4({ ...ends, protocol: ipProtocol.tcp, id: 7 }, segment)
      : encodeIpv6({ ...ends, nextHeader: ipProtocol.tcp }, segment)
  }

  /** The client reads the SYN-ACK. */
  #learn(side: Side, frames: readonly SentFrame[]): void {
    const packet = new Packet()
    for (const { device, frame } of frames) {
      decodeFrame(packet, frame)
      const at = packet.transportOffset
      if (device !== 'eth0' || packet.protocol !== ipProtocol.tcp) continue
      if ((tcp.flags(packet, at) & (syn | ack | rst)) !== (syn | ack)) continue
      const drawn = this.#drawn[side]
      const cookie = tcp.sequence(packet, at)
      if (drawn.cookie !== nothingDrawn.cookie && drawn.cookie !== cookie) this.isOver = true
      for (const times of shifts) {
        if (Math.abs((cookie + times * serverAhead - clientStart) | 0) < 2 * near) this.isOver = true
      }
      drawn.cookie = cookie
      const option = tcp.findOption(packet, at, at + tcp.headerLength(packet, at), tcp.optionKind.timestamps)
      if (option >= 0) drawn.stamp = packet.u32(option + 2)
    }
  }

  /** A frame with the numbers that a side drew counted from them. */
  #print({ device, frame }: SentFrame, side: Side): string {
    const packet = new Packet()
    decodeFrame(packet, frame)
    const at = packet.transportOffset
    const network = Buffer.from(frame.slice(0, at)).toString('hex')
    if (packet.protocol !== ipProtocol.tcp) return `${device} ${network} ${packet.protocol}`
    const { cookie, stamp } = this.#drawn[side]
    /** Cookies that are taken for the server's own numbers are shifted once too often. */
    const number = (value: number): string => {
      for (const times of shifts) {
        const told = counted(value, cookie + times * serverAhead, `C+${times}S`)
        if (told !== null) return told
      }
      return hexOf(value)
    }
    /** A SYN-ACK that is sent later has a later time. Sums come of ends that echo nonsense, and of the first answer's echo. */
    const time = (value: number): string => {
      const from = stamp & ~0x3f
      for (const times of [1, 0, -1, 2, -2]) {
        for (const [name, base] of Object.entries(clockSums)) {
          const rest = (value - times * from - base) | 0
          if (Math.abs(rest) < 60_000)
            return `${times}T+${name}|${(times === 0 ? rest : value & 0x3f).toString(2)}`
        }
      }
      return hexOf(value)
    }
    const options: string[] = []
    const end = at + tcp.headerLength(packet, at)
    for (let option = at + 20; option >= 0 && option < end; ) {
      const next = tcp.nextOption(packet, option, end)
      const body = frame.slice(option, next < 0 ? end : next)
      const kind = body[0]
      if (kind === tcp.optionKind.timestamps && body.length === 10) {
        options.push(`ts ${time(packet.u32(option + 2))} ${time(packet.u32(option + 6))}`)
      } else if (kind === tcp.optionKind.sack && body.length === 10) {
        options.push(`sack ${number(packet.u32(option + 2))} ${number(packet.u32(option + 6))}`)
      } else options.push(Buffer.from(body).toString('hex'))
      option = next
    }
    const flags = Object.entries({ F: fin, S: syn, R: rst, P: psh, A: ack, E: ece, C: cwr })
      .flatMap(([letter, bit]) => (tcp.flags(packet, at) & bit ? [letter] : []))
      .join('')
    return [
      device,
      network,
      `${packet.u16(at)}>${packet.u16(at + 2)}`,
      `[${flags}]`,
      number(tcp.sequence(packet, at)),
      number(tcp.acknowledgement(packet, at)),
      `win ${tcp.window(packet, at)}`,
      `[${options.join(', ')}]`,
      netfilterChecksumOk(packet) ? 'sum ok' : 'sum wrong',
      Buffer.from(frame.slice(end)).toString('hex'),
    ].join(' ')
  }
}

/** Numbers of one kind are no further from each other. */
const near = 1 << 25

const hexOf = (value: number): string => (value >>> 0).toString(16)

function counted(value: number, from: number, name: string): string | null {
  const distance = (value - from) | 0
  return Math.abs(distance) < near ? `${name}${distance < 0 ? '' : '+'}${distance}` : null
}

describe('SYN proxies', () => {
  const lack = routerUnavailable()
  let twin: TwinRouter

  beforeEach((context) => {
    if (lack !== null) context.skip(lack)
  })
  beforeAll(() => {
    if (lack !== null) return
    twin = new TwinRouter({
      eth0: [hosts.ipv4.client, hosts.ipv6.client],
      eth1: [hosts.ipv4.server, hosts.ipv6.server],
    })
  })
  afterAll(() => {
    if (lack === null) twin.close()
  })

  const begin = (scene: Scene): Story => {
    twin.begin(
      { [scene.family]: rulesOf(scene) },
      { 'net.netfilter.nf_conntrack_tcp_loose': 0, 'net.netfilter.nf_conntrack_acct': 1 },
      uptimeNs,
    )
    return new Story(twin, scene)
  }

  test('greet, join and translate as the kernel', { timeout: 600_000 }, () => {
    let greeted = 0
    let joined = 0
    fc.assert(
      fc.property(scenes, fc.array(moves, { minLength: 4, maxLength: 25 }), (scene, story) => {
        const each = begin(scene)
        for (const move of story) {
          if (!each.isFair(move)) continue
          each.take(move)
          if (each.isOver) return
        }
        twin.end([scene.family])
        greeted += each.greeted
        joined += each.joined
      }),
      { numRuns: runs(80) },
    )
    expect(greeted).toBeGreaterThan(0)
    expect(joined).toBeGreaterThan(0)
  })
})
