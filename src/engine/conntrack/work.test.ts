/**
 * No packet waits while the table grows or is swept: counted work, since time says little on a busy machine.
 * `scripts/measure-flows.mjs` measures a million flows by the processor's time.
 */
import { expect, test, vi } from 'vitest'
import { parseAddress } from '../../net/address.ts'
import { encodeFrame, encodeIpv4, encodeUdp } from '../../net/encode.ts'
import { etherType } from '../../net/protocol.ts'
import { hostOf, rulesOf } from '../_testing/journey-case.ts'
import { defaultMac, neighbourMac } from '../config.ts'
import { Host } from '../host.ts'
import { Slab } from './slab.ts'

const flows = 20_000
const ends = { source: parseAddress('203.0.113.7')!, destination: parseAddress('192.168.1.9')! }

function frame(flow: number): Uint8Array {
  const udp = encodeUdp({ sourcePort: 1 + (flow % 50_000), destinationPort: 53 }, new Uint8Array(4), ends)
  const link = { destination: defaultMac(0), source: neighbourMac(ends.source), etherType: etherType.ipv4 }
  return encodeFrame(link, encodeIpv4({ ...ends, protocol: 17 }, udp))
}

test('a packet moves few links and looks at few slots, however many flows begin and end', () => {
  const host = new Host(hostOf('eth0 203.0.113.1/24\neth1 192.168.1.1/24'))
  host.load(rulesOf('*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n', 'ipv4'))
  const moved = vi.spyOn(Slab.prototype, 'setLink')
  const released = vi.spyOn(Slab.prototype, 'release')
  const most = { moved: 0, released: 0 }
  const run = (flow: number, nowNs: bigint): void => {
    moved.mockClear()
    released.mockClear()
    host.receive(frame(flow), 'eth0', nowNs)
    most.moved = Math.max(most.moved, moved.mock.calls.length)
    most.released = Math.max(most.released, released.mock.calls.length)
  }
  for (let flow = 0; flow < flows; flow++) run(flow, 0n)
  expect(host.connectionCount).toBe(flows)
  // All of them have ended when as many others come.
  for (let flow = 0; flow < flows; flow++) run(flows + flow, 60_000_000_000n)
  expect(host.connectionCount).toBeLessThan(1.2 * flows)
  // One of 64 segments of the chains at a time: two links a flow, and hashes do not fall evenly.
  expect(most.moved).toBeGreaterThan(100)
  expect(most.moved).toBeLessThan((2 * 2 * flows) / 64)
  expect(most.released).toBeGreaterThan(0)
  expect(most.released).toBeLessThanOrEqual(8)
  vi.restoreAllMocks()
}, 60_000)
