/**
 * `-m ipvs`: packets of a connection that IPVS balances. This kernel is built without IPVS, and refuses the match.
 *
 * Kernel: net/netfilter/xt_ipvs.c. Syntax: iptables extensions/libxt_ipvs.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { addressName, protocolNumber } from '../../lang/names.ts'
import { flag, looselyParsedPort, prefix, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { Seen } from '../../lang/syntax.ts'
import type { Prefix } from '../../net/address.ts'
import { absentFromKernel, absentWarning } from '../_absent.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { printEnd } from './_prefix.ts'

const directions = ['ORIGINAL', 'REPLY'] as const
const methods = ['GATE', 'IPIP', 'MASQ'] as const

/** Each is null when not asked; at least one is. */
export interface Ipvs {
  /** Whether the packet is balanced at all; only where nothing else is asked. */
  readonly balanced: Negatable<true> | null
  /** Of the virtual service. */
  readonly protocol: Negatable<number> | null
  readonly address: Negatable<Prefix> | null
  readonly port: Negatable<number> | null
  readonly direction: (typeof directions)[number] | null
  readonly method: Negatable<(typeof methods)[number]> | null
  /** Of the connection that began this one. */
  readonly controlPort: Negatable<number> | null
}

/** One of the words in any case. */
const word = <Word extends string>(words: readonly Word[], doc: string, invertible = false) =>
  value(
    (text): Word =>
      words.find((each) => each === text.toUpperCase()) ??
      refuse('unknown-word', `is none of ${words.join(', ')}`, {
        said: 'ipvs: Bad value for "%option" option: "%value"',
      }),
    { doc, metavar: words.join('|'), invertible },
  )

export const ipvs = defineMatch<Ipvs>()({
  name: 'ipvs',
  families: bothFamilies,
  warning: absentWarning('ipvs', 'match'),
  doc: 'Match packets of connections that IPVS balances.',
  options: {
    ipvs: flag({ doc: 'of such a connection', invertible: true }),
    vproto: value(parseProtocol, {
      doc: 'protocol of the virtual service',
      metavar: 'PROTOCOL',
      invertible: true,
    }),
    vaddr: prefix({ doc: 'address of the virtual service', invertible: true }),
    vport: looselyParsedPort({ doc: 'port of the virtual service', invertible: true }),
    vdir: word(directions, 'direction of the packet'),
    vmethod: word(methods, 'how packets get to the real server', true),
    vportctl: looselyParsedPort({ doc: 'port of the connection that began this one', invertible: true }),
  },
  examples: ['--ipvs', '! --vproto 6 --vaddr 203.0.113.0/24 --vport 80 --vdir REPLY ! --vmethod MASQ'],

  checkFirst(given) {
    const names = Object.keys(given)
    if (names.length === 0)
      refuse('no-test', 'ipvs needs an option', { said: 'IPVS: At least one option is required' })
    if (given.ipvs?.inverted && names.length > 1)
      refuse('excluded', '! --ipvs cannot stand beside other options', {
        said: '! --ipvs cannot be together with other options',
      })
  },
  parse: ({ ipvs, vproto, vaddr, vport, vdir, vmethod, vportctl }) => ({
    balanced: (vproto ?? vaddr ?? vport ?? vdir ?? vmethod ?? vportctl) ? null : negatable(ipvs),
    protocol: negatable(vproto),
    address: negatable(vaddr),
    port: negatable(vport),
    direction: vdir?.value ?? null,
    method: negatable(vmethod),
    controlPort: negatable(vportctl),
  }),
  print: (data) => words(data, '--', printEnd),
  list: (data, { numeric }) => ` ${words(data, '', (end) => (numeric ? printEnd(end) : listEnd(end)))}`,

  check: () => absentFromKernel('ipvs', 'match'),
  evaluate: () => false,
  analyse: (_data, space) => ({ must: space.none, may: space.none }),
  explain: () => 'nothing is balanced here',
})

const negatable = <T>(seen: Seen<T> | undefined): Negatable<T> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

function words(data: Ipvs, dashes: string, printAddress: (end: Prefix) => string): string {
  const one = <T>(name: string, asked: Negatable<T> | null, print: (value: T) => string | number) =>
    asked === null ? [] : [`${asked.inverted ? '! ' : ''}${dashes}${name}${print(asked.value)}`]
  return [
    ...one('ipvs', data.balanced, () => ''),
    ...one('vproto', data.protocol, (number) => ` ${number}`),
    ...one('vaddr', data.address, (end) => ` ${printAddress(end)}`),
    ...one('vport', data.port, (port) => ` ${port}`),
    ...(data.direction === null ? [] : [`${dashes}vdir ${data.direction}`]),
    ...one('vmethod', data.method, (method) => ` ${method}`),
    ...one('vportctl', data.controlPort, (port) => ` ${port}`),
  ].join(' ')
}

const listEnd = (end: Prefix): string =>
  end.address.words.every((each) => each === 0)
    ? 'anywhere'
    : `${addressName(end.address)}${printEnd(end).replace(/^[^/]*/, '')}`

function parseProtocol(text: string): number {
  return (
    protocolNumber(text) ??
    refuse('unknown-protocol', 'is no protocol', { said: 'unknown protocol "%value" specified' })
  )
}
