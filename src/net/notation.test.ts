import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoded, fromHex, toHex } from './_testing/packets.ts'
import { type Address, addressOf } from './address.ts'
import { decodeFrame, decodeIp } from './decode.ts'
import { concatBytes } from './encode.ts'
import { icmp6Names, icmpNames } from './headers/icmp.ts'
import {
  describePacket,
  encodeFrameLine,
  encodePacketLine,
  type PacketLine,
  parsePacketLine,
  printPacketLine,
} from './notation.ts'
import { Packet } from './packet.ts'

function parsed(text: string, base?: PacketLine): PacketLine {
  const result = parsePacketLine(text, base === undefined ? {} : { base })
  if ('error' in result) throw new Error(`${result.error.message}: ${text}`)
  return result.line
}

/** What the bytes of a line are described as. */
function described(line: PacketLine): string {
  const packet = decoded(encodePacketLine(line))
  return printPacketLine({
    ...describePacket(packet, line.device),
    mark: line.mark,
    uid: line.uid,
    gid: line.gid,
  })
}

const tcp = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22'
const udp = 'eth0 udp 198.51.100.7:4000 > 203.0.113.1:53'
const icmp = 'eth0 icmp 198.51.100.7 > 203.0.113.1'
const six = '2001:db8::7 > 2001:db8:1::1'

