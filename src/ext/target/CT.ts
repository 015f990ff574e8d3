/**
 * `-j CT`: say how the connection that the packet begins shall be tracked, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_CT.c, xt_ct_target() and xt_ct_tg_check(), Linux 6.18. Syntax: iptables
 * extensions/libxt_CT.c, 1.8.9.
 *
 * What the rule says is kept in one template, an empty connection that takes the place of the packet's own until it is
 * tracked; only the first CT (or NOTRACK) that a packet meets counts. Matches in raw behind it see the template.
 */
import { cutBytes } from '../../lang/bytes.ts'
import { type Refusal, refuse } from '../../lang/diagnostic.ts'
import { protocolName } from '../../lang/names.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, text, value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import type { RulePlace, RuleToCheck, Seen } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import type { Connection, Zone } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { hasHelper, isModelledHelper, kernelHelpers, modelledHelpers } from '../helper-names.ts'
import { templateConnection } from '../template.ts'
import { requireTable } from './_tables.ts'

export interface TrackingWish {
  /** Not at all; the kernel then looks at nothing else. */
  readonly notrack: boolean
  readonly zone: Zone
  /** The packet's mark gives the zone's id. */
  readonly isZoneOfMark: boolean
  /** Empty for none. */
  readonly helper: string
  /** Name of a timeout policy, empty for none. */
  readonly timeout: string
  /** In printing order; empty for whatever the system tells. */
  readonly ctevents: readonly ConnectionEvent[]
  readonly expevents: readonly 'new'[]
}

/** In printing order. */
const connectionEvents = [
  'new',
  'related',
  'destroy',
  'reply',
  'assured',
  'protoinfo',
  'helper',
  'mark',
  'natseqinfo',
  'secmark',
] as const
export type ConnectionEvent = (typeof connectionEvents)[number]

const zone = (doc: string) => value(parseZone, { doc, metavar: 'ID|mark' })

export const CT = defineTarget<TrackingWish, Connection | null>()({
  name: 'CT',
  families: bothFamilies,
  doc: 'Say how the connection of the packet shall be tracked.',
  needsConntrack: ({ notrack }) => !notrack,
  options: {
    notrack: flag({ doc: 'not at all' }),
    helper: text({ doc: 'with this helper', metavar: 'NAME', maxLength: 15 }),
    timeout: text({ doc: 'with the times of this policy', metavar: 'POLICY', maxLength: 31 }),
    ctevents: value(parseEvents(connectionEvents), {
      doc: 'tell programs of these events alone',
      metavar: 'EVENT[,...]',
    }),
    expevents: value(parseEvents(['new'] as const), {
      doc: 'tell programs of these events of expectations alone',
      metavar: 'EVENT[,...]',
    }),
    zone: zone('in this zone'),
    'zone-orig': zone('in this zone, as far as the original direction goes'),
    'zone-reply': zone('in this zone, as far as answers go'),
  },
  examples: ['--notrack', '--helper ftp', '--ctevents new,destroy --zone 7', '--zone-orig mark'],

  parse: (given) => ({
    notrack: given.notrack !== undefined,
    ...readZone(given),
    helper: given.helper?.value ?? '',
    timeout: given.timeout?.value ?? '',
    ctevents: given.ctevents?.value ?? [],
    expevents: given.expevents?.value ?? [],
  }),

  print: (data) =>
    describe(data)
      .map((words) => `--${words}`)
      .join(' '),
  list: (data) => ` ${['CT', ...describe(data)].join(' ')}`,

  check: (data, rule, place) =>
    requireTable('raw', place, 'later tables see packets that are tracked already') ??
    (data.notrack ? null : refusalOf(data, rule, place)),

  notModelled: ({ notrack, helper }) =>
    notrack || helper === '' || isModelledHelper(helper) ? null : helperGap(helper),

  load: (data, host) => (data.notrack ? null : templateOf(data, host.family)),

  act(_data, skb, context, template) {
    if (skb.conntrack !== null || skb.untracked) return { kind: 'continue' }
    if (template === null) skb.untracked = true
    else skb.conntrack = { state: 'NEW', isReply: false, connection: template }
    context.note?.(template === null ? 'it shall not be tracked' : tell(template))
    return { kind: 'continue' }
  },
})

// --- Text

function describe({ notrack, zone: { id, direction }, ...data }: TrackingWish): string[] {
  const option = { both: 'zone', original: 'zone-orig', reply: 'zone-reply' }[direction]
  const number = data.isZoneOfMark ? 'mark' : id === 0 ? '' : String(id)
  const events = (name: string, list: readonly string[]) =>
    list.length === 0 ? [] : [`${name} ${list.join(',')}`]
  return [
    ...(notrack ? ['notrack'] : []),
    ...(data.helper === '' ? [] : [`helper ${data.helper}`]),
    // The kernel gives back no more of it.
    ...(data.timeout === '' ? [] : [`timeout ${cutBytes(data.timeout, 4)}`]),
    ...events('ctevents', data.ctevents),
    ...events('expevents', data.expevents),
    ...(number === '' ? [] : [`${option} ${number}`]),
  ]
}

