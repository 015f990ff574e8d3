/** The college's INPUT-AUTO: a chain in front of all rules, for scripts and for the guard to put bans into. */
import { name as chainName, flag, logPrefix, many, one, optional, prefix } from './parameter.ts'
import { defineRecipe } from './recipe.ts'

export const autochainRecipe = defineRecipe({
  name: 'autochain',
  summary: 'a chain in front of all rules that programs put bans into',
  description:
    'Sends every packet through a chain that scripts and the guard (action postern-auto) fill: bans come and go there ' +
    'and the rules of the administrator stay as they are. Put in again, it keeps the rules that others have added; ' +
    'taken out, it stays while others have rules in it.',
  parameters: {
    chain: one(chainName('its name', 28), 'INPUT-AUTO'),
    ban: many(prefix('an address or prefix to ban from the start')),
    log: flag('log what the bans of this recipe drop'),
    prefix: one(logPrefix('what each line begins with'), 'auto-block: '),
    forward: flag('packets that are forwarded, too'),
    allow: optional(prefix('an address or prefix that bans behind it in the chain never hit')),
  },
  examples: [
    { does: 'the article: a chain for bans', words: '--chain INPUT-AUTO' },
    {
      does: 'with a ban that is logged, and an office that is never banned',
      words: '--ban 192.0.2.66 --log --allow 198.51.100.0/24',
    },
  ],
  nameOf: () => 'auto',

  build({ chain, ban, log, prefix: text, forward, allow }, _context) {
    const rules = [
      ...(allow === null ? [] : [`-s ${allow} -j RETURN`]),
      ...ban.flatMap((each) => [
        ...(log ? [`-s ${each} -j LOG --log-prefix "${text}"`] : []),
        `-s ${each} -j DROP`,
      ]),
    ]
    return {
      chains: [{ table: 'filter', name: chain, rules, isShared: true }],
      jumps: (forward ? (['INPUT', 'FORWARD'] as const) : (['INPUT'] as const)).map((hook) => ({
        table: 'filter' as const,
        chain: hook,
        rule: `-j ${chain}`,
        place: 'first' as const,
      })),
      remarks: [`ban by hand: -A ${chain} -s ADDRESS -j DROP`],
    }
  },

  story({ chain, ban, forward, log, prefix: text }, { family }, story) {
    const program = family === 'ipv4' ? 'iptables' : 'ip6tables'
    const ssh = (from: string, sport = 40000) => story.tcp(from, 22, { sport })
    story.tell('a ban that is added to the chain hits before all other rules, and is lifted there', [
      { packet: ssh(story.stranger), expect: 'accept' },
      { run: `${program} -A ${chain} -s ${story.stranger} -j DROP` },
      { packet: ssh(story.stranger, 40001), expect: 'drop' },
      { packet: ssh(story.client), expect: 'accept' },
      { run: `${program} -D ${chain} -s ${story.stranger} -j DROP` },
      { packet: ssh(story.stranger, 40002), expect: 'accept' },
    ])
    if (forward) {
      story.tell('forwarded packets, too', [
        { run: `${program} -A ${chain} -s ${story.stranger} -j DROP` },
        {
          packet: story.tcp(story.stranger, 80, { to: story.within }),
          expect: { verdict: 'drop', by: `${chain}:${1 + ban.length * (log ? 2 : 1)}` },
        },
      ])
    }
    const first = ban[0]
    if (first !== undefined) {
      const from = first.split('/')[0]!
      story.tell('bans from the start', [
        { packet: ssh(from), expect: { verdict: 'drop', log: log ? [text.trim()] : [] } },
      ])
    }
  },
})