describe('canonical lines print as written, and so do their bytes', () => {
  it.each([
    `${tcp} syn ttl=63`,
    `${tcp} syn-ack seq=1 ack=4294967295 win=1024`,
    `${tcp} fin-psh-urg urgp=9`,
    `${tcp} none`,
    `${tcp} syn-ece-cwr`,
    `${tcp} rst-ack win=0 res=15`,
    `${tcp} syn sackok mss=1460 ts=1:2 wscale=7`,
    `${tcp} syn mss=1460`,
    `${tcp} syn sackok mss=1460 wscale=0`,
    `${tcp} ack ts=3:4`,
    `${tcp} syn tcpopt=0101020405b40000`,
    `${tcp} syn tcpopt=1e0c000102030405060708ff`,
    `${tcp} psh-ack payload="GET / HTTP/1.1\\r\\n\\r\\n"`,
    `${tcp} psh-ack payload="a \\"quoted\\" \\\\ word"`,
    `${tcp} psh-ack payload=00ff`,
    `${tcp} psh-ack len=41`,
    `${tcp} psh-ack len=1500 payload="x"`,
    `${tcp} ack badsum`,
    `${tcp} ack sum=0x1234`,
    `${tcp} ack id=7 tos=0x10 df opts=94040000`,
    `${tcp} ack badipsum`,
    `${tcp} ack ipsum=0x0001`,
    `${tcp} none len=1500 cut=28`,
    `${tcp} syn frag=0+`,
    'eth0 tcp 198.51.100.7 > 203.0.113.1 frag=185+ len=1500',
    'eth0 tcp 198.51.100.7 > 203.0.113.1 frag=1 payload=0016',
    'eth1 udp 192.168.1.9:138 > 192.168.1.255:138 len=229',
    `${udp} payload="hello"`,
    `${udp} sum=0x0000`,
    `${udp} udplen=9 payload="hello"`,
    'eth0 udplite 198.51.100.7:4000 > 203.0.113.1:53 coverage=8 payload="hello"',
    `${icmp} echo-request id=7 seq=1`,
    `${icmp} echo-request id=7 seq=1 ttl=1 ipid=99`,
    `${icmp} echo-reply id=7 payload="abcdefgh"`,
    `${icmp} host-redirect gateway=203.0.113.9`,
    `${icmp} ip-header-bad pointer=20`,
    `${icmp} fragmentation-needed mtu=1400`,
    `${icmp} type=40 code=2 rest=0xdeadbeef`,
    `${icmp} source-quench rest=0x1`,
    `${icmp} port-unreachable [ udp 203.0.113.1:53 > 198.51.100.7:4000 ]`,
    `${icmp} port-unreachable ttl=63 mark=0x1 [ udp 203.0.113.1:53 > 198.51.100.7:4000 ttl=1 len=500 cut=28 ]`,
    `${icmp} ttl-zero-during-transit [ icmp 203.0.113.1 > 198.51.100.7 echo-request id=7 seq=1 ttl=0 ]`,
    `${icmp} host-unreachable [ tcp 203.0.113.1:22 > 198.51.100.7:4000 none seq=77 len=60 cut=28 ]`,
    `${icmp} port-unreachable [ icmp 1.2.3.4 > 5.6.7.8 port-unreachable [ udp 9.9.9.9:1 > 8.8.8.8:2 ] ]`,
    `${icmp} port-unreachable payload="abc"`,
    'eth0 sctp 198.51.100.7:4000 > 203.0.113.1:7 tag=0x1 chunks=init',
    'eth0 sctp 198.51.100.7:4000 > 203.0.113.1:7 chunks=cookie-echo,data:3,200',
    'eth0 sctp 198.51.100.7:4000 > 203.0.113.1:7 payload=00030011',
    'eth0 dccp 198.51.100.7:4000 > 203.0.113.1:7 request seq=281474976710655',
    'eth0 dccp 198.51.100.7:4000 > 203.0.113.1:7 dataack dccpopt=01020304 payload="x"',
    'eth0 dccp 198.51.100.7:4000 > 203.0.113.1:7 type=12',
    'eth0 ah 198.51.100.7 > 203.0.113.1 spi=0x10 seq=3 next=17',
    'eth0 esp 198.51.100.7 > 203.0.113.1 spi=0x10 seq=3 payload=00112233',
    'eth0 gre 198.51.100.7 > 203.0.113.1 type=0x6558 key=0',
    'eth0 gre 198.51.100.7 > 203.0.113.1',
    'eth0 proto=2 198.51.100.7 > 203.0.113.1 payload=11640000e0000001',
    'eth0 proto=6 198.51.100.7 > 203.0.113.1 payload=0016',
    'eth0 proto=255 198.51.100.7 > 203.0.113.1',
    'out tcp 203.0.113.1:51000 > 192.0.2.9:3306 syn uid=33 gid=0',
    'eth0 raw hex=4500',
    `eth0 tcp [2001:db8::7]:4000 > [2001:db8:1::1]:22 syn ttl=63 tos=0xa5 flow=0x12345`,
    `eth0 udp [2001:db8::7]:4000 > [2001:db8:1::1]:53 payload="x"`,
    `eth0 udp [2001:db8::7]:4000 > [2001:db8:1::1]:53 id=4294967295 frag=0+ len=1280`,
    `eth0 udp [2001:db8::7]:4000 > [2001:db8:1::1]:53 frag=0`,
    `eth0 udp [2001:db8::7]:4000 > [2001:db8:1::1]:53 ext=hop:050200000100,route,dst,ah`,
    `eth0 udp [2001:db8::7]:4000 > [2001:db8:1::1]:53 frag=0+ ext=frag,dst`,
    `eth0 udp ${six} id=9 frag=3 payload="rest"`,
    `eth0 icmp6 ${six} echo-request id=7 seq=1`,
    `eth0 icmp6 ${six} packet-too-big mtu=1280 [ udp [2001:db8:1::1]:1 > [2001:db8::7]:2 len=1400 cut=1232 ]`,
    `eth0 icmp6 ${six} neighbour-solicitation payload=20010db8000100000000000000000001`,
    `eth0 esp ${six} spi=0x1`,
    `eth0 proto=59 ${six}`,
  ])('%s', (text) => {
    const line = parsed(text)
    expect(printPacketLine(line)).toBe(text)
    expect(described(line)).toBe(text)
  })
})

