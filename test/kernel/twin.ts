/**
 * A real router with conntrack and the engine's tracker side by side: the same frames go through both, and what each
 * made of them is compared.
 *
 * The real router writes what its matches see into the TOS of the packets that it forwards, so that no counter has to
 * be read: state in bits 2 to 4, then reply direction, ASSURED, SEEN_REPLY.
 */

import { connectionStatus, tickAt } from '../../src/engine/conntrack/connection.ts'
import { Conntrack } from '../../src/engine/conntrack/conntrack.ts'
import { printConnection, printLong } from '../../src/engine/conntrack/listing.ts'
import { type ConntrackSettings, readSettings } from '../../src/engine/conntrack/settings.ts'
import { Reassembler } from '../../src/engine/defrag.ts'
import type { Skb } from '../../src/ext/context.ts'
import { type Address, addressOf, type Family, parseAddress } from '../../src/net/address.ts'
import { decodeFrame } from '../../src/net/decode.ts'
import { encodeFrame } from '../../src/net/encode.ts'
import { Packet } from '../../src/net/packet.ts'
import { etherType } from '../../src/net/protocol.ts'
import { Router } from './router.ts'

const hz = 250

const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'] as const

const markingRules = [
  '*mangle',
  ...states.map(
    (state, at) => `-A PREROUTING -m conntrack --ctstate ${state} -j TOS --or-tos ${(at + 1) << 2}`,
  ),
  '-A PREROUTING -m conntrack --ctstate NEW,ESTABLISHED,RELATED --ctdir REPLY -j TOS --or-tos 0x20',
  '-A PREROUTING -m conntrack --ctstatus ASSURED -j TOS --or-tos 0x40',
  '-A PREROUTING -m conntrack --ctstatus SEEN_REPLY -j TOS --or-tos 0x80',
  'COMMIT',
  '',
].join('\n')

export type Side = 'client' | 'server'

const server = { ipv4: parseAddress('192.168.1.9')!, ipv6: parseAddress('2001:db8:2::9')! }

/** One of 16 million clients behind eth0. */
export const clientAddress = (family: Family, number: number): Address =>
  family === 'ipv4'
    ? addressOf('ipv4', [0x0a000000 + number])
    : addressOf('ipv6', [0x20010db8, 0x000a0000, 0, 0x10000000 + number])

/** Source and destination of what a client and the one server behind eth1 send to each other. */
export const endsFrom = (
  family: Family,
  side: Side,
  client: number,
): { source: Address; destination: Address } => {
  const clientSide = clientAddress(family, client)
  const serverSide = server[family]
  return side === 'client'
    ? { source: clientSide, destination: serverSide }
    : { source: serverSide, destination: clientSide }
}

const device = { client: 'eth0', server: 'eth1' }
const macs = {
  eth0: [2, 0, 0, 0, 0, 1],
  eth1: [2, 0, 0, 0, 0, 2],
  client: [2, 0, 0, 0, 1, 7],
  server: [2, 0, 0, 0, 2, 9],
}
const printMac = (mac: readonly number[]): string =>
  mac.map((octet) => octet.toString(16).padStart(2, '0')).join(':')

export class Twin {
  readonly router: Router
  settings: ConntrackSettings = readSettings(hz)
  conntrack = new Conntrack(this.settings, 1)
  readonly #reassembler = new Reassembler('ipv6-conntrack')
  #clients = 0

  constructor() {
    this.router = new Router({
      eth0: {
        mac: printMac(macs.eth0),
        addresses: ['203.0.113.1/24', '2001:db8:1::1/64'],
        neighbours: { '203.0.113.7': printMac(macs.client), '2001:db8:1::7': printMac(macs.client) },
      },
      eth1: {
        mac: printMac(macs.eth1),
        addresses: ['192.168.1.1/24', '2001:db8:2::1/64'],
        neighbours: { '192.168.1.9': printMac(macs.server), '2001:db8:2::9': printMac(macs.server) },
      },
    })
    this.router.run('ip route add 10.0.0.0/8 via 203.0.113.7')
    this.router.run('ip route add 2001:db8:a::/48 via 2001:db8:1::7')
    this.router.load('ipv4', markingRules)
    this.router.load('ipv6', markingRules)
    this.router.drain()
  }

  /** Sets sysctls of both (by the name behind `nf_conntrack_`); the engine forgets its connections. */
  configure(sysctls: Readonly<Record<string, number>>): void {
    const names = new Map<string, string>()
    for (const [name, value] of Object.entries(sysctls)) {
      const full = `net.netfilter.nf_conntrack_${name}`
      this.router.sysctl(full, value)
      names.set(full, String(value))
    }
    this.settings = readSettings(hz, names)
    this.conntrack = new Conntrack(this.settings, 1)
  }

