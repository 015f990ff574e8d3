import { expect, test } from 'vitest'
import type { CaptureRecord, Direction } from './capture-record.ts'
import { linkPayload } from './link-payload.ts'

const ipv4 = '4500001400000000400100000a0000010a000002'
const ipv6 = '6000000000003b40'

const fromHex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

function show(linkType: number, hex: string, direction: Direction | null = null): string {
  const record: CaptureRecord = {
    timestampNs: 0n,
    interface: { name: null, description: null, linkType, snapLength: 0 },
    bytes: fromHex(hex.replaceAll(' ', '')),
    originalLength: 0,
    direction,
    comment: null,
  }
  const payload = linkPayload(record)
  if (payload.kind === 'other') return `other: ${payload.why}`
  const words: (string | null)[] = [payload.kind, toHex(payload.bytes).slice(0, 4), payload.direction]
  if (payload.kind === 'packet') {
    words.push(
      payload.family,
      payload.packetType,
      payload.sourceMac === null ? null : toHex(payload.sourceMac),
    )
  }
  return words.filter((word) => word !== null).join(' ')
}

const sll = (type: string, protocol: string, addressLength = '0006') =>
  `${type} 0001 ${addressLength} 020000000007 0000 ${protocol}`
const sll2 = (type: string, protocol: string, addressLength = '06') =>
  `${protocol} 0000 00000002 0001 ${type} ${addressLength} 020000000007 0000`

test.each([
  [1, `ffffffffffff 020000000001 0800 ${ipv4}`, 'frame ffff'],
  [1, '01', 'frame 01'],
  [101, ipv4, 'packet 4500 ipv4'],
  [101, ipv6, 'packet 6000 ipv6'],
  [12, ipv4, 'packet 4500 ipv4'],
  [228, ipv4, 'packet 4500 ipv4'],
  [229, ipv6, 'packet 6000 ipv6'],
  [101, '', 'other: an empty packet'],
  [101, 'f0', 'other: IP version 15'],
  [0, `02000000 ${ipv4}`, 'packet 4500 ipv4'],
  [0, `00000002 ${ipv4}`, 'packet 4500 ipv4'],
  [0, `1e000000 ${ipv6}`, 'packet 6000 ipv6'],
  [108, `0000001c ${ipv6}`, 'packet 6000 ipv6'],
  [108, '0000', 'other: only 2 bytes, less than a link header'],
  [113, `${sll('0000', '0800')} ${ipv4}`, 'packet 4500 in ipv4 host 020000000007'],
  [113, `${sll('0001', '0800')} ${ipv4}`, 'packet 4500 in ipv4 broadcast 020000000007'],
  [113, `${sll('0004', '86dd')} ${ipv6}`, 'packet 6000 out ipv6 outgoing 020000000007'],
  [113, `${sll('0003', '0800', '0000')} ${ipv4}`, 'packet 4500 in ipv4 otherhost'],
  [113, `${sll('0009', '0800')} ${ipv4}`, 'packet 4500 ipv4 020000000007'],
  [113, `${sll('0000', '8100')} 0064 0800 ${ipv4}`, 'packet 4500 in ipv4 host 020000000007'],
  [113, `${sll('0000', '88a8')} 0064 8100 0065 86dd ${ipv6}`, 'packet 6000 in ipv6 host 020000000007'],
  [113, `${sll('0000', '8100')} 0064`, 'other: protocol 0x8100'],
  [113, `${sll('0000', '0806')} 0001`, 'other: protocol 0x0806'],
  [113, '00000001000602000000000000', 'other: only 13 bytes, less than a link header'],
  [276, `${sll2('02', '0800')} ${ipv4}`, 'packet 4500 in ipv4 multicast 020000000007'],
  [276, `${sll2('04', '86dd')} ${ipv6}`, 'packet 6000 out ipv6 outgoing 020000000007'],
  [276, `${sll2('00', '8100')} 0064 0800 ${ipv4}`, 'packet 4500 in ipv4 host 020000000007'],
  [276, '0800', 'other: only 2 bytes, less than a link header'],
  [105, '00', 'other: link type 105 is not supported'],
])('link type %i: %s', (linkType, hex, shown) => {
  expect(show(linkType, hex)).toBe(shown)
})

test('what the capture file says of the direction goes before the cooked header', () => {
  expect(show(113, `${sll('0004', '0800')} ${ipv4}`, 'in')).toBe('packet 4500 in ipv4 outgoing 020000000007')
  expect(show(1, '01', 'out')).toBe('frame 01 out')
})