describe('other ways to say it', () => {
  it.each([
    [`${tcp}`, `${tcp} syn`],
    ['eth0 tcp 198.51.100.7 > 203.0.113.1:22', 'eth0 tcp 198.51.100.7:40000 > 203.0.113.1:22 syn'],
    [`  ${tcp}   ttl=0x3f  syn `, `${tcp} syn ttl=63`],
    [`${tcp} ack-syn hl=9`, `${tcp} syn-ack ttl=9`],
    [`${tcp} syn seq=0 win=65535 ttl=64 payload="" mark=0`, `${tcp} syn`],
    [`${tcp} ack payload="\\x00\\xff"`, `${tcp} ack payload=00ff`],
    [`${tcp} ack payload="é"`, `${tcp} ack payload=c3a9`],
    [`${tcp} ack payload=`, `${tcp} ack`],
    [`${tcp} syn frag=0`, `${tcp} syn`],
    [`${icmp}`, `${icmp} echo-request`],
    [`${icmp} ping`, `${icmp} echo-request`],
    [`${icmp} destination-unreachable`, `${icmp} network-unreachable`],
    [`${icmp} type=8`, `${icmp} echo-request`],
    [`${icmp} type=3 code=3 rest=0x0`, `${icmp} port-unreachable`],
    [`eth0 icmp ${six} ping`, `eth0 icmp6 ${six} echo-request`],
    [`eth0 icmpv6 ${six}`, `eth0 icmp6 ${six} echo-request`],
    ['eth0 2 1.2.3.4 > 5.6.7.8', 'eth0 proto=2 1.2.3.4 > 5.6.7.8'],
    ['tcp tcp 1.2.3.4:1 > 5.6.7.8:2', 'tcp tcp 1.2.3.4:1 > 5.6.7.8:2 syn'],
    [`${tcp} syn opts=9404`, `${tcp} syn opts=94040000`],
    [
      `${tcp} syn dmac=2:0:0:0:0:1 vlan=100 mac=02:00:00:00:00:AA`,
      `${tcp} syn mac=02:00:00:00:00:aa dmac=02:00:00:00:00:01 vlan=100`,
    ],
  ])('%s', (text, canonical) => expect(printPacketLine(parsed(text))).toBe(canonical))
})

