/**
 * `-m socket`: a local socket that would get the packet. The hosts here answer nothing by themselves: they have no
 * sockets, so it matches nothing.
 *
 * Kernel: net/netfilter/xt_socket.c, `socket_mt4_v1_v2_v3()`. Syntax: iptables extensions/libxt_socket.c.
 */
import { flag } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'

export interface SocketMatch {
  readonly isTransparent: boolean
  /** Sockets bound to any address count too. */
  readonly wildcards: boolean
  readonly restoresMark: boolean
}

const allowedHooks: readonly Hook[] = ['PREROUTING', 'INPUT']

export const socket = defineMatch<SocketMatch>()({
  name: 'socket',
  families: bothFamilies,
  needsDefragment: true,
  doc: 'Match packets that a local socket would get; a host has no sockets here.',
  options: {
    transparent: flag({ doc: 'only transparent sockets' }),
    nowildcard: flag({ doc: 'sockets that are bound to any address count too' }),
    'restore-skmark': flag({ doc: 'the packet gets the mark of the socket' }),
  },
  examples: ['--transparent --nowildcard', '--restore-skmark'],

  parse: (given) => ({
    isTransparent: given.transparent !== undefined,
    wildcards: given.nowildcard !== undefined,
    restoresMark: given['restore-skmark'] !== undefined,
  }),
  print: (data) => words(data).join(' '),
  list: (data) => [' socket', ...words(data)].join(' '),

  check: (_data, _rule, place) => requireHooks(allowedHooks, place, 'only arriving packets are for a socket'),

  evaluate: () => false,
  analyse: (_data, space) => exactly(space.none),
  explain: () => 'the host has no such socket',
})

const words = ({ isTransparent, wildcards, restoresMark }: SocketMatch): string[] => [
  ...(isTransparent ? ['--transparent'] : []),
  ...(wildcards ? ['--nowildcard'] : []),
  ...(restoresMark ? ['--restore-skmark'] : []),
]
