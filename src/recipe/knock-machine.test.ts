/** The machine is what the rules do; scans and scanners by it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bareHost } from '../engine/config.ts'
import { Host } from '../engine/host.ts'
import { parsePrefix } from '../net/address.ts'
import { encodePacketLine, parsePacketLine } from '../net/notation.ts'
import { frameOfLine } from '../scenario/frame.ts'
import { prepareWords } from './_testing/samples.ts'
import { RecipeRefused } from './index.ts'
import {
  chanceInWords,
  chanceOfPacket,
  chanceOfScanner,
  KnockMachine,
  openingScan,
  opens,
  scansOf,
} from './knock-machine.ts'
import { type Knock, parseKnock, parseService, printKnock } from './parameter.ts'
import { pieceOf } from './piece.ts'

const knocks = (text: string): Knock[] => text.split(' ').map(parseKnock)

describe('the machine', () => {
  it.each([
    ['icmp 7 8000', 'icmp 7 8000', true],
    ['icmp 7 8000', 'icmp icmp 7 7 8000', true],
    ['icmp 7 8000', 'icmp 9 7 8000', false],
    ['icmp 7 8000', 'icmp 7 udp/8000 8000', false],
    ['icmp 7 8000', 'icmp 7 icmp 7 8000', true],
    ['7 8 7 9', '7 8 7 8 7 9', false],
    ['7 8 7 9', '7 8 7 7 9', true],
  ])('%s: %s', (sequence, packets, open) => expect(opens(knocks(sequence), knocks(packets))).toBe(open))
})

/** The rules of a recipe on an engine's host, asked with the packets of the machine. */
function hostOf(line: string): { meet(packet: Knock): void; isOpen(): boolean } {
  const { plan, values } = prepareWords(line, 'ipv4')
  const config = {
    ...bareHost,
    interfaces: [
      {
        name: 'eth0',
        addresses: [parsePrefix('203.0.113.1/24')!],
        mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
        mtu: 1500,
      },
    ],
    routes: [
      { to: parsePrefix('0.0.0.0/0')!, kind: 'unicast' as const, via: null, device: 'eth0', metric: 0 },
    ],
  }
  const host = new Host(config)
  expect(host.load(pieceOf(plan).ruleset)).toEqual([])
  let number = 0
  const send = ({ protocol, port }: Knock): boolean => {
    const from = 1024 + (number++ % 60000)
    const text =
      protocol === 'icmp'
        ? `eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request id=${from}`
        : `eth0 ${protocol} 198.51.100.7:${from} > 203.0.113.1:${port}${protocol === 'tcp' ? ' syn' : ''}`
    const parsed = parsePacketLine(text)
    if (!('line' in parsed)) throw new Error(parsed.error.message)
    encodePacketLine(parsed.line)
    return host.receive(frameOfLine(config, parsed.line), 'eth0', BigInt(number) * 1_000_000n).delivered
  }
  return { meet: (packet) => void send(packet), isOpen: () => send(values.open) }
}

describe('the rules', () => {
  it.each([
    'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000',
    'knock --open udp/99 --knock tcp/7 --knock udp/5 --knock tcp/7 --knock tcp/9 --knock icmp',
  ])('do what the machine does: %s', (line) => {
    const { values } = prepareWords(line, 'ipv4')
    const packet = fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...(values.knock as Knock[])) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Knock>(parseKnock('tcp/21'), parseKnock('udp/7'), parseKnock('icmp')),
      },
    )
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 30 }), (packets) => {
        const host = hostOf(line)
        for (const each of packets) host.meet(each)
        expect(host.isOpen(), packets.map(printKnock).join(' ')).toBe(opens(values.knock, packets))
      }),
      { numRuns: 40 },
    )
  })
})

