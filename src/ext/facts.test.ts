import { expect, it } from 'vitest'
import { packetSample } from './_testing/packet-lines.ts'
import { factHolds, pointOf } from './facts.ts'

/** Names that hold of a packet line at FORWARD (in eth0, out eth1). */
function holding(line: string, names: readonly string[]): string[] {
  const { skb, context } = packetSample(line, line.includes('[') ? 'ipv6' : 'ipv4', 'FORWARD')
  return names.filter((name) => factHolds(name, skb, context))
}

it('knows devices by name and by beginning', () => {
  const names = ['in=eth0', 'in=eth1', 'in=eth+', 'in=+', 'in=e', 'out=eth1', 'out=eth+', 'out=lo']
  expect(holding('syn', names)).toEqual(['in=eth0', 'in=eth+', 'in=+', 'out=eth1', 'out=eth+'])
  expect(holding('out', names)).toEqual(['out=eth1', 'out=eth+'])
})

it('counts the bytes of the transport of whole packets and first fragments', () => {
  const names = ['transport-bytes=4', 'transport-bytes=8', 'transport-bytes=20']
  expect(holding('syn', names)).toEqual(names)
  expect(holding('udp > :1', names)).toEqual(names.slice(0, 2))
  expect(holding('proto=6 payload=000102030405', names)).toEqual(names.slice(0, 1))
  expect(holding('proto=6 frag=2 len=84', names)).toEqual([])
})

it('does not take an unknown proposition for a false one', () => {
  expect(() => holding('syn', ['weather=fine'])).toThrow('weather=fine')
})

it('gives the point every field that the packet has, and no other', () => {
  const { skb, context } = packetSample('syn-ack', 'ipv4', 'FORWARD')
  expect(pointOf(skb, context, ['in=eth0', 'in=eth1'])).toEqual({
    fields: {
      protocol: 6n,
      source: 0xc6336407n,
      destination: 0xcb007101n,
      sourcePort: 4000n,
      destinationPort: 22n,
      tcpFlags: 0x12n,
      ttl: 63n,
      tos: 0x10n,
      totalLength: 40n,
      mark: 0x77n,
      fragmentOffset: 0n,
      moreFragments: 0n,
      sourceMac: 0x020000000143n,
    },
    facts: new Set(['in=eth0']),
  })
  const fragment = packetSample('udp frag=185+ | in=lo', 'ipv6', 'FORWARD')
  const { fields } = pointOf(fragment.skb, fragment.context, [])
  expect(Object.keys(fields)).not.toContain('sourcePort')
  expect(Object.keys(fields)).not.toContain('sourceMac')
  expect([fields.protocol, fields.fragmentOffset, fields.moreFragments]).toEqual([17n, 185n, 1n])
})
