/** New connections of each address counted by a recency list: so many within a time, and no more. */
import {
  choice,
  count,
  networkDevice,
  one,
  optional,
  printKnock,
  refuseParameter,
  seconds,
  service,
} from './parameter.ts'
import { inFamily } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import { conditionOf, fromDevice, isNew, refusal } from './words.ts'

export const ratelimitRecipe = defineRecipe({
  name: 'ratelimit',
  summary: 'so many new connections of an address within a time, and no more',
  description:
    'Lets an address begin only so many connections to a port within a time. Who goes on trying stays shut out: each ' +
    'try counts. What is within the limit is left to the rules behind, which let it in or not.',
  parameters: {
    port: one(service('the port'), 'tcp/22'),
    hits: one(count('connections that are let through', 65534), '4'),
    within: one(seconds('the time in which they are counted'), '60s'),
    refuse: one(choice('what becomes of the others', ['drop', 'reject']), 'drop'),
    interface: optional(networkDevice('what arrives here only')),
  },
  examples: [{ does: 'four logins a minute', words: '--port tcp/22 --hits 4 --within 60s' }],
  nameOf: ({ port }) => `${port.port}`,

  build({ port, hits, within, refuse, interface: device }, { family, name }) {
    if (port.protocol !== 'tcp' && refuse === 'reject' && hits === 0)
      refuseParameter('hits', 'none is let through')
    const list = `${inFamily(family, 'ratelimit')}-${name}`
    return {
      chains: [
        {
          table: 'filter',
          name: `ratelimit-${name}`,
          rules: [
            `-m recent --set --name ${list}`,
            `-p ${port.protocol} -m recent --rcheck --seconds ${within} --hitcount ${hits + 1} --name ${list} ${refusal(refuse, port.protocol, family)}`,
          ],
        },
      ],
      jumps: [
        {
          table: 'filter',
          chain: 'INPUT',
          rule: `${fromDevice(device)}${conditionOf(port, family)} ${isNew} -j ratelimit-${name}`,
          place: { reachedBy: [{ way: 'in', ...port }] },
        },
      ],
      remarks: [
        `${hits} new connections of an address to ${printKnock(port)} within ${within} s; the kernel remembers 100 addresses`,
      ],
    }
  },

  story({ port, hits, within }, _context, story) {
    const to = (from: string, number: number) =>
      port.protocol === 'tcp'
        ? story.tcp(from, port.port, { sport: 40000 + number })
        : story.udp(from, port.port, { sport: 40000 + number })
    const few = Math.min(hits, 30)
    if (few < hits) return
    const within_ = Array.from({ length: hits }, (_, at) => ({
      after: '10ms',
      packet: to(story.client, at),
      expect: port.port === 22 ? { delivered: true } : {},
    }))
    const limited = (expect: Readonly<Record<string, string | boolean>>, number: number, after: string) => ({
      after,
      packet: to(story.client, number),
      expect,
    })
    const refused = { delivered: false }
    story.tell('so many get through, the next one does not, others do', [
      ...within_,
      limited(refused, 900, '10ms'),
      { packet: to(story.stranger, 0), expect: port.port === 22 ? { delivered: true } : {} },
    ])
    story.tell('who is quiet for a while begins anew', [
      ...within_,
      limited(refused, 900, '10ms'),
      limited(port.port === 22 ? { delivered: true } : {}, 901, `${within * 1000 + 200}ms`),
    ])
  },
})
