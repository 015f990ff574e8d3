/**
 * What a capture tells of the links of a host, beyond addresses: the MAC of each interface, which a host file seldom has
 * (and a frame for another MAC is not for the host); and whether the network cards put segments together.
 */
import type { HostConfig, InterfaceConfig } from '../engine/config.ts'
import { prefixContains, sameAddress } from '../net/address.ts'
import type { CaptureRecord } from '../net/capture-record.ts'
import { decodeFrame } from '../net/decode.ts'
import { linkPayload } from '../net/link-payload.ts'
import { Packet } from '../net/packet.ts'
import { unnamedDevice } from './observe.ts'

export interface LearnedLinks {
  readonly host: HostConfig
  /** A line for each thing that is not as configured. */
  readonly assumptions: readonly string[]
}

/**
 * Gives interfaces the MAC that the frames name, where they never name the configured one. Where a packet is larger than
 * its interface can carry, cards or kernel have joined segments, and no packet counts as too large.
 */
export function learnLinks(records: readonly CaptureRecord[], host: HostConfig): LearnedLinks {
  const votes = new Map<string, Map<string, number>>()
  const seen = new Map<string, Set<string>>()
  const packet = new Packet()
  let joined: string | null = null
  for (const record of records) {
    const device = record.interface.name ?? unnamedDevice
    const config = host.interfaces.find(({ name }) => name === device)
    const payload = linkPayload(record)
    if (config === undefined || payload.kind !== 'frame' || payload.bytes.length < 14) continue
    const [destination, source] = [hexOf(payload.bytes, 0), hexOf(payload.bytes, 6)]
    const macs = seen.get(device) ?? new Set<string>()
    seen.set(device, macs.add(destination).add(source))
    decodeFrame(packet, payload.bytes, record.originalLength)
    if (packet.family === null || packet.defect === 'ip-truncated') continue
    if (packet.totalLength > config.mtu) joined ??= device
    const side = sideOf(packet, config, payload.direction)
    if (side === null || (side === 'destination' && (payload.bytes[0]! & 1) === 1)) continue
    const mac = side === 'source' ? source : destination
    const counts = votes.get(device) ?? new Map<string, number>()
    votes.set(device, counts.set(mac, (counts.get(mac) ?? 0) + 1))
  }
  const learned = adopt(host, votes, seen)
  return joined === null ? learned : withoutMtu(learned, joined)
}

/** Which end of the frame is the host; null when it does not show. */
function sideOf(
  packet: Packet,
  { addresses }: InterfaceConfig,
  direction: CaptureRecord['direction'],
): 'source' | 'destination' | null {
  if (direction !== null) return direction === 'out' ? 'source' : 'destination'
  const { source, destination } = packet
  const isOwn = (address: typeof source) => addresses.some((prefix) => sameAddress(prefix.address, address))
  if (isOwn(source)) return 'source'
  if (isOwn(destination)) return 'destination'
  const isNear = (address: typeof source) => addresses.some((prefix) => prefixContains(prefix, address))
  const [from, to] = [isNear(source), isNear(destination)]
  // Between a neighbour and somebody far away stands a router: this host, as far as anybody can see.
  return from === to ? null : from ? 'destination' : 'source'
}

function adopt(
  host: HostConfig,
  votes: ReadonlyMap<string, ReadonlyMap<string, number>>,
  seen: ReadonlyMap<string, ReadonlySet<string>>,
): LearnedLinks {
  const assumptions: string[] = []
  const interfaces = host.interfaces.map((device) => {
    const [best] = [...(votes.get(device.name) ?? [])].sort(([, a], [, b]) => b - a)
    if (best === undefined || seen.get(device.name)!.has(hexOf(device.mac, 0))) return device
    assumptions.push(`${device.name} has the MAC ${best[0]}`)
    return { ...device, mac: Uint8Array.from(best[0].split(':'), (octet) => Number.parseInt(octet, 16)) }
  })
  return { host: { ...host, interfaces }, assumptions }
}

function withoutMtu({ host, assumptions }: LearnedLinks, device: string): LearnedLinks {
  const line = `segments were joined before the capture saw them (by ${device}), so none is too large for its link`
  const interfaces = host.interfaces.map((each) => ({ ...each, mtu: 65535 }))
  return { host: { ...host, interfaces }, assumptions: [...assumptions, line] }
}

const hexOf = (bytes: Uint8Array, at: number): string =>
  Array.from(bytes.subarray(at, at + 6), (octet) => octet.toString(16).padStart(2, '0')).join(':')
