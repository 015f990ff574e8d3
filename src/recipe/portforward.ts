/** The gateway article's port forwarding: a port of the gateway is a port of a machine behind it. */
import { choice, endPoint, flag, networkDevice, one, optional, printKnock, service } from './parameter.ts'
import { defineRecipe } from './recipe.ts'
import { isNew, printEnd } from './words.ts'

export const portforwardRecipe = defineRecipe({
  name: 'portforward',
  summary: 'a port of this gateway that is a port of a machine behind it',
  description:
    'Sends what arrives at a port of this gateway on to a machine behind it, and lets those connections through. ' +
    'Answers are left to the rule that lets them back (-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT in ' +
    'FORWARD), and the gateway must forward (sysctl net.ipv4.ip_forward=1).',
  parameters: {
    port: one(service('the port of this gateway: tcp/7070')),
    to: one(endPoint('the machine behind it and its port: 192.168.1.43:80')),
    interface: one(networkDevice('where the outside is'), 'eth0'),
    masquerade: flag('give what leaves to the outside the address of the gateway'),
    hide: flag(
      'let the machine behind see the gateway as the sender: for one whose way out is another gateway',
    ),
    back: one(choice('whether to let the answers back, too', ['rule', 'leave']), 'leave'),
    inside: optional(networkDevice('where the machine is; only used by --hide')),
  },
  examples: [
    {
      does: 'the article: the web server behind port 7070',
      words: '--port tcp/7070 --to 192.168.1.43:80 --masquerade',
    },
  ],
  nameOf: ({ port }) => `${port.port}`,

  build({ port, to, interface: device, masquerade, hide, back, inside }, { family, name }) {
    const chain = `portfwd-${name}`
    const forwarded = `-d ${to.address} -p ${port.protocol} -m ${port.protocol} --dport ${to.port}`
    return {
      chains: [
        {
          table: 'nat',
          name: chain,
          rules: [
            `-p ${port.protocol} -m ${port.protocol} --dport ${port.port} -j DNAT --to-destination ${printEnd(to)}`,
          ],
        },
        {
          table: 'filter',
          name: chain,
          rules: [`${forwarded} ${isNew} -m conntrack --ctstate DNAT -j ACCEPT`],
        },
      ],
      jumps: [
        {
          table: 'nat',
          chain: 'PREROUTING',
          rule: `-i ${device} -m addrtype --dst-type LOCAL -j ${chain}`,
          place: 'first',
        },
        ...(masquerade
          ? [
              {
                table: 'nat' as const,
                chain: 'POSTROUTING' as const,
                rule: `-o ${device} -j MASQUERADE`,
                place: 'first' as const,
              },
            ]
          : []),
        ...(hide
          ? [
              {
                table: 'nat' as const,
                chain: 'POSTROUTING' as const,
                rule: `${inside === null ? '' : `-o ${inside} `}${forwarded} -m conntrack --ctstate DNAT -j MASQUERADE`,
                place: 'first' as const,
              },
            ]
          : []),
        ...(back === 'rule'
          ? [
              {
                table: 'filter' as const,
                chain: 'FORWARD' as const,
                rule: '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
                place: 'first' as const,
              },
            ]
          : []),
        {
          table: 'filter',
          chain: 'FORWARD',
          rule: `-i ${device} -j ${chain}`,
          place: { reachedBy: [{ way: 'through', protocol: port.protocol, port: to.port, to: to.address }] },
        },
      ],
      remarks: [
        `${printKnock(port)} of this gateway is ${printEnd(to)}`,
        family === 'ipv4'
          ? 'the gateway must forward: sysctl -w net.ipv4.ip_forward=1'
          : 'the gateway must forward: sysctl -w net.ipv6.conf.all.forwarding=1',
      ],
    }
  },

  story({ port, to, masquerade, hide }, _context, story) {
    const arrive = (from: string, number: number, target = story.own, sport = 40000) =>
      port.protocol === 'tcp'
        ? story.tcp(from, number, { to: target, sport })
        : story.udp(from, number, { to: target, sport })
    story.tell('what arrives at the port goes to the machine behind', [
      {
        packet: arrive(story.client, port.port),
        expect: {
          verdict: 'accept',
          delivered: false,
          sent: [
            `eth1 ${port.protocol} ${story.end(hide ? story.inner : story.client, 40000)} > ${story.end(to.address, to.port)}`,
          ],
        },
      },
    ])
    story.tell('the machine cannot be reached otherwise', [
      { packet: arrive(story.client, to.port, to.address), expect: { verdict: 'drop', sent: [] } },
      { packet: arrive(story.client, port.port, to.address), expect: { verdict: 'drop', sent: [] } },
    ])
    if (port.port !== 22)
      story.tell('other ports of the gateway are its own', [
        { packet: story.tcp(story.client, 22), expect: { verdict: 'accept', delivered: true } },
        { packet: story.tcp(story.client, 9), expect: { delivered: false, sent: [] } },
      ])
    if (port.protocol === 'tcp') {
      story.tell('a whole connection, there and back', [
        {
          flow: `web: connect ${story.device} ${story.client} > ${story.end(story.own, port.port)}`,
          expect: 'established',
        },
        { flow: 'web: request 200 response 3000', expect: 'established' },
        { flow: 'web: close', expect: 'closed' },
      ])
    }
    if (masquerade) {
      story.tell('what the machine itself begins is not let out by this recipe', [
        {
          packet: story.tcp(to.address, 80, { to: story.client, device: story.inside }),
          expect: { verdict: 'drop' },
        },
      ])
    }
  },
})
