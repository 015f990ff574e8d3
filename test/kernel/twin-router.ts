/**
 * A real router and the engine's as one: every frame goes through both, and everything that comes out is compared, and
 * what each expects afterwards.
 */
import { expect } from 'vitest'
import { hostOf, rulesOf } from '../../src/engine/_testing/journey-case.ts'
import { defaultMac, neighbourMac, printMac } from '../../src/engine/config.ts'
import { Host } from '../../src/engine/host.ts'
import { type Address, type Family, parseAddress } from '../../src/net/address.ts'
import { encodeFrame } from '../../src/net/encode.ts'
import { etherType } from '../../src/net/protocol.ts'
import { Router } from './router.ts'

export type Device = 'eth0' | 'eth1'
export const devices = ['eth0', 'eth1'] as const

export interface SentFrame {
  readonly device: Device
  readonly frame: Uint8Array
}

/** Both may be right when chance decides over what becomes of `given`; this says so, and the story ends there. */
export type Excuse = (
  given: Uint8Array,
  kernel: readonly SentFrame[],
  engine: readonly SentFrame[],
) => boolean

const deviceAddresses: Readonly<Record<Device, readonly string[]>> = {
  eth0: ['203.0.113.1/24', '2001:db8:1::1/64'],
  eth1: ['192.168.1.1/24', '2001:db8:2::1/64'],
}

export class TwinRouter {
  readonly router: Router
  readonly #routes: readonly string[]
  #host: Host
  #startNs = process.hrtime.bigint()
  #sysctls: ReadonlyMap<string, string> = new Map()
  /** What happened, for the message when the two part. */
  log: string[] = []
  /** Frames that both were given. */
  frames = 0

  /** `hosts`: every address that frames go to, by the device it is behind. */
  constructor(hosts: Readonly<Record<Device, readonly string[]>>, routes: readonly string[] = []) {
    this.#routes = routes
    const device = (name: Device) => ({
      mac: printMac(defaultMac(devices.indexOf(name))),
      addresses: deviceAddresses[name],
      neighbours: Object.fromEntries(
        hosts[name].map((text) => [text, printMac(neighbourMac(parseAddress(text)!))]),
      ),
    })
    this.router = new Router({ eth0: device('eth0'), eth1: device('eth1') })
    this.router.run('ip link set dev eth1 mtu 1400')
    this.router.sysctl('net.ipv4.icmp_msgs_per_sec', 1_000_000)
    this.router.sysctl('net.ipv4.icmp_msgs_burst', 1_000_000)
    for (const route of routes) this.router.run(`ip route add ${route}`)
    this.#host = this.#newHost()
  }

