/** Which side of a capture is the host itself. */

import { type Address, printAddress } from '../net/address.ts'
import type { CaptureRecord } from '../net/capture-record.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { linkPayload } from '../net/link-payload.ts'
import { Packet } from '../net/packet.ts'
import { canBeOwn, type Observed } from './guess-host.ts'

interface Tally {
  readonly address: Address
  count: number
  mac: Uint8Array | null
}

/** Device of a record whose capture names none. */
export const unnamedDevice = 'eth0'

/**
 * The host's addresses by interface. Where the file has directions, they decide: sources of what went out and
 * destinations of what came in. Else the host is taken to be the address that stands in the most packets: a capture
 * made on a host has itself in all of them.
 */
export function observeCapture(records: readonly CaptureRecord[]): Observed[] {
  const devices = new Map<string, Map<string, Tally>>()
  const hasDirections = records.some(({ direction }) => direction !== null)
  /** Who sent what came in, by device, and to whom what went out was sent: surely not the host. */
  const others = new Map<string, Map<string, Address>>()
  const packet = new Packet()
  for (const record of records) {
    const device = record.interface.name ?? unnamedDevice
    const tallies = devices.get(device) ?? new Map<string, Tally>()
    devices.set(device, tallies)
    const payload = linkPayload(record)
    if (payload.kind === 'other') continue
    if (payload.kind === 'frame') decodeFrame(packet, payload.bytes, record.originalLength)
    else decodeIp(packet, payload.bytes)
    if (packet.family === null || packet.defect === 'ip-truncated') continue
    const { direction } = payload
    if (direction !== null) {
      const other = direction === 'in' ? packet.source : packet.destination
      const known = others.get(device) ?? new Map<string, Address>()
      others.set(device, known)
      if (known.size < mostOthers && canBeOwn(other)) known.set(printAddress(other), other)
    }
    const isFrame = payload.kind === 'frame'
    if (direction !== 'in') count(tallies, packet.source, isFrame ? payload.bytes.subarray(6, 12) : null)
    if (direction !== 'out') count(tallies, packet.destination, isFrame ? payload.bytes.subarray(0, 6) : null)
  }
  const isOther = (address: Address) => [...others.values()].some((each) => each.has(printAddress(address)))
  return [...devices].map(([device, tallies]) => {
    const all = [...tallies.values()]
    const candidates = all.filter(({ address }) => !isOther(address))
    return {
      ...observedOf(device, candidates, hasDirections),
      passes: candidates.length < all.length,
      beyond: [...(others.get(device)?.values() ?? [])],
    }
  })
}

/** Addresses remembered for each device. */
const mostOthers = 256

function count(tallies: Map<string, Tally>, address: Address, mac: Uint8Array | null): void {
  // What goes to a group of stations says nothing of its IP destination, which may be a network's broadcast.
  const isGroup = mac !== null && (mac[0]! & 1) === 1
  if (isGroup || !canBeOwn(address)) return
  const key = printAddress(address)
  const tally = tallies.get(key) ?? { address, count: 0, mac: null }
  tally.count++
  if (mac !== null) tally.mac = mac.slice()
  tallies.set(key, tally)
}

function observedOf(device: string, tallies: readonly Tally[], all: boolean): Observed {
  const best = tallies.reduce<Tally | null>(
    (most, tally) => (most === null || most.count < tally.count ? tally : most),
    null,
  )
  if (best === null) return { device, own: [], mac: null }
  const own = all ? tallies : tallies.filter(({ mac, count }) => tallyIsBest(best, mac, count))
  return { device, own: own.map(({ address }) => address), mac: best.mac }
}

/** The winner, and whatever else shares its MAC: a host's second address, or its IPv6 one. */
const tallyIsBest = (best: Tally, mac: Uint8Array | null, tallied: number): boolean =>
  best.mac === null ? tallied === best.count : mac?.every((byte, at) => byte === best.mac![at]) === true
