/**
 * Random packets through rules with random sets, here and in the kernel: the same rules match, and the sets hold the same
 * afterwards, counters and the order of listings included.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rulesOf } from '../../src/engine/_testing/journey-case.ts'
import { bareHost, type HostConfig } from '../../src/engine/config.ts'
import { Host } from '../../src/engine/host.ts'
import { kernelHostIsOutOfReach, onKernelHost } from '../../src/ext/_testing/kernel-host.ts'
import { runIpset } from '../../src/lang/ipset/program.ts'
import type { Family } from '../../src/net/address.ts'
import { parsePacketLine } from '../../src/net/notation.ts'
import { frameOfLine } from '../../src/scenario/frame.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'

interface World {
  readonly family: Family
  readonly sets: string
  readonly rules: readonly string[]
  readonly packets: readonly string[]
}

const pick = (...words: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const join = (glue: string, ...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.filter((text) => text !== '').join(glue))

const addressOf = (family: Family): fc.Arbitrary<string> =>
  fc.nat(7).map((last) => (family === 'ipv4' ? `10.0.0.${last + 1}` : `2001:db8::${last + 1}`))
const networkOf = (family: Family): fc.Arbitrary<string> =>
  fc.oneof(
    addressOf(family),
    join(
      '/',
      addressOf(family),
      family === 'ipv4' ? pick('28', '30', '31', '8') : pick('124', '126', '127', '32'),
    ),
  )
const ports = (family: Family): fc.Arbitrary<string> =>
  fc.oneof(
    join(':', pick('tcp', 'udp', 'tcp', 'udp', 'sctp'), pick('53', '80', '81')),
    family === 'ipv4' ? pick('icmp:echo-request', 'gre:0') : pick('icmpv6:echo-request', 'gre:0'),
  )

/** Of each type: options of its own, and an element. */
const kinds = (family: Family): Readonly<Record<string, readonly [string, fc.Arbitrary<string>]>> => {
  const [address, network, port] = [addressOf(family), networkOf(family), ports(family)]
  const own = family === 'ipv4' ? 'initval 7' : 'family inet6 initval 7'
  const both: Readonly<Record<string, readonly [string, fc.Arbitrary<string>]>> = {
    'hash:ip': [own, address],
    'hash:ip,port': [own, join(',', address, port)],
    'hash:ip,port,ip': [own, join(',', address, port, address)],
    'hash:ip,port,net': [own, join(',', address, port, network)],
    'hash:net': [own, network],
    'hash:net,port': [own, join(',', network, port)],
    'hash:net,iface': [own, join(',', network, pick('eth0', 'eth1', 'eth0', 'eth wildcard'))],
    'bitmap:port': ['range 50-90', pick('53', '80', '81')],
  }
  if (family === 'ipv6') return both
  return {
    ...both,
    'bitmap:ip': ['range 10.0.0.0/28', address],
    'bitmap:ip,mac': [
      'range 10.0.0.0/28',
      fc.oneof(address, join(',', address, pick('02:00:00:00:00:11', '02:00:00:00:00:12'))),
    ],
  }
}

const names = ['a', 'b', 'c', 'd'] as const

const setOf = (name: string, family: Family): fc.Arbitrary<string> =>
  fc.constantFrom(...Object.entries(kinds(family))).chain(([type, [own, element]]) =>
    fc
      .tuple(
        fc.subarray(['timeout 1000', 'counters', 'skbinfo']),
        fc.array(fc.tuple(element, fc.nat(3)), { maxLength: 8 }),
        fc.boolean(),
      )
      .map(([options, elements, isSmall]) => {
        const size = type.startsWith('hash') && isSmall ? 'maxelem 9 hashsize 64' : ''
        const marks = options.includes('skbinfo') ? 'skbmark 0x5/0xff' : ''
        const lines = elements.map(([text, turn]) => {
          const word = turn === 0 && type.includes('net') ? 'nomatch' : ''
          return `add -exist ${name} ${text} ${word} ${marks}`
        })
        return [`create ${name} ${type} ${own} ${size} ${options.join(' ')}`, ...lines].join('\n')
      }),
  )

const sides = fc.array(pick('src', 'dst'), { minLength: 1, maxLength: 3 }).map((each) => each.join(','))
const someSet = pick(...names, 'l')

const rule = fc.oneof(
  {
    arbitrary: join(
      ' ',
      pick('-m set', '-m set', '-m set', '-m set !'),
      someSet.map((name) => `--match-set ${name}`),
      sides,
      pick('', '', '--return-nomatch', '! --update-counters', '! --update-subcounters'),
      pick('', '', '', '--packets-gt 2', '! --packets-eq 1', '--packets-lt 3', '--bytes-gt 100'),
    ),
    weight: 3,
  },
  {
    arbitrary: join(
      ' ',
      someSet.map((name) => `-j SET --add-set ${name}`),
      sides,
      pick('', '--exist', '--timeout 500', '--exist --timeout 700'),
    ),
    weight: 1,
  },
  {
    arbitrary: join(
      ' ',
      someSet.map((name) => `-j SET --del-set ${name}`),
      sides,
    ),
    weight: 1,
  },
)

