import { describe, expect, test } from 'vitest'
import { runScenario } from '../run-scenario.ts'
import { parseFlowLine } from './line.ts'

describe('lines', () => {
  test.each([
    [
      'connect eth0 198.51.100.7 > 203.0.113.1:22',
      { kind: 'tcp', device: 'eth0', sourcePort: null, destinationPort: 22 },
    ],
    [
      'connect out [2001:db8::1]:50000 > [2001:db8::9]:443 uid=33',
      { device: null, sourcePort: 50000, uid: 33 },
    ],
    ['connect eth0 2001:db8::1 > [2001:db8::9]:443 mark=0x10 ttl=3 tos=8', { mark: 16, ttl: 3, tos: 8 }],
    ['ping eth0 198.51.100.7 > 203.0.113.1', { kind: 'ping', destinationPort: 0 }],
    ['udp eth0 198.51.100.7:53 > 203.0.113.1:53 request 40', { kind: 'udp', sourcePort: 53 }],
  ])('%s', (text, opening) => {
    expect(parseFlowLine(text)).toMatchObject({ line: { name: null, opening } })
  })

  test('names and acts', () => {
    expect(parseFlowLine('web: request "GET /\\r\\n" response 5000 close by server')).toEqual({
      line: {
        name: 'web',
        opening: null,
        acts: [
          { kind: 'request', payload: new TextEncoder().encode('GET /\r\n') },
          { kind: 'response', payload: new Uint8Array(5000) },
          { kind: 'close', by: 'server' },
        ],
      },
    })
    expect(parseFlowLine('p: ping ping')).toMatchObject({
      line: { acts: [{ kind: 'ping' }, { kind: 'ping' }] },
    })
  })

  /** What is underlined, and the message. */
  test.each([
    ['', '', 'this line opens no flow and names none'],
    ['ssh:', 'ssh:', 'this line does nothing'],
    ['conect eth0 1.2.3.4 > 1.2.3.5:22', 'conect', '"conect" is nothing that a flow does'],
    ['connect eth0 1.2.3.4', '', '">" is missing'],
    ['connect eth0 1.2.3.4 > 1.2.3.5', '1.2.3.5', 'the destination needs a port'],
    ['connect eth0 1.2.3.4 > 1.2.3.5:70000', '1.2.3.5:70000', '70000 is no port: 1 to 65535'],
    ['connect eth0 1.2.3.400 > 1.2.3.5:70', '1.2.3.400', '"1.2.3.400" is no address with a port'],
    ['connect eth0 2001:db8::1 > 1.2.3.5:70', '1.2.3.5:70', 'source and destination are of two families'],
    ['connect eth0 1.2.3.4 > 1.2.3.5:22 uid=3', 'uid=3', '"uid" is no key here'],
    ['connect eth0 1.2.3.4 > 1.2.3.5:22 ttl=300', 'ttl=300', '"300" is no number from 0 to 255'],
    [
      'udp eth0 1.2.3.4 > 1.2.3.5:22',
      'udp eth0 1.2.3.4 > 1.2.3.5:22',
      'UDP opens nothing by itself: say what is sent',
    ],
    ['udp eth0 1.2.3.4 > 1.2.3.5:22 close', 'close', 'only a TCP connection can close'],
    ['ping eth0 1.2.3.4:8 > 1.2.3.5', '1.2.3.4:8', 'ping knows no ports'],
    ['a: request', '', 'how many bytes the request has is missing'],
    ['a: request many', 'many', '"many" is no number of bytes up to 10000000'],
    ['a: request "open', '"open', 'the quote is not closed'],
    ['a: close by me', 'me', '"me" is neither client nor server'],
  ])('%s', (text, place, message) => {
    const parsed = parseFlowLine(text)
    if (!('problem' in parsed)) throw new Error('it was read')
    expect(text.slice(parsed.problem.start, parsed.problem.end)).toBe(place)
    expect(parsed.problem.message).toBe(message)
  })
})

