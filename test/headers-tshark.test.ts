/** What we read in headers against what tshark reads there, over random packets of every protocol. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseAddress, printAddress } from '../src/net/address.ts'
import { icmp6Names, icmpNames } from '../src/net/headers/icmp.ts'
import {
  ah,
  type CaptureRecord,
  dccp,
  decodeFrame,
  encodeFrameLine,
  esp,
  gre,
  icmp,
  linkTypes,
  Packet,
  PcapWriter,
  parsePacketLine,
  sctp,
  tcp,
  transportChecksumOk,
  udp,
  writeCapture,
} from '../src/net/index.ts'
import { ipProtocol } from '../src/net/protocol.ts'
import { seed } from './seed.ts'
import { missingTools, runTool } from './tools.ts'

const missing = missingTools('tshark')
beforeEach(({ skip }) => skip(missing !== null, missing ?? ''))

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-headers-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// --- Packets

const number = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 })
const sometimes = (words: fc.Arbitrary<string>) => fc.oneof(fc.constant(''), words)
const key = (name: string, bits: number) => sometimes(number(bits).map((value) => `${name}=${value}`))
const payload = fc
  .uint8Array({ maxLength: 24 })
  .map((bytes) => `payload=${Buffer.from(bytes).toString('hex')}`)

const flags = fc
  .subarray(['syn', 'fin', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'])
  .map((names) => names.join('-') || 'none')
const wide = [key('seq', 32), key('ack', 32), key('win', 16), key('urgp', 16), key('res', 4)]
const options = [
  key('mss', 16),
  key('wscale', 8),
  sometimes(fc.constant('sackok')),
  sometimes(fc.constant('ts=1:2')),
]
const icmpWords = fc.oneof(
  fc.constantFrom(...icmpNames.slice(1).map(({ name }) => name)),
  fc.tuple(number(8), number(8)).map(([type, code]) => `type=${type} code=${code}`),
)
const icmp6Words = fc.constantFrom(...icmp6Names.map(({ name }) => name))
const chunks = fc
  .constantFrom('init', 'data:3,sack', 'cookie-echo', 'abort', 'shutdown,200')
  .map((list) => `chunks=${list}`)
const dccpTypes = fc.constantFrom(...dccp.typeNames).map((name) => name.toLowerCase())

/** Words behind the ends, by protocol. */
const words: Readonly<Record<string, readonly fc.Arbitrary<string>[]>> = {
  tcp: [flags, ...wide, ...options, payload],
  udp: [payload, sometimes(fc.constant('sum=0'))],
  udplite: [payload, sometimes(fc.constant('coverage=8'))],
  icmp: [icmpWords],
  icmp6: [icmp6Words],
  sctp: [chunks, key('tag', 32)],
  dccp: [dccpTypes, key('seq', 48)],
  ah: [key('spi', 32), key('seq', 32), fc.constant('next=253')],
  esp: [key('spi', 32), key('seq', 32), payload],
  gre: [fc.constant('type=0x1234'), key('key', 32), payload],
  'proto=253': [payload],
}
const hasPorts = (protocol: string): boolean => ['tcp', 'udp', 'udplite', 'sctp', 'dccp'].includes(protocol)

const ip4Words = [
  key('ttl', 8),
  key('ipid', 16),
  key('tos', 8),
  sometimes(fc.constant('df')),
  sometimes(fc.constant('opts=94040000')),
]
const ip6Words = [key('ttl', 8), key('tos', 8), key('flow', 20)]
const extensions = fc.constantFrom('', '', 'ext=hop', 'ext=dst,route', 'ext=hop,dst,ah', 'ext=ah')
const anyFragment = fc.constantFrom('', '', '', 'frag=0+', 'frag=185+', 'frag=8191')
const faults = fc.constantFrom('', '', '', 'badsum', 'badipsum')
const vlans = fc.constantFrom('', '', 'vlan=100', 'vlan=0x2fff')

const line = fc.constantFrom(...Object.keys(words)).chain((protocol) =>
  fc
    .record({
      isIpv6: fc.boolean(),
      ports: fc.tuple(number(16), number(16)),
      address: number(32),
      own: fc.tuple(...words[protocol]!),
      ip4: fc.tuple(...ip4Words),
      ip6: fc.tuple(extensions, ...ip6Words),
      fragment: anyFragment,
      fault: faults,
      vlan: vlans,
    })
    .map((given) => {
      const isIpv6 = protocol === 'icmp6' || (given.isIpv6 && protocol !== 'icmp' && protocol !== 'ah')
      const isLater = /^frag=[1-9]/.test(given.fragment)
      const [sourcePort, destinationPort] = given.ports
      const host = (address: number, port: number): string => {
        const text = isIpv6
          ? printAddress({ family: 'ipv6', words: [0x20010db8, 0, address, port] })
          : printAddress({ family: 'ipv4', words: [(0x0a000000 | (address >>> 8)) >>> 0] })
        if (!hasPorts(protocol) || isLater) return text
        return isIpv6 ? `[${text}]:${port}` : `${text}:${port}`
      }
      const own = isLater ? ['payload=001122334455667788'] : given.own
      const fault =
        isLater || protocol === 'esp' || protocol === 'gre' || isIpv6 || own.includes('sum=0')
          ? ''
          : given.fault
      const layers = isIpv6 ? given.ip6 : given.ip4
      const ends = `${host(given.address, sourcePort)} > ${host(~given.address >>> 0, destinationPort)}`
      const text = ['eth0', protocol, ends, ...own, ...layers, given.fragment, fault, given.vlan]
      return text.filter((word) => word !== '').join(' ')
    }),
)