  /** The rules go, and with them tracking; then they come back. */
  pause(): void {
    for (const family of ['ipv4', 'ipv6'] as const) {
      this.router.load(family, '*mangle\nCOMMIT\n')
      this.router.load(family, markingRules)
      this.conntrack.resume(family)
    }
  }

  /** A client that nobody has heard of. Now and then both sides forget all connections, or listings grow long. */
  nextClient(): number {
    this.#clients++
    if (this.#clients % 50 === 0) {
      this.router.run('conntrack -F')
      this.conntrack = new Conntrack(this.settings, this.#clients)
    }
    return this.#clients
  }

  frame(side: Side, packet: Uint8Array): Uint8Array {
    const into = side === 'client' ? macs.eth0 : macs.eth1
    const family = packet[0]! >>> 4 === 4 ? 'ipv4' : 'ipv6'
    return encodeFrame(
      {
        destination: Uint8Array.from(into),
        source: Uint8Array.from(macs[side]),
        etherType: etherType[family],
      },
      packet,
    )
  }

  /** What the kernel made of an IP packet sent by one side, in words; `-` when it did not come through. */
  kernel(side: Side, packet: Uint8Array): string {
    this.router.write(device[side], this.frame(side, packet))
    const out = this.router.read(device[side === 'client' ? 'server' : 'client'])
    return out.length === 1 ? describe(trafficClass(out[0]!.subarray(14)) >>> 2) : '-'
  }

  /** What the engine makes of it. Its clock is the kernel's. */
  engine(side: Side, packet: Uint8Array): string {
    const nowNs = process.hrtime.bigint()
    const skb = emptySkb()
    decodeFrame(skb.packet, this.frame(side, packet))
    if (skb.packet.fragmentHeaderOffset >= 0) {
      const whole = this.#reassembler.add(skb.packet, 'conntrack-in', 2, nowNs)
      if (whole.kind === 'whole') decodeFrame(skb.packet, whole.bytes)
      else if (whole.kind !== 'untouched') return '-'
    }
    if (this.conntrack.in(skb, 'PREROUTING', nowNs) === 'drop') return '-'
    const info = skb.conntrack!
    const status = info.connection?.status ?? 0
    const bits =
      (states.indexOf(info.state) + 1) |
      (info.isReply ? 8 : 0) |
      (status & connectionStatus.assured ? 16 : 0) |
      (status & connectionStatus.seenReply ? 32 : 0)
    return this.conntrack.confirm(skb, nowNs) === 'drop' ? '-' : describe(bits)
  }

  /** Lines of both tables that name a client, sorted. The kernel's seconds are taken over where they differ by one. */
  tables(family: Family, client: number): { kernel: string[]; engine: string[] } {
    const part = `=${printLong(clientAddress(family, client))} `
    const kernel = this.router
      .conntrack()
      .filter((line) => line.includes(part))
      .map(withoutUse)
    const nowNs = process.hrtime.bigint()
    const engine = this.conntrack
      .list(nowNs)
      .map((connection) => withoutUse(printConnection(connection, tickAt(nowNs, hz), this.settings)))
      .filter((line) => line.includes(part))
    kernel.sort(bySubject)
    engine.sort(bySubject)
    return { kernel, engine: engine.map((line, at) => alignSeconds(line, kernel[at] ?? '')) }
  }

  close(): void {
    this.router.close()
  }
}

const trafficClass = (packet: Uint8Array): number =>
  packet[0]! >>> 4 === 4 ? packet[1]! : ((packet[0]! & 15) << 4) | (packet[1]! >>> 4)

function describe(bits: number): string {
  const words = [states[(bits & 7) - 1] ?? 'UNMARKED']
  if (bits & 8) words.push('reply')
  if (bits & 16) words.push('assured')
  if (bits & 32) words.push('seen-reply')
  return words.join(' ')
}

function emptySkb(): Skb {
  return {
    packet: new Packet(),
    mark: 0,
    packetType: 'host',
    socket: null,
    circumstances: {},
    conntrack: null,
    untracked: false,
    traced: false,
  }
}

const withoutUse = (line: string): string => line.replace(/ use=\d+$/, '')

const secondsAt = /^(ipv[46] +\d+ \w+ +\d+ )(\d+) /

const bySubject = (a: string, b: string): number => {
  const [left, right] = [a.replace(secondsAt, '$1'), b.replace(secondsAt, '$1')]
  return left < right ? -1 : left > right ? 1 : 0
}

function alignSeconds(line: string, other: string): string {
  const mine = secondsAt.exec(line)
  const theirs = secondsAt.exec(other)
  if (mine === null || theirs === null || Math.abs(Number(mine[2]) - Number(theirs[2])) > 1) return line
  return line.replace(secondsAt, `$1${theirs[2]} `)
}
