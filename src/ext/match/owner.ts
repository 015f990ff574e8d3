/**
 * `-m owner`: who owns the local socket that sent the packet.
 *
 * Kernel: net/netfilter/xt_owner.c, `owner_mt()`. Syntax: iptables extensions/libxt_owner.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { groupName, userName } from '../../lang/names.ts'
import { flag, gid, type Range, uid } from '../../lang/options.ts'
import type { Hook, Negatable } from '../../lang/rule.ts'
import type { Seen } from '../../lang/syntax.ts'
import { exactly, type PacketSpace } from '../../space/space.ts'
import type { HookContext, LocalSocket } from '../context.ts'
import { askUnknown, bothFamilies, defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'

export interface Owner {
  /** Null when not asked, like the next two. */
  readonly socketExists: Negatable<true> | null
  readonly uid: Negatable<Range> | null
  readonly gid: Negatable<Range> | null
  /** Whether `gid` also looks at the owner's supplementary groups. */
  readonly supplementaryGroups: boolean
}

const allowedHooks: readonly Hook[] = ['OUTPUT', 'POSTROUTING']

export const owner = defineMatch<Owner>()({
  name: 'owner',
  families: bothFamilies,
  doc: 'Match packets by the owner of the local socket that sent them.',
  options: {
    'socket-exists': flag({ doc: 'a local socket sent it', invertible: true }),
    'uid-owner': uid({ doc: 'user id or range of ids', invertible: true }),
    'gid-owner': gid({ doc: 'group id or range of ids', invertible: true }),
    'suppl-groups': flag({
      doc: 'supplementary groups count for --gid-owner before it',
    }),
  },
  examples: [
    '--uid-owner 1000',
    '! --uid-owner 0-99 --gid-owner 33 --suppl-groups',
    '--socket-exists',
    '! --socket-exists',
  ],

  checkFirst: (given) => {
    const order = Object.keys(given)
    const isTooSoon =
      given['gid-owner'] === undefined || order.indexOf('suppl-groups') < order.indexOf('gid-owner')
    if (given['suppl-groups'] !== undefined && isTooSoon)
      refuse('wrong-order', '--suppl-groups must stand behind --gid-owner', {
        said: 'owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"',
      })
    if (order.length > 0) return
    refuse('no-test', 'owner needs one of --uid-owner, --gid-owner and --socket-exists', {
      said: 'owner: At least one of --uid-owner, --gid-owner or --socket-exists is required',
    })
  },
  parse: (given) => {
    return {
      socketExists: negatable(given['socket-exists']),
      uid: negatable(given['uid-owner']),
      gid: negatable(given['gid-owner']),
      supplementaryGroups: given['suppl-groups'] !== undefined,
    }
  },

  print: ({ socketExists, uid, gid, supplementaryGroups }) =>
    [
      socketExists === null ? '' : `${socketExists.inverted ? '! ' : ''}--socket-exists`,
      printIds('--uid-owner', uid),
      printIds('--gid-owner', gid),
      supplementaryGroups ? '--suppl-groups' : '',
    ]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ socketExists, uid, gid, supplementaryGroups }, { numeric }) =>
    [
      socketExists === null ? '' : `${socketExists.inverted ? ' !' : ''} owner socket exists`,
      listIds('UID', uid, numeric ? null : userName),
      listIds('GID', gid, numeric ? null : groupName),
      supplementaryGroups ? ' incl. suppl. groups' : '',
    ].join(''),

  check: ({ uid, gid }, _, place) => {
    const reversed = [uid, gid].find((ids) => ids !== null && ids.value.high < ids.value.low)
    if (reversed != null) {
      const { low, high } = reversed.value
      return {
        code: 'reversed-range',
        message: `the range ${low}-${high} runs backwards`,
        help: `${high}-${low}`,
      }
    }
    return requireHooks(allowedHooks, place, 'only packets that this host sends have a local socket')
  },

  evaluate: (data, { socket }, context) =>
    socket?.isAnonymous ? isAnonymousFit(data, context) : firstMiss(data, socket) === null,

  analyse: (data, space) => {
    const { socketExists, uid, gid, supplementaryGroups } = data
    const exists = space.fact('socket')
    const owned = space.fact('socket-owner')
    const noIdsAsked = isExcluded(uid) && isExcluded(gid)
    const withoutSocket = isExcluded(socketExists) && noIdsAsked && !supplementaryGroups
    const users = idSet(space, 'uid', uid)
    const groups = idSet(space, 'gid', gid, supplementaryGroups)
    const withOwner = exists.and(owned).and(users).and(groups)
    const ofKernel = noIdsAsked ? exists.minus(owned) : space.none
    const withSocket = socketExists?.inverted ? space.none : withOwner.or(ofKernel)
    return exactly(withSocket.or(withoutSocket ? exists.not() : space.none))
  },

  explain: (data, { socket }) => firstMiss(data, socket),
})

