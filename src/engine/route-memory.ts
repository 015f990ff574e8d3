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
    const one = this.#places[placeOf(source, destination, protocol)]
    if (one === undefined || one.source !== source || one.destination !== destination) return null
    return one.protocol === protocol && one.device === device ? one.decision : null
  }

  keep(
    source: number,
    destination: number,
    protocol: number,
    device: Device,
    decision: Route | Refused,
  ): void {
    this.#places[placeOf(source, destination, protocol)] = { source, destination, protocol, device, decision }
  }
}

function placeOf(source: number, destination: number, protocol: number): number {
  const mixed = Math.imul(source ^ (destination >>> 15) ^ (destination << 17) ^ protocol, 0x9e3779b1)
  return mixed >>> 20
}
