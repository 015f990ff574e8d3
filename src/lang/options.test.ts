import { describe, expect, it } from 'vitest'
import { printAddress, printPrefix } from '../net/address.ts'
import { RefusedError } from './diagnostic.ts'
import * as options from './options.ts'
import { linux618 } from './profile.ts'
import type { OptionEnvironment, OptionSpec } from './syntax.ts'

const doc = 'an option'

function environment(protocol: number | null, family: 'ipv4' | 'ipv6' = 'ipv4'): OptionEnvironment {
  return {
    family,
    profile: linux618,
    protocol: protocol === null ? null : { number: protocol, inverted: false },
  }
}

/** What the option makes of the text: the value in brief, or `CODE` or `CODE > FIX` of the refusal. */
function read(spec: OptionSpec<unknown>, text: string, given = environment(6)): string {
  try {
    return brief(spec.value!(text, given))
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return error.refusal.code + (error.refusal.fix === undefined ? '' : ` > ${error.refusal.fix}`)
  }
}

function brief(value: unknown): string {
  if (value instanceof Uint8Array) return [...value].map((byte) => byte.toString(16)).join(':')
  if (Array.isArray(value)) return value.map(brief).join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  if ('low' in value && 'high' in value) return `${value.low}-${value.high}`
  if ('from' in value && 'to' in value) return `${brief(value.from)}-${brief(value.to)}`
  if ('mask' in value && 'value' in value) return `${value.value}/${value.mask}`
  if ('mask' in value) return printPrefix(value as never)
  return printAddress(value as never)
}

const table: Record<string, [OptionSpec<unknown>, Record<string, string>]> = {
  // Rows without a name of their own in the kernel were measured with iptables 1.8.9.
  'uint8 from 1': [
    options.uint8({ doc, min: 1 }),
    {
      '5': '5',
      '0x10': '16',
      '0X1f': '31',
      '010': '8',
      '+5': '5',
      ' 5': '5',
      '5 ': 'out-of-range',
      '08': 'out-of-range',
      '0x': 'out-of-range',
      '-1': 'out-of-range',
      '': 'out-of-range',
      '0': 'out-of-range',
      '255': '255',
      '256': 'out-of-range',
      '1.5': 'out-of-range',
    },
  ],
  uint32: [options.uint32({ doc }), { '4294967295': '4294967295', '4294967296': 'out-of-range' }],
  uint64: [
    options.uint64({ doc }),
    { '18446744073709551615': '18446744073709551615', '18446744073709551616': 'out-of-range' },
  ],
  range16: [
    options.range16({ doc }),
    {
      ':': '0-65535',
      '5:': '5-65535',
      ':5': '0-5',
      '10:5': '10-5',
      '5': '5-5',
      '': '0-0',
      '1:2:3': 'too-many-parts',
      '5x': 'out-of-range',
      '0:65536': 'out-of-range',
    },
  ],
  'text cut at 3 bytes, 1 at least': [
    options.text({ doc, maxLength: 3, minLength: 1 }),
    { abc: 'abc', abcd: 'abc', éé: 'é\udcc3', '': 'too-short' },
  ],
  choice: [
    options.choice(['original', 'reply'], { doc }),
    { reply: 'reply', orignal: 'unknown-word > original' },
  ],
  'port of the rule': [
    options.port({ doc }),
    {
      ssh: '22',
      www: '80',
      '0x10': '16',
      SSH: 'unknown-service > ssh',
      tftp: 'unknown-service > 69',
      htp: 'unknown-service > http',
      '65536': 'bad-port',
      '-1': 'bad-port',
    },
  ],
  'port range of tcp': [
    options.portRange({ doc, service: 'tcp' }),
    {
      ':': '0-65535',
      ':100': '0-100',
      '1024:': '1024-65535',
      'ssh:http': '22-80',
      '90:80': 'reversed-range > 80:90',
      'ssh,http': 'list-of-ports',
      '1:2:3': 'bad-port',
      'ssh:htpp': 'unknown-service > ssh:http',
      '010': '8-8',
      ' 5': '5-5',
      '5 ': 'bad-port',
      '': 'unknown-service',
    },
  ],
  'port range as udp reads it': [
    options.looselyParsedPortRange({ doc }),
    {
      '90:80': '90-80',
      '': '0-0',
      '0x10': 'bad-port',
      ' 5': '5-5',
      '+5': '5-5',
      '5 ': 'bad-port',
      '010': '10-10',
      '65536': '0-0',
      '99999999999': '59391-59391',
      '-1': 'bad-port',
      ':': '0-65535',
      '5: 6': '5-6',
      '1:2:3': 'too-many-parts',
      'ssh:http': '22-80',
      'x:y': 'unknown-service',
      '4294967295': 'bad-port',
    },
  ],
  'port list': [
    options.portList({ doc }),
    {
      'ssh,http,0x10': '22-22,80-80,16-16',
      'ssh, 23': '22-22,23-23',
      'ssh,,1': 'bad-port',
      '80:80': 'empty-range',
      ':80': 'bad-port',
      '90:80': 'reversed-range > 80:90',
      '1,2,3,4,5,6,7,8,9,10,11,12,13,14:15':
        '1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-15',
      '1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16': 'too-many-ports',
      '1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16': 'too-many-ports',
    },
  ],
  'host address': [
    options.hostAddress({ doc }),
    {
      '24': '0.0.0.24',
      '255.255.255': '255.255.0.255',
      '127.1': '127.0.0.1',
      '0x7f000001': '127.0.0.1',
      localhost: '127.0.0.1',
      '/24': 'bad-address',
      '::1': 'bad-address',
      '1.2.3.4.5': 'bad-address',
      example: 'bad-address',
    },
  ],
  prefix: [
    options.prefix({ doc }),
    { '1.2.3': '1.2.0.3/32', '1.2.3.4/24': '1.2.3.4/24', '1.2.3.4/255.0.255.0': '1.2.3.4/255.0.255.0' },
  ],
  'address range': [
    options.addressRange({ doc }),
    {
      '1.2.3-1.2.3.4': '1.2.3.0-1.2.3.4',
      '010.2.0x3.4-1.2.3.4': '8.2.3.4-1.2.3.4',
      '1.2.3.4': '1.2.3.4-1.2.3.4',
      '1.2.3.4-': 'bad-address',
      '1.1.1.1-2.2.3.4-3.3.3.3': 'bad-address',
    },
  ],
  'mark and mask': [
    options.markMask({ doc }),
    {
      '5': '5/4294967295',
      '0x10/0xf0': '16/240',
      '4294967296': 'bad-mark',
      '5/': 'bad-mark',
      '/5': 'bad-mark',
      '5/1/2': 'bad-mark',
    },
  ],
  mac: [
    options.mac({ doc }),
    {
      'AA:BB:CC:DD:EE:FF': 'aa:bb:cc:dd:ee:ff',
      '1:2:3:4:5:6': '1:2:3:4:5:6',
      ':::::': '0:0:0:0:0:0',
      '1-2-3-4-5-6': 'bad-mac > 1:2:3:4:5:6',
      '001:BB:CC:DD:EE:FF': 'bad-mac',
      'zz:BB:CC:DD:EE:FF': 'bad-mac',
    },
  ],
  'syslog level': [
    options.syslogLevel({ doc }),
    {
      error: '3',
      err: 'unknown-level > error',
      warning: '4',
      WARNING: 'unknown-level > warning',
      '0x3': '3',
      '8': 'unknown-level',
      panic: '0',
      debg: 'unknown-level > debug',
    },
  ],
  uid: [
    options.uid({ doc }),
    {
      '0-500': '0-500',
      '0:500': '0-500',
      root: '0-0',
      nosuch: 'bad-id',
      '4294967295': 'bad-id',
      '5-': 'bad-id',
      '5x6': 'bad-id',
    },
  ],
}