const host = `host:
  interfaces:
    eth0: { address: [203.0.113.1/24, "2001:db8:1::1/64"] }
    eth1: { address: [192.168.1.1/24, "2001:db8:2::1/64"] }
  forwarding: true
  routes: [ default via 203.0.113.254, default via 2001:db8:1::fe ]
`

const gateway = `rules: |
  *nat
  :PREROUTING ACCEPT [0:0]
  :INPUT ACCEPT [0:0]
  :OUTPUT ACCEPT [0:0]
  :POSTROUTING ACCEPT [0:0]
  -A PREROUTING -d 203.0.113.1/32 -p tcp -m tcp --dport 7070 -j DNAT --to-destination 192.168.1.10:80
  -A POSTROUTING -o eth0 -j MASQUERADE
  COMMIT
  *filter
  :INPUT DROP [0:0]
  :FORWARD DROP [0:0]
  :OUTPUT ACCEPT [0:0]
  -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  -A FORWARD -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT
  -A FORWARD -i eth1 -j ACCEPT
  -A INPUT -p tcp -m tcp --dport 25 -j REJECT --reject-with tcp-reset
  -A INPUT -p udp -j REJECT
  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
  COMMIT
`

/** Runs flow lines behind the gateway: for each what became of it, and its packets by name. */
async function play(lines: readonly string[], rules = gateway) {
  const steps = lines.map((line) => `  - { flow: ${JSON.stringify(line)} }\n`).join('')
  const { cases, diagnostics } = await runScenario(`${host}${rules}steps:\n${steps}`)
  expect(diagnostics).toEqual([])
  return {
    told: cases[0]!.steps.map(({ result }) => {
      const { outcome, at } = result.flow!
      return `${outcome}${at === null ? '' : ` at ${at}`}: ${result.packets!.map(({ name }) => name).join(' ')}`
    }),
    steps: cases[0]!.steps,
    end: cases[0]!.end,
  }
}

const notation = (steps: Awaited<ReturnType<typeof play>>['steps'], at = 0): string[] =>
  steps[at]!.result.packets!.map(({ packet }) => packet.replace(/ (id|mss)=\d+| df/g, ''))