const packetOf = (family: Family): fc.Arbitrary<string> => {
  const [from, to] = [addressOf(family), addressOf(family)]
  const port = pick('53', '80', '81', '1000')
  const at = (address: string, number: string): string =>
    family === 'ipv4' ? `${address}:${number}` : `[${address}]:${number}`
  const tail = pick('mac=02:00:00:00:00:11', 'mac=02:00:00:00:00:12')
  return fc.oneof(
    fc
      .tuple(pick('tcp', 'udp', 'tcp', 'udp', 'sctp'), from, port, to, port, tail)
      .map(
        ([kind, a, p, b, q, mac]) =>
          `eth0 ${kind} ${at(a, p)} > ${at(b, q)} ${kind === 'tcp' ? 'syn ' : ''}${mac}`,
      ),
    fc
      .tuple(from, to, tail)
      .map(([a, b, mac]) => `eth0 ${family === 'ipv4' ? 'icmp' : 'icmpv6'} ${a} > ${b} echo-request ${mac}`),
  )
}

const worldOf = (family: Family): fc.Arbitrary<World> =>
  fc
    .tuple(
      fc.tuple(...names.map((name) => setOf(name, family))),
      fc.subarray([...names], { minLength: 1 }),
      pick('', 'counters'),
      fc.array(rule, { minLength: 14, maxLength: 14 }),
      fc.array(packetOf(family), { minLength: 12, maxLength: 12 }),
    )
    .map(([sets, members, option, rules, packets]) => ({
      family,
      sets: `${[...sets, `create l list:set ${option}`, ...members.map((name) => `add l ${name}`)].join('\n')}\n`,
      rules,
      packets,
    }))

const config: HostConfig = {
  ...bareHost,
  interfaces: [{ name: 'eth0', addresses: [], mac: Uint8Array.of(2, 0, 0, 0, 0, 1), mtu: 1500 }],
}

const withoutTimes = (text: string): string => text.replace(/timeout [1-9]\d*/g, 'timeout N')

async function compare({ family, sets, rules, packets }: World): Promise<void> {
  const text = [
    '*raw',
    ...rules.map((each) => `-A PREROUTING ${each}`),
    '-A PREROUTING -j DROP',
    'COMMIT\n',
  ].join('\n')
  const frames = packets.map((line) => {
    const parsed = parsePacketLine(line)
    if ('error' in parsed) throw new Error(`${line}: ${parsed.error.message}`)
    return frameOfLine(config, parsed.line)
  })
  const host = new Host({ ...config, sets })
  expect(host.load(rulesOf(text, family)), text).toEqual([])
  const counters = (): number[] =>
    host
      .ruleset(family)
      .tables.get('raw')!
      .chains.get('PREROUTING')!
      .rules.map(({ counters: { packets } }) => Number(packets))
  const mine = frames.map((frame) => {
    host.receive(frame, 'eth0', 0n)
    return counters()
  })
  await onKernelHost(family, (kernel) => {
    kernel.run('ipset', ['restore'], sets)
    kernel.load(text)
    for (const [at, frame] of frames.entries()) {
      kernel.arrive(frame)
      const theirs = kernel.counters('raw', 'PREROUTING')
      const shown = (counts: readonly number[]): readonly string[] =>
        counts.map((count, index) => `${count} ${rules[index] ?? 'DROP'}`)
      expect({ packets: packets.slice(0, at + 1), rules: shown(mine[at]!) }, `seed ${seed}\n${sets}`).toEqual(
        {
          packets: packets.slice(0, at + 1),
          rules: shown(theirs),
        },
      )
    }
    const ours = runIpset(['list'], '', host.setsAt(0n)).stdout
    expect(withoutTimes(ours), `seed ${seed}\n${sets}${text}${packets.join('\n')}`).toBe(
      withoutTimes(kernel.run('ipset', ['list'])),
    )
  })
}

const reason = kernelHostIsOutOfReach
const count = runs(8)

describe.skipIf(reason !== null)(`sets and packets${reason ? ` (${reason})` : ''}`, () => {
  it.each(['ipv4', 'ipv6'] as const)(`agree with the kernel in ${count} worlds of %s`, async (family) => {
    for (const world of fc.sample(worldOf(family), { seed, numRuns: count })) await compare(world)
  }, 120_000)
})