describe('errors point at the words', () => {
  // The carets mark what the error spans; its message follows.
  it.each([
    ['', '^the line is empty'],
    ['eth0', '    ^the protocol is missing'],
    ['tcp 1.2.3.4:1 > 5.6.7.8:2', '^^^the interface is missing'],
    ['a/b tcp 1.2.3.4:1 > 5.6.7.8:2', '^^^"a/b" is no interface name'],
    ['eth0 tpc 1.2.3.4:1 > 5.6.7.8:2', '     ^^^"tpc" is no protocol'],
    ['eth0 proto=256 1.2.3.4 > 5.6.7.8', '     ^^^^^^^^^"proto=256" is no protocol'],
    ['eth0 tcp', '        ^the source is missing'],
    ['eth0 tcp 1.2.3:1 > 5.6.7.8:2', '         ^^^^^^^the source is not an address: "1.2.3:1"'],
    ['eth0 tcp 1.2.3.4:1', '                  ^> and the destination is missing'],
    [
      'eth0 tcp 1.2.3.4:1 5.6.7.8:2',
      '                   ^^^^^^^^^expected > and the destination, found "5.6.7.8:2"',
    ],
    ['eth0 tcp 1.2.3.4:65536 > 5.6.7.8:2', '                 ^^^^^port: 65536 is too large: 0 to 65535'],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8', '                     ^^^^^^^tcp wants a destination port'],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8:', '                             ^port: "" is not a number'],
    ['eth0 icmp 1.2.3.4:1 > 5.6.7.8', '          ^^^^^^^^^icmp has no ports'],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 frag=1',
      '         ^^^^^^^^^a later fragment, or a protocol by number, has no ports',
    ],
    [
      'eth0 udp 1.2.3.4:1 > [::1]:2',
      '                     ^^^^^^^the source and the destination are of different families',
    ],
    ['eth0 udp ::1 > ::2:1', '^'],
    ['eth0 icmp6 1.2.3.4 > 5.6.7.8', '     ^^^^^icmp6 has no form in IPv4'],
    [`eth0 ah ${six}`, '     ^^ah has no form in IPv6'],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 sin', '                               ^^^"sin" is no word of tcp'],
    [
      'eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 ttl=300',
      '                                   ^^^300 is too large: 0 to 255',
    ],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 ttl=x', '                                   ^"x" is not a number'],
    [
      'eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 ttl=1 ttl=2',
      '                                     ^^^^^ttl= is given twice',
    ],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 tt=1', '                               ^^^^this packet has no tt='],
    ['eth0 udp 1.2.3.4:1 > 5.6.7.8:2 mss=1', '                               ^^^^^this packet has no mss='],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 len=27',
      '                                   ^^27 is too short: headers and payload take 28 bytes',
    ],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 len=65536',
      '                                   ^^^^^65536 is too long: 65535 at most',
    ],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 cut=28',
      '                                   ^^28 cannot be: from the IP header, 20, to less than the whole packet, 28',
    ],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 payload=abc',
      '                                       ^^^"abc" is neither hex (two digits a byte) nor text in double quotes',
    ],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 payload="abc',
      '                               ^^^^^^^^^^^^the quote is not closed',
    ],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 payload="\\q"',
      '                                       ^^^^\\q is no escape: \\n \\r \\t \\" \\\\ \\xNN are',
    ],
    ['eth0 udp 1.2.3.4:1 > 5.6.7.8:2 frag=x', '                                    ^"x" is no fragment'],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 uid=0',
      '                               ^^^^^a packet that arrives has no uid',
    ],
    ['eth0 udp 1.2.3.4:1 > 5.6.7.8:2 mac=2', '                                   ^"2" is no MAC address'],
    ['eth0 udp 1.2.3.4:1 > 5.6.7.8:2 ext=hop', '                               ^^^^^^^IPv4 has no ext='],
    [
      'eth0 udp 1.2.3.4:1 > 5.6.7.8:2 [ udp 1.2.3.4:1 > 5.6.7.8:2 ]',
      '                               ^only ICMP errors quote a packet',
    ],
    [
      'eth0 icmp 1.2.3.4 > 5.6.7.8 host-unreachable [ udp 1.2.3.4:1 > 5.6.7.8:2',
      '                                                                        ^the closing ] is missing',
    ],
    ['eth0 icmp 1.2.3.4 > 5.6.7.8 ping ]', '                                 ^this ] closes nothing'],
    ['eth0 icmp 1.2.3.4 > 5.6.7.8 any', '                            ^^^"any" is no word of icmp'],
    [`eth0 esp ${six} df`, '                                     ^^IPv6 has no DF bit'],
    [
      `eth0 esp ${six} id=1`,
      '                                     ^^^^an IPv6 packet has an id only in a fragment header',
    ],
    [
      `eth0 esp ${six} ext=hop,dts`,
      '                                             ^^^"dts" is no extension header',
    ],
    [
      `eth0 esp ${six} ext=frag`,
      '                                         ^^^^frag has its place here, but no value',
    ],
    ['eth0 raw', '     ^^^raw wants the bytes'],
    ['eth0 raw hex=4', '             ^"4" is not hex: two digits a byte'],
  ])('%s', (text, expected) => {
    const result = parsePacketLine(text)
    const { start, end, message } =
      'error' in result ? result.error : { start: 0, end: 0, message: 'no error' }
    if (expected !== '^')
      expect(' '.repeat(start) + '^'.repeat(Math.max(1, end - start)) + message).toBe(expected)
    else expect(message).not.toBe('no error')
  })

  it.each([
    ['eth0 tpc 1.2.3.4:1 > 5.6.7.8:2', 'did you mean tcp?'],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 sin', 'did you mean syn?'],
    ['eth0 icmp 1.2.3.4 > 5.6.7.8 echo-requst', 'did you mean echo-request?'],
    ['eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 payloda=00', 'did you mean payload?'],
  ])('%s: %s', (text, help) => expect(parsePacketLine(text)).toMatchObject({ error: { help } }))
})