describe('through a gateway', () => {
  test('the far end answers what it saw', async () => {
    const { steps, told, end } = await play(['connect eth0 198.51.100.7 > 203.0.113.1:7070'])
    expect(told).toEqual(['established: syn syn-ack ack'])
    expect(notation(steps)).toEqual([
      'eth0 tcp 198.51.100.7:40000 > 203.0.113.1:7070 syn seq=16777216',
      'eth1 tcp 192.168.1.10:80 > 198.51.100.7:40000 syn-ack seq=2164260864 ack=16777217',
      'eth0 tcp 198.51.100.7:40000 > 203.0.113.1:7070 ack seq=16777217 ack=2164260865',
    ])
    expect(steps[0]!.result).toMatchObject({
      verdict: 'accept',
      by: 'filter/FORWARD:1',
      state: 'ESTABLISHED',
    })
    expect(end.conntrack[0]).toContain('ESTABLISHED src=198.51.100.7 dst=203.0.113.1 sport=40000 dport=7070')
    expect(end.conntrack[0]).toContain('[ASSURED]')
  })

  test('sizes become segments and acknowledgements with the right numbers', async () => {
    const { steps, told } = await play([
      'w: connect eth1 192.168.1.20 > 192.0.2.80:80',
      'w: request 100 response 4000',
      'w: request 10',
    ])
    expect(told.slice(1)).toEqual([
      'established: request ack response response ack response ack',
      'established: request ack',
    ])
    expect(notation(steps, 1)).toEqual([
      'eth1 tcp 192.168.1.20:40000 > 192.0.2.80:80 psh-ack seq=16777217 ack=2164260865 len=140',
      'eth0 tcp 192.0.2.80:80 > 203.0.113.1:40000 ack seq=2164260865 ack=16777317',
      'eth0 tcp 192.0.2.80:80 > 203.0.113.1:40000 ack seq=2164260865 ack=16777317 len=1500',
      'eth0 tcp 192.0.2.80:80 > 203.0.113.1:40000 ack seq=2164262325 ack=16777317 len=1500',
      'eth1 tcp 192.168.1.20:40000 > 192.0.2.80:80 ack seq=16777317 ack=2164263785',
      'eth0 tcp 192.0.2.80:80 > 203.0.113.1:40000 psh-ack seq=2164263785 ack=16777317 len=1120',
      'eth1 tcp 192.168.1.20:40000 > 192.0.2.80:80 ack seq=16777317 ack=2164264865',
    ])
  })

  test('both ways to the end of a connection', async () => {
    const { told, end } = await play([
      'connect eth1 192.168.1.20:1001 > 192.0.2.80:80 close',
      'connect eth1 192.168.1.20:1002 > 192.0.2.80:80 close by server',
      'connect eth1 192.168.1.20:1003 > 192.0.2.80:80 reset',
      'connect eth1 192.168.1.20:1004 > 192.0.2.80:80 reset by server',
    ])
    expect(told).toEqual([
      'closed: syn syn-ack ack fin ack fin ack',
      'closed: syn syn-ack ack fin ack fin ack',
      'reset: syn syn-ack ack rst',
      'reset: syn syn-ack ack rst',
    ])
    const states = end.conntrack.map((line) =>
      /tcp +6 \d+ (\S+) .*sport=(\d{4}) dport=80 src/.exec(line)!.slice(1),
    )
    expect(states).toEqual([
      ['TIME_WAIT', '1001'],
      ['TIME_WAIT', '1002'],
      ['CLOSE', '1003'],
      ['CLOSE', '1004'],
    ])
  })

  test('UDP and ping, translated', async () => {
    const { told, steps } = await play([
      'dns: udp eth1 192.168.1.20 > 192.0.2.53:53 request 40 response 120',
      'dns: request 40',
      'p: ping eth1 192.168.1.20 > 192.0.2.53',
      'p: ping ping',
    ])
    expect(told).toEqual([
      'answered: request response',
      'delivered: request',
      'answered: echo-request echo-reply',
      'answered: echo-request echo-reply echo-request echo-reply',
    ])
    expect(notation(steps)).toEqual([
      'eth1 udp 192.168.1.20:40000 > 192.0.2.53:53 len=68',
      'eth0 udp 192.0.2.53:53 > 203.0.113.1:40000 len=148',
    ])
    expect(steps[3]!.result.packets![3]!.packet).toMatch(
      /^eth0 icmp 192.0.2.53 > 203.0.113.1 echo-reply .*seq=3/,
    )
  })

  test('where it ends, and who ended it', async () => {
    const { told, steps } = await play([
      'a: connect eth0 198.51.100.7 > 203.0.113.1:23',
      'a: request 5',
      'connect eth0 198.51.100.7 > 203.0.113.1:25',
      'udp eth0 198.51.100.7 > 203.0.113.1:53 request 5',
      'connect eth0 198.51.100.7 > 203.0.113.1:22',
      'connect out 203.0.113.1 > 192.0.2.1:443',
    ])
    expect(told).toEqual([
      'dropped at syn: syn',
      'dropped at syn: ',
      'refused at syn: syn',
      'refused at request: request',
      'unanswered at syn-ack: syn',
      'dropped at syn-ack: syn syn-ack',
    ])
    expect(steps.map(({ result: { verdict, by } }) => `${verdict} ${by}`)).toEqual([
      'drop policy',
      'drop null',
      'reject filter/INPUT:1',
      'reject filter/INPUT:2',
      'accept filter/INPUT:3',
      'drop policy',
    ])
    expect(steps[4]!.result.why).toContain('no "sockets:"')
  })

  test('a server behind the same interface answers past the host, unless it is told another source', async () => {
    const open = gateway.replace(':FORWARD DROP', ':FORWARD ACCEPT')
    const line = ['connect eth1 192.168.1.20 > 203.0.113.1:7070']
    const straight = await play(line, open)
    expect(straight.told).toEqual(['unanswered at syn-ack: syn'])
    expect(straight.steps[0]!.result.why).toBe(
      '192.168.1.10 answers 192.168.1.20 on their own link, past the host',
    )
    const hairpin = open.replace(
      '-A POSTROUTING',
      '-A POSTROUTING -d 192.168.1.10/32 -j MASQUERADE\n  -A POSTROUTING',
    )
    expect((await play(line, hairpin)).told).toEqual(['established: syn syn-ack ack'])
  })

  test('IPv6 alike', async () => {
    const { told, steps } = await play(
      [
        'connect eth1 2001:db8:2::20 > [2001:db8:9::80]:80 request 10 response 3000',
        'ping eth1 2001:db8:2::20 > 2001:db8:9::80',
      ],
      '',
    )
    expect(told).toEqual([
      'established: syn syn-ack ack request ack response response ack response ack',
      'answered: echo-request echo-reply',
    ])
    expect(steps[0]!.result.packets![5]!.packet).toContain('len=1500')
  })
})