// --- Readings

type Readings = Record<string, number | string>

const bit = (value: boolean): number => (value ? 1 : 0)

/** By tshark's names. Headers that are cut by fragmentation are left out. */
function ours(packet: Packet): Readings {
  const readings: Readings =
    packet.vlanTag < 0 ? {} : { 'vlan.id': packet.vlanTag & 0xfff, 'vlan.priority': packet.vlanTag >>> 13 }
  Object.assign(readings, packet.family === 'ipv4' ? ipv4(packet) : ipv6(packet))
  if (packet.fragmentOffset === 0) Object.assign(readings, transport(packet))
  return readings
}

const ipv4 = (packet: Packet): Readings => ({
  'ip.version': 4,
  'ip.hdr_len': packet.networkHeaderLength,
  'ip.len': packet.totalLength,
  'ip.id': packet.id,
  'ip.dsfield': packet.tos,
  'ip.flags.df': bit(packet.dontFragment),
  'ip.flags.mf': bit(packet.moreFragments),
  'ip.frag_offset': packet.fragmentOffset,
  'ip.ttl': packet.ttl,
  'ip.proto': packet.protocol,
  'ip.src': printAddress(packet.source),
  'ip.dst': printAddress(packet.destination),
  'ip.checksum.status': bit(packet.defect !== 'ip-checksum'),
})

const ipv6 = (packet: Packet): Readings => ({
  'ipv6.plen': packet.totalLength - 40,
  'ipv6.nxt': packet.nextHeader,
  'ipv6.hlim': packet.ttl,
  'ipv6.tclass': packet.tos,
  'ipv6.flow': packet.flowLabel,
  'ipv6.src': printAddress(packet.source),
  'ipv6.dst': printAddress(packet.destination),
  ...(packet.fragmentHeaderOffset < 0
    ? {}
    : {
        'ipv6.fraghdr.offset': packet.fragmentOffset,
        'ipv6.fraghdr.more': bit(packet.moreFragments),
        'ipv6.fraghdr.ident': packet.id,
      }),
})

/** 1 good, 0 bad; nothing where tshark, too, does not look. */
function checksum(packet: Packet, field: string): Readings {
  const ok = transportChecksumOk(packet)
  return ok === null ? {} : { [field]: bit(ok) }
}

function transport(packet: Packet): Readings {
  const at = packet.transportOffset
  switch (packet.protocol) {
    case ipProtocol.tcp:
      return {
        'tcp.srcport': tcp.sourcePort(packet, at),
        'tcp.dstport': tcp.destinationPort(packet, at),
        'tcp.seq_raw': tcp.sequence(packet, at),
        'tcp.ack_raw': tcp.acknowledgement(packet, at),
        'tcp.hdr_len': tcp.headerLength(packet, at),
        'tcp.flags': (tcp.reserved(packet, at) << 8) | tcp.flags(packet, at),
        'tcp.window_size_value': tcp.window(packet, at),
        'tcp.urgent_pointer': tcp.urgentPointer(packet, at),
        ...tcpOptions(packet, at),
        ...checksum(packet, 'tcp.checksum.status'),
      }
    case ipProtocol.udp:
    case ipProtocol.udplite: {
      const isLite = packet.protocol === ipProtocol.udplite
      return {
        'udp.srcport': udp.sourcePort(packet, at),
        'udp.dstport': udp.destinationPort(packet, at),
        [isLite ? 'udp.checksum_coverage' : 'udp.length']: udp.length(packet, at),
        ...(udp.checksum(packet, at) === 0 ? {} : checksum(packet, 'udp.checksum.status')),
      }
    }
    case ipProtocol.icmp: {
      const type = icmp.type(packet, at)
      const query = { 'icmp.ident': icmp.id(packet, at), 'icmp.seq': icmp.sequence(packet, at) }
      return {
        'icmp.type': type,
        'icmp.code': icmp.code(packet, at),
        ...(type === 0 || type === 8 ? query : {}),
        ...checksum(packet, 'icmp.checksum.status'),
      }
    }
    case ipProtocol.icmp6:
      return {
        'icmpv6.type': icmp.type(packet, at),
        'icmpv6.code': icmp.code(packet, at),
        ...checksum(packet, 'icmpv6.checksum.status'),
      }
    case ipProtocol.sctp:
      return {
        'sctp.srcport': sctp.sourcePort(packet, at),
        'sctp.dstport': sctp.destinationPort(packet, at),
        'sctp.verification_tag': sctp.verificationTag(packet, at),
        'sctp.chunk_type': sctp.chunkType(packet, at + sctp.headerBytes),
        ...checksum(packet, 'sctp.checksum.status'),
      }
    case ipProtocol.dccp:
      return {
        'dccp.srcport': dccp.sourcePort(packet, at),
        'dccp.dstport': dccp.destinationPort(packet, at),
        'dccp.type': dccp.type(packet, at),
        'dccp.seq_raw': dccp.sequence(packet, at),
        ...checksum(packet, 'dccp.checksum.status'),
      }
    case ipProtocol.ah:
      return {
        'ah.spi': ah.spi(packet, at),
        'ah.sequence': ah.sequence(packet, at),
        'ah.length': ah.length(packet, at),
      }
    case ipProtocol.esp:
      return { 'esp.spi': esp.spi(packet, at), 'esp.sequence': esp.sequence(packet, at) }
    case ipProtocol.gre:
      return {
        'gre.proto': gre.protocol(packet, at),
        ...(gre.hasKey(packet, at) ? { 'gre.key': gre.key(packet, at) } : {}),
      }
    default:
      return {}
  }
}

