/** Random rules of the extensions around connections, in front of those about their state. */
import type { TableName } from '../../../../lang/rule.ts'
import type { Family } from '../../../../net/address.ts'
import type { ChainDraft, RuleDraft, RulesDraft, TableDraft } from '../draft.ts'
import type { Random } from '../random.ts'
import { withAddresses } from './world.ts'

const zones = [
  '--zone 1',
  '--zone 1',
  '--zone-orig 1',
  '--zone-reply 1',
  '--zone 2',
  '--zone mark',
  '--zone-orig mark',
]

const wishes: readonly string[] = [
  ...zones.flatMap((zone) => [zone, zone]),
  '--notrack',
  '--ctevents new',
  '',
]

const helped: readonly (readonly [protocol: string, helper: string])[] = [
  ['tcp', 'ftp'],
  ['udp', 'tftp'],
]

/** Whose packets are in a zone. */
const parties = [
  '-i eth0',
  '-i eth1',
  '-s <client>',
  '-d <gateway>',
  '-p tcp',
  '-p udp',
  '-m mark --mark 0x1',
  '',
]
const localParties = ['-d <client>', '-p udp', '-p tcp', '-o eth0', '']

const amounts = ['0:1', '1:1', '2:3', '2', '3:', '100:', '0:60', '40:200']
const marks = ['0x0', '0x1', '0x1/0x3', '0x2/0x2', '0x5']

function randomMatch(random: Random, not: () => string): string {
  return random.weighted<() => string>([
    [2, () => `-m connmark ${not()}--mark ${random.pick(marks)}`],
    [
      2,
      () =>
        `-m connbytes ${not()}--connbytes ${random.pick(amounts)} --connbytes-mode ${random.pick(['packets', 'bytes', 'avgpkt'])} --connbytes-dir ${random.pick(['original', 'reply', 'both'])}`,
    ],
    [
      2,
      () => `-m connlabel ${not()}--label ${random.pick([1, 2, 127])}${random.chance(0.5) ? ' --set' : ''}`,
    ],
    // Of those that begin alone: whether others make the kernel look through its list depends on the tick they come in.
    [
      2,
      () =>
        `-p tcp -m tcp --syn -m connlimit ${not()}--connlimit-${random.pick(['above', 'upto'])} ${random.between(0, 4)} --connlimit-mask ${random.pick([0, 24, 32])} ${random.pick(['--connlimit-saddr', '--connlimit-daddr'])}`,
    ],
    [
      1,
      () =>
        `-m conntrack ${not()}--ctstatus ${random.pick(['EXPECTED', 'ASSURED', 'CONFIRMED', 'SEEN_REPLY'])}`,
    ],
    [1, () => `-m conntrack ${not()}--ctexpire ${random.pick(['0', '0:30', '31:100', '121:'])}`],
    [0.5, () => `-m conntrack ${not()}--ctorigdst <gateway>`],
    [0.5, () => `-m conntrack --ctstate ${random.pick(['SNAT', 'DNAT', 'NEW,SNAT'])}`],
  ])()
}

function randomChange(random: Random): string {
  const shift = random.chance(0.3)
    ? ` --${random.pick(['left', 'right'])}-shift-mark ${random.between(1, 4)}`
    : ''
  const change = random.pick([
    '--set-mark 1',
    '--set-mark 5/3',
    '--set-xmark 3/1',
    '--and-mark 2',
    '--or-mark 2',
    '--xor-mark 1',
    '--save-mark',
    '--save-mark --mask 3',
    '--save-mark --nfmask 1 --ctmask 7',
    '--restore-mark',
    '--restore-mark --nfmask 3 --ctmask 1',
  ])
  return `-j CONNMARK ${change}${shift}`
}

/** Puts rules of these extensions into a draft. */
export function withExtensions(random: Random, family: Family, draft: RulesDraft): RulesDraft {
  const rule = (clauses: readonly string[], target: string): RuleDraft => ({
    clauses: clauses.filter((clause) => clause !== '').map((clause) => withAddresses(clause, family)),
    target,
  })
  const not = (): string => (random.chance(0.3) ? '! ' : '')
  const any = (): RuleDraft =>
    rule(
      random.chance(0.75) ? [randomMatch(random, not)] : [random.pick(['-p tcp', '-p udp', '-i eth1', ''])],
      random.pick(['', '', randomChange(random), `-j MARK --set-mark ${random.between(0, 3)}`]),
    )
  const dropping = (): RuleDraft => rule([randomMatch(random, not)], '-j DROP')
  const some = (make: () => RuleDraft, most: number): RuleDraft[] =>
    Array.from({ length: random.between(0, most) }, make)
  const wish = (parties: readonly string[]) => (): RuleDraft => {
    if (random.chance(0.15)) {
      const [protocol, helper] = random.pick(helped)
      return rule([`-p ${protocol}`], `-j CT --helper ${helper}`)
    }
    return rule([random.pick(parties)], `-j CT ${random.pick(wishes)}`.trim())
  }
  const withoutInput = (rules: RuleDraft[]): RuleDraft[] =>
    rules.filter(({ clauses }) => clauses.every((clause) => !clause.startsWith('-i')))
  const added: Readonly<Partial<Record<TableName, Readonly<Record<string, RuleDraft[]>>>>> = {
    raw: {
      PREROUTING: [
        ...(random.chance(0.3) ? [rule([random.pick(['-i eth1', '-p udp'])], '-j MARK --set-mark 1')] : []),
        ...some(wish(parties), 3),
        ...(random.chance(0.2) ? some(any, 2) : []),
      ],
      OUTPUT: [...some(wish(localParties), 2), ...withoutInput(random.chance(0.2) ? some(any, 2) : [])],
    },
    mangle: Object.fromEntries(
      ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].map((chain) => [
        chain,
        chain === 'OUTPUT' || chain === 'POSTROUTING' ? withoutInput(some(any, 4)) : some(any, 4),
      ]),
    ),
    filter: { FORWARD: some(dropping, 2), INPUT: some(dropping, 1) },
  }
  const names: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter']
  return {
    family,
    tables: names.flatMap((name): TableDraft[] => {
      const old = draft.tables.find((table) => table.name === name)
      const more = added[name] ?? {}
      if (old === undefined && Object.keys(more).length === 0) return []
      const chains = new Map<string, ChainDraft>(old?.chains.map((chain) => [chain.name, chain]) ?? [])
      for (const [chain, rules] of Object.entries(more)) {
        const before = chains.get(chain)
        chains.set(chain, { name: chain, policy: 'ACCEPT', rules: [...rules, ...(before?.rules ?? [])] })
      }
      return [{ name, chains: [...chains.values()] }]
    }),
  }
}
