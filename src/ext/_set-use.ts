/** What the match `set` and the target SET share: naming a set, and asking it. Syntax: extensions/libxt_set.h, 1.8.9. */
import { type Refusal, refuse } from '../lang/diagnostic.ts'
import { type OptionText, value } from '../lang/options.ts'
import type { KnownSets, OptionEnvironment, OptionSpec } from '../lang/syntax.ts'
import { byteLength } from '../lang/words.ts'
import { type Family, printAddress } from '../net/address.ts'
import type { HookContext, SetSide, Skb } from './context.ts'

export interface SetUse {
  readonly name: string
  /** Where each dimension of an element is taken from. */
  readonly sides: readonly SetSide[]
}

const nameBytes = 31
const mostSides = 6

export function setUse(spec: OptionText): OptionSpec<SetUse> {
  return value(parseSetUse, { metavar: 'NAME src|dst[,...]', words: 2, ...spec })
}

/** Words that only begin with `src` or `dst` are taken, too. */
function parseSetUse(text: string, { sets, family }: OptionEnvironment): SetUse {
  const blank = text.lastIndexOf(' ')
  const [name, flags] = [text.slice(0, Math.max(0, blank)), text.slice(blank + 1)]
  if (byteLength(name) > nameBytes) {
    return refuse('name-too-long', `has a name of more than ${nameBytes} characters`, {
      said: `setname \`${name}' too long, max ${nameBytes} characters.`,
    })
  }
  const unfit = whyUnfit(name, family, sets)
  if (unfit !== null) return refuse(unfit.code, unfit.message, unfit)
  const sides = flags.split(',').map((part) => {
    const side = (['src', 'dst'] as const).find((each) => part.startsWith(each))
    if (side !== undefined) return side
    return refuse('bad-side', 'must end in src and dst, with commas between', {
      said: "You must spefify (the comma separated list of) 'src' or 'dst'.",
    })
  })
  if (sides.length <= mostSides) return { name, sides }
  return refuse('too-many-sides', `has more than ${mostSides} times src or dst`, {
    said: `Can't be more src/dst options than ${mostSides}.`,
  })
}

/** Why a rule cannot name the set; null where it can, or nobody knows. */
export function whyUnfit(name: string, family: Family, sets: KnownSets | undefined): Refusal | null {
  if (sets === undefined) return null
  const own = sets.get(name)
  if (own === undefined) {
    return {
      code: 'no-set',
      message: `there is no set ${name}`,
      notes: ['sets are made with ipset, before the rules that name them'],
      said: `Set ${name} doesn't exist.\n`,
    }
  }
  if (own === null || own === family) return null
  const named = own === 'ipv4' ? 'IPv4' : 'IPv6'
  return {
    code: 'other-family',
    message: `the set ${name} holds ${named} addresses, and the rule is for the other family`,
    said: `The protocol family of set ${name} is ${named}, which is not applicable.\n`,
  }
}

export const printSetUse = ({ name, sides }: SetUse): string => `${name} ${sides.join(',')}`

/** What of a packet is looked for, in words for traces. */
export function describeKey({ sides }: SetUse, { packet }: Skb, _context: HookContext): string {
  const [side = 'src'] = sides
  return printAddress(side === 'src' ? packet.source : packet.destination)
}
