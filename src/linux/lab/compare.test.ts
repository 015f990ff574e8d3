import { describe, expect, test } from 'vitest'
import type { StepResult } from '../../scenario/scenario.ts'
import { ipPacket, receive, timeline } from './_testing/gateway.ts'
import { compareEnds, compareSteps } from './compare.ts'

const [step] = timeline([0, receive('eth0', ipPacket('udp', '198.51.100.7:4000 > 203.0.113.1:53'))])

const base: StepResult = {
  step: 1,
  at: 0,
  verdict: 'reject',
  by: 'filter/INPUT:2',
  hits: ['filter/INPUT:1', 'filter/INPUT:2'],
  policies: ['filter/OUTPUT'],
  // An ICMP error of the host: id 0x1234 and the header checksum that goes with it.
  sent: [
    { if: 'eth0', hex: `0201cb0071fe020000000001080045c0001c1234000040010000cb007101c6336407${'03030000'}` },
  ],
  delivered: false,
  log: ['IN=eth0 OUT= SRC=203.0.113.1 TTL=64 ID=4660 PROTO=ICMP TYPE=3 CODE=3 [SRC=198.51.100.7 ID=77 ]'],
  recent: {
    knock: [
      'src=198.51.100.7 ttl: 64 last_seen: 150 oldest_pkt: 2 0, 150',
      'src=192.0.2.1 ttl: 0 last_seen: 9 oldest_pkt: 1 9',
    ],
  },
}

const differences: readonly (readonly [
  string,
  Partial<StepResult> & { certain?: boolean },
  string | null,
])[] = [
  ['nothing', {}, null],
  ['the order of hits', { hits: ['filter/INPUT:2', 'filter/INPUT:1'] }, null],
  ['a hit more', { hits: ['filter/INPUT:1', 'filter/INPUT:2', 'filter/INPUT:2'] }, 'rules hit, entry 3'],
  ['a verdict', { verdict: 'drop' }, 'verdict: the engine says reject, the kernel drop'],
  ['who decided', { by: 'policy' }, 'decided by: the engine says filter/INPUT:2, the kernel policy'],
  ['who decided, where it is a guess', { by: 'policy', certain: false }, null],
  [
    'the id of a packet of the host',
    {
      sent: [
        {
          if: 'eth0',
          hex: base.sent[0]!.hex.replace('001c12340000', '001cabcd0000').replace('40010000cb', '4001ffffcb'),
        },
      ],
    },
    null,
  ],
  [
    'its TTL',
    { sent: [{ if: 'eth0', hex: base.sent[0]!.hex.replace('0000400100', '00003f0100') }] },
    'frames sent, entry 1',
  ],
  ['the interface', { sent: [{ ...base.sent[0]!, if: 'eth1' }] }, 'frames sent, entry 1'],
  ['a frame missing', { sent: [] }, 'frames sent, entry 1: the engine says eth0 0201'],
  ['the id in a log line', { log: [base.log[0]!.replace('4660', '1')] }, null],
  ['the id of a quoted packet', { log: [base.log[0]!.replace('ID=77', 'ID=78')] }, 'log, entry 1'],
  [
    'the order of a list, and a jiffy or three',
    {
      recent: {
        knock: [
          'src=192.0.2.1 ttl: 0 last_seen: 9 oldest_pkt: 1 9',
          'src=198.51.100.7 ttl: 64 last_seen: 153 oldest_pkt: 2 1, 153',
        ],
      },
    },
    null,
  ],
  [
    'four jiffies',
    { recent: { knock: [base.recent.knock![0]!.replaceAll('150', '154'), base.recent.knock![1]!] } },
    'recency list knock',
  ],
  [
    'the slot to be written next',
    {
      recent: {
        knock: [base.recent.knock![0]!.replace('oldest_pkt: 2', 'oldest_pkt: 1'), base.recent.knock![1]!],
      },
    },
    'recency list knock',
  ],
  ['a list missing', { recent: {} }, 'recency lists, entry 1: the engine says knock, the kernel nothing'],
  ['an error and another one', { error: 'EINVAL' }, 'accepted: the engine says true, the kernel false'],
]

describe('two results of one step', () => {
  test.each(differences)('%s', (_what, changed, expected) => {
    const difference = compareSteps(step!, base, { ...base, ...changed })
    if (expected === null) expect(difference).toBeNull()
    else expect(difference).toContain(expected)
  })

  test('ids that the packet itself carries are compared', () => {
    const withId = (id: string): StepResult => ({ ...base, log: [`IN=eth0 OUT=eth1 ID=${id} PROTO=UDP`] })
    expect(compareSteps(step!, withId('77'), withId('78'))).toContain('log, entry 1')
  })
})

const end = {
  end: true as const,
  save: '*filter\n:INPUT ACCEPT [1:40]\nCOMMIT\n*raw\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n',
  conntrack: [
    'ipv4     2 tcp      6 118 SYN_SENT src=1.1.1.1 dst=2.2.2.2 mark=0 use=2',
    'ipv4     2 udp      17 28 src=1.1.1.1 dst=2.2.2.2 mark=0 use=1',
  ],
}

describe('two ends', () => {
  test('order of tables and connections, two seconds, use counts', () => {
    const other = {
      ...end,
      save: '*raw\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [1:40]\nCOMMIT\n',
      conntrack: [end.conntrack[1]!.replace('use=1', 'use=2'), end.conntrack[0]!.replace('118', '116')],
    }
    expect(compareEnds(end, other)).toBeNull()
  })

  test('what differs is said', () => {
    expect(compareEnds(end, { ...end, save: end.save.replace('1:40', '2:80') })).toContain(
      'counters, entry 2',
    )
    expect(compareEnds(end, { ...end, conntrack: [end.conntrack[0]!] })).toContain('connections, entry 2')
    const late = end.conntrack.map((line) => line.replace('118', '115'))
    expect(compareEnds(end, { ...end, conntrack: late })).toContain('connections, entry 1')
    const expectations = ['290 l3proto = 2 proto=6 src=1.1.1.1 dst=2.2.2.2 sport=0 dport=5 ftp']
    expect(compareEnds(end, { ...end, expectations })).toContain('expectations, entry 1')
    expect(
      compareEnds(
        { ...end, expectations },
        { ...end, expectations: expectations.map((line) => line.replace('290', '289')) },
      ),
    ).toBeNull()
  })
})
