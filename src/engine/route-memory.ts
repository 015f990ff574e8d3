/**
 * What IPv4 routing said of the last few thousand pairs of addresses. It depends on nothing else than what is asked, so
 * that remembering it changes no answer; looking it up makes no objects.
 */
import type { Device } from '../ext/context.ts'
import type { Refused, Route } from './routing.ts'

interface Remembered {
  readonly source: number
  readonly destination: number
  readonly protocol: number
  readonly device: Device
  readonly decision: Route | Refused
}

const places = 4096

export class RouteMemory {
  readonly #places: (Remembered | undefined)[] = new Array<Remembered | undefined>(places).fill(undefined)

  /** Addresses are their one word. */
  find(source: number, destination: number, protocol: number, device: Device): Route | Refused | null {
    const place = placeOf(source, destination, protocol)
    const first = this.#places[place]
    if (first !== undefined && isOf(first, source, destination, protocol, device)) return first.decision
    const second = this.#places[place ^ 1]
    if (second !== undefined && isOf(second, source, destination, protocol, device)) return second.decision
    return null
  }

  keep(
    source: number,
    destination: number,
    protocol: number,
    device: Device,
    decision: Route | Refused,
  ): void {
    const place = placeOf(source, destination, protocol)
    // What stood there moves to the place beside it.
    this.#places[place ^ 1] = this.#places[place]
    this.#places[place] = { source, destination, protocol, device, decision }
  }
}

function placeOf(source: number, destination: number, protocol: number): number {
  const mixed = Math.imul(source, 0x9e3779b1) ^ Math.imul(destination ^ protocol, 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) >>> 20
}

const isOf = (
  one: Remembered,
  source: number,
  destination: number,
  protocol: number,
  device: Device,
): boolean =>
  one.source === source &&
  one.destination === destination &&
  one.protocol === protocol &&
  one.device === device
