/** What is supposed where nobody said, while both outcomes of a question are looked at. */
import type { OpenQuestion } from '../ext/context.ts'

export interface Supposition extends OpenQuestion {
  readonly holds: boolean
}

export class Suppositions {
  readonly list: readonly Supposition[]

  constructor(list: readonly Supposition[] = []) {
    this.list = list
  }

  /** Whether a proposition holds as far as what is supposed decides it; null where it does not. */
  judge({ proposition }: OpenQuestion): boolean | null {
    const same = this.list.find((each) => each.proposition === proposition)
    if (same !== undefined) return same.holds
    return this.#judgeValue(proposition) ?? this.#judgePath(proposition)
  }

  /** `cpu=0`: at most one value holds. */
  #judgeValue(proposition: string): false | null {
    const kind = /^[^= <]+=/.exec(proposition)?.[0]
    if (kind === undefined) return null
    return this.list.some(({ proposition: other, holds }) => holds && other.startsWith(kind)) ? false : null
  }

  /** `cgroup</a/b`: what is below a path is below all above it, and below none beside it. */
  #judgePath(proposition: string): boolean | null {
    const [, kind, path] = /^([^= <]+<)(\/.*)$/.exec(proposition) ?? []
    if (kind === undefined) return null
    for (const { proposition: other, holds } of this.list) {
      if (!other.startsWith(kind)) continue
      const otherPath = other.slice(kind.length)
      const isBelow = otherPath.startsWith(`${path}/`)
      const isAbove = path!.startsWith(`${otherPath}/`)
      if (holds && isBelow) return true
      if (holds ? !isAbove : isAbove) return false
    }
    return null
  }
}

export const noSuppositions = new Suppositions()
