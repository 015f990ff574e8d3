/**
 * `-m recent`: remember addresses, and ask when and how often they were seen.
 *
 * Kernel: net/netfilter/xt_recent.c, recent_mt() and recent_mt_check(), Linux 6.18.
 * Syntax: iptables extensions/libxt_recent.c, 1.8.9.
 *
 * A list belongs to all rules that name it (see `RecentLists`). What surprises: the mask is that of the first rule
 * loaded; `--set` writes even in a rule that does not match (`! --set`); a failed `--update` writes nothing; an
 * address that is not in the list makes `! --rcheck`, `! --update` and `! --remove` match.
 */

import { refuse, say } from '../../lang/diagnostic.ts'
import { flag, hostAddress, text, uint32 } from '../../lang/options.ts'
import type { KernelProfile } from '../../lang/profile.ts'
import type { Address } from '../../net/address.ts'
import { addressBits, addressOf, maskOfLength, printAddress } from '../../net/address.ts'
import type { HookContext, RecentList, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Recent {
  readonly mode: Mode
  /** Whether `!` stands before the mode. */
  readonly inverted: boolean
  /** Only stamps at most that old count: 1 to 4294967295; 0 when any age will do. */
  readonly seconds: number
  /** So many stamps must count; 0 when one will do. The kernel takes up to `KernelProfile.recentMaxHitcount`. */
  readonly hitcount: number
  /** Throw out the least recently used address when it is older than `seconds`. */
  readonly reap: boolean
  /** The packet must have the TTL that the address was last seen with. */
  readonly rttl: boolean
  /** At most 199 bytes. */
  readonly name: string
  /**
   * Sixteen bytes of ones (family `ipv6`) unless given. A mask given in an IPv4 rule is of family `ipv4`: the kernel
   * gets zeros behind it, so a list made by that rule tells IPv6 addresses apart by their first four bytes only.
   */
  readonly mask: Address
  readonly side: 'source' | 'destination'
}

type Mode = (typeof modes)[number]

const modes = ['set', 'rcheck', 'update', 'remove'] as const

const listModes = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' } as const
const defaultList = 'DEFAULT'

/** XT_RECENT_NAME_LEN without the closing zero. */
const nameBytes = 199

const modeOption = (mode: Mode, doc: string) =>
  flag({ doc, invertible: true, excludes: modes.filter((other) => other !== mode) })

const wholeAddress: Address = maskOfLength('ipv6', addressBits('ipv6'))

export const recent = defineMatch<Recent, RecentList>()({
  name: 'recent',
  families: bothFamilies,
  doc: 'Remember addresses, and match those seen before.',
  stateful: true,
  options: {
    set: modeOption('set', 'put the address in the list, or stamp it again'),
    rcheck: modeOption('rcheck', 'match when the address is in the list'),
    update: modeOption('update', 'like --rcheck, and stamp the address when it matches'),
    remove: modeOption('remove', 'take the address out of the list; match when it was there'),
    seconds: uint32({ doc: 'count only what was seen within so many seconds', min: 1, metavar: 'SECONDS' }),
    reap: flag({ doc: 'drop the stalest address when it is older than --seconds', needs: ['seconds'] }),
    hitcount: uint32({ doc: 'match when seen at least so often', metavar: 'HITS' }),
    rttl: flag({ doc: 'the TTL must be the one last seen', excludes: ['set', 'remove'] }),
    name: text({ doc: 'name of the list, DEFAULT by default', maxLength: nameBytes, metavar: 'NAME' }),
    mask: hostAddress({ doc: 'remember this part of addresses', metavar: 'MASK' }),
    rsource: flag({ doc: 'remember the source address, the default' }),
    rdest: flag({ doc: 'remember the destination address' }),
  },
  examples: [
    '--set --name DEFAULT --mask 255.255.255.255 --rsource',
    '! --rcheck --name DEFAULT --mask 255.255.255.255 --rsource',
    '--update --seconds 60 --reap --hitcount 4 --rttl --name ssh --mask 255.255.255.255 --rsource',
    '--remove --name knock --mask 255.255.255.0 --rdest',
    '--set --name seen --mask ffff:ffff:ffff:ffff:: --rsource',
  ],

  parse(given) {
    const mode = modes.find((name) => given[name] !== undefined)
    if (mode === undefined) {
      return refuse('recent/no-mode', 'recent does not say what to do', {
        help: 'give one of --set, --rcheck, --update or --remove',
        said: "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'",
      })
    }
    // Of both sides the last one counts; `given` keeps the order of the text.
    const sides = Object.keys(given).filter((name) => name === 'rsource' || name === 'rdest')
    return {
      mode,
      inverted: given[mode]?.inverted ?? false,
      seconds: given.seconds?.value ?? 0,
      hitcount: given.hitcount?.value ?? 0,
      reap: given.reap !== undefined,
      rttl: given.rttl !== undefined,
      name: given.name?.value ?? defaultList,
      mask: given.mask?.value ?? wholeAddress,
      side: sides.at(-1) === 'rdest' ? 'destination' : 'source',
    }
  },

  print: (data, family) =>
    [
      `${data.inverted ? '! ' : ''}--${data.mode}`,
      // Printed with %d (recent_save() in libxt_recent.c): 4294967295 comes out as -1, which is not read back.
      data.seconds > 0 ? `--seconds ${data.seconds | 0}` : '',
      data.reap ? '--reap' : '',
      data.hitcount > 0 ? `--hitcount ${data.hitcount}` : '',
      data.rttl ? '--rttl' : '',
      `--name ${data.name}`,
      `--mask ${printMask(data.mask, family === 'ipv4')}`,
      data.side === 'source' ? '--rsource' : '--rdest',
    ]
      .filter((words) => words !== '')
      .join(' '),
  list: (data, { family }) =>
    [
      data.inverted ? ' !' : '',
      ` recent: ${listModes[data.mode]}`,
      data.seconds > 0 ? ` seconds: ${data.seconds | 0}` : '',
      data.reap ? ' reap' : '',
      data.hitcount > 0 ? ` hit_count: ${data.hitcount | 0}` : '',
      data.rttl ? ' TTL-Match' : '',
      ` name: ${data.name} side: ${data.side === 'source' ? 'source' : 'dest'}`,
      ` mask: ${printMask(data.mask, family === 'ipv4')}`,
    ].join(''),

  remembers: ({ name, mode, hitcount, seconds }) => ({
    list: name,
    defaultList,
    writes: mode === 'set',
    asks: mode === 'rcheck' || mode === 'update',
    counts: hitcount > 0,
    windowSeconds: seconds === 0 ? null : seconds,
    hits: hitcount,
  }),

  advise: ({ rttl }) =>
    rttl
      ? say('recent/rttl', '--rttl tells apart what came by different ways, also from one sender', {
          notes: ['behind load balancers and after a change of routes the TTL of the same host differs'],
          help: 'leave it out, where senders cannot be forged (a TCP connection that stands)',
        })
      : null,

  check({ mode, seconds, hitcount, name }, _rule, { profile }) {
    if ((mode === 'set' || mode === 'remove') && (seconds > 0 || hitcount > 0)) {
      const option = seconds > 0 ? '--seconds' : '--hitcount'
      return {
        code: 'recent/condition-without-check',
        message: `${option} means nothing to --${mode}, and the kernel refuses it`,
        help: 'ask with --rcheck or --update',
      }
    }
    if (profile.recentMaxHitcount < hitcount) {
      return {
        code: 'recent/hitcount-too-large',
        message: `--hitcount ${hitcount} is more than this kernel remembers`,
        notes: [`on ${profile.name} an address holds ${profile.recentMaxHitcount} stamps`],
        help: `--hitcount ${profile.recentMaxHitcount}`,
      }
    }
    if (name === '' || name === '.' || name === '..' || name.includes('/')) {
      return {
        code: 'recent/bad-name',
        message: `"${name}" cannot name a list: each list is a file in /proc/net/xt_recent`,
        help: 'use letters, digits, - and _',
      }
    }
    return null
  },

  load: ({ name, mask, hitcount }, host) =>
    host.acquireRecentList(name, mask, slotsFor(hitcount, host.profile)),
  unload: (list, host) => host.releaseRecentList(list),

  evaluate(data, skb, context, list) {
    const { mode, inverted } = data
    const { jiffies } = context
    const { packet } = skb
    const ttl = ttlBeforeForwarding(skb, context)
    const offset = data.side === 'source' ? packet.sourceOffset : packet.destinationOffset
    const entry = list.find(packet, offset, data.rttl ? ttl : 0)

    if (entry < 0) {
      const address = addressOfSide(data, skb)
      if (mode !== 'set') {
        context.note?.(describeAbsence(list, address, ttl))
        return inverted
      }
      list.add(address, ttl, jiffies)
      context.note?.(`${list.name}: ${printAddress(address)} enters the list`)
      return !inverted
    }

    if (mode === 'remove') {
      list.remove(entry)
      context.note?.(`${list.name}: ${printAddress(addressOfSide(data, skb))} leaves the list`)
      return !inverted
    }

    const since = oldestJiffies(data, context)
    const found = mode === 'set' || enough(data, list, entry, since)
    const result = found !== inverted
    context.note?.(describeEntry(data, addressOfSide(data, skb), list, entry, context))
    const stamps = mode === 'set' || (mode === 'update' && result)
    if (data.reap) list.reap(since, stamps ? entry : -1)
    if (stamps) {
      list.stamp(entry, jiffies)
      list.setTtl(entry, ttl)
      context.note?.(`${list.name}: ${printAddress(addressOfSide(data, skb))} is stamped`)
    }
    return result
  },

  compile(data, list, host) {
    const { mode, inverted, rttl, reap, seconds } = data
    const wanted = Math.max(1, data.hitcount)
    // The kernel multiplies in 32 bits.
    const span = (seconds * host.profile.hz) % 2 ** 32
    const isSource = data.side === 'source'
    return (skb, context) => {
      const { packet } = skb
      const { jiffies } = context
      const ttl = ttlBeforeForwarding(skb, context)
      const offset = isSource ? packet.sourceOffset : packet.destinationOffset
      const entry = list.find(packet, offset, rttl ? ttl : 0)
      if (entry < 0) {
        if (mode !== 'set') return inverted
        list.add(addressOfSide(data, skb), ttl, jiffies)
        return !inverted
      }
      if (mode === 'remove') {
        list.remove(entry)
        return !inverted
      }
      const since = jiffies - span
      const found = mode === 'set' || list.hasStamps(entry, seconds === 0 ? null : since, wanted)
      const result = found !== inverted
      const stamps = mode === 'set' || (mode === 'update' && result)
      if (reap) list.reap(since, stamps ? entry : -1)
      if (stamps) {
        list.stamp(entry, jiffies)
        list.setTtl(entry, ttl)
      }
      return result
    }
  },

  looksAt: () => 'header',

  analyse({ mode, inverted }, space) {
    if (mode !== 'set') return { must: space.none, may: space.all }
    const always = inverted ? space.none : space.all
    return { must: always, may: always }
  },

  explain(data, skb, context, list) {
    const { mode, inverted } = data
    const address = addressOfSide(data, skb)
    const text = `${list.name}: ${printAddress(address)}`
    if (mode === 'set') return `${text} is stamped, but "! --set" never matches`
    if (mode === 'remove') return inverted ? `${text} was in the list` : `${text} is not in the list`
    const ttl = ttlBeforeForwarding(skb, context)
    const entry = list.lookup(address, data.rttl ? ttl : 0)
    return entry < 0
      ? describeAbsence(list, address, ttl)
      : describeEntry(data, address, list, entry, context)
  },
})

const addressOfSide = ({ side }: Recent, { packet }: Skb): Address =>
  side === 'source' ? packet.source : packet.destination

/**
 * The TTL as it was before this host counted it down: one more wherever the packet has an outgoing device, except
 * where a socket of this host sent it. Packets that the kernel makes without a socket (REJECT's RST) get one too many.
 */
function ttlBeforeForwarding({ packet, socket }: Skb, { out }: HookContext): number {
  return out !== null && socket === null ? (packet.ttl + 1) & 0xff : packet.ttl
}

/** The oldest stamp that counts. The kernel multiplies in 32 bits: a great many seconds can become few. */
function oldestJiffies({ seconds }: Recent, { jiffies, host }: HookContext): number {
  return jiffies - ((seconds * host.profile.hz) % 2 ** 32)
}

const countStamps = ({ seconds }: Recent, list: RecentList, entry: number, since: number): number =>
  list.countStamps(entry, seconds === 0 ? null : since)

const enough = (data: Recent, list: RecentList, entry: number, since: number): boolean =>
  Math.max(1, data.hitcount) <= countStamps(data, list, entry, since)

function describeAbsence(list: RecentList, address: Address, ttl: number): string {
  const other = list.lookup(address, 0)
  const text = `${list.name}: ${printAddress(address)}`
  return other < 0
    ? `${text} is not in the list`
    : `${text} was seen with TTL ${list.ttlOf(other)}, not ${ttl}`
}

function describeEntry(
  data: Recent,
  address: Address,
  list: RecentList,
  entry: number,
  context: HookContext,
): string {
  const { seconds, hitcount, name } = data
  const age = (context.jiffies - list.newestOf(entry)) / context.host.profile.hz
  const hits = countStamps(data, list, entry, oldestJiffies(data, context))
  const times = hits === 1 ? 'once' : `${hits} times`
  const within = seconds > 0 ? ` within ${seconds} s` : ''
  const wanted = hitcount > 1 ? `, wanted ${hitcount}` : ''
  return `${name}: ${printAddress(address)} seen ${times}${within}${wanted}; last ${age} s ago`
}

/** Stamps a rule wants kept: enough for its own hit count, 32 when it has none. */
function slotsFor(hitcount: number, profile: KernelProfile): number {
  const least = profile.recentPacketListTotal
  if (hitcount < least) return powerOfTwoAbove(least)
  return hitcount > 0 ? powerOfTwoAbove(hitcount) : 32
}

/** The least power of two that is not below `count`. */
const powerOfTwoAbove = (count: number): number => (count <= 1 ? 1 : 2 ** (32 - Math.clz32(count - 1)))

/** The kernel prints an IPv4 rule's mask from its first four bytes. IPv6 masks of all ones have no `::` in them. */
function printMask(mask: Address, ipv4: boolean): string {
  return printAddress(ipv4 ? addressOf('ipv4', mask.words.slice(0, 1)) : mask)
}
