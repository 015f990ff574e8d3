/** Makes a namespace into the host of a scenario: devices, addresses, routes, neighbours, settings. */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { type HostConfig, neighbourMac, printMac, printRoute } from '../../engine/config.ts'
import {
  type Address,
  lengthOfMask,
  parseAddress,
  prefixContains,
  printAddress,
  printPrefix,
} from '../../net/address.ts'
import type { Libc } from '../_libc.ts'
import {
  attribute,
  type Message,
  type NetlinkSocket,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REPLACE,
} from '../_netlink.ts'
import { Tap } from './_tap.ts'

/** Names that can stand in a command and in a path without meaning anything else. */
const interfaceName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/
const sysctlName = /^net(\.[A-Za-z0-9_-]+)+$/

/** The stack does nothing unasked, answers at any rate, and routes by destination alone. */
const quiet: Readonly<Record<string, string>> = {
  'net.ipv4.icmp_ratemask': '0',
  'net.ipv4.icmp_ratelimit': '0',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.default.send_redirects': '0',
  'net.ipv4.conf.all.accept_redirects': '0',
  'net.ipv4.conf.default.accept_redirects': '0',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.conf.default.arp_notify': '0',
  'net.ipv6.icmp.ratemask': '',
  'net.ipv6.icmp.ratelimit': '0',
  'net.ipv6.auto_flowlabels': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  'net.ipv6.conf.default.autoconf': '0',
  'net.ipv6.conf.default.accept_dad': '0',
  'net.ipv6.conf.default.dad_transmits': '0',
  'net.ipv6.conf.default.router_solicitations': '0',
  'net.ipv6.conf.default.accept_redirects': '0',
  'net.ipv6.conf.default.ndisc_notify': '0',
  /** No link-local addresses. */
  'net.ipv6.conf.default.addr_gen_mode': '1',
}

/** What makes the kernel's TCP predictable: no options, no timers that matter, one segment a packet. */
const plainTcp: Readonly<Record<string, string>> = {
  'net.ipv4.tcp_sack': '0',
  'net.ipv4.tcp_timestamps': '0',
  'net.ipv4.tcp_window_scaling': '0',
  'net.ipv4.tcp_ecn': '0',
  'net.ipv4.tcp_congestion_control': 'reno',
  'net.ipv4.tcp_slow_start_after_idle': '0',
  'net.ipv4.tcp_no_metrics_save': '1',
  'net.ipv4.tcp_early_retrans': '0',
  'net.ipv4.tcp_autocorking': '0',
  'net.ipv4.tcp_invalid_ratelimit': '0',
  // Nothing is sent again while a step waits for its time. (Since Linux 6.11.)
  'net.ipv4.tcp_rto_min_us': '100000000',
  'net.ipv4.tcp_synack_retries': '0',
}

/** Index of the first device behind `lo`. */
const firstIndex = 2

/** `keep` gets every device at once, so that none is left when a later one fails. Preconditions: inside the namespace. */
export function buildHost(libc: Libc, host: HostConfig, keep: (tap: Tap) => Tap): Tap[] {
  for (const [name, value] of Object.entries(quiet)) setSysctl(name, value)
  // What holds for devices to come must be there before them.
  for (const [name, value] of host.sysctls) if (name.includes('.conf.default.')) setSysctl(name, value)
  const taps: Tap[] = []
  // What IPv6 puts together behind INPUT must not be answered by the transports.
  const lines = ['link set dev lo up']
  if (host.sockets === null) lines.push('-6 xfrm policy add src ::/0 dst ::/0 dir in action block')
  else {
    for (const [name, value] of Object.entries(plainTcp)) if (hasSysctl(name)) setSysctl(name, value)
    lines.push('link set dev lo gso_max_segs 1')
  }
  for (const [place, { name, mac, mtu, addresses }] of host.interfaces.entries()) {
    if (!interfaceName.test(name) || name === 'lo') throw new Error(`"${name}" cannot name an interface here`)
    taps.push(keep(new Tap(libc, name, firstIndex + place)))
    lines.push(`link set dev ${name} address ${printMac(mac)} mtu ${mtu} up`)
    if (host.sockets !== null) lines.push(`link set dev ${name} gso_max_segs 1`)
    for (const prefix of addresses) {
      const isSix = prefix.address.family === 'ipv6'
      lines.push(
        `${isSix ? '-6 ' : ''}address add ${printPrefix(prefix)} dev ${name}${isSix ? ' nodad' : ''}`,
      )
    }
  }
  for (const route of host.routes) {
    if (route.device !== null && !interfaceName.test(route.device))
      throw new Error(`no device "${route.device}"`)
    lines.push(`${route.to.address.family === 'ipv6' ? '-6 ' : ''}route add ${printRoute(route)}`)
  }
  runIp(lines)
  setSysctl('net.ipv4.ip_forward', host.forwarding.ipv4 ? '1' : '0')
  setSysctl('net.ipv6.conf.all.forwarding', host.forwarding.ipv6 ? '1' : '0')
  for (const [name, value] of host.sysctls) setSysctl(name, value)
  return taps
}

