/**
 * Packets that go the short way of their flow must leave the same behind as those that the interpreter takes the long way:
 * random rules on a gateway, and flows of many packets with all that makes one differ from those before it.
 */
import { expect, test, vi } from 'vitest'
import { seed } from '../../../../test/seed.ts'
import { bareHost, defaultMac, parseRoute, type RouteConfig } from '../../../engine/config.ts'
import { FlowPath } from '../../../engine/flow/flow-path.ts'
import { Host } from '../../../engine/host.ts'
import { type Outcome, printRuleRef } from '../../../engine/outcome.ts'
import { SourceText } from '../../../lang/source.ts'
import { type Address, parseAddress, parsePrefix } from '../../../net/address.ts'
import { encodeFrame, encodeIpv4, encodeTcp, encodeUdp } from '../../../net/encode.ts'
import { hexOfBytes } from '../../../scenario/hex.ts'
import { loadRules, RulesRefused } from '../../../scenario/rules.ts'
import { caseSeed, Random } from './random.ts'

const addresses = { eth0: '203.0.113.1/24', eth1: '192.168.1.1/24' }

const config = {
  ...bareHost,
  interfaces: Object.entries(addresses).map(([name, text], place) => ({
    name,
    addresses: [parsePrefix(text)!],
    mac: defaultMac(place),
    mtu: 1500,
  })),
  forwarding: { ipv4: true, ipv6: true },
  routes: [parseRoute('default via 203.0.113.254') as RouteConfig],
}

// --- Rules

const asks = [
  '-m recent --set --name a --rsource',
  '-m recent --rcheck --seconds 2 --hitcount 3 --name a --rsource',
  '-m recent --update --seconds 3 --name b --rdest',
  '-m recent --set --name b --rdest',
  '-m recent ! --rcheck --name b --rsource',
  '-m recent --remove --name a --rsource',
  '-m recent --update --hitcount 20 --rttl --name a --rsource',
  '-m limit --limit 20/second --limit-burst 3',
  '-m hashlimit --hashlimit-above 30/second --hashlimit-mode srcip,dstport --hashlimit-name h',
  '-m length --length 60:200',
  '-m tos --tos 0x10/0x3f',
  '-m dscp ! --dscp 0',
  '-m ttl --ttl-lt 5',
  '-m statistic --mode nth --every 3 --packet 0',
  '-m statistic --mode random --probability 0.3',
  '-m quota --quota 2500',
  '-m conntrack --ctstate ESTABLISHED,RELATED',
  '-m conntrack ! --ctstate INVALID',
  '-m conntrack --ctstatus ASSURED --ctdir REPLY',
  '-m state --state NEW',
  '-m connbytes --connbytes 20: --connbytes-dir both --connbytes-mode packets',
  '-m connmark --mark 1',
  '-m mark --mark 0',
  '-m mac --mac-source 02:00:00:00:09:09',
  '-m pkttype --pkt-type unicast',
  '-m addrtype --dst-type LOCAL',
  '-m iprange --src-range 192.168.1.5-192.168.1.60',
  '-m comment --comment "nothing"',
  '-m string --string zz --algo bm',
  '-p tcp -m tcp --tcp-flags PSH PSH',
  '-p tcp -m tcp --tcp-flags SYN,ACK ACK',
  '-p tcp -m tcp --syn',
  '-p tcp -m tcp --dport 80',
  '-p udp -m udp --sport 53',
  '-p tcp -m multiport --ports 80,7070,22',
  '! -p tcp',
  '-s 192.168.1.0/24',
  '! -d 198.51.100.0/25',
  '-i eth0',
  '! -i eth1',
  '-f',
]

const ownWord = (clause: string): string => clause.replace('! ', '').slice(0, 2)

/** Rarely asked, since no flow gets past some of them. */
const rarely = new Set(asks.filter((ask) => /ttl-lt|string/.test(ask)))

function drawRule(random: Random, chain: string, targets: readonly (readonly [number, string])[]): string {
  const clauses = random.some(asks, 0, 3).filter((clause) => !rarely.has(clause) || random.chance(0.1))
  // What a rule says itself (a protocol, a side, a device), it says once.
  const isFirst = (clause: string, at: number): boolean =>
    clauses.findIndex((each) => ownWord(each) === ownWord(clause)) === at
  const words = clauses.filter((clause, at) => ownWord(clause) === '-m' || isFirst(clause, at))
  const target = random.weighted(targets)
  return `-A ${chain} ${words.join(' ')}${target === '' ? '' : ` -j ${target}`}`.replace('-j goto', '-g')
}

