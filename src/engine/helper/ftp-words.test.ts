import { describe, expect, it } from 'vitest'
import { type Family, parseAddress, printAddress } from '../../net/address.ts'
import { findFtpWords, printFtpNumbers } from './ftp-words.ts'

/** `KIND ADDRESS PORT [TEXT]`, the text being what translation replaces; `partial KIND`; or `-`. */
function read(text: string, family: Family, direction: 0 | 1): string {
  const found = findFtpWords(text, family, direction)
  if (found === null) return '-'
  if (found.kind === 'partial') return `partial ${found.of}`
  const { kind, address, port, offset, length } = found
  const where = address === null ? '-' : printAddress(address)
  return `${kind} ${where} ${port} [${text.slice(offset, offset + length)}]`
}

// Each judged by Linux 6.18, too: test/kernel/helpers.test.ts says such words at random.
describe.each([
  [
    'a client',
    'ipv4',
    0,
    {
      'PORT 192,0,2,1,195,80\r\n': 'PORT 192.0.2.1 50000 [192,0,2,1,195,80]',
      'port 192,0,2,1,195,80\r\nLIST\r\n': 'PORT 192.0.2.1 50000 [192,0,2,1,195,80]',
      // Everything up to the first blank is passed over.
      'PORTS please 1,2,3,4,5,6\r\n': 'partial PORT',
      'PORTS 1,2,3,4,5,6\r\n': 'PORT 1.2.3.4 1286 [1,2,3,4,5,6]',
      'PORT 192,0,2,1,195,80\n': 'partial PORT',
      'PORT 192,0,2,1,195,80 \r\n': 'partial PORT',
      'PORT  192,0,2,1,195,80\r\n': 'partial PORT',
      'PORT 192,0,2,1,195\r\n': 'partial PORT',
      'PORT 192,0,2,1,195,80': 'partial PORT',
      // Numbers run over into their neighbours.
      'PORT 192,0,2,257,300,1\r\n': 'PORT 192.0.3.1 11265 [192,0,2,257,300,1]',
      'PORT 192,0,2,1,0,0\r\n': 'PORT 192.0.2.1 0 [192,0,2,1,0,0]',
      'PORT ,,,,,\r\n': 'PORT 0.0.0.0 0 [,,,,,]',
      P: 'partial PORT',
      PORT: 'partial PORT',
      'PORT ': 'partial PORT',
      'POR\r\n': '-',
      ' PORT 192,0,2,1,195,80\r\n': '-',
      'EPRT |1|192.0.2.1|50000|\r\n': 'EPRT 192.0.2.1 50000 [|1|192.0.2.1|50000|]',
      'EPRT a1a192.0.2.1a50000a': 'EPRT 192.0.2.1 50000 [a1a192.0.2.1a50000a]',
      'EPRT |1|192.0.2.1|65537|\r\n': 'EPRT 192.0.2.1 1 [|1|192.0.2.1|65537|]',
      'EPRT |1|192.0.2.1|0|\r\n': 'partial EPRT',
      'EPRT |1|192.0.2.1|50000\r\n': 'partial EPRT',
      'EPRT |1||50000|\r\n': 'partial EPRT',
      'EPRT |2|2001:db8::1|50000|\r\n': 'partial EPRT',
      'EPRT |3|x|1|\r\n': 'partial EPRT',
      'EPRT 212192.0.2.12500002\r\n': 'partial EPRT',
      'EPRT ||': 'partial EPRT',
      'PASV\r\n': '-',
      '227 (192,0,2,1,195,80)\r\n': '-',
      '': '-',
    },
  ],
  [
    'a client of IPv6',
    'ipv6',
    0,
    {
      'EPRT |2|2001:db8::1|50000|\r\n': 'EPRT 2001:db8::1 50000 [|2|2001:db8::1|50000|]',
      'EPRT |2|2001:db8:::1|50000|\r\n': 'partial EPRT',
      'EPRT |1|192.0.2.1|50000|\r\n': 'partial EPRT',
    },
  ],
  [
    'a server',
    'ipv4',
    1,
    {
      '227 Entering Passive Mode (192,0,2,1,195,80).\r\n': '227 192.0.2.1 50000 [192,0,2,1,195,80]',
      '227 =192,0,2,1,195,80\r\n': '227 192.0.2.1 50000 [192,0,2,1,195,80]',
      '227 192,0,2,1,195,80': 'partial 227',
      '227 Entering Passive Mode\r\n': 'partial 227',
      '227-more\r\n': '-',
      '229 Entering Extended Passive Mode (|||50000|)\r\n': '229 - 50000 [|||50000|]',
      '229 Entering Extended Passive Mode |||50000|\r\n': 'partial 229',
      '229 (|1|192.0.2.1|50000|)\r\n': 'partial 229',
      '229 (|||0|)\r\n': 'partial 229',
      '229 (': 'partial 229',
      '22': 'partial 227',
      '200 done\r\n': '-',
      'PORT 192,0,2,1,195,80\r\n': '-',
    },
  ],
] as const)('%s says', (_, family, direction, table) => {
  it.each(Object.entries(table))('%j', (text, expected) => {
    expect(read(text, family, direction)).toBe(expected)
  })
})

it.each([
  ['PORT', '203.0.113.1', '203,0,113,1,195,80'],
  ['227', '203.0.113.1', '203,0,113,1,195,80'],
  ['EPRT', '203.0.113.1', '|1|203.0.113.1|50000|'],
  ['EPRT', '2001:db8::1', '|2|2001:0db8:0000:0000:0000:0000:0000:0001|50000|'],
  ['229', '203.0.113.1', '|||50000|'],
] as const)('%s of %s is written %s', (kind, address, text) => {
  expect(printFtpNumbers(kind, parseAddress(address)!, 50000)).toBe(text)
})
