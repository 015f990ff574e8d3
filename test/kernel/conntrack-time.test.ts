/** Connections through a real router and the engine's tracker while time passes: streams, expiry, renewal. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Ends,
  encodeIcmp,
  encodeIcmp6,
  encodeIpv4,
  encodeIpv6,
  encodeTcp,
  encodeUdp,
} from '../../src/net/encode.ts'
import { ipProtocol } from '../../src/net/protocol.ts'
import { seed } from '../seed.ts'
import { routerUnavailable } from './router.ts'
import { endsFrom, type Side, Twin } from './twin.ts'

const unavailable = routerUnavailable()

/**
 * Packets go on a grid of 150 ms and times are whole seconds, so that no packet meets the end of a time by chance: it is
 * 50 ms away at least.
 */
const gridMs = 150
const durationMs = 5400
/** A packet that was sent later than this is judged by both at different times perhaps, and its flow left out. */
const greatestDelayMs = 20

const timeouts = {
  udp_timeout: 1,
  udp_timeout_stream: 2,
  icmp_timeout: 1,
  icmpv6_timeout: 1,
  tcp_timeout_syn_sent: 1,
  tcp_timeout_syn_recv: 2,
  tcp_timeout_established: 2,
  tcp_timeout_unacknowledged: 1,
  tcp_timeout_close: 1,
}

const kinds = {
  udp: {
    protocol: { ipv4: ipProtocol.udp, ipv6: ipProtocol.udp },
    make: (side: Side, ends: Ends) =>
      encodeUdp(
        side === 'client'
          ? { sourcePort: 4000, destinationPort: 53 }
          : { sourcePort: 53, destinationPort: 4000 },
        new Uint8Array(4),
        ends,
      ),
  },
  echo: {
    protocol: { ipv4: ipProtocol.icmp, ipv6: ipProtocol.icmp6 },
    make: (side: Side, ends: Ends) => {
      const isAnswer = side === 'server'
      const rest = 0x70001
      return ends.source.family === 'ipv4'
        ? encodeIcmp({ type: isAnswer ? 0 : 8, code: 0, rest }, new Uint8Array(4))
        : encodeIcmp6({ type: isAnswer ? 129 : 128, code: 0, rest }, new Uint8Array(4), ends)
    },
  },
  /** SYNs of the client, SYN-ACKs of the server. */
  tcp: {
    protocol: { ipv4: ipProtocol.tcp, ipv6: ipProtocol.tcp },
    make: (side: Side, ends: Ends) =>
      encodeTcp(
        side === 'client'
          ? { sourcePort: 4000, destinationPort: 80, sequence: 100, flags: 2 }
          : { sourcePort: 80, destinationPort: 4000, sequence: 500, acknowledgement: 101, flags: 0x12 },
        new Uint8Array(0),
        ends,
      ),
  },
}

const flow = fc.record({
  kind: fc.constantFrom('udp' as const, 'udp' as const, 'echo' as const, 'tcp' as const),
  family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
  packets: fc.uniqueArray(
    fc.record({
      slot: fc.integer({ min: 0, max: durationMs / gridMs - 1 }),
      side: fc.constantFrom<Side>('client', 'client', 'server'),
    }),
    { selector: ({ slot }) => slot, minLength: 2, maxLength: 14 },
  ),
})

describe.skipIf(unavailable !== null)(`time passes in the kernel (${unavailable ?? 'here'})`, () => {
  let twin: Twin
  beforeAll(() => {
    twin = new Twin()
    twin.configure(timeouts)
  })
  afterAll(() => twin.close())

  // A busy machine sends too many packets late: then it is tried again.
  test('the same states at the same times', { retry: 3 }, async () => {
    const flows = fc.sample(flow, { numRuns: 120, seed }).map((each) => ({
      ...each,
      client: twin.nextClient(),
      log: [] as string[],
      isLate: false,
    }))
    const agenda = flows
      .flatMap((each) => each.packets.map((packet) => ({ ...packet, flow: each })))
      .sort((a, b) => a.slot - b.slot)
    const beginMs = performance.now()
    for (const { slot, side, flow: each } of agenda) {
      const dueMs = beginMs + slot * gridMs
      while (performance.now() < dueMs) await new Promise((resolve) => setTimeout(resolve, 1))
      const { kind, family, client } = each
      const ends = endsFrom(family, side, client)
      const payload = kinds[kind].make(side, ends)
      const protocol = kinds[kind].protocol[family]
      const packet =
        family === 'ipv4'
          ? encodeIpv4({ ...ends, protocol }, payload)
          : encodeIpv6({ ...ends, nextHeader: protocol }, payload)
      const kernel = twin.kernel(side, packet)
      const engine = twin.engine(side, packet)
      if (performance.now() - dueMs > greatestDelayMs) each.isLate = true
      each.log.push(
        `${(slot * gridMs) / 1000}s ${side} ${kernel}${kernel === engine ? '' : ` but engine: ${engine}`}`,
      )
    }
    const punctual = flows.filter(({ isLate }) => !isLate)
    expect(punctual.length, 'flows that were sent in time').toBeGreaterThan(10)
    const different = punctual.filter(({ log }) => log.some((line) => line.includes('but engine')))
    expect(different.map(({ kind, log }) => [kind, ...log].join('\n')).join('\n\n'), `seed ${seed}`).toBe('')
  })
})
