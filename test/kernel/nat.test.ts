/** Random nat tables, connections through them, their answers and errors about them: on the kernel and on the engine. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { hostOf, rulesOf } from '../../src/engine/_testing/journey-case.ts'
import { defaultMac, neighbourMac } from '../../src/engine/config.ts'
import { Host } from '../../src/engine/host.ts'
import { type Outcome, printRuleRef } from '../../src/engine/outcome.ts'
import { SourceText } from '../../src/lang/source.ts'
import { compareEnds, compareSteps, Lab, labLack } from '../../src/linux/lab/index.ts'
import { type Address, type Family, parseAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import * as encode from '../../src/net/encode.ts'
import { Packet } from '../../src/net/packet.ts'
import { etherType, ipProtocol } from '../../src/net/protocol.ts'
import type { Action, Step, StepResult } from '../../src/scenario/scenario.ts'
import { hex, runs } from './budget.ts'

type Device = 'eth0' | 'eth1' | 'out'

/** Names that stand for addresses in both families, so that one generator serves both. */
const addresses = {
  ipv4: {
    gateway: '203.0.113.1',
    inner: '192.168.1.1',
    client: '203.0.113.7',
    client2: '203.0.113.8',
    server: '192.168.1.9',
    server2: '192.168.1.12',
    far: '198.51.100.7',
    public: '203.0.113.50',
    public2: '203.0.113.57',
    publicNet: '203.0.113.64/29',
    innerNet: '192.168.1.8/29',
  },
  ipv6: {
    gateway: '2001:db8:1::1',
    inner: '2001:db8:2::1',
    client: '2001:db8:1::7',
    client2: '2001:db8:1::8',
    server: '2001:db8:2::9',
    server2: '2001:db8:2::12',
    far: '2001:db8:77::7',
    public: '2001:db8:1::50',
    public2: '2001:db8:1::57',
    publicNet: '2001:db8:1:0:5::/80',
    innerNet: '2001:db8:2::8/125',
  },
}
type Name = keyof (typeof addresses)['ipv4']

/** Whatever a network maps to, too: nobody answers for a neighbour here. */
const neighbours = [
  ...Array.from({ length: 40 }, (_, at) => `203.0.113.${40 + at}`),
  ...Array.from({ length: 8 }, (_, at) => `192.168.1.${8 + at}`),
  ...Array.from({ length: 11 }, (_, at) => `2001:db8:2::${(8 + at).toString(16)}`),
  ...Array.from({ length: 8 }, (_, at) => `2001:db8:1::5${at}`),
  ...['1', '7', '8', '9', '12', '50'].map((last) => `2001:db8:1:0:5::${last}`),
]

const config = hostOf(
  `eth0 203.0.113.1/24 2001:db8:1::1/64
   eth1 192.168.1.1/24 2001:db8:2::1/64`,
  ['default via 203.0.113.254', 'default via 2001:db8:1::fe'],
  { neighbours: new Map(neighbours.map((text) => [text, neighbourMac(parseAddress(text)!)])) },
)

const conditions = [
  '',
  '',
  '-p tcp',
  '-p udp',
  '-p ICMP',
  '-p tcp --dport 80',
  '-p udp --dport 53',
  '-s <client>',
  '-d <gateway>',
]