/** `ip -batch` knows the family only as an option of the whole, so each family has its own run. */
function runIp(lines: readonly string[]): void {
  const isSix = (line: string): boolean => line.startsWith('-6 ')
  for (const [option, chosen] of [
    ['-4', lines.filter((line) => !isSix(line))],
    ['-6', lines.filter(isSix)],
  ] as const) {
    if (chosen.length === 0) continue
    const input = chosen.map((line) => `${line.replace(/^-6 /, '')}\n`).join('')
    const { status, stderr, error } = spawnSync('ip', [option, '-batch', '-'], { input, encoding: 'utf8' })
    if (error) throw error
    if (status !== 0) throw new Error(`the host cannot be built: ${stderr.trim()}`)
  }
}

const sysctlFile = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`

const hasSysctl = (name: string): boolean => existsSync(sysctlFile(name))

function setSysctl(name: string, value: string): void {
  if (!sysctlName.test(name)) throw new Error(`"${name}" is no setting of the network`)
  writeFileSync(sysctlFile(name), `${value}\n`)
}

const RTM_NEWNEIGH = 28
const AF_INET = 2
const AF_INET6 = 10
const NUD_PERMANENT = 0x80
const NDA_DST = 1
const NDA_LLADDR = 2

/** Gives every neighbour its link address before a packet may ask for it: nothing waits for ARP. */
export class Neighbours {
  readonly #host: HostConfig
  readonly #netlink: NetlinkSocket
  readonly #known = new Set<string>()

  constructor(host: HostConfig, netlink: NetlinkSocket) {
    this.#host = host
    this.#netlink = netlink
    const gateways = host.routes.flatMap(({ via }) => (via === null ? [] : [via]))
    const named = [...host.neighbours.keys()].flatMap((text) => parseAddress(text) ?? [])
    this.learn([...gateways, ...named])
  }

  /** Makes the addresses known on every device whose link they are on. */
  learn(addresses: readonly Address[]): void {
    const messages: Message[] = []
    for (const address of addresses) {
      const text = printAddress(address)
      if (this.#known.has(text)) continue
      this.#known.add(text)
      const mac = this.#host.neighbours.get(text) ?? neighbourMac(address)
      for (const index of this.#linksOf(address)) messages.push(neighbourMessage(index, address, mac))
    }
    if (messages.length > 0) this.#netlink.request(messages, 'name a neighbour')
  }

  #linksOf(address: Address): number[] {
    const { interfaces, routes } = this.#host
    const links: number[] = []
    for (const [place, { name, addresses }] of interfaces.entries()) {
      const own = addresses.filter((prefix) => prefix.address.family === address.family)
      if (own.some((prefix) => isBroadcastOrOwn(prefix, address))) return []
      const reached =
        own.some((prefix) => prefixContains(prefix, address)) ||
        routes.some(
          ({ to, via, device }) => via === null && device === name && prefixContains(to, address),
        ) ||
        routes.some(
          ({ via, device }) => via !== null && device === name && printAddress(via) === printAddress(address),
        )
      if (reached) links.push(firstIndex + place)
    }
    return links
  }
}

function isBroadcastOrOwn(
  { address: own, mask }: { address: Address; mask: Address },
  address: Address,
): boolean {
  if (own.words.every((word, at) => word === address.words[at])) return true
  if (address.family === 'ipv6') return address.words[0]! >>> 24 === 0xff
  if (address.words[0]! >>> 28 >= 0xe) return true
  const broadcast = (own.words[0]! | ~mask.words[0]!) >>> 0
  return (lengthOfMask(mask) ?? 0) < 31 && address.words[0] === broadcast
}

function neighbourMessage(index: number, address: Address, mac: Uint8Array): Message {
  /** struct ndmsg: family, padding, interface, state, flags, type. */
  const header = Buffer.alloc(12)
  header.writeUInt8(address.family === 'ipv4' ? AF_INET : AF_INET6, 0)
  header.writeInt32LE(index, 4)
  header.writeUInt16LE(NUD_PERMANENT, 8)
  const words = Buffer.alloc(4 * address.words.length)
  for (const [at, word] of address.words.entries()) words.writeUInt32BE(word, 4 * at)
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([header, attribute(NDA_DST, words), attribute(NDA_LLADDR, mac)]),
  }
}
