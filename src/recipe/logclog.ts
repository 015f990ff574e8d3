/** The article's "log clog": of what happens all day, each line in the log stands for many. */
import { count, logPrefix, networkDevice, one, optional, printKnock, seconds, service } from './parameter.ts'
import { inFamily } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import { fromDevice, toService } from './words.ts'

export const logclogRecipe = defineRecipe({
  name: 'logclog',
  summary: 'log the first of what happens all day, and drop the rest',
  description:
    'Drops packets to a port and logs few of them: one for each sender within a time, or one in so many, so that each ' +
    'line in the log stands for a number of packets that is known.',
  parameters: {
    port: one(service('what clogs the log'), 'udp/138'),
    every: one(seconds('time after a line in which nothing of that sender is logged'), '5m'),
    count: optional(count('log one in so many of each sender, whatever the time', 65535)),
    prefix: one(logPrefix('what each line begins with'), 'clog: '),
    interface: optional(networkDevice('what arrives here only')),
  },
  examples: [
    { does: 'the article: Windows broadcasts', words: '--port udp/138 --every 5m' },
    { does: 'each line stands for a hundred', words: '--port udp/138 --count 100' },
  ],
  nameOf: ({ port }) => `${port.port}`,

  build({ port, every, count: each, prefix, interface: device }, { family, name }) {
    const list = `${inFamily(family, 'logclog')}-${name}`
    const log = [`-j LOG --log-prefix "${prefix}"`, '-j DROP']
    const rules =
      each === null
        ? [
            `-m recent --rcheck --seconds ${every} --name ${list} -j DROP`,
            `-m recent --set --name ${list}`,
            ...log,
          ]
        : [
            `-m recent --set --name ${list}`,
            `-m recent ! --rcheck --hitcount ${each} --name ${list} -j DROP`,
            // So many are there: forget them, and count anew.
            `-m recent --remove --name ${list}`,
            ...log,
          ]
    return {
      chains: [{ table: 'filter', name: `logclog-${name}`, rules }],
      jumps: [
        {
          table: 'filter',
          chain: 'INPUT',
          rule: `${fromDevice(device)}${toService(port)} -j logclog-${name}`,
          place: { reachedBy: [{ way: 'in', ...port }] },
        },
      ],
      remarks: [
        each === null
          ? `a line for ${printKnock(port)} of each sender, then none for ${every} s; the kernel remembers 100 senders`
          : `a line for each ${each} packets to ${printKnock(port)} of a sender; the kernel remembers 100 senders`,
      ],
    }
  },

  story({ port, every, count: each, prefix }, _context, story) {
    const to = (from: string) =>
      port.protocol === 'tcp' ? story.tcp(from, port.port) : story.udp(from, port.port)
    const silent = (from = story.client) => ({ packet: to(from), expect: { verdict: 'drop', log: [] } })
    const logged = (from = story.client) => ({
      packet: to(from),
      expect: { verdict: 'drop', log: [prefix.trim()] },
    })
    if (each === null) {
      story.tell('the first of each sender is logged, the rest is not, until some time has passed', [
        logged(),
        { ...silent(), repeat: 5 },
        logged(story.stranger),
        silent(story.stranger),
        { after: `${every * 1000 - 300}ms`, ...silent() },
        { after: '600ms', ...logged() },
        silent(),
      ])
    } else {
      const before = each > 1 ? [{ ...silent(), repeat: each - 1 }] : []
      story.tell('one in so many is logged', [...before, logged(), ...before, logged()])
    }
    story.tell('all else is left to the other rules', [
      { packet: story.tcp(story.client, 22), expect: { verdict: 'accept', log: [] } },
      { packet: story.tcp(story.client, 9), expect: { verdict: 'drop', log: ['refused: '] } },
    ])
  },
})
