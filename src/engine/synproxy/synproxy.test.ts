import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../net/address.ts'
import { decodeFrame } from '../../net/decode.ts'
import { encodeFrame, encodeIpv4, encodeTcp } from '../../net/encode.ts'
import * as tcp from '../../net/headers/tcp.ts'
import { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { hostOf, rulesOf } from '../_testing/journey-case.ts'
import { defaultMac, neighbourMac } from '../config.ts'
import { Host } from '../host.ts'
import { SynCookies } from './cookie.ts'

const minuteNs = 60_000_000_000n

describe('SYN cookies', () => {
  const ends = [0xcb007107, 0xc0a80109, 0x0fa00050]
  const words = fc.nat(0xffffffff)

  it('tell the largest size that fits, and none where nothing was announced', () => {
    const cookies = new SynCookies(1, 'ipv4')
    const told = (size: number) => cookies.check(cookies.make(ends, 7, size, 0n), ends, 7, 0n)
    expect([0, 535, 1299, 1300, 1459, 1460, 9000].map(told)).toEqual([536, 536, 536, 1300, 1440, 1460, 1460])
  })

  it('are known for the minute that they are made in and the next', () => {
    fc.assert(
      fc.property(words, words, fc.nat(600), fc.nat(5), (seed, sequence, minute, later) => {
        const cookies = new SynCookies(seed, 'ipv6')
        const madeAt = BigInt(minute) * minuteNs
        const cookie = cookies.make(ends, sequence, 1440, madeAt)
        const size = cookies.check(cookie, ends, sequence, madeAt + BigInt(later) * minuteNs)
        expect(size).toBe(later < 2 ? 1440 : null)
      }),
    )
  })

  it('are good for their ends alone', () => {
    const cookies = new SynCookies(1, 'ipv4')
    const cookie = cookies.make(ends, 7, 1460, 0n)
    for (const at of ends.keys()) {
      const others = ends.with(at, ends[at]! ^ 1)
      expect(cookies.check(cookie, others, 7, 0n)).toBe(null)
    }
    expect(new SynCookies(2, 'ipv4').check(cookie, ends, 7, 0n)).toBe(null)
  })
})

describe('a SYN proxy', () => {
  const client = parseAddress('203.0.113.7')!
  const server = parseAddress('192.168.1.9')!
  const { syn, ack } = tcp.flag

  it('opens the connection once the cookie is back, and translates from then on', () => {
    const host = new Host(
      hostOf('eth0 203.0.113.1/24\neth1 192.168.1.1/24', [], {
        sysctls: new Map([['net.netfilter.nf_conntrack_tcp_loose', '0']]),
      }),
    )
    const rules = `*raw
-A PREROUTING -i eth0 -p tcp --syn -j CT --notrack
COMMIT
*filter
-A FORWARD -i eth0 -p tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --mss 1400 --timestamp --wscale 7
COMMIT
`
    expect(host.load(rulesOf(rules, 'ipv4'))).toEqual([])
    const give = (from: 'client' | 'server', flags: number, sequence: number, acknowledgement: number) => {
      const isClient = from === 'client'
      const [source, destination] = isClient ? [client, server] : [server, client]
      const [sourcePort, destinationPort] = isClient ? [4000, 80] : [80, 4000]
      const ports = { sourcePort, destinationPort }
      const segment = encodeTcp(
        { ...ports, flags, sequence, acknowledgement, window: 1000 },
        new Uint8Array(0),
        { source, destination },
      )
      const frame = encodeFrame(
        { destination: defaultMac(isClient ? 0 : 1), source: neighbourMac(source), etherType: 0x0800 },
        encodeIpv4({ source, destination, protocol: ipProtocol.tcp }, segment),
      )
      return host.receive(frame, isClient ? 'eth0' : 'eth1', 0n).sent.map(({ if: device, bytes }) => {
        const packet = new Packet()
        decodeFrame(packet, bytes)
        const at = packet.transportOffset
        return {
          device,
          flags: tcp.flags(packet, at),
          sequence: tcp.sequence(packet, at),
          acknowledgement: tcp.acknowledgement(packet, at),
          window: tcp.window(packet, at),
        }
      })
    }
    const [greeting] = give('client', syn, 100, 0)
    expect(greeting).toMatchObject({ device: 'eth0', flags: syn | ack, acknowledgement: 101, window: 0 })
    const cookie = greeting!.sequence
    expect(give('client', ack, 101, (cookie + 2 ** 20) >>> 0)).toEqual([])
    expect(give('client', ack, 101, cookie + 1)).toEqual([
      { device: 'eth1', flags: syn, sequence: 100, acknowledgement: cookie, window: 1000 },
    ])
    expect(give('server', syn | ack, 5000, 101)).toEqual([
      { device: 'eth1', flags: ack, sequence: 101, acknowledgement: 5001, window: 1000 },
      { device: 'eth0', flags: ack, sequence: cookie + 1, acknowledgement: 101, window: 1000 },
    ])
    expect(give('server', ack, 5001, 101)).toMatchObject([{ device: 'eth0', sequence: cookie + 1 }])
    expect(give('client', ack, 101, cookie + 1)).toMatchObject([{ device: 'eth1', acknowledgement: 5001 }])
  })
})
