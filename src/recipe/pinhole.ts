/**
 * The article's "reverse IP tables": who is called may call back. Only packets of connections that this host began fill
 * the list, so that an answer to a stranger's packet opens nothing.
 */
import { networkDevice, one, optional, printKnock, seconds, service } from './parameter.ts'
import { inFamily } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import { fromDevice, isNew, toService } from './words.ts'

export const pinholeRecipe = defineRecipe({
  name: 'pinhole',
  summary: 'a port that opens to whom this host calls itself',
  description:
    'Opens a port to those addresses that this host has called itself: a master that connects to its replica is called ' +
    'back. The hole closes some time after the last packet that this host sent there; connections that stand are left ' +
    'to the rule that lets answers in.',
  parameters: {
    port: one(service('the port that opens, here: tcp/3306')),
    call: optional(service('the port that this host calls; the same unless given')),
    stay: one(seconds('how long it stays open after the last packet'), '1h'),
    interface: optional(networkDevice('let in what arrives here only')),
  },
  examples: [{ does: 'the article: replication both ways', words: '--port tcp/3306' }],
  nameOf: ({ port }) => `${port.port}`,

  build({ port, call, stay, interface: device }, { family, name }) {
    const list = `${inFamily(family, 'pinhole')}-${name}`
    const called = call ?? port
    const chain = `pinhole-${name}`
    return {
      chains: [
        {
          table: 'filter',
          name: `${chain}-out`,
          // Answers of ours to what others began go the other way: --ctdir REPLY.
          rules: [`-m conntrack --ctdir ORIGINAL -m recent --set --name ${list} --rdest -j ACCEPT`],
        },
        {
          table: 'filter',
          name: `${chain}-in`,
          rules: [`-m recent --rcheck --seconds ${stay} --name ${list} --rsource -j ACCEPT`],
        },
      ],
      jumps: [
        { table: 'filter', chain: 'OUTPUT', rule: `${toService(called)} -j ${chain}-out`, place: 'first' },
        {
          table: 'filter',
          chain: 'INPUT',
          rule: `${fromDevice(device)}${toService(port)} ${isNew} -j ${chain}-in`,
          place: { reachedBy: [{ way: 'in', ...port }] },
        },
      ],
      remarks: [`${printKnock(port)} opens for ${stay} s to whom this host calls at ${printKnock(called)}`],
    }
  },

  story({ port, call, stay }, _context, story) {
    const { client, stranger } = story
    const called = call ?? port
    const out = (to: string, flags = 'syn', number = called.port) =>
      called.protocol === 'tcp'
        ? story.outgoing(to, number, { flags })
        : `out udp ${story.end(story.own, 51000)} > ${story.end(to, number)}`
    const back = (from: string) =>
      port.protocol === 'tcp' ? story.tcp(from, port.port) : story.udp(from, port.port)
    story.tell('shut to everybody', [{ packet: back(client), expect: { delivered: false } }])
    story.tell('who is called may call back, and nobody else', [
      { packet: out(client), expect: 'accept' },
      { packet: back(client), expect: { verdict: 'accept', delivered: true } },
      { packet: back(stranger), expect: { delivered: false } },
      { packet: story.tcp(client, 9), expect: { delivered: false } },
    ])
    story.tell('a call to another port opens nothing', [
      { packet: out(client, 'syn', 9), expect: 'accept' },
      { packet: back(client), expect: { delivered: false } },
    ])
    if (called.protocol === 'tcp') {
      story.tell(
        'an answer is no call: a stranger who speaks from that port gets no hole',
        [
          {
            packet: story.tcp(stranger, 22, { sport: called.port }),
            expect: { verdict: 'accept', delivered: true },
          },
          { packet: back(stranger), expect: { delivered: false } },
        ],
        { sockets: [] },
      )
    }
    story.tell('it closes after the last packet', [
      { packet: out(client), expect: 'accept' },
      { after: `${stay * 1000 - 300}ms`, packet: back(client), expect: { delivered: true } },
      { after: '600ms', packet: back(stranger), expect: { delivered: false } },
      {
        packet:
          port.protocol === 'tcp'
            ? story.tcp(client, port.port, { sport: 40001 })
            : story.udp(client, port.port, { sport: 40001 }),
        expect: { delivered: false },
      },
    ])
  },
})
