/** Where a received frame stands while it is dealt with: tables and routing write into it, and the caller's bytes stay. */
export class ReceiveBuffer {
  readonly #bytes = new Uint8Array(mostBytes)
  /** Views of its beginning, by their length. Making one anew costs as much as a look at a few rules. */
  readonly #views: (Uint8Array | undefined)[] = []

  /** A copy of the frame that is good until the next one comes. */
  copy(frame: Uint8Array): Uint8Array {
    const { length } = frame
    if (length > mostBytes) return frame.slice()
    let view = this.#views[length]
    if (view === undefined) {
      view = this.#bytes.subarray(0, length)
      this.#views[length] = view
    }
    view.set(frame)
    return view
  }
}

/** More than any frame on an Ethernet of usual MTU. */
const mostBytes = 2048
