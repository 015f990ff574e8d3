/** Random rules about connections: what each packet is taken for is counted, translated, filtered. */
import type { TableName } from '../../../../lang/rule.ts'
import type { Family } from '../../../../net/address.ts'
import type { ChainDraft, RuleDraft, RulesDraft, TableDraft } from '../draft.ts'
import type { Random } from '../random.ts'
import { withAddresses } from './world.ts'

/** They decide nothing: their counters say what the kernel takes a packet for. */
const witnesses: readonly string[] = [
  ...['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'].map((state) => `--ctstate ${state}`),
  '--ctstate NEW,ESTABLISHED,RELATED --ctdir REPLY',
  '--ctstatus ASSURED',
  '--ctstatus SEEN_REPLY',
  '--ctstatus CONFIRMED',
]
const lateWitnesses: readonly string[] = ['--ctstate SNAT', '--ctstate DNAT', '--ctstatus CONFIRMED']

const oddWitnesses: readonly string[] = [
  '--ctproto tcp',
  '! --ctproto udp',
  '--ctorigsrc <client>',
  '--ctorigdst <gateway>',
  '--ctreplsrc <server>',
  '! --ctrepldst <gateway>',
  '--ctorigsrcport 4000:4001',
  '--ctorigdstport 80',
  '--ctreplsrcport 1024:65535',
  '--ctrepldstport 80',
  '--ctstatus EXPECTED',
  '--ctstate DNAT --ctdir ORIGINAL',
  '--ctstate INVALID,SNAT',
]

const conditions: readonly string[] = [
  '',
  '',
  '-p tcp',
  '-p udp',
  '-p ICMP',
  '-p tcp -m tcp --dport 80',
  '-p udp -m udp --dport 53',
  '-s <client>',
  '-d <gateway>',
  '-d <second>',
]

type NatChain = 'PREROUTING' | 'INPUT' | 'OUTPUT' | 'POSTROUTING'

/**
 * A protocol in front is one that the target needs. Ports drawn for destinations come from wide ranges: where a draw clashes
 * and the packet is dropped, no listing says what was drawn.
 */
const translations: Readonly<Record<NatChain, readonly string[]>> = {
  PREROUTING: [
    'DNAT --to-destination <server>',
    'DNAT --to-destination <server>-<server2>',
    'DNAT --to-destination <server>-<server2> --persistent',
    'TCP DNAT --to-destination [server]:8080',
    'TCP DNAT --to-destination [server]:8000-8002',
    'UDP DNAT --to-destination [server]:8000-8100/50',
    'TCP DNAT --to-destination [server]:9000-9010/75',
    'UDP DNAT --to-destination :54',
    'UDP DNAT --to-destination [server]:7000-7999 --random',
    'REDIRECT',
    'TCP REDIRECT --to-ports 7',
    'UDP REDIRECT --to-ports 1000-1999 --random',
    'NETMAP --to <innerNet>',
    'RETURN',
    'ACCEPT',
  ],
  POSTROUTING: [
    'SNAT --to-source <public>',
    'SNAT --to-source <public>-<public2>',
    'SNAT --to-source <public>-<public2> --persistent',
    'TCP SNAT --to-source [public]:5000',
    'TCP SNAT --to-source [public]:5000-5003',
    'UDP SNAT --to-source [public]:5000-5001',
    'UDP SNAT --to-source :6000-6002',
    'SNAT --to-source <public> --random',
    'SNAT --to-source <public> --random-fully',
    'MASQUERADE',
    'MASQUERADE',
    'MASQUERADE --random',
    'MASQUERADE --random-fully',
    'UDP MASQUERADE --to-ports 6000',
    'TCP MASQUERADE --to-ports 6000-6001',
    'NETMAP --to <publicNet>',
    'ACCEPT',
  ],
  INPUT: ['SNAT --to-source <far>', 'NETMAP --to <publicNet>', 'ACCEPT'],
  OUTPUT: [
    'DNAT --to-destination <server>',
    'REDIRECT',
    'TCP DNAT --to-destination [server]:8080',
    'NETMAP --to <innerNet>',
  ],
}

