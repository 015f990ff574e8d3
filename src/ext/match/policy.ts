/**
 * `-m policy`: whether and how IPsec protected the packet on its way here, or will protect it on its way out
 * (`policy-in=` and `policy-out=` of the packet or the host; unknown where nobody said it).
 *
 * Kernel: net/netfilter/xt_policy.c, match_policy_in(), match_policy_out(), Linux 6.18. Syntax: iptables
 * extensions/libxt_policy.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { protocolName, protocolNumber } from '../../lang/names.ts'
import { flag, prefix, uint32, value } from '../../lang/options.ts'
import type { Hook, Negatable } from '../../lang/rule.ts'
import type { GivenOption } from '../../lang/syntax.ts'
import { type Address, maskAddress, type Prefix, sameAddress } from '../../net/address.ts'
import type { Transformation } from '../../net/circumstances.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { HookContext, Skb } from '../context.ts'
import { askUnknown, bothFamilies, circumstance, defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'
import { printEnd } from './_prefix.ts'

/** What one transformation is asked; each is null when not asked. */
interface Element {
  readonly reqid: Negatable<number> | null
  readonly spi: Negatable<number> | null
  readonly protocol: Negatable<number> | null
  readonly mode: Negatable<Transformation['mode']> | null
  readonly destination: Negatable<Prefix> | null
  readonly source: Negatable<Prefix> | null
}

export interface Policy {
  readonly direction: 'in' | 'out'
  /** Whether it shall not be protected at all; `elements` is empty then. */
  readonly none: boolean
  /** Whether each transformation must fit its element, and no more may be; else any that fits the first will do. */
  readonly strict: boolean
  readonly elements: readonly Element[]
}

/** XT_POLICY_MAX_ELEM. */
const mostElements = 4

const nothingAsked: Element = {
  reqid: null,
  spi: null,
  protocol: null,
  mode: null,
  destination: null,
  source: null,
}

const elementOptions: Readonly<Record<string, keyof Element>> = {
  reqid: 'reqid',
  spi: 'spi',
  proto: 'protocol',
  mode: 'mode',
  'tunnel-dst': 'destination',
  'tunnel-src': 'source',
}

/** One word of two. */
const word = <Word extends string>(words: readonly Word[], doc: string, said: string, more = {}) =>
  value(
    (text): Word =>
      words.find((each) => each === text) ??
      refuse('unknown-word', `is neither ${words.join(' nor ')}`, { said }),
    { doc, metavar: words.join('|'), ...more },
  )

const perElement = { invertible: true, repeatable: true }

export const policy = defineMatch<Policy>()({
  name: 'policy',
  families: bothFamilies,
  doc: 'Match packets by the IPsec policy that was or will be applied to them.',
  stateful: true,
  options: {
    dir: word(
      ['in', 'out'],
      'what was undone when it came, or will be done when it leaves',
      'policy_match: invalid dir "%value"',
    ),
    pol: word(
      ['none', 'ipsec'],
      'protected not at all, or by IPsec (default)',
      'policy match: invalid policy "%value"',
    ),
    strict: flag({ doc: 'by all the elements given, in order, and no others' }),
    reqid: uint32({ doc: 'request id of the policy rule', ...perElement }),
    spi: uint32({ doc: 'security parameter index', ...perElement }),
    'tunnel-src': prefix({ doc: 'source end of the tunnel', ...perElement }),
    'tunnel-dst': prefix({ doc: 'destination end of the tunnel', ...perElement }),
    proto: value(parseProtocol, { doc: 'ah, esp or ipcomp', metavar: 'ah|esp|ipcomp', ...perElement }),
    mode: word(['transport', 'tunnel'], 'mode', 'policy match: invalid mode "%value"', perElement),
    next: flag({ doc: 'the next element begins', repeatable: true, needs: ['strict'] }),
  },
  examples: [
    '--dir in --pol none',
    '--dir out --pol ipsec --proto esp',
    '--dir in --pol ipsec --strict --reqid 1 --spi 0x1 --proto esp ! --mode transport --next --reqid 2',
  ],

  checkFirst(given, all) {
    if (given.dir === undefined)
      refuse('no-direction', 'policy needs --dir', {
        said: 'policy match: neither --dir in nor --dir out specified',
      })
    const elements = elementsOf(all)
    const isStrict = given.strict !== undefined
    if (given.pol?.value === 'none') {
      if (isStrict)
        refuse('none-strict', '--strict makes no sense where nothing is asked', {
          said: 'policy match: policy none but --strict given',
        })
      if (elements.length > 1)
        refuse('none-elements', '--pol none has no elements', {
          said: 'policy match: policy none but policy given',
        })
      return
    }
    for (const [at, element] of elements.entries()) {
      if (isStrict && isEmpty(element))
        refuse('empty-element', `element ${at + 1} of the policy asks for nothing`, {
          said: `policy match: empty policy element ${at}. --strict is in effect, but at least one of reqid, spi, tunnel-src, tunnel-dst, proto or mode is required.`,
        })
      const { mode, source, destination } = element
      const isTunnel = mode !== null && (mode.value === 'tunnel') !== mode.inverted
      if ((source !== null || destination !== null) && !isTunnel)
        refuse('no-tunnel', '--tunnel-src and --tunnel-dst need --mode tunnel', {
          said: 'policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode',
          help: '--mode tunnel',
        })
    }
  },
  parse: ({ dir, pol, strict }, _environment, all) => ({
    direction: dir!.value,
    none: pol?.value === 'none',
    strict: strict !== undefined,
    elements: pol?.value === 'none' ? [] : elementsOf(all),
  }),

  print: (data) =>
    [head(data, '--'), data.elements.map((element) => words(element, '--', protocolName)).join(' --next ')]
      .filter((text) => text !== '')
      .join(' '),
  list: (data, { numeric }) => {
    const { elements } = data
    const shown = elements.map((element, at) =>
      [elements.length > 1 ? `[${at}]` : '', words(element, '', numeric ? String : protocolName)]
        .filter((text) => text !== '')
        .join(' '),
    )
    return [' policy match', head(data, ''), ...shown].filter((text) => text !== '').join(' ')
  },

  check({ direction }, _rule, place) {
    const allowed: readonly Hook[] =
      direction === 'in' ? ['PREROUTING', 'INPUT', 'FORWARD'] : ['FORWARD', 'OUTPUT', 'POSTROUTING']
    return requireHooks(allowed, place, `it asks for what ${direction === 'in' ? 'came' : 'leaves'}`)
  },

  evaluate(data, skb, context) {
    const { direction, none, strict, elements } = data
    const said = circumstance(`policy-${direction}`, skb, context)
    if (said !== undefined) return said.length === 0 ? none : !none && fits(data, said)
    const isPlain = askUnknown(context, `policy-${direction}=none`, questions[direction])
    if (isPlain === null || isPlain) return isPlain === true && none
    if (none || (!strict && elements.every(isEmpty))) return !none
    const asked = elements.map((element) => words(element, '', protocolName)).join(' next ')
    return (
      askUnknown(
        context,
        `policy-${direction} ${strict ? 'strict ' : ''}${asked}`,
        'how IPsec protects it',
      ) ?? false
    )
  },
  analyse: (_data, space) => ({ must: space.none, may: space.all }),
  explain: (data, skb, context) => whyNot(data, skb, context),
})

