/**
 * `-j SET`: add the packet's addresses to a set, delete them from one, or take the packet's mark from one; go on with the
 * next rule.
 *
 * Kernel: net/netfilter/xt_set.c, `set_target_v3()`, Linux 6.18. Syntax: iptables extensions/libxt_SET.c and libxt_set.h,
 * 1.8.9.
 *
 * The sets themselves are made by ipset. Where it is not known which there are, any name is taken.
 */
import { type Refusal, refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, value } from '../../lang/options.ts'
import { printSetUse, type SetUse, setUse, whyUnfit } from '../_set-use.ts'
import type { HeldSet, SetTestOptions } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface SetChange {
  readonly add: SetUse | null
  /** Whether adding what is there begins its time anew. */
  readonly exist: boolean
  /** Of an added element; null for what the set says. */
  readonly timeoutSeconds: number | null
  readonly delete: SetUse | null
  readonly map: SetUse | null
  readonly mapMark: boolean
  readonly mapPriority: boolean
  readonly mapQueue: boolean
}

/** The sets that a rule holds. */
interface Held {
  readonly add: HeldSet | null
  readonly delete: HeldSet | null
  readonly map: HeldSet | null
}

const mostTimeoutSeconds = 2147483

const plainTest: SetTestOptions = {
  returnsNomatch: false,
  keepsCounters: false,
  keepsSubcounters: false,
  packets: null,
  bytes: null,
}

export const SET = defineTarget<SetChange, Held>()({
  name: 'SET',
  families: bothFamilies,
  doc: "Add the packet's addresses to a set, or delete them.",
  options: {
    'add-set': setUse({ doc: 'add to this set', saidTwice: '--add-set can be specified only once' }),
    'del-set': setUse({ doc: 'delete from this set', saidTwice: '--del-set can be specified only once' }),
    'map-set': setUse({
      doc: 'take from this set what it holds of the packet',
      saidTwice: '--map-set can be specified only once',
    }),
    exist: flag({ doc: 'begin the time of what is there anew' }),
    timeout: value(parseTimeout, { doc: 'seconds until it is forgotten', metavar: 'SECONDS' }),
    'map-mark': flag({ doc: 'take the mark' }),
    'map-prio': flag({ doc: 'take the traffic class' }),
    'map-queue': flag({ doc: 'take the queue of the device' }),
  },
  examples: [
    '--add-set banned src --exist --timeout 60 --del-set seen src,dst',
    '--map-set marks dst --map-mark',
  ],

  parse(given) {
    const [add, del, map] = [given['add-set'], given['del-set'], given['map-set']]
    const data: SetChange = {
      add: add?.value ?? null,
      exist: given.exist !== undefined,
      timeoutSeconds: given.timeout?.value ?? null,
      delete: del?.value ?? null,
      map: map?.value ?? null,
      mapMark: given['map-mark'] !== undefined,
      mapPriority: given['map-prio'] !== undefined,
      mapQueue: given['map-queue'] !== undefined,
    }
    const refusal = whyNot(data)
    return refusal === null ? data : refuse(refusal.code, refusal.message, refusal)
  },

  print: (data) => words(data, '--').join(' '),
  list: (data) =>
    words(data, '')
      .map((word) => ` ${word}`)
      .join(''),

  check(data, _rule, { family, table, hooks, sets }) {
    for (const name of namesOf(data)) {
      const unfit = whyUnfit(name, family, sets)
      if (unfit !== null) return unfit
    }
    if (data.map === null) return null
    if (table !== 'mangle') {
      return { code: 'not-in-table', message: '--map-set works in the table mangle only' }
    }
    const late = ['FORWARD', 'OUTPUT', 'POSTROUTING']
    if ((!data.mapPriority && !data.mapQueue) || hooks.every((hook) => late.includes(hook))) return null
    return {
      code: 'not-in-hook',
      message: '--map-prio and --map-queue work in FORWARD, OUTPUT and POSTROUTING only',
    }
  },
  setsUsed: (data) => namesOf(data),

  load(data, host) {
    const acquire = (use: SetUse | null): HeldSet | null => use && host.acquireSet(use.name)
    return { add: acquire(data.add), delete: acquire(data.delete), map: acquire(data.map) }
  },
  unload(held, host) {
    for (const set of [held.add, held.delete, held.map]) if (set !== null) host.releaseSet(set)
  },

  act(data, skb, context, held) {
    const packet = (use: SetUse) => ({ skb, context, sides: use.sides })
    if (held.add !== null) {
      held.add.add(packet(data.add!), {
        exist: data.exist,
        timeoutSeconds: data.timeoutSeconds && Math.min(data.timeoutSeconds, mostTimeoutSeconds),
      })
    }
    held.delete?.delete(packet(data.delete!))
    const marks = held.map?.test(packet(data.map!), plainTest) ?? null
    // Priority and queue are of no consequence here.
    if (marks !== null && data.mapMark) skb.mark = ((skb.mark & ~marks.markMask) ^ marks.mark) >>> 0
    return { kind: 'continue' }
  },
})