const filters: readonly (readonly [chain: string, clauses: readonly string[], target: string])[] = [
  ['FORWARD', ['-m conntrack --ctstate ESTABLISHED,RELATED'], '-j ACCEPT'],
  ['FORWARD', ['-m conntrack --ctstate INVALID'], '-j DROP'],
  ['FORWARD', ['-m state --state NEW', '-i eth0'], '-j DROP'],
  ['FORWARD', ['-p tcp', '-m tcp --dport 80'], '-j REJECT --reject-with tcp-reset'],
  ['FORWARD', ['-p udp', '-m udp --dport 53'], '-j REJECT'],
  ['FORWARD', ['-m conntrack --ctstate DNAT'], '-j ACCEPT'],
  ['FORWARD', ['-m conntrack --ctdir REPLY', '-m conntrack --ctstatus ASSURED'], '-j DROP'],
  ['INPUT', ['-p udp', '-m udp --dport 7'], '-j REJECT'],
  ['INPUT', ['-p tcp', '-m conntrack --ctstate NEW'], '-j REJECT --reject-with tcp-reset'],
  ['INPUT', ['-m state --state INVALID'], '-j DROP'],
  ['OUTPUT', ['-m state --state RELATED'], '-j ACCEPT'],
  ['OUTPUT', ['-p ICMP', '-m conntrack --ctstate INVALID'], '-j DROP'],
]

export function randomStateRules(random: Random, family: Family): RulesDraft {
  const adapt = (text: string): string =>
    withAddresses(text, family).replaceAll('ICMP', family === 'ipv4' ? 'icmp' : 'icmpv6')
  const rule = (clauses: readonly string[], target: string): RuleDraft => ({
    clauses: clauses.filter((clause) => clause !== '').map(adapt),
    target: adapt(target),
  })
  const witness = (words: string): RuleDraft => rule([`-m conntrack ${words}`], '')
  const table = (
    name: TableName,
    chains: readonly (readonly [string, readonly RuleDraft[]])[],
  ): TableDraft => ({
    name,
    chains: chains.map(([chain, rules]): ChainDraft => ({ name: chain, policy: 'ACCEPT', rules })),
  })

  const odd = random.some(oddWitnesses, 0, 3)
  const mangle = table('mangle', [
    ['PREROUTING', [...witnesses, ...odd].map(witness)],
    ['INPUT', [...lateWitnesses, ...odd].map(witness)],
    ['FORWARD', [...lateWitnesses, ...odd].map(witness)],
    ['OUTPUT', witnesses.map(witness)],
    ['POSTROUTING', lateWitnesses.map(witness)],
  ])

  const natRule = (chain: NatChain): RuleDraft => {
    const [, protocol, action] = /^(TCP|UDP)? ?(.*)$/.exec(random.pick(translations[chain]))!
    const device = chain === 'POSTROUTING' ? '-o' : chain === 'PREROUTING' ? '-i' : null
    const clauses = [
      device !== null && random.chance(0.35) ? `${device} ${random.pick(['eth0', 'eth0', 'eth2'])}` : '',
      protocol === undefined ? random.pick(conditions) : `-p ${protocol.toLowerCase()}`,
    ]
    return rule(clauses, `-j ${action}`)
  }
  const natRules = (chain: NatChain, most: number): RuleDraft[] =>
    Array.from({ length: random.between(0, most) }, () => natRule(chain))
  const nat = table('nat', [
    ['PREROUTING', natRules('PREROUTING', 3)],
    ['INPUT', natRules('INPUT', random.chance(0.3) ? 1 : 0)],
    ['OUTPUT', natRules('OUTPUT', random.chance(0.5) ? 2 : 0)],
    ['POSTROUTING', natRules('POSTROUTING', 3)],
  ])

  const chosen = random.some(filters, 0, 3)
  const filter = table(
    'filter',
    ['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => [
      chain,
      chosen.filter(([where]) => where === chain).map(([, clauses, target]) => rule(clauses, target)),
    ]),
  )

  const raw = table('raw', [
    ['PREROUTING', [rule([random.pick(['-p udp', '-p tcp', '-s <server2>', '-p ICMP'])], '-j NOTRACK')]],
    ['OUTPUT', random.chance(0.5) ? [rule(['-p udp'], '-j NOTRACK')] : []],
  ])

  return {
    family,
    tables: [
      ...(random.chance(0.1) ? [raw] : []),
      mangle,
      ...(random.chance(0.85) ? [nat] : []),
      ...(chosen.length > 0 ? [filter] : []),
    ],
  }
}
