/** Flows: packets of TCP or UDP that come by one device with the same addresses and ports. */

import type { Device } from '../../ext/context.ts'
import type { ConntrackInfo } from '../conntrack/conntrack.ts'
import type { Ways } from './way.ts'

/** What tells flows apart, as it stands in a frame with an Ethernet header and an IPv4 header without options. */
export class FlowKey {
  device = ''
  source = 0
  destination = 0
  /** Source port * 65536 + destination port. */
  ports = 0
  protocol = 0
}

export class Flow {
  readonly device: string
  readonly source: number
  readonly destination: number
  readonly ports: number
  readonly protocol: number
  /** Link address of the device, in two numbers of four and two bytes. */
  readonly macHigh: number
  readonly macLow: number
  readonly arrivesOn: Device
  /** What conntrack noted on the packets so far; null where nobody tracks. */
  readonly known: ConntrackInfo | null
  readonly ways: Ways
  /** By which device and to which link address its packets go on; null where they are delivered. */
  readonly onward: { readonly device: Device; readonly mac: Uint8Array } | null
  /** Whether a packet that is accepted is another one then. */
  readonly isChanged: boolean

  constructor(
    { device, source, destination, ports, protocol }: Readonly<FlowKey>,
    arrivesOn: Device,
    known: ConntrackInfo | null,
    ways: Ways,
    onward: Flow['onward'],
  ) {
    const { mac } = arrivesOn
    this.device = device
    this.source = source
    this.destination = destination
    this.ports = ports
    this.protocol = protocol
    this.macHigh = (mac[0]! << 24) | (mac[1]! << 16) | (mac[2]! << 8) | mac[3]!
    this.macLow = (mac[4]! << 8) | mac[5]!
    this.arrivesOn = arrivesOn
    this.known = known
    this.ways = ways
    this.onward = onward
    this.isChanged = onward !== null || ways.itinerary.stations.some(({ kind }) => kind === 'translation')
  }
}

const mostCounted = 1000

/** Flows that are remembered at most. */
const places = 8192
const placeBits = 13
/** Places beside each other where a flow may stand. */
const ways = 4

export class FlowTable {
  readonly #flows: (Flow | null)[] = new Array<Flow | null>(places).fill(null)
  /** Of packets without a flow: what the last one in a place was known by, and how many came in a row. */
  readonly #seen = new Int32Array(places)
  readonly #counts = new Int16Array(places)

  find(key: FlowKey): Flow | null {
    const place = placeOf(hashOf(key))
    for (let beside = 0; beside < ways; beside++) {
      const flow = this.#flows[place ^ beside]!
      if (flow !== null && isOf(flow, key)) return flow
    }
    return null
  }

  /** Counts a packet without a flow: how many of these came, unless many others came between them. */
  count(key: FlowKey): number {
    const hash = hashOf(key)
    const place = this.#placeSeen(hash)
    if (this.#seen[place] !== hash) {
      this.#seen[place] = hash
      this.#counts[place] = 0
    }
    if (this.#counts[place]! < mostCounted) this.#counts[place]!++
    return this.#counts[place]!
  }

  /** Of two, the one where it is counted already, or the one with the smaller count. */
  #placeSeen(hash: number): number {
    const first = placeOf(hash)
    const second = first ^ 1
    if (this.#seen[first] === hash) return first
    if (this.#seen[second] === hash) return second
    return Math.abs(this.#counts[first]!) <= Math.abs(this.#counts[second]!) ? first : second
  }

  /** The packet counted last is none for a flow; nor are others like it, for a long while. */
  refuse(key: FlowKey): void {
    this.#counts[this.#placeSeen(hashOf(key))] = -mostCounted
  }

  /** Those that stand in its way move on by a place; the last is forgotten. */
  keep(flow: Flow): void {
    const place = placeOf(hashOf(flow))
    let moving: Flow | null = flow
    for (let beside = 0; moving !== null && beside < ways; beside++) {
      const stood: Flow | null = this.#flows[place ^ beside]!
      this.#flows[place ^ beside] = moving
      moving = stood === null || isOf(stood, flow) ? null : stood
    }
    this.#counts[this.#placeSeen(hashOf(flow))] = 0
  }

  remove(flow: Flow): void {
    const place = placeOf(hashOf(flow))
    for (let beside = 0; beside < ways; beside++) {
      if (this.#flows[place ^ beside] === flow) this.#flows[place ^ beside] = null
    }
  }

  clear(): void {
    this.#flows.fill(null)
    this.#counts.fill(0)
  }
}

function hashOf({ source, destination, ports, protocol }: Readonly<FlowKey>): number {
  let hash = Math.imul(source, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15) ^ ports, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ destination ^ protocol, 0xc2b2ae35)
  return Math.imul(hash ^ (hash >>> 16), 0x9e3779b1)
}

const placeOf = (hash: number): number => hash >>> (32 - placeBits)

const isOf = (flow: Flow, key: Readonly<FlowKey>): boolean =>
  flow.source === key.source &&
  flow.destination === key.destination &&
  flow.ports === key.ports &&
  flow.protocol === key.protocol &&
  flow.device === key.device