const namesOf = ({ add, delete: del, map }: SetChange): string[] =>
  [add, del, map].flatMap((use) => (use === null ? [] : [use.name]))

const words = (data: SetChange, dashes: string): string[] => [
  ...useWords(`${dashes}add-set`, data.add),
  ...(data.exist ? [`${dashes}exist`] : []),
  ...(data.timeoutSeconds === null ? [] : [`${dashes}timeout ${data.timeoutSeconds}`]),
  ...useWords(`${dashes}del-set`, data.delete),
  ...useWords(`${dashes}map-set`, data.map),
  ...(data.mapMark ? [`${dashes}map-mark`] : []),
  ...(data.mapPriority ? [`${dashes}map-prio`] : []),
  ...(data.mapQueue ? [`${dashes}map-queue`] : []),
]

const useWords = (option: string, use: SetUse | null): string[] =>
  use === null ? [] : [`${option} ${printSetUse(use)}`]

/** Source: set_target_check_v3(). */
function whyNot(data: SetChange): Refusal | null {
  const maps = data.mapMark || data.mapPriority || data.mapQueue
  if (data.add === null && data.delete === null && data.map === null) {
    return {
      code: 'no-set-named',
      message: 'SET needs one of --add-set, --del-set and --map-set',
      said: "You must specify either `--add-set' or `--del-set' or `--map-set'",
    }
  }
  if (data.add === null && data.exist) {
    return onlyWith('--exist', '--add-set', "Flag `--exist' can be used with `--add-set' only")
  }
  if (data.add === null && data.timeoutSeconds !== null) {
    return onlyWith('--timeout', '--add-set', "Option `--timeout' can be used with `--add-set' only")
  }
  if (data.map === null && maps) {
    const option = data.mapMark ? '--map-mark' : data.mapPriority ? '--map-prio' : '--map-queue'
    return onlyWith(option, '--map-set', `Flag \`${option}' can be used with \`--map-set' only`)
  }
  if (data.map !== null && !maps) {
    return {
      code: 'no-map',
      message: '--map-set needs one of --map-mark, --map-prio and --map-queue',
      said: "You must specify flags `--map-mark' or '--map-prio` or `--map-queue'",
    }
  }
  return null
}

const onlyWith = (option: string, other: string, said: string): Refusal => ({
  code: 'needs',
  message: `${option} needs ${other} beside it`,
  said,
})

function parseTimeout(text: string): number {
  const max = 4294967294n
  const number = parseNumber(text, 0n, max)
  if (number !== null) return Number(number)
  return refuse('out-of-range', `is not a number from 0 to ${max}`, {
    said: `Invalid value for option --timeout or out of range 0-${max}`,
  })
}