  #newHost(): Host {
    const lines = devices.map((name) => [name, ...deviceAddresses[name]].join(' '))
    lines[1] += ' mtu 1400'
    return new Host(hostOf(lines.join('\n'), this.#routes, { sysctls: this.#sysctls }))
  }

  /** A new story: other rules, and no connections; the engine's host has been up for so long. */
  begin(
    rules: Readonly<Partial<Record<Family, string>>>,
    sysctls: Readonly<Record<string, number>> = {},
    engineUptimeNs = 0n,
  ): void {
    for (const [name, value] of Object.entries(sysctls)) this.router.sysctl(name, value)
    this.#sysctls = new Map(Object.entries(sysctls).map(([name, value]) => [name, String(value)]))
    this.#host = this.#newHost()
    this.log = []
    for (const family of ['ipv4', 'ipv6'] as const) {
      const text = rules[family] ?? '*raw\nCOMMIT\n*mangle\nCOMMIT\n*nat\nCOMMIT\n*filter\nCOMMIT\n'
      this.log.push(text)
      this.router.load(family, text)
      expect(this.#host.load(rulesOf(text, family))).toEqual([])
    }
    this.router.run('conntrack -F')
    this.#startNs = process.hrtime.bigint() - engineUptimeNs
    this.router.drain()
  }

  /** A packet that `sender` (whose MAC it has) puts on the wire at a device. Null where chance decided otherwise. */
  pass(
    device: Device,
    packet: Uint8Array,
    sender: Address,
    note: string,
    excuse: Excuse,
  ): SentFrame[] | null {
    const { frame, kernel, engine, why } = this.#give(
      device,
      { kernel: packet, engine: packet },
      sender,
      note,
    )
    if (excuse(frame, kernel, engine)) return null
    this.log.push(`  engine: ${why}`)
    expect(engine.map(printSent), this.log.join('\n')).toEqual(kernel.map(printSent))
    this.#compareExpectations()
    return kernel
  }

  /** The same where the two drew different numbers, and so are given different packets: what comes out of each. */
  passEach(
    device: Device,
    packets: Readonly<Record<'kernel' | 'engine', Uint8Array>>,
    sender: Address,
    note: string,
  ): Readonly<Record<'kernel' | 'engine', readonly SentFrame[]>> {
    const { kernel, engine, why } = this.#give(device, packets, sender, note)
    this.log.push(`  engine: ${why}`)
    return { kernel, engine }
  }

  #give(
    device: Device,
    packets: Readonly<Record<'kernel' | 'engine', Uint8Array>>,
    sender: Address,
    note: string,
  ) {
    this.frames++
    this.log.push(`${device} ${note} ${Buffer.from(packets.engine).toString('hex')}`)
    const family = packets.engine[0]! >>> 4 === 4 ? 'ipv4' : 'ipv6'
    const destination = defaultMac(devices.indexOf(device))
    const framed = (packet: Uint8Array) =>
      encodeFrame({ destination, source: neighbourMac(sender), etherType: etherType[family] }, packet)
    this.router.write(device, framed(packets.kernel))
    const kernel = devices.flatMap((name) =>
      this.router.read(name).map((bytes): SentFrame => ({ device: name, frame: bytes })),
    )
    const now = process.hrtime.bigint() - this.#startNs
    const frame = framed(packets.engine)
    const { sent, why } = this.#host.receive(frame.slice(), device, now)
    const engine = devices.flatMap((name) =>
      sent.filter((one) => one.if === name).map(({ bytes }): SentFrame => ({ device: name, frame: bytes })),
    )
    return { frame, kernel, engine, why }
  }

  #compareExpectations(): void {
    const kernel = this.router.expectations()
    const engine = this.#host.expectations(process.hrtime.bigint() - this.#startNs)
    expect(sortedWithoutSeconds(engine), this.log.join('\n')).toEqual(sortedWithoutSeconds(kernel))
    const [mine, theirs] = [engine, kernel].map((lines) =>
      lines.map((line) => Number.parseInt(line, 10)).sort(),
    )
    const farthest = Math.max(0, ...mine!.map((seconds, at) => Math.abs(seconds - theirs![at]!)))
    expect(farthest, this.log.join('\n')).toBeLessThan(2)
  }

  /** The end of a story: connections and rule counters. The rules as they were saved, with their counters. */
  end(families: readonly Family[]): string[] {
    const engine = this.#host.connections(process.hrtime.bigint() - this.#startNs)
    expect(sortedWithoutSeconds(engine.map(tidy)), this.log.join('\n')).toEqual(
      sortedWithoutSeconds(this.router.conntrack().map(tidy)),
    )
    return families.flatMap((family) => {
      const command = family === 'ipv4' ? 'iptables-legacy-save -c' : 'ip6tables-legacy-save -c'
      const theirs = rulesWithCounters(this.router.run(command))
      const own = rulesWithCounters(this.#host.save(family, { counters: true }))
      expect(own, this.log.join('\n')).toEqual(theirs)
      return own
    })
  }

  close(): void {
    this.router.close()
  }
}

/** Without the id of the ICMP that the router itself sends, which is random, and its header's checksum. */
function printSent({ device, frame }: SentFrame): string {
  const copy = frame.slice()
  const isOwnIcmp = copy[14] === 0x45 && copy[15] === 0xc0 && copy[23] === 1
  if (isOwnIcmp) {
    copy.fill(0, 18, 20)
    copy.fill(0, 24, 26)
  }
  return `${device} ${Buffer.from(copy).toString('hex')}`
}

/** Neither the order of lines nor seconds count. */
const sortedWithoutSeconds = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/^\d+ (?=l3proto)/, '# ')).sort()

/** Policies are left out: what the router says to groups by itself counts there. */
const rulesWithCounters = (saved: string): string[] =>
  saved
    .split('\n')
    .filter((line) => line.startsWith('['))
    .sort()

const tidy = (line: string): string =>
  line.replace(/ use=\d+$/, '').replace(/^(ipv[46] +\d+ \w+ +\d+ )\d+ /, '$1# ')
