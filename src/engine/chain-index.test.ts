/** Rules that are looked up must leave the same behind as rules that are asked one by one, as a trace wants it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addressOf,
  type Family,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '../net/address.ts'
import { encodeFrame, encodeIpv4, encodeIpv6, encodeIpv6Fragment } from '../net/encode.ts'
import { Packet } from '../net/packet.ts'
import { hostOf, rulesOf } from './_testing/journey-case.ts'
import { AddressIndex } from './address-index.ts'
import { defaultMac } from './config.ts'
import { Host } from './host.ts'
import { printRuleRef } from './outcome.ts'

const config = hostOf(
  `eth0 203.0.113.1/24 2001:db8:1::1/64
   eth1 192.168.1.1/24 2001:db8:2::1/64`,
  ['default via 203.0.113.254', 'default via 2001:db8:1::fe'],
  { forwarding: { ipv4: true, ipv6: true } },
)

const addresses: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['10.1.2.3', '10.1.2.4', '10.1.9.9', '10.200.0.1', '198.51.100.7', '203.0.113.1', '192.168.1.9'],
  ipv6: [
    '2001:db8:9::3',
    '2001:db8:9::4',
    '2001:db8:9:1::9',
    '2001:db9::1',
    '2001:db8:1::1',
    '2001:db8:2::9',
  ],
}
const prefixes: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    '0.0.0.0/1',
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.2.0/24',
    '10.1.2.3',
    '10.0.2.0/255.0.255.0',
    '203.0.113.0/24',
  ],
  ipv6: [
    '2000::/3',
    '2001:db8::/32',
    '2001:db8:9::/48',
    '2001:db8:9::/64',
    '2001:db9::/64',
    '2001:db8:9::3',
    '2001:db8:0:0:0::/ffff:0:0:ffff::',
  ],
}
const ports = [22, 53, 80, 443, 65535]
const protocols = ['tcp', 'udp', 'udplite', 'sctp', 'dccp']

const maybe = <T>(arbitrary: fc.Arbitrary<T>, chance: number): fc.Arbitrary<T | ''> =>
  fc.oneof({ weight: chance, arbitrary }, { weight: 10 - chance, arbitrary: fc.constant('' as const) })
const inverted = fc.constantFrom('', '', '', '! ')
const port = fc.constantFrom(...ports)

const portTest = fc.oneof(
  fc.tuple(inverted, port).map(([not, one]) => `${not}--dport ${one}`),
  fc.tuple(inverted, port).map(([not, one]) => `${not}--sport ${one}`),
  fc.constantFrom('--dport 20:25', '--dport 1:1000', '--sport 4000 --dport 80'),
)
const multiport = fc.constantFrom('--dports 22,80,443', '--ports 53', '! --dports 22', '--sports 1:1024,4000')
const transport = fc
  .tuple(fc.constantFrom(...protocols), inverted)
  .chain(([protocol, not]) =>
    fc.oneof(
      fc.constant(not === '' ? `-p ${protocol}` : `! -p ${protocol}`),
      portTest.map((test) => `-p ${protocol} -m ${protocol === 'udplite' ? 'udp' : protocol} ${test}`),
      fc
        .tuple(multiport, portTest)
        .map(([many]) => `-p ${protocol} -m comment --comment x -m multiport ${many}`),
      portTest.map((test) => `-p tcp -m statistic --mode nth --every 3 --packet 0 -m tcp ${test}`),
      fc.constant('-p tcp -m tcp --tcp-option 8 --dport 22'),
    ),
  )
  .filter((text) => !text.includes('udplite -m udp'))

const others = fc.constantFrom(
  '-m recent --name a --set',
  '-m recent --name a --rcheck --hitcount 3',
  '-m limit --limit 1/min --limit-burst 4',
  '-m mark --mark 7',
  '-m length --length 40:60',
)

const target = (own: number): fc.Arbitrary<string> => {
  const later = Array.from({ length: chainNames.length - own }, (_, at) => chainNames[own + at]!)
  const calls = later.flatMap((name) => [`-j ${name}`, `-g ${name}`])
  return fc.constantFrom(
    '',
    '',
    '',
    '-j ACCEPT',
    '-j DROP',
    '-j RETURN',
    '-j MARK --set-mark 7',
    ...calls,
    ...calls,
  )
}
const chainNames = ['u1', 'u2', 'u3']

function ruleOf(family: Family, own: number): fc.Arbitrary<string> {
  const prefix = fc.tuple(inverted, fc.constantFrom(...prefixes[family]))
  return fc
    .tuple(
      maybe(
        prefix.map(([not, text]) => `${not}-s ${text}`),
        5,
      ),
      maybe(
        prefix.map(([not, text]) => `${not}-d ${text}`),
        3,
      ),
      maybe(fc.constantFrom('-i eth0', '-i eth1', '-i eth+', '! -i eth1'), 2),
      maybe(transport, 6),
      maybe(fc.constantFrom('-f', '! -f'), family === 'ipv4' ? 1 : 0),
      maybe(others, 2),
      target(own),
    )
    .map((parts) => parts.filter((part) => part !== '').join(' '))
}

const rulesetOf = (family: Family): fc.Arbitrary<string> => {
  const chain = (name: string, own: number) =>
    fc
      .array(ruleOf(family, own), { minLength: 10, maxLength: 40 })
      .map((rules) => rules.map((rule) => `-A ${name} ${rule}`).join('\n'))
  const translation = fc.constantFrom(
    '',
    '',
    family === 'ipv6' ? '-A PREROUTING -j DNPT --src-pfx 2001:db8:9::/64 --dst-pfx 2001:db9::/64' : '',
  )
  return fc
    .tuple(chain('PREROUTING', 0), ...chainNames.map((name, at) => chain(name, at + 1)), translation)
    .map(([base, ...rest]) => {
      const user = rest.slice(0, -1)
      const declared = chainNames.map((name) => `:${name} -`).join('\n')
      return `*mangle\n:PREROUTING ACCEPT\n${declared}\n${rest.at(-1)}\n${base}\n${user.join('\n')}\nCOMMIT`
    })
}

/** Most have a whole transport header; some are cut short or are later fragments. */
const packetOf = (family: Family) =>
  fc
    .record({
      source: fc.constantFrom(...addresses[family]),
      destination: fc.constantFrom(...addresses[family]),
      protocol: fc.constantFrom(6, 6, 17, 17, 132, 33, 136, 1, 58, 47),
      from: fc.constantFrom(...ports, 4000),
      to: port,
      length: fc.constantFrom(20, 20, 24, 12, 8, 3, 0),
      fragmentOffset: fc.constantFrom(0, 0, 0, 0, 0, 1, 100),
      device: fc.constantFrom('eth0', 'eth1'),
    })
    .map(({ source, destination, protocol, from, to, length, fragmentOffset, device }) => {
      const ends = { source: parseAddress(source)!, destination: parseAddress(destination)! }
      const payload = new Uint8Array(24)
      payload.set([from >>> 8, from & 255, to >>> 8, to & 255, 0, 24, 0, 0, 0, 0, 0, 0, 0x50, 2])
      const bytes = payload.subarray(0, length)
      const ip =
        family === 'ipv4'
          ? encodeIpv4({ ...ends, protocol, fragmentOffset }, bytes)
          : fragmentOffset === 0
            ? encodeIpv6({ ...ends, nextHeader: protocol }, bytes)
            : encodeIpv6(
                { ...ends, nextHeader: 44 },
                encodeIpv6Fragment(
                  { nextHeader: protocol, id: 1, fragmentOffset, moreFragments: false },
                  bytes,
                ),
              )
      const place = device === 'eth0' ? 0 : 1
      const etherType = family === 'ipv4' ? 0x0800 : 0x86dd
      return {
        device,
        frame: encodeFrame(
          { destination: defaultMac(place), source: Uint8Array.of(2, 0, 0, 0, 9, 9), etherType },
          ip,
        ),
      }
    })