describe.each(Object.entries(table))('%s', (_, [spec, rows]) => {
  it.each(Object.entries(rows))('%j is %s', (text, expected) => expect(read(spec, text)).toBe(expected))
})

it('looks services up in the rule’s protocol', () => {
  expect(read(options.port({ doc }), 'tftp', environment(17))).toBe('69')
  expect(read(options.port({ doc }), 'amqp', environment(132))).toBe('5672')
  expect(read(options.port({ doc, service: 'any' }), 'ntp', environment(132))).toBe('123')
})

it('reads addresses of the family asked for', () => {
  const ipv6 = environment(6, 'ipv6')
  expect(read(options.hostAddress({ doc }), '2001:DB8::1', ipv6)).toBe('2001:db8::1')
  expect(read(options.hostAddress({ doc }), '1.2.3.4', ipv6)).toBe('bad-address')
  expect(read(options.addressRange({ doc }), '::1-::f', ipv6)).toBe('::1-::f')
  expect(read(options.prefix({ doc }), 'fe80::1/64', ipv6)).toBe('fe80::1/64')
})

it('infers the types of Given', () => {
  const table = {
    'ttl-eq': options.uint8({ doc }),
    reap: options.flag({ doc }),
    level: options.choice(['a', 'b'], { doc }),
  }
  const given: import('./syntax.ts').Given<typeof table> = {
    'ttl-eq': { value: 5, inverted: false, as: 'ttl-eq', span: null },
    reap: { value: true, inverted: false, as: 'reap', span: null },
    level: { value: 'a', inverted: false, as: 'level', span: null },
  }
  expect(given.reap?.value).toBe(true)
})
