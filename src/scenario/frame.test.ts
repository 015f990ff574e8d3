import { expect, it } from 'vitest'
import { hostOf } from '../engine/_testing/journey-case.ts'
import { parsePacketLine } from '../net/notation.ts'
import { frameOfLine } from './frame.ts'

const config = hostOf('eth0 203.0.113.1/24')

const macsOf = (text: string): string => {
  const parsed = parsePacketLine(text)
  if (!('line' in parsed)) throw new Error(parsed.error.message)
  const frame = frameOfLine(config, parsed.line)
  return [...frame.subarray(0, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

it.each([
  ['eth0 udp 203.0.113.9:1 > 203.0.113.1:2', /^020000000001/],
  ['eth0 udp 203.0.113.9:1 > 203.0.113.255:2', /^ffffffffffff/],
  ['eth0 udp 203.0.113.9:1 > 224.0.0.251:2', /^01005e0000fb/],
  ['eth0 udp [fe80::9]:1 > [ff02::1]:2', /^333300000001/],
  // lo is there without being configured.
  ['lo udp 203.0.113.1:1 > 203.0.113.1:2', /^0{24}$/],
])('%s', (line, macs) => expect(macsOf(line)).toMatch(macs))