/** Only what a kernel does not decide by chance: no port ranges for sources, no `--random`. */
const targets = {
  PREROUTING: [
    'DNAT --to-destination <server>',
    'DNAT --to-destination <server>-<server2>',
    'DNAT --to-destination <server>-<server2> --persistent',
    'TCP DNAT --to-destination [server]:8080',
    'TCP DNAT --to-destination [server]:8000-8002',
    'UDP DNAT --to-destination [server]:8000-8100/50',
    'UDP DNAT --to-destination :54',
    'REDIRECT',
    'TCP REDIRECT --to-ports 7',
    'NETMAP --to <innerNet>',
    'RETURN',
    'ACCEPT',
  ],
  POSTROUTING: [
    'SNAT --to-source <public>',
    'SNAT --to-source <public>-<public2>',
    'SNAT --to-source <public>-<public2> --persistent',
    'TCP SNAT --to-source [public]:5000',
    'MASQUERADE',
    'UDP MASQUERADE --to-ports 6000',
    'NETMAP --to <publicNet>',
    'ACCEPT',
  ],
  INPUT: ['SNAT --to-source <far>', 'NETMAP --to <publicNet>', 'ACCEPT'],
  OUTPUT: [
    'DNAT --to-destination <server>',
    'REDIRECT',
    'TCP DNAT --to-destination [server]:8080',
    'NETMAP --to <innerNet>',
  ],
}

const rule = fc
  .constantFrom(
    'PREROUTING' as const,
    'PREROUTING' as const,
    'POSTROUTING' as const,
    'POSTROUTING' as const,
    'INPUT' as const,
    'OUTPUT' as const,
  )
  .chain((chain) =>
    fc.record({
      chain: fc.constant(chain),
      condition: fc.constantFrom(...conditions),
      device: fc.constantFrom(
        '',
        '',
        chain === 'POSTROUTING' ? '-o eth0' : chain === 'PREROUTING' ? '-i eth0' : '',
      ),
      target: fc.constantFrom(...targets[chain]),
    }),
  )
  .map(({ chain, condition, device, target }) => {
    const [, protocol, action] = /^(TCP|UDP)? ?(.*)$/.exec(target)!
    const words = protocol === undefined ? condition : `-p ${protocol.toLowerCase()}`
    return `-A ${chain} ${device} ${words} -j ${action}`.replaceAll(/ +/g, ' ')
  })

const filterRules = [
  '',
  '',
  '-A FORWARD -p tcp --dport 80 -j REJECT --reject-with tcp-reset',
  '-A FORWARD -p udp --dport 53 -j REJECT',
  '-A INPUT -p udp --dport 7 -j REJECT',
]

function rulesText(family: Family, nat: readonly string[], filter: string): string {
  const names = addresses[family]
  const text = `*nat\n${nat.join('\n')}\nCOMMIT\n*filter\n${filter}\nCOMMIT\n`
  return text
    .replaceAll('ICMP', family === 'ipv4' ? 'icmp' : 'icmpv6')
    .replaceAll(/<(\w+)>/g, (_, name: Name) => names[name])
    .replaceAll(/\[(\w+)\]/g, (_, name: Name) => (family === 'ipv4' ? names[name] : `[${names[name]}]`))
}

type Protocol = 'tcp' | 'udp' | 'udplite' | 'echo' | 'sctp' | 'gre' | 'esp'

type Move =
  | {
      readonly kind: 'fresh'
      readonly device: Device
      readonly from: Name
      readonly to: Name
      readonly protocol: Protocol
      readonly port: number
      readonly source: number | null
    }
  /** Something sent earlier once more. */
  | { readonly kind: 'again'; readonly which: number }
  /** An answer to a frame that came out, or an error about it. */
  | { readonly kind: 'answer'; readonly which: number; readonly flags: number }
  | {
      readonly kind: 'error'
      readonly which: number
      readonly type: number
      readonly length: number
      readonly fromRouter: boolean
    }

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('fresh' as const),
      device: fc.constantFrom<Device>('eth0', 'eth0', 'eth0', 'eth1', 'eth1', 'out'),
      from: fc.constantFrom<Name>('client', 'client2', 'server', 'server2', 'far'),
      to: fc.constantFrom<Name>(
        'gateway',
        'gateway',
        'inner',
        'client',
        'server',
        'server',
        'server2',
        'far',
        'public',
      ),
      protocol: fc.constantFrom<Protocol>(
        'tcp',
        'tcp',
        'tcp',
        'udp',
        'udp',
        'udp',
        'echo',
        'echo',
        'udplite',
        'sctp',
        'gre',
        'esp',
      ),
      port: fc.constantFrom(80, 53, 7, 100),
      source: fc.option(fc.constantFrom(4000, 4001, 80), { freq: 1, nil: null }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      which: fc.nat({ max: 6 }),
      flags: fc.constantFrom(0x12, 0x12, 0x10, 0x14),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('error' as const),
      which: fc.nat({ max: 6 }),
      type: fc.constantFrom(3, 3, 11, 5),
      length: fc.constantFrom(1000, 1000, 28, 48, 24, 44),
      fromRouter: fc.boolean(),
    }),
  },
)