describe('scans', () => {
  it.each([
    ['tcp/7000 tcp/7001', 'tcp/3306', 'TCP ports upwards'],
    ['tcp/7001 tcp/7000', 'tcp/3306', 'TCP ports downwards'],
    ['icmp tcp/1', 'tcp/3306', 'TCP ports upwards, after a ping'],
    ['tcp/53 udp/53', 'tcp/3306', 'TCP and UDP ports upwards'],
    ['tcp/7000 tcp/7002', 'tcp/3306', null],
    ['tcp/7000 tcp/6000 tcp/7000', 'tcp/22', null],
    ['icmp tcp/7 tcp/8000', 'tcp/3306', null],
  ])('%s: %s', (sequence, open, name) => {
    expect(openingScan(knocks(sequence), parseService(open))?.name ?? null).toBe(name)
  })

  it('that open would open with the ports in between, too', () => {
    const port = fc.oneof(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 65531, max: 65535 }),
      fc.constant(900),
    )
    const knock = fc
      .tuple(fc.constantFrom('tcp', 'udp'), port)
      .map(([protocol, at]) => parseKnock(`${protocol}/${at}`))
    fc.assert(
      fc.property(fc.array(knock, { minLength: 2, maxLength: 3 }), (sequence) => {
        const open = parseService('tcp/3306')
        expect(openingScan(sequence, open)?.name).toBe(openingScan(sequence, open, true)?.name)
      }),
      { numRuns: 1 },
    )
  })

  it('are refused before there are rules', () => {
    const refused = (line: string): string => {
      try {
        prepareWords(`knock ${line}`, 'ipv4')
        return 'taken'
      } catch (error) {
        if (!(error instanceof RecipeRefused)) throw error
        return error.message
      }
    }
    expect(refused('--open 22 --knock 7000 --knock 7001')).toBe(
      'tcp/7000 tcp/7001: a scan of TCP ports upwards opens tcp/22',
    )
    expect(refused('--open 22 --knock 7000')).toBe('--knock is missing: at least 2 of them')
    expect(refused('--open 22 --knock 9 --knock 9')).toContain('twice in a row')
    expect(refused('--open 22 --knock 22 --knock 9')).toContain('is the port that opens')
    expect(refused('--open 22 --knock 9 --knock 7777')).toBe('taken')
  })

  it('of the ports around, up and down, leave the port shut on the engine, and of every port by the machine', () => {
    const line = 'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000'
    const { values } = prepareWords(line, 'ipv4')
    const host = hostOf(line)
    const scans = scansOf(values.knock, values.open, true).filter(({ name }) =>
      /^TCP ports (up|down)wards$/.test(name),
    )
    for (const { packets, name } of scans) {
      expect(packets.length).toBe(65535)
      expect(opens(values.knock, packets)).toBe(false)
      for (const packet of packets)
        if (packet.port < 20 || Math.abs(packet.port - 8000) < 20) host.meet(packet)
      expect(host.isOpen(), name).toBe(false)
    }
    for (const packet of values.knock) host.meet(packet)
    expect(host.isOpen()).toBe(true)
  })
})

describe('a scanner that draws ports at random', () => {
  /** mulberry32: the simulation is the same in every run. */
  const randomOf = (seed: number) => {
    let state = seed
    return () => {
      state = (state + 0x6d2b79f5) | 0
      let word = Math.imul(state ^ (state >>> 15), 1 | state)
      word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
      return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
    }
  }

  it.each([
    ['3 9', 12, 40],
    ['3 9 5', 16, 400],
    ['3 9 3', 16, 400],
    ['3 9 5 7', 10, 1000],
  ])('%s among %d ports, %d packets: as often as the formula says', (sequence, ports, packets) => {
    const random = randomOf(20260101)
    const asked = knocks(sequence)
    const runs = 4_000
    let opened = 0
    for (let run = 0; run < runs; run++) {
      const machine = new KnockMachine(asked)
      for (let at = 0; at < packets && !machine.isOpen; at++) {
        machine.meet({ protocol: 'tcp', port: 1 + Math.floor(random() * ports) })
      }
      if (machine.isOpen) opened++
    }
    const said = chanceOfScanner(asked, packets, ports)
    const deviation = Math.sqrt((said * (1 - said)) / runs)
    // Knocks that may be repeated make it a little more, as the formula's words say: k - 1 in `ports`.
    const more = said * ((asked.length - 1) / ports) * 1.5
    expect(opened / runs).toBeGreaterThan(said - 5 * deviation - said * 0.05)
    expect(opened / runs).toBeLessThan(said + 5 * deviation + more)
  })

  it('is told of in words', () => {
    expect(chanceOfPacket(knocks('icmp 7 8000'))).toBe(1 / 65535 / 65535)
    expect(chanceInWords(knocks('icmp 7 8000'))).toBe(
      'who sends packets to ports drawn at random opens it with each with a chance of 1 in 65535^2 ' +
        '(4,294,836,225), so with a million packets with 0.023 %',
    )
  })
})