describe('rules that are looked up', () => {
  it.each([
    'ipv4',
    'ipv6',
  ] as const)('leave the same behind as rules that are asked one by one: %s', (family) => {
    let lookedUp = 0
    fc.assert(
      fc.property(
        rulesetOf(family),
        fc.array(packetOf(family), { minLength: 10, maxLength: 40 }),
        (text, packets) => {
          const [quick, plain] = [new Host(config), new Host(config)]
          for (const host of [quick, plain]) expect(host.load(rulesOf(text, family))).toEqual([])
          packets.forEach(({ frame, device }, at) => {
            const nowNs = BigInt(at) * 1_000_000n
            const answers = [
              quick.receive(frame, device, nowNs),
              plain.receive(frame, device, nowNs, { trace: () => {} }),
            ].map(({ hits, ...rest }) => ({ ...rest, hits: hits.map(printRuleRef) }))
            expect(answers[0]).toEqual(answers[1])
            lookedUp++
          })
          expect(quick.save(family, { counters: true })).toBe(plain.save(family, { counters: true }))
          expect(quick.recent.read('a')).toEqual(plain.recent.read('a'))
        },
      ),
      { numRuns: 60 },
    )
    expect(lookedUp).toBeGreaterThan(1000)
  })
})

describe('AddressIndex', () => {
  const word = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0xffffffff, 0x0a000000, 0x0a010203))
  const prefix = (family: Family) =>
    fc
      .tuple(fc.array(word, { minLength: 4, maxLength: 4 }), fc.nat(family === 'ipv4' ? 32 : 128))
      .map(([words, length]): Prefix => {
        const address = addressOf(family, words.slice(0, family === 'ipv4' ? 1 : 4))
        const { mask } = parsePrefix(family === 'ipv4' ? `0.0.0.0/${length}` : `::/${length}`)!
        return { address, mask }
      })

  it.each(['ipv4', 'ipv6'] as const)('finds the prefixes that an address lies in: %s', (family) => {
    fc.assert(
      fc.property(
        fc.array(prefix(family), { minLength: 1, maxLength: 60 }),
        fc.array(fc.array(word, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 20 }),
        (list, strangers) => {
          const index = new AddressIndex(
            list.map(({ address, mask }, rule) => ({
              rule,
              test: {
                words: address.words.map((one, at) => (one & mask.words[at]!) >>> 0),
                masks: mask.words,
                inverted: false,
              },
            })),
          )
          const asked = [
            ...list.map(({ address }) => address),
            ...strangers.map((words) => addressOf(family, words)),
          ]
          for (const { words } of asked) {
            const address = addressOf(family, words.slice(0, family === 'ipv4' ? 1 : 4))
            const packet = new Packet()
            packet.bytes = Uint8Array.from(
              address.words.flatMap((one) => [one >>> 24, (one >>> 16) & 255, (one >>> 8) & 255, one & 255]),
            )
            const found: number[] = []
            index.collect(packet, 0, { add: (rules) => found.push(...rules) })
            const expected = list.flatMap((one, rule) => (prefixContains(one, address) ? [rule] : []))
            expect(found.sort((a, b) => a - b)).toEqual(expected)
          }
        },
      ),
    )
  })
})
