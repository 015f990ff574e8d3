/**
 * A port that opens to who knocks right: the article's trick 1, with what it leaves open closed. Every other packet
 * begins anew (the article forgets at one step only), each step has its time, and no scan of all ports walks through.
 */

import { chanceInWords, KnockMachine, openingScan, printKnocks, scansOf } from './knock-machine.ts'
import {
  choice,
  type Knock,
  knock,
  many,
  networkDevice,
  one,
  optional,
  printKnock,
  refuseParameter,
  type Service,
  seconds,
  service,
} from './parameter.ts'
import { inFamily, type PlannedChain } from './plan.ts'
import { defineRecipe } from './recipe.ts'
import type { Story, StoryStep } from './story.ts'
import { conditionOf, fromDevice, isNew, refusal, toService } from './words.ts'

export const knockRecipe = defineRecipe({
  name: 'knock',
  summary: 'a port that opens to who knocks at other ports first',
  description:
    'Opens a port, for a while, to an address that sends certain packets in the right order: echo requests, SYNs to ' +
    'ports of TCP, datagrams to ports of UDP. Any other packet that begins something spoils what was knocked before, ' +
    'and so does waiting too long; the last knock once more does no harm. Sequences that a scan of all ports, up or ' +
    'down, would walk through are refused, and it is said how likely ports drawn at random are to open it.\n\n' +
    'The guarded port is refused to everybody else, whatever the rules behind say. Connections that stand are left to ' +
    'the rule that lets answers in (-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT). postern knock is the client.',
  parameters: {
    open: one(service('the port that opens: tcp/3306')),
    knock: many(knock('a knock, in order: icmp, tcp/8000, udp/53; two at least'), { least: 2 }),
    within: one(seconds('time from one knock to the next'), '10s'),
    stay: one(seconds('how long the port stays open for new connections'), '60s'),
    refuse: one(choice('what becomes of those who did not knock', ['drop', 'reject']), 'drop'),
    interface: optional(networkDevice('count packets that arrive here only')),
  },
  examples: [
    {
      does: 'the article: MySQL for who pings, calls echo, then 8000',
      words: '--open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000',
    },
  ],
  nameOf: ({ open }) => `${open.port}`,

  build(values, { family, name }) {
    const { open, knock: knocks, within, stay, refuse, interface: device } = values
    checkSequence(knocks, open)
    const chain = `knock-${name}`
    const list = (step: number | 'open'): string => `${inFamily(family, 'knock')}-${name}-${step}`
    /** What being a knock's packet, the one with that number from 1, leads to. */
    const took = (number: number): string =>
      `${conditionOf(knocks[number - 1]!, family)} -m recent --set --name ${list(
        number === knocks.length ? 'open' : number,
      )} -j RETURN`
    const steps = knocks.slice(1).map(
      (_, at): PlannedChain => ({
        table: 'filter',
        name: `${chain}-${at + 1}`,
        rules: [
          `-m recent --remove --name ${list(at + 1)}`,
          took(at + 2),
          took(at + 1),
          ...(at === 0 ? [] : [took(1)]),
        ],
      }),
    )
    const asked = steps.map(
      ({ name: step }, at) => `-m recent --rcheck --seconds ${within} --name ${list(at + 1)} -g ${step}`,
    )
    return {
      chains: [
        {
          table: 'filter',
          name: chain,
          rules: [
            `${conditionOf(open, family)} -m recent --rcheck --seconds ${stay} --name ${list('open')} -j ACCEPT`,
            `-j ${chain}-0`,
            `${toService(open)} ${refusal(refuse, open.protocol, family)}`,
          ],
        },
        { table: 'filter', name: `${chain}-0`, rules: [...asked.toReversed(), took(1)] },
        ...steps,
      ],
      jumps: [
        {
          table: 'filter',
          chain: 'INPUT',
          rule: `${fromDevice(device)}${isNew} -j ${chain}`,
          place: { reachedBy: [open, ...knocks].map((each) => ({ way: 'in', ...each })) },
        },
      ],
      remarks: [
        `${printKnocks(knocks)} opens ${printKnock(open)} for ${stay} s: ${chanceInWords(knocks)}`,
        'no scan of all ports, upwards or downwards, opens it',
      ],
    }
  },

  story({ open, knock: knocks, within, stay }, _context, story) {
    tellKnocks(story, { open, knocks, within, stay })
  },
})

/** Refuses what would be no lock. */
function checkSequence(knocks: readonly Knock[], open: Service): void {
  for (const [at, each] of knocks.entries()) {
    const before = knocks[at - 1]
    if (before !== undefined && printKnock(before) === printKnock(each)) {
      refuseParameter(
        'knock',
        `${printKnock(each)} twice in a row cannot be told from a packet that was sent again`,
      )
    }
    if (printKnock(each) === printKnock(open)) {
      refuseParameter('knock', `${printKnock(each)} is the port that opens, and cannot be a knock`)
    }
  }
  const scan = openingScan(knocks, open)
  if (scan === null) return
  refuseParameter(
    'knock',
    `${printKnocks(knocks)}: a scan of ${scan.name} opens ${printKnock(open)}`,
    'ports that are no neighbours, or a lower one behind a higher one and then another above it',
  )
}

