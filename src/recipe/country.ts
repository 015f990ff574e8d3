/**
 * Country blocks: one rule for all networks of the countries, which stand in a set, instead of thousands. The allow-list
 * is asked first.
 */
import { choice, flag, many, name as nameOfSet, one, prefix } from './parameter.ts'
import { inFamily } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import { refusal } from './words.ts'

/** Sets of a family that a country block asks; `sync` fills the first. */
export const countrySets = (
  family: 'ipv4' | 'ipv6',
  set: string,
): { readonly block: string; readonly allow: string } => ({
  block: inFamily(family, set),
  allow: `${inFamily(family, set)}-allow`,
})

/** Options of every such set: ipset takes two for the same, and lets them change places, only with equal ones. */
export const countrySetType = (family: 'ipv4' | 'ipv6'): string =>
  `hash:net family ${family === 'ipv4' ? 'inet' : 'inet6'} maxelem 2000000`

export const countryRecipe = defineRecipe({
  name: 'country',
  summary: 'refuse whole countries with one rule, by a set of their networks',
  description:
    'Refuses packets from the networks in a set, which postern country sync fills from lists of countries: one rule ' +
    'for each direction, whatever the number of networks. A second set, of those that are let through whatever their ' +
    'country, is asked first.',
  parameters: {
    set: one(nameOfSet('the set of networks; the allow-list has -allow behind it', 20), 'country'),
    allow: many(prefix('a prefix that is never refused')),
    refuse: one(choice('what becomes of the packets', ['drop', 'reject']), 'drop'),
    forward: flag('packets that are forwarded, too'),
    outgoing: flag('packets of this host to those networks, too'),
  },
  examples: [
    { does: 'refuse the countries that postern country sync has loaded', words: '--allow 192.0.2.0/24' },
  ],
  nameOf: ({ set }) => set.slice(0, 12),

  build({ set, allow, refuse, forward, outgoing }, { family, name }) {
    const { block, allow: allowed } = countrySets(family, set)
    const chain = `country-${name}`
    const ask = (side: 'src' | 'dst') => [
      `-m set --match-set ${allowed} ${side} -j RETURN`,
      `-m set --match-set ${block} ${side} ${refusal(refuse, 'all', family)}`,
    ]
    const jump = (hook: 'INPUT' | 'FORWARD' | 'OUTPUT', rule: string) => ({
      table: 'filter' as const,
      chain: hook,
      rule,
      place: 'first' as const,
    })
    return {
      chains: [
        { table: 'filter', name: chain, rules: ask('src') },
        ...(outgoing ? [{ table: 'filter' as const, name: `${chain}-out`, rules: ask('dst') }] : []),
      ],
      jumps: [
        jump('INPUT', `! -i lo -j ${chain}`),
        ...(forward ? [jump('FORWARD', `-j ${chain}`)] : []),
        ...(outgoing ? [jump('OUTPUT', `! -o lo -j ${chain}-out`)] : []),
      ],
      sets: [
        `create -exist ${block} ${countrySetType(family)}\n`,
        `create -exist ${allowed} ${countrySetType(family)}\n`,
        ...allow.map((each) => `add -exist ${allowed} ${each}\n`),
      ].join(''),
      remarks: [`postern country sync fills ${block}; until then nobody is refused`],
    }
  },

  story({ set, outgoing, forward }, { family }, story) {
    const { block, allow } = countrySets(family, set)
    const network = family === 'ipv4' ? '198.51.100.0/25' : '2001:db8:2::/112'
    const ssh = (from: string, sport: number) => story.tcp(from, 22, { sport })
    const blocked = [{ run: `ipset add ${block} ${network}` }]
    story.tell('a network of the set is refused, one of the allow-list is not', [
      { packet: ssh(story.client, 40000), expect: 'accept' },
      ...blocked,
      { packet: ssh(story.client, 40001), expect: { delivered: false } },
      { packet: ssh(story.stranger, 40001), expect: { delivered: false } },
      { run: `ipset add ${allow} ${story.client}` },
      { packet: ssh(story.client, 40002), expect: { verdict: 'accept', delivered: true } },
      { packet: ssh(story.stranger, 40002), expect: { delivered: false } },
    ])
    story.tell('a new list takes the place of the old one at once', [
      ...blocked,
      { run: `ipset create next ${countrySetType(family)}` },
      { run: `ipset swap next ${block}` },
      { run: 'ipset destroy next' },
      { packet: ssh(story.client, 40000), expect: 'accept' },
    ])
    if (outgoing) {
      story.tell('this host does not speak to them', [
        { packet: story.outgoing(story.client, 443), expect: 'accept' },
        ...blocked,
        { packet: story.outgoing(story.client, 443, { sport: 51001 }), expect: { sent: [] } },
      ])
    }
    if (forward) {
      story.tell('nor do those behind it', [
        ...blocked,
        {
          packet: story.tcp(story.client, 80, { to: story.within }),
          expect: { verdict: 'drop', by: `country-${set.slice(0, 12)}:2` },
        },
      ])
    }
  },
})
