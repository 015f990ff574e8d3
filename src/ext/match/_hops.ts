/**
 * What `-m ttl` and `-m hl` share: all but the name.
 *
 * Kernel: net/netfilter/xt_hl.c, `ttl_mt()` and `hl_mt6()`. Syntax: iptables extensions/libipt_ttl.c, libip6t_hl.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint8 } from '../../lang/options.ts'
import type { Family } from '../../net/address.ts'
import { exactly, type PacketSet, type PacketSpace } from '../../space/space.ts'
import { defineMatch } from '../define.ts'

export interface Hops {
  readonly test: 'eq' | 'ne' | 'lt' | 'gt'
  /** 0 to 255. */
  readonly hops: number
}

const holds: Readonly<Record<Hops['test'], (left: number, hops: number) => boolean>> = {
  eq: (left, hops) => left === hops,
  ne: (left, hops) => left !== hops,
  lt: (left, hops) => left < hops,
  gt: (left, hops) => left > hops,
}

const sets: Readonly<Record<Hops['test'], (space: PacketSpace, hops: bigint) => PacketSet>> = {
  eq: (space, hops) => space.equal('ttl', hops),
  ne: (space, hops) => space.equal('ttl', hops).not(),
  lt: (space, hops) => space.between('ttl', 0n, hops - 1n),
  gt: (space, hops) => space.between('ttl', hops + 1n, 255n),
}

const words: Readonly<Record<Hops['test'], string>> = { eq: 'not', ne: '', lt: 'not below', gt: 'not above' }

const signs: Readonly<Record<Hops['test'], string>> = { eq: '==', ne: '!=', lt: '<', gt: '>' }

interface Kind {
  /** Of the match, and what its options begin with. */
  readonly name: 'ttl' | 'hl'
  readonly family: Family
  readonly doc: string
}

export function defineHops({ name, family, doc }: Kind) {
  const [eq, lt, gt] = [`${name}-eq`, `${name}-lt`, `${name}-gt`] as const
  return defineMatch<Hops>()({
    name,
    families: [family],
    doc,
    options: {
      [lt]: uint8({ doc: 'fewer are left', excludes: [eq, gt] }),
      [gt]: uint8({ doc: 'more are left', excludes: [eq, lt] }),
      [eq]: uint8({
        doc: 'exactly so many hops are left',
        alias: [name],
        invertible: true,
        excludes: [lt, gt],
      }),
    },
    examples: [`--${eq} 64`, `! --${eq} 64`, `--${lt} 5`, `--${gt} 128`],

    parse: (given) => {
      const [equal, less, more] = [given[eq], given[lt], given[gt]]
      if (equal) return { test: equal.inverted ? 'ne' : 'eq', hops: equal.value }
      if (less) return { test: 'lt', hops: less.value }
      if (more) return { test: 'gt', hops: more.value }
      return refuse('no-test', `${name} needs one of --${eq}, --${lt} and --${gt}`, {
        // The closing quote is missing in one of them.
        said: `${name.toUpperCase()} match: You must specify one of \`--${eq}', \`--${lt}', \`--${gt}${family === 'ipv6' ? "'" : ''}`,
      })
    },

    print: ({ test, hops }) => (test === 'ne' ? `! --${eq} ${hops}` : `--${name}-${test} ${hops}`),
    list: ({ test, hops }) => {
      const NAME = name.toUpperCase()
      return ` ${NAME} match ${NAME} ${signs[test]} ${hops}`
    },

    evaluate: ({ test, hops }, { packet }) => holds[test](packet.ttl, hops),

    analyse: ({ test, hops }, space) => exactly(sets[test](space, BigInt(hops))),

    explain: ({ test, hops }, { packet }) =>
      `${name} ${packet.ttl} is ${words[test]} ${hops}`.replace('  ', ' '),
  })
}
