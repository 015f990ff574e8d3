/** The `host:` part of a scenario file to a `HostConfig`. */

import {
  type AccountConfig,
  bareHost,
  defaultMac,
  type HostConfig,
  type InterfaceConfig,
  parseMac,
  parseRoute,
} from '../engine/config.ts'
import { heededSysctls, isHeededSysctl } from '../engine/index.ts'
import { complaintAboutSets } from '../engine/set/restore.ts'
import { parseSocket, type SocketConfig } from '../engine/sockets/config.ts'
import { nearest } from '../lang/suggest.ts'
import { lengthOfMask, type Prefix, parseAddress, parsePrefix, printAddress } from '../net/address.ts'
import { type Circumstances, circumstanceNames, parseCircumstance } from '../net/circumstances.ts'
import type { HostFile } from './schema.ts'

/** Says what is wrong at a place in the file (`['interfaces', 'eth0', 'address']`). */
export type Complain = (
  path: readonly (string | number)[],
  message: string,
  help?: string,
  part?: TextPart,
) => void

/** A piece of a text in the file, by offsets. */
export interface TextPart {
  readonly start: number
  readonly end: number
}

/** Sets that ipset would not take are complained about in its own words, and left out. */
export function readSets(text: string | undefined, complain: Complain): Pick<HostConfig, 'sets'> {
  if (text === undefined) return {}
  const complaint = complaintAboutSets(text, bareHost.profile.hz)
  if (complaint === null) return { sets: text }
  complain(['sets'], `ipset says: ${complaint}`)
  return {}
}

/** Everything that can be used; what cannot is complained about and left out; `warn` is told what has no effect. */
export function readHost(file: HostFile, complain: Complain, warn: Complain = () => {}): HostConfig {
  for (const name of Object.keys(file.sysctls ?? {})) {
    if (isHeededSysctl(name)) continue
    warn(['sysctls', name], `the engine does not heed ${name}: it changes nothing here`, nearestSysctl(name))
  }
  const forwarding = file.forwarding ?? false
  return {
    ...bareHost,
    interfaces: Object.entries(file.interfaces ?? {}).map(([name, shape], place) =>
      readInterface(name, shape, place, complain),
    ),
    forwarding:
      typeof forwarding === 'boolean'
        ? { ipv4: forwarding, ipv6: forwarding }
        : { ipv4: forwarding.ipv4 ?? false, ipv6: forwarding.ipv6 ?? false },
    routes: (file.routes ?? []).flatMap((text, at) => {
      const route = parseRoute(text)
      if (typeof route !== 'string') return [route]
      complain(['routes', at], `"${text}": ${route}`, 'write it as for ip route: default via 203.0.113.254')
      return []
    }),
    startsAtUnixNs: file.clock === undefined ? null : readClock(file.clock, complain),
    minutesWest: file.timezone ?? 0,
    neighbours: readNeighbours(file.neighbours ?? {}, complain),
    sockets: file.sockets === undefined ? null : readSockets(file, complain),
    circumstances: readCircumstances(file.circumstances ?? '', complain),
    ...readSets(file.sets, complain),
    accounts: (file.nfacct ?? []).flatMap((text, at) => readAccount(text, at, complain)),
    sysctls: new Map(Object.entries(file.sysctls ?? {}).map(([name, value]) => [name, sysctlText(value)])),
  }
}

/** Of those in the same place: what all names there begin with is no likeness. */
function nearestSysctl(name: string): string | undefined {
  const place = /^(.*\.(nf_conntrack_)?)/.exec(name)?.[0] ?? ''
  const near = nearest(
    name.slice(place.length),
    heededSysctls.flatMap((one) => (one.startsWith(place) ? [one.slice(place.length)] : [])),
  )
  return near === null ? undefined : place + near
}

