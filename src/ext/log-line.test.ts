import { describe, expect, it } from 'vitest'
import { parseAddress } from '../net/address.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { encodeIpv6, encodeIpv6Extension } from '../net/encode.ts'
import { Packet } from '../net/packet.ts'
import { type LoggedPacket, loggedPackets } from './_testing/logged-packets.ts'
import type { Device, Skb } from './context.ts'
import { logLine, noLogFlags } from './log-line.ts'

const deviceNamed = (name: string): Device => ({
  name,
  index: 1,
  kind: name === 'lo' ? 'loopback' : 'ethernet',
  mac: new Uint8Array(6),
  mtu: 1500,
})

const flagsOf = (letters: string) => ({
  tcpSequence: letters.includes('s'),
  tcpOptions: letters.includes('t'),
  ipOptions: letters.includes('o'),
  uid: letters.includes('u'),
  macDecode: letters.includes('m'),
})

function packetOf(hex: string): Packet {
  const bytes = Uint8Array.from(hex.match(/../g)!, (digits) => Number.parseInt(digits, 16))
  const packet = new Packet()
  const version = bytes[0]! >>> 4
  if (version === 4 || version === 6) decodeIp(packet, bytes)
  else decodeFrame(packet, bytes)
  return packet
}

function skbOf({ hex, mark, isLocal, hook }: LoggedPacket): Skb {
  const isSent = isLocal && (hook === 'OUTPUT' || hook === 'POSTROUTING')
  const socket = isSent ? { uid: 0, gid: 0 } : null
  return {
    packet: packetOf(hex),
    mark,
    socket,
    packetType: 'host',
    circumstances: {},
    conntrack: null,
    untracked: false,
    traced: false,
  }
}

describe('lines as Linux 6.18 wrote them', () => {
  it.each(loggedPackets)('$line', (logged) => {
    const [, input = '', output = ''] = /^IN=(\S*) OUT=(\S*) /.exec(logged.line)!
    const place = {
      hook: logged.hook,
      in: input === '' ? null : deviceNamed(input),
      out: output === '' ? null : deviceNamed(output),
    }
    expect(logLine('', flagsOf(logged.flags), skbOf(logged), place)).toBe(logged.line)
  })
})

describe('beside the packet', () => {
  const [sample] = loggedPackets.filter(({ hook, line }) => hook === 'OUTPUT' && line.includes('UID='))
  const place = { hook: 'OUTPUT', in: null, out: deviceNamed('lo') } as const

  it('the prefix stands in front as it is', () => {
    expect(logLine('drop: ', noLogFlags, skbOf(sample!), place)).toMatch(/^drop: IN= OUT=lo SRC=/)
  })

  it('a socket of the kernel has no user', () => {
    const skb = { ...skbOf(sample!), socket: { uid: -1, gid: -1, isKernel: true as const } }
    expect(logLine('', flagsOf('u'), skb, place)).not.toContain('UID')
  })
})

it('is cut after 1016 characters, prefix and all', () => {
  const ends = { source: parseAddress('fd00::2')!, destination: parseAddress('fd00::1')! }
  let packet: Uint8Array = new Uint8Array(0)
  for (let header = 0; header < 150; header++) {
    packet = encodeIpv6Extension(header === 0 ? 59 : 60, new Uint8Array(6), packet)
  }
  const decoded = new Packet()
  decodeIp(decoded, encodeIpv6({ ...ends, nextHeader: 60 }, packet))
  const skb: Skb = {
    packet: decoded,
    mark: 0,
    socket: null,
    packetType: 'host',
    circumstances: {},
    conntrack: null,
    untracked: false,
    traced: false,
  }
  const place = { hook: 'PREROUTING', in: deviceNamed('eth0'), out: null } as const
  const line = logLine('here: ', flagsOf('o'), skb, place)
  expect(line.length).toBe(1016)
  expect(line).toMatch(/^here: IN=eth0 .*OPT \( \) OPT/)
})
