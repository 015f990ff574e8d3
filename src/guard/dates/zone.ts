/** Time zones as the dates of a log need them: wall time in, UTC out. */

/** A zone: what it adds to UTC. */
export interface Zone {
  /** The moment (milliseconds since 1970) at which clocks of the zone show a wall time, itself counted as if it were UTC. */
  toUtcMs(wallMs: number): number
  /** The wall time, counted as if it were UTC, that clocks of the zone show at a moment. */
  toWallMs(utcMs: number): number
}

/** A zone that is always so many minutes east of UTC. */
export function fixedZone(minutesEast: number): Zone {
  const offsetMs = minutesEast * 60_000
  return { toUtcMs: (wallMs) => wallMs - offsetMs, toWallMs: (utcMs) => utcMs + offsetMs }
}

export const utc: Zone = fixedZone(0)

/**
 * A zone given by its offset at each moment. Of a wall time that happens twice (clocks set back) the first is taken;
 * one that never happens (clocks set forward) is read with the offset before the change, as mktime(3) does.
 */
export function zoneOf(minutesEastAt: (utcMs: number) => number): Zone {
  const offsetMs = (utcMs: number) => minutesEastAt(utcMs) * 60_000
  return {
    toUtcMs(wallMs) {
      const before = offsetMs(wallMs - 86_400_000)
      const first = wallMs - before
      if (offsetMs(first) === before) return first
      const after = offsetMs(wallMs + 86_400_000)
      const second = wallMs - after
      return offsetMs(second) === after ? second : first
    },
    toWallMs: (utcMs) => utcMs + offsetMs(utcMs),
  }
}
