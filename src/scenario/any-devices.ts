/**
 * Captures of "any" interface (`tcpdump -i any`, link type LINUX_SLL2) name interfaces by number only. Here they get the
 * names that the host knows them by.
 */
import type { HostConfig } from '../engine/config.ts'
import { prefixContains, sameAddress } from '../net/address.ts'
import { type CaptureRecord, linkTypes } from '../net/capture-record.ts'
import { decodeIp } from '../net/decode.ts'
import { linkPayload } from '../net/link-payload.ts'
import { Packet } from '../net/packet.ts'

export interface NamedDevices {
  /** The record with the name of its interface. */
  name(record: CaptureRecord): CaptureRecord
  /** A line for each interface that was given a name. */
  readonly assumptions: readonly string[]
}

/** Where the index stands in a cooked header, version 2. Source: https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2. */
const indexOffset = 4
const cookedBytes = 20

const indexOf = ({ bytes, interface: { linkType } }: CaptureRecord): number | null =>
  linkType === linkTypes.linuxCooked2 && cookedBytes <= bytes.length
    ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(indexOffset)
    : null

/** Matches numbers with the interfaces of `host` by their addresses; those that nothing is known of become eth0, eth1 ... */
export function nameDevices(records: readonly CaptureRecord[], host: HostConfig): NamedDevices {
  const votes = new Map<number, Map<string, number>>()
  const packet = new Packet()
  for (const record of records) {
    const index = indexOf(record)
    if (index === null) continue
    const counts = votes.get(index) ?? new Map<string, number>()
    votes.set(index, counts)
    const payload = linkPayload(record)
    if (payload.kind !== 'packet' || payload.direction === null) continue
    decodeIp(packet, payload.bytes)
    if (packet.family === null || packet.defect === 'ip-truncated') continue
    const [own, other] =
      payload.direction === 'out' ? [packet.source, packet.destination] : [packet.destination, packet.source]
    for (const { name, addresses } of host.interfaces) {
      const isOwn = addresses.some(({ address }) => sameAddress(address, own))
      const isNear = addresses.some((prefix) => prefixContains(prefix, other))
      if (isOwn || isNear) counts.set(name, (counts.get(name) ?? 0) + (isOwn ? 1 : 0) + (isNear ? 2 : 0))
    }
  }
  return namesFor(choose(votes, host))
}

/** The strongest claims first; a name goes to one index only. */
function choose(
  votes: ReadonlyMap<number, ReadonlyMap<string, number>>,
  host: HostConfig,
): Map<number, string> {
  const claims = [...votes].flatMap(([index, counts]) =>
    [...counts].map(([name, count]) => ({ index, name, count })),
  )
  claims.sort((a, b) => b.count - a.count || a.index - b.index)
  const names = new Map<number, string>()
  const taken = new Set<string>()
  for (const { index, name } of claims) {
    if (names.has(index) || taken.has(name)) continue
    names.set(index, name)
    taken.add(name)
  }
  const free = [
    ...host.interfaces.map(({ name }) => name),
    ...Array.from({ length: 64 }, (_, at) => `eth${at}`),
  ]
  for (const index of [...votes.keys()].sort((a, b) => a - b)) {
    if (names.has(index)) continue
    const name = index === 1 ? 'lo' : free.find((each) => !taken.has(each) && each !== 'lo')!
    names.set(index, name)
    taken.add(name)
  }
  return names
}

function namesFor(names: ReadonlyMap<number, string>): NamedDevices {
  const devices = new Map<string, CaptureRecord['interface']>()
  return {
    name(record) {
      const index = indexOf(record)
      const name = index === null ? undefined : (names.get(index) ?? `if${index}`)
      if (name === undefined) return record
      const device = devices.get(name) ?? { ...record.interface, name }
      devices.set(name, device)
      return { ...record, interface: device }
    },
    assumptions: [...names].map(([index, name]) => `interface ${index} of the capture is ${name}`),
  }
}