const protocolNumber = { tcp: 6, udp: 17, udplite: 136, echo: 1, sctp: 132, gre: 47, esp: 50 } as const
const ports = { sourcePort: 0, destinationPort: 0 }

/** What has been sent and what came out, to make the next packet from. */
class Talk {
  readonly #family: Family
  readonly #sent: Action[] = []
  /** Newest first. */
  readonly #cameOut: { readonly device: Device; readonly frame: Uint8Array }[] = []
  #nextPort = 20000

  constructor(family: Family) {
    this.#family = family
  }

  heard({ sent }: StepResult): void {
    for (const { if: name, hex: text } of sent)
      this.#cameOut.unshift({ device: name as Device, frame: hex(text) })
  }

  action(move: Move): Action | null {
    const action = this.#make(move)
    if (action !== null) this.#sent.push(action)
    return action
  }

  #make(move: Move): Action | null {
    switch (move.kind) {
      case 'fresh':
        return this.#fresh(move)
      case 'again':
        return this.#sent[move.which % Math.max(1, this.#sent.length)] ?? null
      default: {
        const out = this.#cameOut[move.which % Math.max(1, this.#cameOut.length)]
        if (out === undefined) return null
        const packet = new Packet()
        decodeFrame(packet, out.frame)
        const bytes = move.kind === 'answer' ? this.#answer(packet, move.flags) : this.#error(packet, move)
        return bytes === null ? null : this.#arrives(out.device, bytes, packet.destination)
      }
    }
  }

  #fresh({ device, from, to, protocol, port, source: chosen }: Extract<Move, { kind: 'fresh' }>): Action {
    const names = addresses[this.#family]
    const ends = {
      source: parseAddress(device === 'out' ? names.gateway : names[from])!,
      destination: parseAddress(names[to])!,
    }
    const source = chosen ?? this.#nextPort++
    const packet = this.#wrap(ends, protocolNumber[protocol], this.#payload(protocol, ends, source, port))
    if (device === 'out') return { kind: 'send', packet, socket: { uid: 0, gid: 0 }, mark: 0 }
    return this.#arrives(device, packet, ends.source)
  }

  #payload(protocol: Protocol, ends: encode.Ends, sourcePort: number, destinationPort: number): Uint8Array {
    const data = hex('68656c6c6f')
    switch (protocol) {
      case 'tcp':
        return encode.encodeTcp(
          { sourcePort, destinationPort, sequence: 100, flags: 2 },
          new Uint8Array(0),
          ends,
        )
      case 'udp':
        return encode.encodeUdp({ sourcePort, destinationPort }, data, ends)
      case 'udplite': {
        // A sum that the kernel takes for right: see conntrack.
        const bytes = encode.encodeUdpLite({ sourcePort, destinationPort, length: 8 }, data, ends)
        encode.setU16(bytes, 6, encode.adjustChecksum((bytes[6]! << 8) | bytes[7]!, 136, 17))
        return bytes
      }
      case 'echo':
        return this.#family === 'ipv4'
          ? encode.encodeIcmp({ type: 8, code: 0, rest: sourcePort * 65536 + 1 }, data)
          : encode.encodeIcmp6({ type: 128, code: 0, rest: sourcePort * 65536 + 1 }, data, ends)
      case 'sctp':
        return encode.encodeSctp(
          { sourcePort, destinationPort },
          hex('0100001400000001000010000001000100000001'),
        )
      case 'gre':
        return encode.encodeGre({ protocol: 0x800, key: 5 }, data)
      case 'esp':
        return encode.encodeEsp({ spi: 5 }, data)
    }
  }

  #answer(packet: Packet, flags: number): Uint8Array | null {
    const ends = { source: packet.destination, destination: packet.source }
    const at = packet.transportOffset
    if (packet.isFragment || at < 0) return null
    const swapped = { sourcePort: packet.u16(at + 2), destinationPort: packet.u16(at) }
    const data = hex('776f726c64')
    switch (packet.protocol) {
      case ipProtocol.tcp: {
        const fields = { ...ports, ...swapped, sequence: 500, acknowledgement: packet.u32(at + 4) + 1, flags }
        return this.#wrap(ends, 6, encode.encodeTcp(fields, new Uint8Array(0), ends))
      }
      case ipProtocol.udp:
        return this.#wrap(ends, 17, encode.encodeUdp(swapped, data, ends))
      case ipProtocol.icmp:
        return packet.u8(at) === 8
          ? this.#wrap(ends, 1, encode.encodeIcmp({ type: 0, code: 0, rest: packet.u32(at + 4) }, data))
          : null
      case ipProtocol.icmp6:
        return packet.u8(at) === 128
          ? this.#wrap(
              ends,
              58,
              encode.encodeIcmp6({ type: 129, code: 0, rest: packet.u32(at + 4) }, data, ends),
            )
          : null
      default:
        return this.#wrap(ends, packet.protocol, packet.bytes.slice(at, packet.endOffset))
    }
  }

  #error(packet: Packet, { type, length, fromRouter }: Extract<Move, { kind: 'error' }>): Uint8Array {
    const quoted = packet.bytes.slice(
      packet.networkOffset,
      Math.min(packet.endOffset, packet.networkOffset + length),
    )
    const source = fromRouter ? parseAddress(addresses[this.#family].far)! : packet.destination
    const ends = { source, destination: packet.source }
    if (this.#family === 'ipv4') return this.#wrap(ends, 1, encode.encodeIcmp({ type, code: 1 }, quoted))
    const types: Record<number, number> = { 3: 1, 11: 3, 5: 137 }
    return this.#wrap(ends, 58, encode.encodeIcmp6({ type: types[type]!, code: 0 }, quoted, ends))
  }

  #wrap(ends: { source: Address; destination: Address }, protocol: number, payload: Uint8Array): Uint8Array {
    if (this.#family === 'ipv4') return encode.encodeIpv4({ ...ends, protocol, id: 7 }, payload)
    return encode.encodeIpv6({ ...ends, nextHeader: protocol === 1 ? 58 : protocol }, payload)
  }

  #arrives(device: Device, packet: Uint8Array, sender: Address): Action {
    const destination = defaultMac(device === 'eth0' ? 0 : 1)
    const link = { destination, source: neighbourMac(sender), etherType: etherType[this.#family] }
    return { kind: 'receive', device, frame: encode.encodeFrame(link, packet), mark: 0 }
  }
}

/** Source port or ICMP id; null for anything else. */
function sourcePart(bytes: Uint8Array): { readonly at: number; readonly value: number } | null {
  const packet = new Packet()
  decodeFrame(packet, bytes)
  const { protocol, transportOffset } = packet
  const isIcmp = protocol === ipProtocol.icmp || protocol === ipProtocol.icmp6
  const at = transportOffset + (isIcmp ? 4 : 0)
  return packet.transportLength < 8 ? null : { at, value: packet.u16(at) }
}

/**
 * Whether the frames differ because a source port that was taken had to be replaced: then the kernel picks one by chance.
 * Both must have picked, and all but port and checksum be the same.
 */
function differInChosenPort(action: Action, engine: StepResult, kernel: StepResult): boolean {
  if (engine.sent.length !== 1 || kernel.sent.length !== 1) return false
  const [mine, theirs] = [engine, kernel].map(({ sent }) => hex(sent[0]!.hex)) as [Uint8Array, Uint8Array]
  const frame =
    action.kind === 'receive'
      ? action.frame
      : action.kind === 'send'
        ? encode.concatBytes(mine.slice(0, 14), action.packet)
        : null
  const given = frame === null ? null : sourcePart(frame)
  const [a, b] = [sourcePart(mine), sourcePart(theirs)]
  if (given === null || a === null || b === null || mine.length !== theirs.length) return false
  if (a.value === b.value || a.value === given.value || b.value === given.value) return false
  const withoutChoice = (bytes: Uint8Array, at: number): string => {
    const copy = bytes.slice()
    copy.fill(0, at, at + 2)
    // Wherever the protocol has its checksum: bytes 2, 6, 8 to 11, or 16 of the transport header.
    for (const from of [2, 6, 8, 10, 16])
      if (at + from + 2 <= copy.length) copy.fill(0, at + from, at + from + 2)
    copy.fill(0, 24, 26)
    copy.fill(0, 18, 20)
    return Buffer.from(copy).toString('hex')
  }
  return withoutChoice(mine, a.at) === withoutChoice(theirs, b.at)
}

const resultOf = ({ hits, sent, ...outcome }: Outcome, step: Step): StepResult => ({
  ...outcome,
  step: step.number,
  at: 0,
  hits: hits.map(printRuleRef),
  sent: sent.map(({ if: device, bytes }) => ({ if: device, hex: Buffer.from(bytes).toString('hex') })),
  recent: {},
})

const stepResult = (host: Host, step: Step): StepResult => {
  const { action } = step
  const now = process.hrtime.bigint() - startNs
  if (action.kind === 'receive') return resultOf(host.receive(action.frame.slice(), action.device, now), step)
  if (action.kind === 'send') return resultOf(host.send(action.packet.slice(), now), step)
  throw new Error('no such step here')
}
const startNs = process.hrtime.bigint()

describe('nat through the kernel', () => {
  beforeEach((context) => {
    const lack = labLack('legacy')
    if (lack !== null) context.skip(lack.message)
  })

  test('the same frames, rules and connections', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('ipv4' as const, 'ipv4' as const, 'ipv6' as const),
        fc.array(rule, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...filterRules),
        fc.array(move, { minLength: 1, maxLength: 25 }),
        async (family, nat, filter, moves) => {
          const text = rulesText(family, nat, filter)
          const host = new Host(config)
          expect(host.load(rulesOf(text, family))).toEqual([])
          const lab = await Lab.open(config, [{ family, source: new SourceText('rules', text) }], {
            backend: 'legacy',
          })
          const log: string[] = [text]
          try {
            const talk = new Talk(family)
            for (const [at, each] of moves.entries()) {
              const action = talk.action(each)
              if (action === null) continue
              const step: Step = {
                number: at + 1,
                atNs: BigInt(at) * 1_000_000n,
                action,
                expect: null,
                text: '',
                span: null,
              }
              log.push(JSON.stringify(each))
              const kernel = await lab.step(step)
              const engine = stepResult(host, step)
              const difference = compareSteps(step, engine, { ...kernel, recent: {}, log: engine.log })
              // From here on the two tell different stories.
              if (difference !== null && differInChosenPort(action, engine, kernel)) return
              expect(difference, log.join('\n')).toBeNull()
              talk.heard(kernel)
            }
            const end = {
              end: true as const,
              save: host.save(family, { counters: true }),
              conntrack: host.connections(process.hrtime.bigint() - startNs),
            }
            const theirs = await lab.end()
            expect(compareEnds({ ...end, save: '' }, { ...theirs, save: '' }), log.join('\n')).toBeNull()
          } finally {
            await lab.close()
          }
        },
      ),
      { numRuns: runs(25) },
    )
  })
})
