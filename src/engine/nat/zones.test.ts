/** Two networks with the same addresses behind one: zones of the original direction tell them apart, ports their answers. */
import { expect, test } from 'vitest'
import { decodeFrame } from '../../net/decode.ts'
import { describePacket, printPacketLine } from '../../net/notation.ts'
import { Packet } from '../../net/packet.ts'
import { frameOf, hostOf, rulesOf, stepsOf } from '../_testing/journey-case.ts'
import { Host } from '../host.ts'

const rulesIn = (option: string) => `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -i eth1 -j CT ${option} 1
-A PREROUTING -i eth2 -j CT ${option} 2
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
`

const gateway = hostOf(`eth0 203.0.113.1/24
  eth1 10.0.0.1/24
  eth2 10.9.0.1/24`)

function hostWith(option: string) {
  const host = new Host(gateway)
  expect(host.load(rulesOf(rulesIn(option), 'ipv4'))).toEqual([])
  const pass = (text: string): string => {
    const [{ line }] = stepsOf(text) as [ReturnType<typeof stepsOf>[number]]
    const { state, sent } = host.receive(frameOf(line, host.config), line.device!, 0n)
    const packet = new Packet()
    const frames = sent.map(({ if: device, bytes }) => {
      decodeFrame(packet, bytes)
      return printPacketLine(describePacket(packet, device, { brief: true }))
    })
    return `${state}: ${frames.join()}`
  }
  return { host, pass }
}

const syn = 'tcp 10.0.0.2:4000 > 203.0.113.9:80 syn seq=1'

test('the second of two equal connections gets another port, and answers find their own', () => {
  const { host, pass } = hostWith('--zone-orig')
  expect(pass(`eth1 ${syn}`)).toMatch(/^NEW: eth0 tcp 203\.0\.113\.1:4000 > 203\.0\.113\.9:80 syn/)
  const second = /^NEW: eth0 tcp 203\.0\.113\.1:(\d+) > /.exec(pass(`eth2 ${syn}`))![1]!
  expect(second).not.toBe('4000')
  for (const port of ['4000', second]) {
    expect(pass(`eth0 tcp 203.0.113.9:80 > 203.0.113.1:${port} syn-ack seq=5 ack=2`)).toMatch(
      /^ESTABLISHED: eth1 tcp 203\.0\.113\.9:80 > 10\.0\.0\.2:4000 syn-ack/,
    )
  }
  const zones = host.connections(0n).map((line) => /zone\S*/.exec(line)![0])
  expect(zones).toEqual(['zone-orig=1', 'zone-orig=2'])
})

test('in zones of both directions ports do not clash, and answers are nobody’s', () => {
  const { pass } = hostWith('--zone')
  for (const device of ['eth1', 'eth2']) {
    expect(pass(`${device} ${syn}`)).toMatch(/^NEW: eth0 tcp 203\.0\.113\.1:4000 > /)
  }
  expect(pass('eth0 tcp 203.0.113.9:80 > 203.0.113.1:4000 syn-ack seq=5 ack=2')).toBe('INVALID: ')
})
