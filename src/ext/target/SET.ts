/**
 * `-j SET`: add the packet's addresses to a set, delete them from one, or take the packet's mark from one; go on with the
 * next rule.
 *
 * Kernel: net/netfilter/xt_set.c, `set_target_v3()`, Linux 6.18. Syntax: iptables extensions/libxt_SET.c and libxt_set.h,
 * 1.8.9.
 *
 * The sets themselves are made by ipset. Where it is not known which there are, any name is taken; a host has none.
 */
import { type Refusal, refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, type OptionText, value } from '../../lang/options.ts'
import type { OptionEnvironment, OptionSpec } from '../../lang/syntax.ts'
import { byteLength } from '../../lang/words.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface SetUse {
  readonly name: string
  /** Where each dimension of an element is taken from. */
  readonly sides: readonly ('src' | 'dst')[]
}

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

const nameBytes = 31
const mostSides = 6

export const SET = defineTarget<SetChange>()({
  name: 'SET',
  families: bothFamilies,
  doc: "Add the packet's addresses to a set, or delete them.",
  options: {
    'add-set': setUse({ doc: 'add to this set' }),
    'del-set': setUse({ doc: 'delete from this set' }),
    'map-set': setUse({ doc: 'take from this set what it holds of the packet' }),
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

  check({ add, delete: del, map }, _rule, { sets }) {
    const missing = [add, del, map].find((use) => use !== null && sets !== undefined && !sets.has(use.name))
    return missing == null ? null : noSet(missing.name)
  },

  act: () => ({ kind: 'continue' }),
})

const noSet = (name: string) => ({
  code: 'no-set',
  message: `there is no set ${name}`,
  notes: ['sets are made with ipset, before the rules that name them'],
  said: `Set ${name} doesn't exist.\n`,
})

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
  use === null ? [] : [`${option} ${use.name} ${use.sides.join(',')}`]

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

function setUse(spec: OptionText): OptionSpec<SetUse> {
  return value(parseSetUse, { metavar: 'NAME src|dst[,...]', words: 2, ...spec })
}

/** Words that only begin with `src` or `dst` are taken, too. */
function parseSetUse(text: string, { sets }: OptionEnvironment): SetUse {
  const blank = text.lastIndexOf(' ')
  const [name, flags] = [text.slice(0, Math.max(0, blank)), text.slice(blank + 1)]
  if (byteLength(name) > nameBytes) {
    return refuse('name-too-long', `has a name of more than ${nameBytes} characters`, {
      said: `setname \`${name}' too long, max ${nameBytes} characters.`,
    })
  }
  if (sets !== undefined && !sets.has(name)) {
    return refuse('no-set', `names a set that does not exist`, { said: `Set ${name} doesn't exist.\n` })
  }
  const sides = flags.split(',').map((part) => {
    const side = (['src', 'dst'] as const).find((each) => part.startsWith(each))
    if (side !== undefined) return side
    return refuse('bad-side', 'must end in src and dst, with commas between', {
      said: "You must specify (the comma separated list of) 'src' or 'dst'.",
    })
  })
  if (sides.length <= mostSides) return { name, sides }
  return refuse('too-many-sides', `has more than ${mostSides} times src or dst`, {
    said: `Can't be more src/dst options than ${mostSides}.`,
  })
}

function parseTimeout(text: string): number {
  const max = 4294967294n
  const number = parseNumber(text, 0n, max)
  if (number !== null) return Number(number)
  return refuse('out-of-range', `is not a number from 0 to ${max}`, {
    said: `Invalid value for option --timeout or out of range 0-${max}`,
  })
}
