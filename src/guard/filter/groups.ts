/**
 * Groups of matches by name. A filter numbers the names of all its expressions once, so that the groups of a line are a
 * short list of texts by number rather than a map: most of what a failure costs was once making such maps.
 */

/** Texts by the number of their name; undefined where a group is unset. */
export type Groups = (string | undefined)[]

/** Numbers of the names that steer the filter or say who it was: the same for every filter. */
export const slot = {
  mlfid: 0,
  nofail: 1,
  mlfforget: 2,
  mlfgained: 3,
  user: 4,
  ip4: 5,
  ip6: 6,
  dns: 7,
  cidr: 8,
  fid: 9,
  content: 10,
  attempts: 11,
} as const

/** Groups that steer the filter, and say nothing about the failure. */
const steering = /^(?:nofail|mlf|skiplines|attempts$)/

export class GroupNames {
  readonly #numbers = new Map<string, number>(Object.entries(slot))
  readonly #names: string[] = Object.keys(slot)
  /** Whether a group tells of the failure, by its number. */
  readonly #tells: boolean[] = this.#names.map((name) => !steering.test(name))

  /** The number of a name, which is given one if it is new. */
  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const number = this.#names.push(name) - 1
    this.#numbers.set(name, number)
    this.#tells.push(!steering.test(name))
    return number
  }

  /** The number of a name that some expression has, or -1. */
  find(name: string): number {
    return this.#numbers.get(name) ?? -1
  }

  /** Groups of which none is set. */
  empty(): Groups {
    const groups: Groups = []
    for (let at = 0; at < this.#names.length; at++) groups.push(undefined)
    return groups
  }

  /** Those that are set and tell of the failure, by name. */
  told(groups: Groups): Record<string, string> {
    const told: Record<string, string> = {}
    for (let at = 0; at < groups.length; at++) {
      const text = groups[at]
      if (text !== undefined && this.#tells[at]) told[this.#names[at]!] = text
    }
    return told
  }
}