describe('the record', () => {
  test('expectations meet words and objects', async () => {
    const text = `${host}${gateway}steps:
  - { flow: "connect eth0 198.51.100.7 > 203.0.113.1:7070", expect: established }
  - { flow: "connect eth0 198.51.100.7 > 203.0.113.1:23", expect: dropped at syn }
  - { flow: "connect eth0 198.51.100.7 > 203.0.113.1:25", expect: { flow: refused, verdict: reject, by: "INPUT:1" } }
  - { flow: "connect eth0 198.51.100.7 > 203.0.113.1:7070", expect: { flow: closed, state: NEW } }
  - { packet: "eth0 icmp 198.51.100.7 > 203.0.113.1", expect: established }
`
    const { cases } = await runScenario(text)
    expect(cases[0]!.steps.map(({ mismatches }) => mismatches)).toEqual([
      [],
      [],
      [],
      [
        { field: 'state', expected: 'NEW', actual: 'ESTABLISHED' },
        { field: 'flow', expected: 'closed', actual: expect.stringMatching(/^established: /) },
      ],
      [{ field: 'flow', expected: 'established', actual: 'no flow' }],
    ])
  })

  test.each([
    ['ssh: close', 'no flow "ssh" was opened above'],
    ['connect eth9 198.51.100.7 > 203.0.113.1:22', 'the host has no interface "eth9"'],
    ['connect out 203.0.113.1 > 192.168.1.1:22', 'a flow of the host with itself cannot be played'],
    ['udp eth0 198.51.100.7 > 203.0.113.1:22 request 1473', 'this does not fit into one packet'],
    ['connect eth0 198.51.100.7 > 203.0.113.1:22 cloze', '"cloze" is nothing that a flow does'],
  ])('%s', async (line, message) => {
    const { diagnostics } = await runScenario(`${host}steps: [ { flow: ${JSON.stringify(line)} } ]`)
    expect(diagnostics.map((each) => each.message)).toEqual([expect.stringContaining(message)])
  })

  test('each repetition of an unnamed flow is a connection of its own', async () => {
    const line = 'connect eth1 192.168.1.20 > 192.0.2.80:80'
    const { cases } = await runScenario(
      `${host}${gateway}steps: [ { flow: "${line}", repeat: 3, expect: established } ]`,
    )
    expect(cases[0]!.failed).toBe(false)
    expect(cases[0]!.end.conntrack).toHaveLength(3)
  })
})