const questions = {
  in: 'whether IPsec protected it on its way here',
  out: 'whether IPsec protects it on its way out',
} as const

function whyNot({ direction }: Policy, skb: Skb, context: HookContext): string | null {
  const said = circumstance(`policy-${direction}`, skb, context)
  if (said === undefined) return null
  return said.length === 0 ? 'IPsec does not protect it' : 'IPsec protects it otherwise'
}

function fits({ strict, elements }: Policy, transformations: readonly Transformation[]): boolean {
  if (!strict) return transformations.some((one) => elements[0] !== undefined && isLike(one, elements[0]))
  if (transformations.length !== elements.length) return false
  return transformations.every((one, at) => isLike(one, elements[at]!))
}

/** Source: match_xfrm_state(). */
function isLike(one: Transformation, { reqid, spi, protocol, mode, destination, source }: Element): boolean {
  const holds = <T>(asked: Negatable<T> | null, is: (value: T) => boolean) =>
    asked === null || is(asked.value) !== asked.inverted
  return (
    holds(source, (end) => isIn(one.source, end)) &&
    holds(destination, (end) => isIn(one.destination, end)) &&
    holds(protocol, (number) => number === ipProtocol[one.protocol]) &&
    holds(mode, (name) => name === one.mode) &&
    holds(spi, (number) => number === one.spi) &&
    holds(reqid, (number) => number === one.reqid)
  )
}

const isIn = (address: Address | null, { address: network, mask }: Prefix): boolean =>
  address !== null &&
  address.family === network.family &&
  sameAddress(maskAddress(address, mask), maskAddress(network, mask))

const isEmpty = (element: Element): boolean => Object.values(element).every((asked) => asked === null)

/** The elements between `--next` and `--next`. */
function elementsOf(all: readonly GivenOption[]): Element[] {
  const elements: Element[] = [nothingAsked]
  for (const { name, value: given, inverted } of all) {
    if (name === 'next') {
      if (elements.length === mostElements)
        refuse('too-many-elements', `a policy has at most ${mostElements} elements`, {
          said: 'policy match: maximum policy depth reached',
        })
      elements.push(nothingAsked)
      continue
    }
    const field = elementOptions[name]
    if (field === undefined) continue
    const last = elements.at(-1)!
    if (last[field] !== null)
      refuse('repeated', `--${name} stands twice in one element of the policy`, {
        said: `policy match: double --${name} option`,
      })
    elements[elements.length - 1] = { ...last, [field]: { value: given, inverted } }
  }
  return elements
}

const head = ({ direction, none, strict }: Policy, dashes: string): string =>
  `${dashes}dir ${direction} ${dashes}pol ${none ? 'none' : 'ipsec'}${strict ? ` ${dashes}strict` : ''}`

function words(element: Element, dashes: string, nameOf: (protocol: number) => string): string {
  const one = <T>(name: string, asked: Negatable<T> | null, print: (value: T) => string | number) =>
    asked === null ? [] : [`${asked.inverted ? '! ' : ''}${dashes}${name} ${print(asked.value)}`]
  return [
    ...one('reqid', element.reqid, (number) => number),
    ...one('spi', element.spi, (number) => `0x${number.toString(16)}`),
    ...one('proto', element.protocol, nameOf),
    ...one('mode', element.mode, (mode) => mode),
    ...one('tunnel-dst', element.destination, printEnd),
    ...one('tunnel-src', element.source, printEnd),
  ].join(' ')
}

/** Names are small letters only here. */
function parseProtocol(text: string): number {
  const number = text === text.toLowerCase() ? protocolNumber(text) : null
  if (number === null)
    return refuse('unknown-protocol', 'is no protocol', { said: 'unknown protocol "%value" specified' })
  if (number === ipProtocol.ah || number === ipProtocol.esp || number === ipProtocol.ipcomp) return number
  return refuse('other-protocol', 'is none of ah, esp and ipcomp', {
    said: 'policy match: protocol must be ah/esp/ipcomp',
  })
}
