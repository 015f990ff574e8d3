/**
 * Where a received frame stands while it is dealt with: tables and routing write into it, and the caller's bytes stay.
 *
 * A frame that goes on leaves in the very bytes it came in (`giveAway`): an array of its own for each would cost more than
 * all the rules of a gateway.
 */
import { ByteArena } from '../net/byte-arena.ts'

export class ReceiveBuffer {
  readonly #arena = new ByteArena()
  /** Views of the present place, by their length; those of an earlier place are made anew. */
  #views: (Uint8Array | undefined)[] = []
  #isGiven = true

  /** A copy of the frame that is good until the next one comes, or for ever once it is given away. */
  copy(frame: Uint8Array): Uint8Array {
    const { length } = frame
    if (length > mostBytes) return frame.slice()
    if (this.#isGiven) {
      if (this.#arena.reserve(mostBytes)) this.#views = []
      this.#isGiven = false
    }
    let view = this.#views[length]
    if (view === undefined || view.byteOffset !== this.#arena.next) {
      view = this.#arena.peek(length)
      this.#views[length] = view
    }
    view.set(frame)
    return view
  }

  /** The frame copied last now belongs to whoever has it. */
  giveAway(frame: Uint8Array): void {
    if (frame.length > mostBytes) return
    this.#arena.skip(frame.length)
    this.#isGiven = true
  }
}

/** More than any frame on an Ethernet of usual MTU. */
const mostBytes = 2048
