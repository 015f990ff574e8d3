/**
 * What `-j TTL` and `-j HL` share: all but the name.
 *
 * Kernel: net/netfilter/xt_HL.c, `ttl_tg()` and `hl_tg6()`, Linux 6.18. Syntax: iptables extensions/libipt_TTL.c and
 * libip6t_HL.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint8 } from '../../lang/options.ts'
import type { Family } from '../../net/address.ts'
import { setTtl } from '../../net/change.ts'
import { defineTarget } from '../define.ts'
import { requireTable } from './_tables.ts'

export interface HopChange {
  readonly how: 'set' | 'inc' | 'dec'
  /** 0 to 255; from 1 where it is a difference. */
  readonly hops: number
}

const results: Readonly<Record<HopChange['how'], (left: number, hops: number) => number>> = {
  set: (_, hops) => hops,
  inc: (left, hops) => Math.min(255, left + hops),
  dec: (left, hops) => Math.max(0, left - hops),
}

const listed = { set: 'set to', inc: 'increment by', dec: 'decrement by' } as const

interface Kind {
  readonly name: 'TTL' | 'HL'
  readonly family: Family
  readonly doc: string
}

export function defineHopChange({ name, family, doc }: Kind) {
  const prefix = name.toLowerCase() as 'ttl' | 'hl'
  const [set, dec, inc] = [`${prefix}-set`, `${prefix}-dec`, `${prefix}-inc`] as const
  return defineTarget<HopChange>()({
    name,
    families: [family],
    doc,
    options: {
      [set]: uint8({ doc: 'to this number', excludes: [dec, inc] }),
      [dec]: uint8({ doc: 'by so many fewer, down to 0', min: 1, excludes: [set, inc] }),
      [inc]: uint8({ doc: 'by so many more, up to 255', min: 1, excludes: [set, dec] }),
    },
    examples: [`--${set} 64`, `--${dec} 1`, `--${inc} 5`],

    parse(given) {
      for (const how of ['set', 'inc', 'dec'] as const) {
        const seen = given[`${prefix}-${how}`]
        if (seen !== undefined) return { how, hops: seen.value }
      }
      return refuse('no-change', `${name} needs one of --${set}, --${dec} and --${inc}`, {
        said: `${name}: You must specify an action`,
      })
    },

    print: ({ how, hops }) => `--${prefix}-${how} ${hops}`,
    list: ({ how, hops }) => ` ${name} ${listed[how]} ${hops}`,
    check: (_data, _rule, place) => requireTable('mangle', place, 'other tables do not change packets so'),

    act({ how, hops }, { packet }, { note }) {
      const before = packet.ttl
      setTtl(packet, results[how](before, hops))
      note?.(`${prefix} ${before} becomes ${packet.ttl}`)
      return { kind: 'continue' }
    },
  })
}
