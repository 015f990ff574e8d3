/** A seeded generator of what the kernel would choose at random. */

/** Unsigned 32 bits per call; the same seed gives the same row. (mulberry32) */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** What a host leaves to chance, where a kernel draws at random. */
export interface Chance {
  /** Unsigned 32 bits, for all purposes but the next. */
  word(): number
  /**
   * Where translation begins to look for a free port (or ICMP id), 0 to 65535; a value in the range it looks in is that
   * very port.
   */
  port(manipulation: 'source' | 'destination'): number
}

export function seededChance(seed: number): Chance {
  const word = makeRandom(seed)
  return { word, port: () => word() & 0xffff }
}
