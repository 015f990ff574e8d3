/**
 * The article's "auth port": a port for addresses that a program put into a list, once their users had said who they are
 * at another port.
 */
import {
  choice,
  name as nameOfList,
  networkDevice,
  one,
  optional,
  printKnock,
  seconds,
  service,
} from './parameter.ts'
import { inFamily } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import { conditionOf, fromDevice, isNew, refusal } from './words.ts'

export const authportRecipe = defineRecipe({
  name: 'authport',
  summary: 'a port for addresses that a login at another port has put into a list',
  description:
    'Lets everybody in at the port of a login service, and at the guarded port only those addresses that stand in a ' +
    'recency list, which that service writes: echo +ADDRESS > /proc/net/xt_recent/LIST. What was written counts for ' +
    'some time; connections that stand are left to the rule that lets answers in. IPv6 has a list of its own, for the ' +
    'kernel keeps one mask for a list: postern authport puts addresses into both, with lists: [authok, authok6].',
  parameters: {
    port: one(service('the port that is guarded'), 'tcp/80'),
    login: one(service('the port where people say who they are'), 'tcp/443'),
    list: optional(nameOfList('the recency list; authok, or authok6 with -6, unless given', 100)),
    stay: one(seconds('how long an address counts after it was written'), '1h'),
    refuse: one(choice('what becomes of the others', ['drop', 'reject']), 'drop'),
    interface: optional(networkDevice('what arrives here only')),
  },
  examples: [
    { does: 'the article: port 80 for who has logged in at 443', words: '--port tcp/80 --login tcp/443' },
  ],
  nameOf: ({ port }) => `${port.port}`,

  build({ port, login, list, stay, refuse, interface: device }, { family, name }) {
    const asked = list ?? inFamily(family, 'authok')
    return {
      chains: [
        {
          table: 'filter',
          name: `authport-${name}`,
          rules: [
            `${conditionOf(login, family)} -j ACCEPT`,
            `${conditionOf(port, family)} -m recent --rcheck --seconds ${stay} --name ${asked} -j ACCEPT`,
            `${conditionOf(port, family)} ${refusal(refuse, port.protocol, family)}`,
          ],
        },
      ],
      jumps: [
        {
          table: 'filter',
          chain: 'INPUT',
          rule: `${fromDevice(device)}${isNew} -j authport-${name}`,
          place: {
            reachedBy: [
              { way: 'in', ...port },
              { way: 'in', ...login },
            ],
          },
        },
      ],
      remarks: [
        `an address is let in at ${printKnock(port)} once it is written: echo +ADDRESS > /proc/net/xt_recent/${asked}`,
      ],
    }
  },

  story({ port, login, list, stay }, { family }, story) {
    const asked = list ?? inFamily(family, 'authok')
    const to = (from: string, sport = 40000) =>
      port.protocol === 'tcp' ? story.tcp(from, port.port, { sport }) : story.udp(from, port.port, { sport })
    const open = { verdict: 'accept', delivered: true }
    const write = (text: string) => ({ write: { recent: asked, text } })
    story.tell('the login is open, the port is not', [
      {
        packet:
          login.protocol === 'tcp'
            ? story.tcp(story.client, login.port)
            : story.udp(story.client, login.port),
        expect: open,
      },
      { packet: to(story.client), expect: { delivered: false } },
    ])
    story.tell('who is in the list gets in, nobody else, and not after the logout', [
      write(`+${story.client}`),
      { packet: to(story.client), expect: open },
      { packet: to(story.stranger), expect: { delivered: false } },
      { packet: story.tcp(story.client, 9), expect: { delivered: false } },
      write(`-${story.client}`),
      { packet: to(story.client, 40001), expect: { delivered: false } },
    ])
    story.tell('it ends by itself', [
      write(`+${story.client}`),
      { after: `${stay * 1000 - 300}ms`, packet: to(story.client), expect: open },
      { after: '600ms', packet: to(story.client, 40001), expect: { delivered: false } },
    ])
  },
})