function tcpOptions(packet: Packet, at: number): Readings {
  const end = at + tcp.headerLength(packet, at)
  const mss = tcp.findOption(packet, at, end, tcp.optionKind.mss)
  const scale = tcp.findOption(packet, at, end, tcp.optionKind.windowScale)
  return {
    ...(mss < 0 ? {} : { 'tcp.options.mss_val': packet.u16(mss + 2) }),
    ...(scale < 0 ? {} : { 'tcp.options.wscale.shift': packet.u8(scale + 2) }),
  }
}

// --- tshark

const preferences = [
  ...[
    'ip.check_checksum:TRUE',
    'tcp.check_checksum:TRUE',
    'udp.check_checksum:TRUE',
    'udplite.check_checksum:TRUE',
  ],
  ...['sctp.checksum:CRC 32c', 'dccp.check_checksum:TRUE', 'ip.defragment:FALSE', 'ipv6.defragment:FALSE'],
]

/** The first occurrence of each field in each packet of a capture. */
function theirs(path: string, fields: readonly string[]): Readings[] {
  const text = runTool(
    'tshark',
    ...['-n', '-r', path, '-T', 'fields', '-E', 'separator=|', '-E', 'occurrence=f'],
    ...preferences.flatMap((preference) => ['-o', preference]),
    ...fields.flatMap((field) => ['-e', field]),
  )
  return text
    .trimEnd()
    .split('\n')
    .map((row) => Object.fromEntries(row.split('|').map((value, index) => [fields[index]!, normal(value)])))
}

/** Numbers as numbers, addresses in our spelling. */
function normal(value: string): number | string {
  if (value === 'True' || value === 'False') return bit(value === 'True')
  const address = parseAddress(value)
  if (address !== null) return printAddress(address)
  return value === '' || Number.isNaN(Number(value)) ? value : Number(value)
}

const macs = { source: Uint8Array.of(2, 0, 0, 0, 0, 2), destination: Uint8Array.of(2, 0, 0, 0, 0, 1) }

function frameOf(text: string): Uint8Array {
  const result = parsePacketLine(text)
  if ('error' in result) throw new Error(`${result.error.message}: ${text}`)
  return encodeFrameLine(result.line, macs)
}

describe('tshark reads the same', () => {
  const ethernet = { name: null, description: null, linkType: linkTypes.ethernet, snapLength: 0 }
  const record = (bytes: Uint8Array): CaptureRecord => ({
    timestampNs: 0n,
    interface: ethernet,
    bytes,
    originalLength: bytes.length,
    direction: null,
    comment: null,
  })

  it('in random packets of every protocol', () => {
    const path = join(folder, 'random.pcap')
    const lines = fc.sample(line, { numRuns: 3000, seed })
    const frames = lines.map(frameOf)
    writeFileSync(path, writeCapture(new PcapWriter(ethernet), frames.map(record)))
    const packet = new Packet()
    const expected = frames.map((frame) => {
      decodeFrame(packet, frame)
      return ours(packet)
    })
    const fields = [...new Set(expected.flatMap((readings) => Object.keys(readings)))]
    const found = theirs(path, fields)
    for (const [index, readings] of expected.entries()) {
      const seen = Object.fromEntries(Object.keys(readings).map((field) => [field, found[index]?.[field]]))
      expect(seen, `seed ${seed}: ${lines[index]}`).toEqual(readings)
    }
  })
})
