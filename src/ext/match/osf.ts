/**
 * `-m osf`: the operating system of the sender, by fingerprints of SYN packets that an administrator loads into the
 * kernel (`nfnl_osf`). None are loaded here, and no packet fits.
 *
 * Kernel: net/netfilter/nfnetlink_osf.c, `nf_osf_match()`. Syntax: iptables extensions/libxt_osf.c.
 */
import { text, uint32 } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { exactly } from '../../space/space.ts'
import { defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'
import { requireProtocol } from './_transport.ts'

export interface Osf {
  readonly genre: string
  readonly inverted: boolean
  /** 0 to 2; null when not asked, like the next. */
  readonly ttl: number | null
  readonly log: number | null
}

const allowedHooks: readonly Hook[] = ['PREROUTING', 'INPUT', 'FORWARD']
/** MAXGENRELEN less the zero behind. */
const genreBytes = 31

export const osf = defineMatch<Osf>()({
  name: 'osf',
  families: ['ipv4'],
  doc: 'Match TCP SYNs by the operating system that sent them; no fingerprints are loaded here.',
  options: {
    genre: text({ doc: 'name of the system', maxLength: genreBytes, invertible: true, required: true }),
    ttl: uint32({ doc: 'how to compare the TTL, 0 to 2', max: 2 }),
    log: uint32({ doc: 'what to log, 0 to 2', max: 2 }),
  },
  examples: ['--genre Linux --ttl 1', '! --genre Windows --log 0'],

  parse: ({ genre, ttl, log }) => ({
    genre: genre!.value,
    inverted: genre!.inverted,
    ttl: ttl?.value ?? null,
    log: log?.value ?? null,
  }),
  print: ({ genre, inverted, ttl, log }) =>
    [
      `${inverted ? '! ' : ''}--genre ${genre}`,
      ttl === null ? '' : `--ttl ${ttl}`,
      log === null ? '' : `--log ${log}`,
    ]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ genre, inverted }) => ` OS fingerprint match ${inverted ? '! ' : ''}${genre}`,

  check: (_data, rule, place) =>
    requireProtocol(ipProtocol.tcp, rule) ??
    requireHooks(allowedHooks, place, 'what this host sends tells nothing of others'),

  evaluate: () => false,
  analyse: (_data, space) => exactly(space.none),
  explain: () => 'no fingerprints are loaded',
})