type ZoneOption = 'zone' | 'zone-orig' | 'zone-reply'

/** The last number counts; `mark` anywhere puts the mark in its place; both directions make it a zone of both. */
function readZone(given: Partial<Record<ZoneOption, Seen<number | 'mark'>>>) {
  const names = (Object.keys(given) as ZoneOption[]).filter((name) => name.startsWith('zone'))
  const values = names.map((name) => given[name]!.value)
  const numbers = values.filter((each) => each !== 'mark')
  const isOriginal = given['zone-orig'] !== undefined
  const isReply = given['zone-reply'] !== undefined
  const direction = isOriginal === isReply ? 'both' : isOriginal ? 'original' : 'reply'
  const isZoneOfMark = values.includes('mark')
  return { zone: { id: isZoneOfMark ? 0 : (numbers.at(-1) ?? 0), direction } as Zone, isZoneOfMark }
}

function parseZone(given: string): number | 'mark' {
  if (given.toLowerCase() === 'mark') return 'mark'
  const number = parseNumber(given, 0n, 65535n)
  return number !== null
    ? Number(number)
    : refuse('bad-zone', 'is no zone: 0 to 65535, or "mark"', { said: 'Cannot parse %value as a zone ID' })
}

function parseEvents<const Event extends string>(known: readonly Event[]) {
  return (given: string): readonly Event[] => {
    const words = given.split(',')
    for (const word of words) {
      if (!known.some((event) => event === word)) {
        const what = word === '' ? 'has an empty place' : `names no event: "${word}" is unknown`
        return refuse('unknown-event', what, {
          ...didYouMean(word, known),
          said: `Unknown event type "${word}"`,
        })
      }
    }
    return known.filter((event) => words.includes(event))
  }
}

// --- Loading

/** iptables' words for ENOENT. */
const noSuchName = 'No chain/target/match by that name'

/** Source: xt_ct_set_helper(), xt_ct_set_timeout(). */
function refusalOf(
  { helper, timeout }: TrackingWish,
  { protocol }: RuleToCheck,
  { family }: RulePlace,
): Refusal | null {
  const number = protocol === null || protocol.inverted ? 0 : protocol.value
  if (helper !== '' && !hasHelper(helper, family, number)) return helperRefusal(helper, family, number)
  if (timeout === '') return null
  if (number === 0) {
    return {
      code: 'no-protocol',
      message: 'a timeout policy is for one protocol, and the rule has none',
      help: 'give -p',
    }
  }
  return {
    code: 'no-policy',
    message: `there is no timeout policy "${timeout}"`,
    said: noSuchName,
    notes: ['policies are made by nfct, and a host here has none'],
    help: 'set net.netfilter.nf_conntrack_*_timeout for all connections',
  }
}

function helperRefusal(helper: string, family: Family, protocol: number): Refusal {
  const known = Object.hasOwn(kernelHelpers, helper) ? kernelHelpers[helper]! : null
  if (known === null) {
    return {
      code: 'unknown-helper',
      message: `the kernel has no helper "${helper}"`,
      said: noSuchName,
      ...didYouMean(helper, Object.keys(kernelHelpers)),
    }
  }
  const names = known.protocols.map(protocolName)
  if (!known.families.includes(family)) {
    return { code: 'wrong-family', message: `the helper ${helper} is for IPv4 alone`, said: noSuchName }
  }
  return {
    code: protocol === 0 ? 'no-protocol' : 'wrong-protocol',
    message: `the helper ${helper} is for ${names.join(' and ')} alone`,
    said: noSuchName,
    help: `give -p ${names[0]}`,
  }
}

const helperGap = (helper: string): Refusal => ({
  code: 'helper-not-modelled',
  message: `what the helper ${helper} reads and expects is not known here`,
  notes: [
    'on the engine its connections pass as they are, and none is RELATED to them; the kernel does more',
  ],
  help: `helpers that are known: ${modelledHelpers.join(', ')}`,
})

function templateOf({ zone, isZoneOfMark, helper }: TrackingWish, family: Family): Connection {
  const itsHelper = helper === '' ? null : helper
  return templateConnection({ zone, isZoneOfMark, helper: itsHelper, isProxied: false }, family)
}

function tell({ template }: Connection): string {
  const { zone: itsZone, isZoneOfMark, helper } = template!
  const where = { both: '', original: ' for the original direction', reply: ' for answers' }
  const told = [
    ...(isZoneOfMark || itsZone.id !== 0
      ? [`tracked in zone ${isZoneOfMark ? 'of its mark' : itsZone.id}${where[itsZone.direction]}`]
      : []),
    ...(helper === null ? [] : [`helped by ${helper}`]),
  ]
  return `its connection shall be ${told.length === 0 ? 'tracked as usual' : told.join(', ')}`
}
