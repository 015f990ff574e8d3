import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoded, fromHex, v4, v6, wrap, wrappedTransports } from './_testing/packets.ts'
import { netfilterChecksumOk, onesComplementSum, sctpChecksum, transportChecksumOk } from './checksum.ts'
import { adjustChecksum, encodeIpv4, encodeUdp } from './encode.ts'

describe('onesComplementSum', () => {
  it.each([
    // RFC 1071, section 3.
    ['0001 f203 f4f5 f6f7', 0xddf2],
    ['0001 f203 f4f5 f6', 0xdcfb],
    ['', 0],
    ['ffff ffff', 0xffff],
  ])('%s gives %i', (text, sum) => {
    const bytes = fromHex(text)
    expect(onesComplementSum(bytes, 0, bytes.length)).toBe(sum)
  })

  it('goes on from a sum at any even place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), fc.nat(), (bytes, place) => {
        const middle = Math.min(bytes.length, place % (bytes.length + 1)) & ~1
        const head = onesComplementSum(bytes, 0, middle)
        expect(onesComplementSum(bytes, middle, bytes.length, head)).toBe(
          onesComplementSum(bytes, 0, bytes.length),
        )
      }),
    )
  })

  it('can be adjusted for a changed word', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 40 }),
        fc.integer({ max: 0xffff, min: 0 }),
        (bytes, word) => {
          const sum = (): number => onesComplementSum(bytes, 0, bytes.length)
          const before = { sum: sum(), word: (bytes[2]! << 8) | bytes[3]! }
          bytes[2] = word >>> 8
          bytes[3] = word
          const adjusted = ~adjustChecksum(~before.sum & 0xffff, before.word, word) & 0xffff
          // 0 and ffff are the same number in ones' complement.
          expect(adjusted % 0xffff).toBe(sum() % 0xffff)
        },
      ),
    )
  })
})

it('sctpChecksum is CRC32c, least significant byte first', () => {
  // RFC 3720, appendix B.4: 32 bytes of zeroes. The field itself counts as zero.
  const bytes = new Uint8Array(32)
  expect(sctpChecksum(bytes, 0, 32)).toBe(0xaa36918a)
  bytes.fill(0xff, 8, 12)
  expect(sctpChecksum(bytes, 0, 32)).toBe(0xaa36918a)
})

describe('transport checksums', () => {
  for (const [name, ends] of [
    ['IPv4', v4],
    ['IPv6', v6],
  ] as const) {
    for (const transport of wrappedTransports(ends)) {
      it(`${transport.name} over ${name}: encoded right, and any flipped byte is noticed`, () => {
        const bytes = wrap(ends, transport.protocol, transport.bytes)
        const packet = decoded(bytes)
        expect(packet.defect).toBe(null)
        expect(transportChecksumOk(packet)).toBe(true)
        for (let at = packet.transportOffset; at < packet.transportOffset + 4; at++) {
          bytes[at]! ^= 0x10
          expect(transportChecksumOk(decoded(bytes))).toBe(false)
          bytes[at]! ^= 0x10
        }
      })
    }
  }

  it('a UDP checksum of zero means none in IPv4, and is wrong in IPv6', () => {
    const udp = (ends: typeof v4) =>
      wrap(ends, 17, encodeUdp({ sourcePort: 1, destinationPort: 2, checksum: 0 }, fromHex('00'), ends))
    expect(transportChecksumOk(decoded(udp(v4)))).toBe(true)
    expect(transportChecksumOk(decoded(udp(v6)))).toBe(false)
  })

  it('nothing is said of fragments', () => {
    const bytes = encodeIpv4({ ...v4, protocol: 17, moreFragments: true }, fromHex('0001000200080000'))
    expect(transportChecksumOk(decoded(bytes))).toBe(null)
  })

  it('netfilter sums bare bytes for protocols it does not know over IPv4', () => {
    expect(netfilterChecksumOk(decoded(wrap(v4, 99, fromHex('ffff 0000'))))).toBe(true)
    expect(netfilterChecksumOk(decoded(wrap(v4, 99, fromHex('fffe 0000'))))).toBe(false)
  })
})