function readCircumstances(text: string, complain: Complain): Circumstances {
  let circumstances: Circumstances = {}
  for (const word of text.trim().split(/\s+/)) {
    if (word === '') continue
    const [, key = word, value = ''] = /^([^=]*)=(.*)$/.exec(word) ?? []
    const name = circumstanceNames.find((each) => each === key)
    const read =
      name === undefined
        ? `"${key}" is none of ${circumstanceNames.join(', ')}`
        : parseCircumstance(name, value)
    if (typeof read === 'string') complain(['circumstances'], read, 'cpu=0 policy-in=none policy-out=none')
    else circumstances = { ...circumstances, ...read }
  }
  return circumstances
}

function readAccount(text: string, at: number, complain: Complain): AccountConfig[] {
  const [, name, most, unit] = /^(\S{1,31})(?:\s+(\d+)\s+(packets|bytes))?$/.exec(text.trim()) ?? []
  if (name === undefined) {
    complain(['nfacct', at], `"${text}" is no accounting object`, 'http, or with a quota: http 100000 bytes')
    return []
  }
  const quota = most === undefined ? null : { unit: unit as 'packets' | 'bytes', most: BigInt(most) }
  return [{ name, quota }]
}

function readClock(text: string, complain: Complain): bigint | null {
  const hasZone = /(Z|[+-]\d\d:\d\d)$/.test(text)
  const milliseconds = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(hasZone ? text : dateTime(text))
    : Number.NaN
  if (!Number.isNaN(milliseconds)) return BigInt(milliseconds) * 1_000_000n
  complain(['clock'], `"${text}" is no date and time`, '2026-01-31T12:00:00Z')
  return null
}

/** Without a zone it is UTC. */
const dateTime = (text: string): string => `${text.replace(' ', 'T')}${text.includes(':') ? 'Z' : ''}`

type InterfaceFile = NonNullable<HostFile['interfaces']>[string]

function readInterface(
  name: string,
  shape: InterfaceFile,
  place: number,
  complain: Complain,
): InterfaceConfig {
  const at = ['interfaces', name]
  if (name === 'lo' || !/^[^\s/:!+]{1,15}$/.test(name)) {
    complain(
      at,
      `"${name}" cannot be the name of an interface`,
      'up to 15 letters and digits, not lo (it always exists)',
    )
  }
  const mac = shape.mac === undefined ? defaultMac(place) : parseMac(shape.mac)
  if (mac === null) complain([...at, 'mac'], `"${shape.mac}" is no MAC address`, '02:00:00:00:00:01')
  return {
    name,
    addresses: [shape.address ?? []]
      .flat()
      .flatMap((text) => readAddress(text, [...at, 'address'], complain)),
    mac: mac ?? defaultMac(place),
    mtu: shape.mtu ?? 1500,
  }
}

function readAddress(text: string, at: readonly string[], complain: Complain): Prefix[] {
  const prefix = parsePrefix(text)
  if (prefix !== null && lengthOfMask(prefix.mask) !== null) return [prefix]
  complain(at, `"${text}" is no address with a prefix length`, '203.0.113.1/24')
  return []
}

function readSockets({ sockets = [], interfaces = {} }: HostFile, complain: Complain): SocketConfig[] {
  return sockets.flatMap((text, at) => {
    const socket = parseSocket(text)
    if (typeof socket === 'string') {
      complain(
        ['sockets', at],
        `"${text}": ${socket}`,
        'tcp 22, udp 203.0.113.1:53, tcp [::]:443 dev eth0 uid 33',
      )
      return []
    }
    if (socket.device === null || socket.device in interfaces) return [socket]
    complain(['sockets', at], `the host has no interface "${socket.device}"`)
    return []
  })
}

function readNeighbours(file: Readonly<Record<string, string>>, complain: Complain): Map<string, Uint8Array> {
  const neighbours = new Map<string, Uint8Array>()
  for (const [text, macText] of Object.entries(file)) {
    const address = parseAddress(text)
    const mac = parseMac(macText)
    if (address === null) complain(['neighbours', text], `"${text}" is no address`)
    else if (mac === null)
      complain(['neighbours', text], `"${macText}" is no MAC address`, '02:00:00:00:01:43')
    else neighbours.set(printAddress(address), mac)
  }
  return neighbours
}

const sysctlText = (value: string | number | boolean): string =>
  typeof value === 'boolean' ? (value ? '1' : '0') : String(value)