const drawRules = (
  random: Random,
  chain: string,
  targets: readonly (readonly [number, string])[],
  most: number,
): string[] => Array.from({ length: random.between(0, most) }, () => drawRule(random, chain, targets))

function drawRuleset(random: Random): string {
  const tracks = random.chance(0.85)
  const some = (share: number, lines: () => string[]): string[] => (random.chance(share) ? lines() : [])
  const act: readonly (readonly [number, string])[] = [
    [4, ''],
    [3, 'ACCEPT'],
    [1, 'DROP'],
    [2, 'one'],
    [1, 'goto two'],
    [0.2, 'RETURN'],
    [0.1, 'LOG'],
    [0.1, 'REJECT'],
  ]
  const deep: typeof act = [
    [4, ''],
    [2, 'ACCEPT'],
    [0.5, 'DROP'],
    [1, 'RETURN'],
    [1, 'two'],
  ]
  const last: typeof act = [
    [4, ''],
    [2, 'RETURN'],
    [1, 'ACCEPT'],
  ]
  const mangle: typeof act = [
    [6, ''],
    [1, 'ACCEPT'],
    [0.3, 'CONNMARK --set-mark 1'],
    [0.3, 'RETURN'],
  ]
  const policy = (): string => random.pick(['ACCEPT', 'ACCEPT', 'DROP'])
  return [
    ...some(tracks ? 0.7 : 0, () => [
      '*nat',
      ...some(0.7, () => [
        '-A PREROUTING -i eth0 -p tcp -m tcp --dport 7070 -j DNAT --to-destination 192.168.1.43:80',
      ]),
      ...some(0.3, () => ['-A PREROUTING -p udp -m udp --dport 5353 -j REDIRECT --to-ports 53']),
      random.pick([
        '-A POSTROUTING -o eth0 -j MASQUERADE',
        '-A POSTROUTING -o eth0 -p tcp -j SNAT --to-source 203.0.113.1:1000-60000',
      ]),
      ...some(0.2, () => ['-A POSTROUTING -o eth1 -j MASQUERADE']),
      'COMMIT',
    ]),
    ...some(0.5, () => [
      '*mangle',
      ...['PREROUTING', 'FORWARD', 'INPUT', 'POSTROUTING'].flatMap((chain) =>
        drawRules(random, chain, mangle, 2),
      ),
      'COMMIT',
    ]),
    ...some(0.05, () => ['*raw', ...drawRules(random, 'PREROUTING', last, 1), 'COMMIT']),
    ...some(0.1, () => ['*security', ...drawRules(random, 'FORWARD', last, 2), 'COMMIT']),
    '*filter',
    `:INPUT ${policy()} [0:0]`,
    `:FORWARD ${policy()} [0:0]`,
    ':OUTPUT ACCEPT [0:0]',
    ':one - [0:0]',
    ':two - [0:0]',
    ...(tracks
      ? some(0.4, () => ['-A FORWARD -m recent --rcheck --seconds 3600 --name bad --rsource -j DROP'])
      : []),
    ...(tracks ? some(0.4, () => ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT']) : []),
    ...drawRules(random, 'INPUT', act, 6),
    ...drawRules(random, 'FORWARD', act, 6),
    ...some(0.7, () => ['-A FORWARD -i eth1 -j ACCEPT']),
    ...drawRules(random, 'one', deep, 4),
    ...drawRules(random, 'two', last, 4),
    // A long chain has an index.
    ...some(0.3, () => Array.from({ length: 15 }, (_, at) => `-A INPUT -s 198.51.${at}.0/24 -j DROP`)),
    'COMMIT',
    '',
  ]
    .filter((line) => tracks || !/ctstate|ctstatus|state|conn/.test(line))
    .join('\n')
}

// --- Packets

const near = ['192.168.1.9', '192.168.1.43', '192.168.1.77']
const far = ['198.51.100.7', '198.51.100.200', '192.0.2.9']
const neighbour = Uint8Array.of(2, 0, 0, 0, 9, 9)

interface Talk {
  readonly protocol: 6 | 17
  /** Where it begins, and where its answers come from: the host itself, or what stands before the other. */
  readonly from: { readonly device: 'eth0' | 'eth1'; readonly address: Address; readonly port: number }
  readonly to: { readonly address: Address; readonly port: number }
  /** Of either side: what it will send next. */
  readonly sequence: [number, number]
  began: boolean
  /** How answers look: what the host sent last, turned round. */
  answer: {
    readonly device: 'eth0' | 'eth1'
    readonly source: Address
    readonly sourcePort: number
    readonly destination: Address
    readonly destinationPort: number
  } | null
}

function drawTalk(random: Random): Talk {
  const isInside = random.chance(0.6)
  const toHost = random.chance(0.3)
  const protocol = random.pick([6, 6, 17] as const)
  const target = toHost ? (isInside ? '192.168.1.1' : '203.0.113.1') : random.pick(isInside ? far : near)
  return {
    protocol,
    from: {
      device: isInside ? 'eth1' : 'eth0',
      address: parseAddress(random.pick(isInside ? near : far))!,
      port: random.between(1024, 1030),
    },
    to: { address: parseAddress(target)!, port: random.pick([80, 7070, 53, 5353, 22]) },
    sequence: [1000, 5000],
    began: false,
    answer: null,
  }
}

interface Drawn {
  readonly device: string
  readonly frame: Uint8Array
}

/** The next packet of a talk: mostly as the last one was, sometimes not. */
function drawPacket(random: Random, talk: Talk): Drawn {
  const isReply = talk.answer !== null && random.chance(0.5)
  const { from, to } = talk
  const end = isReply
    ? talk.answer!
    : {
        device: from.device,
        source: from.address,
        sourcePort: from.port,
        destination: to.address,
        destinationPort: to.port,
      }
  const ends = { source: end.source, destination: end.destination }
  const ports = { sourcePort: end.sourcePort, destinationPort: end.destinationPort }
  const data = random.bytes(
    random.weighted([
      [6, 0],
      [6, 20],
      [2, 101],
      [1, 1400],
    ]),
  )
  const wrong = random.chance(0.02) ? { checksum: 0x1234 } : {}
  let transport: Uint8Array
  if (talk.protocol === 17) {
    const none = random.chance(0.1) ? { checksum: 0 } : {}
    transport = encodeUdp({ ...ports, ...none, ...wrong }, data, ends)
  } else {
    const way = isReply ? 1 : 0
    const flags = talk.began
      ? random.weighted([
          [20, 16],
          [6, 24],
          [0.5, 17],
          [0.3, 4],
          [0.3, 2],
          [0.3, 48],
          [0.3, 0x50],
        ])
      : isReply
        ? 18
        : 2
    const sequence = talk.sequence[way] + (random.chance(0.03) ? random.between(0, 200_000) : 0)
    const options = random.chance(0.1) ? { options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1) } : {}
    const payload = (flags & 2) !== 0 ? new Uint8Array(0) : data
    const acknowledgement = (flags & 16) === 0 ? 0 : talk.sequence[1 - way]!
    transport = encodeTcp(
      { ...ports, sequence, acknowledgement, flags, ...options, ...wrong, window: 60_000 },
      payload,
      ends,
    )
    if (random.chance(0.8)) talk.sequence[way] += payload.length + ((flags & 3) === 0 ? 0 : 1)
    if (isReply && (flags & 2) !== 0) talk.began = true
  }
  const header = {
    ...ends,
    protocol: talk.protocol,
    id: random.next() & 0xffff,
    ttl: random.weighted([
      [20, 64],
      [1, 1],
      [1, 2],
      [1, 255],
    ]),
    tos: random.weighted([
      [10, 0],
      [1, 0x10],
      [1, 0xb8],
    ]),
    dontFragment: random.chance(0.5),
    ...(random.chance(0.01) ? { options: Uint8Array.of(1, 1, 1, 1) } : {}),
    ...(random.chance(0.002) ? { moreFragments: true } : {}),
  }
  const packet = encodeIpv4(header, transport)
  if (random.chance(0.01)) packet[10]! ^= 1
  const device = random.chance(0.01) ? (end.device === 'eth0' ? 'eth1' : 'eth0') : end.device
  const own = defaultMac(device === 'eth0' ? 0 : 1)
  const mac = random.chance(0.02)
    ? Uint8Array.of(255, 255, 255, 255, 255, 255)
    : random.chance(0.01)
      ? neighbour
      : own
  const source = random.chance(0.1) ? Uint8Array.of(2, 0, 0, 0, 9, 8) : neighbour
  const frame = encodeFrame({ destination: mac, source, etherType: 0x0800 }, packet)
  const padded = random.chance(0.2)
    ? new Uint8Array([...frame, ...random.bytes(random.between(1, 12))])
    : frame
  return { device, frame: random.chance(0.005) ? padded.slice(0, random.between(20, padded.length)) : padded }
}

/** What was sent on, or came to the host, is answered from then on. */
function learnAnswer(talk: Talk, { sent, delivered }: Outcome): void {
  const frame = sent[0]
  if (frame !== undefined && frame.bytes.length >= 38 && frame.bytes[23] === talk.protocol) {
    const { bytes } = frame
    const at = (offset: number): number => (bytes[offset]! << 8) | bytes[offset + 1]!
    const address = (offset: number): Address => ({
      family: 'ipv4',
      words: [((at(offset) << 16) | at(offset + 2)) >>> 0],
    })
    const isBack = talk.answer !== null && frame.if === talk.from.device
    if (isBack) return
    talk.answer = {
      device: frame.if as 'eth0' | 'eth1',
      source: address(30),
      sourcePort: at(36),
      destination: address(26),
      destinationPort: at(34),
    }
  } else if (delivered && talk.protocol === 6) talk.began = true
}

const plain = (outcome: Outcome): unknown => ({
  ...outcome,
  hits: outcome.hits.map(printRuleRef),
  sent: outcome.sent.map(({ if: device, bytes }) => `${device} ${hexOfBytes(bytes)}`),
})

const endOf = (host: Host, nowNs: bigint): unknown => ({
  save: host.save('ipv4', { counters: true }),
  recent: host.recent.readAll(),
  connections: host.connections(nowNs),
  count: host.connectionCount,
})

function isLoadable(host: Host, rules: string): boolean {
  try {
    loadRules(host, [{ family: 'ipv4', source: new SourceText('rules', rules) }])
    return true
  } catch (error) {
    if (error instanceof RulesRefused) return false
    throw error
  }
}

test('packets of random flows through random rules', () => {
  const asked = vi.spyOn(FlowPath.prototype, 'receive')
  let packets = 0
  for (let index = 0; index < Number(process.env.FUZZ_FACTOR ?? 1) * 20; index++) {
    const random = new Random(caseSeed(seed, index))
    const sysctls = new Map(random.chance(0.1) ? [['net.netfilter.nf_conntrack_max', '3']] : [])
    const hosts = [0, 1].map(() => new Host({ ...config, sysctls })) as [Host, Host]
    let rules = ''
    // A few are refused.
    const loadOthers = (): void => {
      for (let isLoaded = false; !isLoaded; ) {
        rules = drawRuleset(random)
        isLoaded = hosts.every((host) => isLoadable(host, rules))
      }
    }
    loadOthers()
    const talks = Array.from({ length: random.between(1, 3) }, () => drawTalk(random))
    let nowNs = 0n
    for (let step = 0; step < 250; step++) {
      nowNs += BigInt(
        random.weighted([
          [10, 1_000_000],
          [3, 400_000_000],
          [0.3, 40_000_000_000],
          [0.05, 500_000_000_000],
        ]),
      )
      if (random.chance(0.01)) loadOthers()
      if (random.chance(0.02)) {
        const text = random.pick(['+192.168.1.9', '-192.168.1.9', '+198.51.100.7', '/'])
        const list = random.pick(['a', 'b', 'bad'])
        for (const host of hosts) host.writeRecent(list, text, nowNs)
      }
      const talk = random.pick(talks)
      const { device, frame } = drawPacket(random, talk)
      const before = hexOfBytes(frame)
      const [short, long] = [{}, { isInterpreted: true }].map((options, at) =>
        hosts[at]!.receive(frame, device, nowNs, options),
      )
      if (JSON.stringify(plain(short!)) !== JSON.stringify(plain(long!))) {
        expect(plain(short!), `case ${index}, step ${step}\n${rules}`).toEqual(plain(long!))
      }
      if (hexOfBytes(frame) !== before)
        throw new Error(`case ${index}, step ${step}: the caller's frame was written to`)
      learnAnswer(talk, long!)
      packets++
    }
    const [short, long] = hosts.map((host) => endOf(host, nowNs))
    expect(short, `case ${index}\n${rules}`).toEqual(long)
  }
  const taken = asked.mock.results.filter(({ value }) => value !== null).length
  asked.mockRestore()
  // Or nothing would be tried.
  expect(taken / packets).toBeGreaterThan(0.2)
}, 120_000)