describe('a base fills in what is left out', () => {
  const base = parsed(`${tcp} ack seq=5 ttl=9 payload="abc"`)
  it.each([
    ['', `${tcp} ack seq=5 ttl=9 payload="abc"`],
    ['ttl=5', `${tcp} ack seq=5 ttl=5 payload="abc"`],
    ['> :80 syn', 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:80 syn seq=5 ttl=9 payload="abc"'],
    ['192.0.2.1 > :80', 'eth0 tcp 192.0.2.1:4000 > 203.0.113.1:80 ack seq=5 ttl=9 payload="abc"'],
    [':1', 'eth0 tcp 198.51.100.7:1 > 203.0.113.1:22 ack seq=5 ttl=9 payload="abc"'],
    ['udp > :53', `${udp} ttl=9`],
    ['icmp ping', `${icmp} echo-request ttl=9`],
    ['out udp > :53', `${udp} ttl=9`.replace('eth0', 'out')],
    ['eth1 udp > :53', `${udp} ttl=9`.replace('eth0', 'eth1')],
    ['len=100', `${tcp} ack seq=5 ttl=9 len=100`],
    ['tcp [::1] > [::2]:7', 'eth0 tcp [::1]:4000 > [::2]:7 syn'],
  ])('%s', (text, canonical) => expect(printPacketLine(parsed(text, base))).toBe(canonical))
})

describe('frames', () => {
  const macs = { source: fromHex('020000000002'), destination: fromHex('020000000001') }

  it('get the addresses that a line gives, or those of the caller', () => {
    const line = parsed(`${udp} mac=02:00:00:00:00:aa vlan=100`)
    expect(toHex(encodeFrameLine(line, macs).subarray(0, 18))).toBe('0200000000010200000000aa810000640800')
  })

  it('are described with their link header where asked', () => {
    const text = `${udp} mac=02:00:00:00:00:aa dmac=02:00:00:00:00:01 vlan=100`
    const packet = new Packet()
    decodeFrame(packet, concatBytes(encodeFrameLine(parsed(text), macs), new Uint8Array(14)))
    expect(printPacketLine(describePacket(packet, 'eth0', { link: true }))).toBe(text)
    expect(printPacketLine(describePacket(packet, 'eth0'))).toBe(udp)
  })

  it('without IP are given in hex', () => {
    const text = 'eth0 frame hex=02000000000102000000000208060001'
    const packet = new Packet()
    decodeFrame(packet, encodeFrameLine(parsed(text), macs))
    expect(printPacketLine(describePacket(packet, 'eth0'))).toBe(text)
  })
})

it('brief lines leave the payload out', () => {
  const packet = decoded(encodePacketLine(parsed(`${tcp} psh-ack payload="GET / HTTP/1.1" mark=7`)))
  expect(printPacketLine(describePacket(packet, 'eth0', { brief: true }))).toBe(`${tcp} psh-ack len=54`)
})

describe('for any packet', () => {
  const word32 = fc.integer({ min: 0, max: 0xffffffff })
  const address = (family: Address['family']) =>
    fc
      .array(word32, { minLength: family === 'ipv4' ? 1 : 4, maxLength: family === 'ipv4' ? 1 : 4 })
      .map((words) => addressOf(family, words))

  it('print(describe(decode(bytes))) parses back to the same bytes', () => {
    const heads = fc.constantFrom(
      ...[
        '',
        '4500',
        '4600',
        '450000300000400040060000',
        '450000300000400040010000',
        '450000300000400040110000',
      ],
      ...[
        '60000000',
        '600000000020062a',
        '6000000000203a2a',
        '600000000020002a',
        '600000000028112a',
        '600000000028842a',
      ],
    )
    fc.assert(
      fc.property(
        heads,
        fc.uint8Array({ maxLength: 120 }),
        fc.boolean(),
        fc.nat(40),
        (head, tail, small, more) => {
          const bytes = concatBytes(fromHex(head), small ? tail.map((octet) => octet % 64) : tail)
          const packet = new Packet()
          decodeIp(packet, bytes, 0, -1, bytes.length + more)
          const line = describePacket(packet, 'eth0')
          const again = parsed(printPacketLine(line))
          const end = line.content.kind === 'ip' ? packet.endOffset : bytes.length
          expect(toHex(encodePacketLine(again))).toBe(toHex(bytes.subarray(0, end)))
          expect(printPacketLine(again)).toBe(printPacketLine(line))
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('a line made of random words and keys prints to what it parses to', () => {
    const key = fc.oneof(
      fc.tuple(
        fc.constantFrom('ttl', 'tos', 'win', 'mss', 'seq', 'ack', 'mark', 'urgp', 'res', 'cut', 'len'),
        fc.nat(70),
      ),
      fc.tuple(fc.constantFrom('payload', 'opts', 'tcpopt'), fc.uint8Array({ maxLength: 12 }).map(toHex)),
      fc.tuple(fc.constant('frag'), fc.constantFrom('0', '0+', '185', '185+')),
      fc.constantFrom(
        ['syn'],
        ['fin-ack'],
        ['none'],
        ['df'],
        ['badsum'],
        ['badipsum'],
        ['sackok'],
        ['ts=1:2'],
      ),
      fc.constantFrom(...icmpNames, ...icmp6Names).map(({ name }) => [name]),
    )
    const ends = fc.constantFrom(
      '1.2.3.4:1 > 5.6.7.8:2',
      '1.2.3.4 > 5.6.7.8',
      '[::1]:1 > [::2]:2',
      '::1 > ::2',
    )
    const protocol = fc.constantFrom(
      'tcp',
      'udp',
      'udplite',
      'icmp',
      'icmp6',
      'sctp',
      'dccp',
      'esp',
      'gre',
      'proto=9',
    )
    let lines = 0
    fc.assert(
      fc.property(protocol, ends, fc.array(key, { maxLength: 4 }), (word, between, keys) => {
        const text = ['eth0', word, between, ...keys.map((parts) => parts.join('='))].join(' ')
        const result = parsePacketLine(text)
        if ('error' in result) {
          const { start, end } = result.error
          expect(0 <= start && start <= end && end <= text.length).toBe(true)
          return
        }
        lines++
        const canonical = printPacketLine(result.line)
        expect(printPacketLine(parsed(canonical))).toBe(canonical)
        expect(toHex(encodePacketLine(parsed(canonical)))).toBe(toHex(encodePacketLine(result.line)))
      }),
      { numRuns: 10_000 },
    )
    expect(lines).toBeGreaterThan(500)
  })

  it('addresses of both families come back', () => {
    for (const family of ['ipv4', 'ipv6'] as const) {
      fc.assert(
        fc.property(address(family), address(family), (source, destination) => {
          const base = parsed(family === 'ipv4' ? udp : `eth0 udp [::1]:1 > [::2]:2`)
          if (base.content.kind !== 'ip') throw new Error('not IP')
          const line = {
            ...base,
            content: { kind: 'ip', packet: { ...base.content.packet, source, destination } },
          } as const
          expect(parsed(printPacketLine(line))).toEqual(line)
          expect(described(line)).toBe(printPacketLine(line))
        }),
      )
    }
  })
})

it('garbage gives an error, never a throw', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      const result = parsePacketLine(text)
      if ('error' in result) expect(result.error.end).toBeLessThanOrEqual(text.length)
    }),
    { numRuns: 5000 },
  )
})
