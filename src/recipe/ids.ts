/**
 * The article's "quick and dirty IDS": who sends where nobody may send is shut out until he has been silent for a while.
 * The trap stands in the raw table: the article's place, FORWARD, is never reached by what is sent to 127.0.0.0/8.
 */
import {
  many,
  networkDevice,
  one,
  optional,
  parseService,
  prefix,
  type Service,
  seconds,
  type ValueParameter,
  ValueRefused,
} from './parameter.ts'
import { inFamily } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import { fromDevice, toService } from './words.ts'

type Trap =
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'port'; readonly service: Service }

const trap: ValueParameter<Trap> = {
  doc: 'what nobody may send to: a prefix, or a port (tcp/23); by default 127.0.0.0/8, or fec0::/10',
  metavar: 'prefix|port',
  parse(text, family) {
    if (/^(tcp|udp)\/|^\d+$/i.test(text)) return { kind: 'port', service: parseService(text) }
    try {
      return { kind: 'prefix', prefix: prefix('').parse(text, family) }
    } catch (error) {
      if (!(error instanceof ValueRefused)) throw error
      throw new ValueRefused(`${error.message}, nor a port`, '127.0.0.0/8, tcp/23')
    }
  },
}

export const idsRecipe = defineRecipe({
  name: 'ids',
  summary: 'shut out who falls into a trap, until a time of silence',
  description:
    'Remembers senders of packets that no honest machine sends: to 127.0.0.0/8 from outside, or to a port that nothing ' +
    'listens at. All that comes from such a sender is dropped, forwarded packets too, until it has been silent for a ' +
    'time: each packet begins that time anew.\n\n' +
    'A forged sender is shut out, too: name no ports that somebody could use to lock out your own address.',
  parameters: {
    trap: many(trap, { standard: (family) => [family === 'ipv4' ? '127.0.0.0/8' : 'fec0::/10'], least: 1 }),
    silence: one(seconds('how long a sender must be silent'), '60s'),
    interface: optional(networkDevice('where the outside is; every interface but lo unless given')),
  },
  examples: [
    { does: 'the article: packets to 127.0.0.0/8', words: '--interface eth0' },
    { does: 'telnet is a trap, too', words: '--trap 127.0.0.0/8 --trap tcp/23 --silence 10m' },
  ],
  nameOf: () => 'trap',

  build({ trap: traps, silence, interface: device }, { family, name }) {
    const list = `${inFamily(family, 'ids')}-${name}`
    const chain = `ids-${name}`
    const outside = device === null ? '! -i lo ' : fromDevice(device)
    const conditions = traps.map((each) =>
      each.kind === 'prefix' ? `-d ${each.prefix}` : toService(each.service),
    )
    return {
      chains: [
        {
          table: 'raw',
          name: `${chain}-set`,
          rules: conditions.map((condition) => `${condition} -m recent --set --name ${list} -j DROP`),
        },
        {
          table: 'filter',
          name: chain,
          rules: [`-m recent --update --seconds ${silence} --name ${list} -j DROP`],
        },
      ],
      jumps: [
        { table: 'raw', chain: 'PREROUTING', rule: `${outside}-j ${chain}-set`, place: 'first' },
        ...(['INPUT', 'FORWARD'] as const).map((hook) => ({
          table: 'filter' as const,
          chain: hook,
          rule: `${outside}-j ${chain}`,
          place: 'first' as const,
        })),
      ],
      remarks: [`who sends to a trap is shut out until ${silence} s of silence; senders can be forged`],
    }
  },

  story({ trap: traps, silence }, _context, story) {
    const bait = (from: string): string => {
      const first = traps[0]!
      if (first.kind === 'port') {
        const { protocol, port } = first.service
        return protocol === 'tcp' ? story.tcp(from, port) : story.udp(from, port)
      }
      return story.tcp(from, 9, {
        to: first.prefix.split('/')[0]!.replace(/\.0$/, '.1').replace(/::$/, '::1'),
      })
    }
    const ssh = (sport: number, from = story.client) => story.tcp(from, 22, { sport })
    story.tell('who falls into the trap is shut out, nobody else', [
      { packet: ssh(40000), expect: 'accept' },
      { packet: bait(story.client), expect: 'drop' },
      { packet: ssh(40001), expect: 'drop' },
      { packet: ssh(40000, story.stranger), expect: 'accept' },
    ])
    story.tell('forwarding, too', [
      { packet: bait(story.client), expect: 'drop' },
      {
        packet: story.tcp(story.client, 80, { to: story.within }),
        expect: { verdict: 'drop', by: 'ids-trap:1' },
      },
    ])
    story.tell('until he has been silent: each packet begins the time anew', [
      { packet: bait(story.client), expect: 'drop' },
      { after: `${silence * 1000 - 300}ms`, packet: ssh(40000), expect: 'drop' },
      { after: `${silence * 1000 - 300}ms`, packet: ssh(40001), expect: 'drop' },
      { after: `${silence * 1000 + 300}ms`, packet: ssh(40002), expect: 'accept' },
    ])
  },
})
