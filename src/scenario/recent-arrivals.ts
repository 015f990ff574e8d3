/**
 * The last packets that came in during a replay, and the frames that left because of them, as places in the buffers that hold
 * them anyway. Nothing is made for a packet: objects that live as long as thousands of packets cost a garbage collector
 * more than rules cost the engine.
 */
import type { SentFrame } from '../engine/outcome.ts'
import type { ArrivedPayload } from './departures.ts'

export interface RecentArrival {
  readonly number: number
  readonly atNs: bigint
  readonly payload: Pick<ArrivedPayload, 'kind' | 'bytes'>
  /** As for `decodeFrame`. */
  readonly wireLength: number
  readonly frames: readonly SentFrame[]
}

/** Bytes somewhere in a buffer, for each place of a ring. */
class Slices {
  readonly #buffers: (ArrayBufferLike | null)[]
  readonly #offsets: Float64Array
  readonly #lengths: Uint32Array

  constructor(places: number) {
    this.#buffers = new Array<ArrayBufferLike | null>(places).fill(null)
    this.#offsets = new Float64Array(places)
    this.#lengths = new Uint32Array(places)
  }

  set(place: number, bytes: Uint8Array | null): void {
    this.#buffers[place] = bytes === null ? null : bytes.buffer
    if (bytes === null) return
    this.#offsets[place] = bytes.byteOffset
    this.#lengths[place] = bytes.length
  }

  get(place: number): Uint8Array | null {
    const buffer = this.#buffers[place]!
    return buffer === null ? null : new Uint8Array(buffer, this.#offsets[place]!, this.#lengths[place]!)
  }
}

export class RecentArrivals {
  readonly #places: number
  #first = 0
  #count = 0
  readonly #numbers: Float64Array
  readonly #times: BigInt64Array
  readonly #wireLengths: Float64Array
  readonly #areFrames: Uint8Array
  readonly #payloads: Slices
  /** Of the one frame that left: its bytes and its device. */
  readonly #sent: Slices
  readonly #devices: (string | null)[]
  /** All that left, where they were several. */
  readonly #several: (readonly SentFrame[] | null)[]

  /** Remembers so many at most. */
  constructor(most: number) {
    this.#places = most
    this.#numbers = new Float64Array(most)
    this.#times = new BigInt64Array(most)
    this.#wireLengths = new Float64Array(most)
    this.#areFrames = new Uint8Array(most)
    this.#payloads = new Slices(most)
    this.#sent = new Slices(most)
    this.#devices = new Array<string | null>(most).fill(null)
    this.#several = new Array<readonly SentFrame[] | null>(most).fill(null)
  }

  /** The oldest makes room where there is none. */
  add(
    number: number,
    atNs: bigint,
    payload: ArrivedPayload,
    wireLength: number,
    frames: readonly SentFrame[],
  ): void {
    if (this.#count === this.#places) this.#first = (this.#first + 1) % this.#places
    else this.#count++
    const place = (this.#first + this.#count - 1) % this.#places
    this.#numbers[place] = number
    this.#times[place] = atNs
    this.#wireLengths[place] = wireLength
    this.#areFrames[place] = payload.kind === 'frame' ? 1 : 0
    this.#payloads.set(place, payload.bytes)
    const one = frames.length === 1 ? frames[0]! : null
    this.#sent.set(place, one?.bytes ?? null)
    this.#devices[place] = one?.if ?? null
    this.#several[place] = frames.length > 1 ? frames : null
  }

  /** In the order of arrival. */
  *[Symbol.iterator](): Generator<RecentArrival> {
    for (let index = 0; index < this.#count; index++) {
      const place = (this.#first + index) % this.#places
      const bytes = this.#sent.get(place)
      yield {
        number: this.#numbers[place]!,
        atNs: this.#times[place]!,
        payload: {
          kind: this.#areFrames[place] === 1 ? 'frame' : 'packet',
          bytes: this.#payloads.get(place)!,
        },
        wireLength: this.#wireLengths[place]!,
        frames: this.#several[place] ?? (bytes === null ? [] : [{ if: this.#devices[place]!, bytes }]),
      }
    }
  }
}