interface Lock {
  readonly open: Service
  readonly knocks: readonly Knock[]
  readonly within: number
  readonly stay: number
}

/** Time between two knocks of the client, and of a scanner. */
const paceMs = 50

function tellKnocks(story: Story, { open, knocks, within, stay }: Lock): void {
  const packetOf = (from: string, knock: Knock, number: number): string => {
    if (knock.protocol === 'icmp') return story.ping(from, number + 1)
    const ends = { sport: 41000 + (number % 20000) }
    return knock.protocol === 'tcp' ? story.tcp(from, knock.port, ends) : story.udp(from, knock.port, ends)
  }
  const after = (ms: number) => ({ after: `${ms}ms` })
  const send = (packets: readonly Knock[], from = story.client): StoryStep[] =>
    packets.map((packet, at) => ({ ...after(paceMs), packet: packetOf(from, packet, at) }))
  /** A new connection to the guarded port. */
  const call = (expect: 'accept' | 'refused', from = story.client, ms = paceMs): StoryStep => ({
    ...after(ms),
    packet: packetOf(from, open, 19000),
    expect: expect === 'accept' ? { verdict: 'accept', delivered: true } : { delivered: false },
  })
  /** What the machine says of a sequence. */
  const judged = (packets: readonly Knock[]): 'accept' | 'refused' => {
    const machine = new KnockMachine(knocks)
    for (const packet of packets) machine.meet(packet)
    return machine.isOpen ? 'accept' : 'refused'
  }
  const tell = (name: string, packets: readonly Knock[]) =>
    story.tell(name, [...send(packets), call(judged(packets))])
  const other = otherPort(knocks, open)

  story.tell('the right knock opens the port, to nobody else', [
    call('refused'),
    ...send(knocks),
    call('accept'),
    call('refused', story.stranger),
  ])
  tell(
    'the last knock again, and again, does no harm',
    knocks.flatMap((each) => [each, each, each]),
  )
  for (const [at, left] of knocks.entries()) {
    tell(
      `without ${printKnock(left)}, number ${at + 1}`,
      knocks.filter((_, number) => number !== at),
    )
  }
  tell('the other way round', knocks.toReversed())
  for (let at = 1; at < knocks.length; at++) {
    tell(`another port before knock ${at + 1}`, [...knocks.slice(0, at), other, ...knocks.slice(at)])
  }
  tell('the guarded port itself before the last knock', [...knocks.slice(0, -1), open, ...knocks.slice(-1)])
  tell('begun anew after a mistake', [...knocks.slice(0, -1), other, ...knocks])
  story.tell('two who knock do not disturb each other', [
    ...knocks.flatMap((each, at) => [
      { ...after(paceMs), packet: packetOf(story.client, each, at) },
      { ...after(paceMs), packet: packetOf(story.stranger, other, at) },
    ]),
    call('accept'),
    call('refused', story.stranger),
  ])
  story.tell('too slow', [
    ...send(knocks.slice(0, -1)),
    { after: `${within * 1000 + 200}ms`, packet: packetOf(story.client, knocks.at(-1)!, 77) },
    call('refused'),
  ])
  story.tell('it closes again', [
    ...send(knocks),
    call('accept'),
    call('refused', story.client, stay * 1000 + 200),
  ])
  if (open.protocol === 'tcp') {
    story.tell(
      'a connection that stands outlives the opening',
      [
        ...send(knocks),
        {
          ...after(paceMs),
          flow: `db: connect ${story.device} ${story.client} > ${story.end(story.own, open.port)}`,
          expect: 'established',
        },
        { after: `${stay * 1000 + 200}ms`, flow: 'db: request 100', expect: 'established' },
      ],
      { sockets: [`tcp ${open.port}`] },
    )
  }
  for (const { name, packets } of scansOf(knocks, open)) {
    if (name.startsWith('UDP and') || name.includes('twice')) continue
    const quick = packets.map((packet, at) => ({
      after: at === 0 ? `${paceMs}ms` : '1ms',
      packet: packetOf(story.stranger, packet, at),
    }))
    story.tell(`a scan of ${name} (of the ports that the rules tell apart)`, [
      ...quick,
      call('refused', story.stranger),
    ])
  }
}

/** A port that is no knock and is not guarded. */
function otherPort(knocks: readonly Knock[], open: Service): Service {
  const taken = new Set([...knocks, open].map(({ port }) => port))
  let port = 9
  while (taken.has(port)) port++
  return { protocol: 'tcp', port }
}
