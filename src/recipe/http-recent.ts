/**
 * The tutorial's `http-recent`: TCP connections followed with recency lists alone, without connection tracking. A study,
 * as the tutorial itself says.
 */
import { one, refuseParameter, service } from './parameter.ts'
import { inFamily, type PlannedChain } from './plan.ts'
import { defineRecipe } from './recipe.ts'

export const httpRecentRecipe = defineRecipe({
  name: 'http-recent',
  summary: 'follow TCP connections with recency lists, as a study',
  description:
    'The example of the iptables tutorial: handshake, data, resets and both ends of a connection to a server are ' +
    'followed with two recency lists. It knows addresses, not connections, and is there to learn from: for work, ' +
    'use -m conntrack.',
  parameters: { port: one(service('the port of the server'), 'tcp/80') },
  examples: [{ does: 'the tutorial: a web server', words: '--port tcp/80' }],
  nameOf: ({ port }) => `${port.port}`,

  build({ port }, { family, name }) {
    if (port.protocol !== 'tcp')
      refuseParameter('port', 'only connections of TCP have a beginning and an end')
    const list = `${inFamily(family, 'http')}-${name}`
    const closing = `${list}-final`
    const chain = `http-${name}`
    const { port: number } = port
    /** The same for what the client sends and for what the server sends: the address is the client's in both. */
    const both = (rule: (direction: string, side: string) => string): string[] => [
      rule(`-p tcp -m tcp --dport ${number}`, '--rsource'),
      rule(`-p tcp -m tcp --sport ${number}`, '--rdest'),
    ]
    const flags = (set: string) => `--tcp-flags SYN,ACK,FIN,RST ${set}`
    const [client, server] = [`-p tcp -m tcp --dport ${number}`, `-p tcp -m tcp --sport ${number}`]
    const rules: Readonly<Record<string, readonly string[]>> = {
      '': [
        `${client} ${flags('SYN')} -m recent --set --name ${list} --rsource -j ACCEPT`,
        `${server} ${flags('SYN,ACK')} -m recent --update --name ${list} --rdest -j ACCEPT`,
        ...both((to, side) => `${to} ${flags('ACK')} -m recent --update --name ${list} ${side} -j ACCEPT`),
        ...both(
          (to, side) =>
            `${to} --tcp-flags SYN,FIN,RST RST -m recent --remove --name ${list} ${side} -j ACCEPT`,
        ),
        `-j ${chain}-f`,
      ],
      // The first FIN finds the connection in the first list; all that follows finds it in the second.
      '-f': [
        ...both(
          (to, side) => `${to} ${flags('FIN,ACK')} -m recent --rcheck --name ${list} ${side} -j ${chain}-f1`,
        ),
        ...both((to, side) => `${to} -m recent --rcheck --name ${closing} ${side} -j ${chain}-f2`),
      ],
      '-f1': both((to, side) => `${to} -m recent --remove --name ${list} ${side}`).flatMap((remove, at) => [
        remove,
        both((to, side) => `${to} -m recent --set --name ${closing} ${side} -j ACCEPT`)[at]!,
      ]),
      // The other side may still send data, and then closes, too: forget the connection.
      '-f2': [
        ...both((to, side) => `${to} ${flags('ACK')} -m recent --update --name ${closing} ${side} -j ACCEPT`),
        ...both(
          (to, side) => `${to} ${flags('FIN,ACK')} -m recent --remove --name ${closing} ${side} -j ACCEPT`,
        ),
        ...both(
          (to, side) =>
            `${to} --tcp-flags SYN,FIN,RST RST -m recent --remove --name ${closing} ${side} -j ACCEPT`,
        ),
      ],
    }
    return {
      chains: Object.entries(rules).map(
        ([suffix, texts]): PlannedChain => ({ table: 'filter', name: `${chain}${suffix}`, rules: texts }),
      ),
      jumps: [
        { table: 'filter', chain: 'INPUT', rule: `${client} -j ${chain}`, place: 'first' },
        { table: 'filter', chain: 'OUTPUT', rule: `${server} -j ${chain}`, place: 'first' },
      ],
      remarks: ['a study: it knows addresses, not connections; -m conntrack does it properly'],
    }
  },

  story({ port }, { family, name }, story) {
    const { client, own } = story
    const list = `${inFamily(family, 'http')}-${name}`
    const closing = `${list}-final`
    const from = (flags: string) => story.tcp(client, port.port, { flags })
    const back = (flags: string) =>
      `out tcp ${story.end(own, port.port)} > ${story.end(client, 40000)} ${flags}`
    const has = (inList: string[], inClosing: string[]) => ({
      verdict: 'accept',
      recent: { [list]: inList, [closing]: inClosing },
    })
    const open = [
      { packet: from('syn'), expect: has([client], []) },
      { packet: back('syn-ack'), expect: has([client], []) },
      { packet: from('ack'), expect: has([client], []) },
      { packet: from('psh-ack'), expect: has([client], []) },
    ]
    story.tell('a connection from beginning to end', [
      ...open,
      { packet: from('fin-ack'), expect: has([], [client]) },
      { packet: back('ack'), expect: has([], [client]) },
      { packet: back('fin-ack'), expect: has([], []) },
    ])
    story.tell('a reset ends it at once', [...open, { packet: from('rst'), expect: has([], []) }])
    story.tell('what belongs to no connection is left to the other rules', [
      { packet: story.tcp(story.stranger, port.port, { flags: 'ack' }), expect: { delivered: false } },
      { packet: story.tcp(story.stranger, port.port, { flags: 'fin-ack' }), expect: { delivered: false } },
    ])
  },
})