const negatable = <T>(seen: Seen<T> | undefined): Negatable<T> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

const printRange = ({ low, high }: Range): string => (low === high ? `${low}` : `${low}-${high}`)

const listIds = (
  word: string,
  ids: Negatable<Range> | null,
  nameOf: ((id: number) => string | null) | null,
): string => {
  if (ids === null) return ''
  const { low, high } = ids.value
  const name = low === high ? (nameOf?.(low) ?? null) : null
  return `${ids.inverted ? ' !' : ''} owner ${word} match ${name ?? printRange(ids.value)}`
}

const printIds = (option: string, ids: Negatable<Range> | null): string =>
  ids === null ? '' : `${ids.inverted ? '! ' : ''}${option} ${printRange(ids.value)}`

/** Whether a packet that has nothing of the kind fits: it was not asked, or asked not to be. */
const isExcluded = (test: Negatable<unknown> | null): boolean => test === null || test.inverted

/** Nobody said who owns the socket. */
function isAnonymousFit(
  { socketExists, uid, gid, supplementaryGroups }: Owner,
  context: HookContext,
): boolean {
  if (socketExists?.inverted) return false
  const ask = (kind: string, ids: Negatable<Range> | null): boolean | null => {
    if (ids === null) return true
    const { low, high } = ids.value
    const proposition = low === high ? `${kind}=${low}` : `${kind} ${low}-${high}`
    const answer = askUnknown(context, proposition, `the ${kind} of the process that sent it`)
    return answer === null ? null : answer !== ids.inverted
  }
  return ask('uid', uid) === true && ask(supplementaryGroups ? 'gid-or-group' : 'gid', gid) === true
}

/** Why the socket does not fit, or null when it does. */
function firstMiss(data: Owner, socket: LocalSocket | null): string | null {
  if (socket?.isAnonymous) return data.socketExists?.inverted ? 'a local socket sent it' : null
  const { socketExists, uid, gid, supplementaryGroups } = data
  if (socket === null) {
    // The kernel takes --suppl-groups for one more thing that a packet without socket does not have.
    const fits = isExcluded(socketExists) && isExcluded(uid) && isExcluded(gid) && !supplementaryGroups
    return fits ? null : 'no local socket sent it'
  }
  if (socketExists?.inverted) return 'a local socket sent it'
  if (socket.isKernel) return isExcluded(uid) && isExcluded(gid) ? null : 'the kernel itself sent it'
  if (uid !== null && inRange(uid.value, socket.uid) === uid.inverted) return missed('uid', socket.uid, uid)
  if (gid === null) return null
  const groups = supplementaryGroups ? [socket.gid, ...(socket.supplementaryGids ?? [])] : [socket.gid]
  const found = groups.find((group) => inRange(gid.value, group))
  return (found !== undefined) === gid.inverted ? missed('gid', found ?? socket.gid, gid) : null
}

const inRange = ({ low, high }: Range, id: number): boolean => low <= id && id <= high

const missed = (word: string, id: number, { value, inverted }: Negatable<Range>): string =>
  `${word} ${id} is ${inverted ? '' : 'not '}${value.low === value.high ? '' : 'in '}${printRange(value)}`

function idSet(space: PacketSpace, kind: 'uid' | 'gid', ids: Negatable<Range> | null, supplementary = false) {
  if (ids === null) return space.all
  const range = `${ids.value.low}-${ids.value.high}`
  const own = space.fact(`${kind}=${range}`)
  const set = supplementary ? own.or(space.fact(`group=${range}`)) : own
  return ids.inverted ? set.not() : set
}
