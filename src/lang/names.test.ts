import { expect, it } from 'vitest'
import { protocolName, protocolNumber, serviceName, servicePort } from './names.ts'

it('knows services by name, alias and port', () => {
  expect(servicePort('ssh', 'tcp')).toBe(22)
  expect(servicePort('www', 'tcp')).toBe(80)
  expect(servicePort('ssh', 'udp')).toBe(null)
  expect(servicePort('ntp', null)).toBe(123)
  expect(serviceName(22, 'tcp')).toBe('ssh')
  expect(serviceName(514, 'tcp')).toBe('shell')
  expect(serviceName(514, 'udp')).toBe('syslog')
  expect(serviceName(4, 'tcp')).toBe(null)
})

it.each([
  ['TCP', 6],
  ['0x11', 17],
  ['010', 8],
  ['255', 255],
  ['256', null],
  ['icmpv6', 58],
  ['ip', 0],
  ['all', 0],
  ['gre', 47],
  ['nope', null],
  ['-1', null],
] as const)('protocol %s is %s', (text, number) => expect(protocolNumber(text)).toBe(number))

it.each([
  [58, 'ipv6-icmp'],
  [135, 'mobility-header'],
  [0, 'ip'],
  [4, 'ipencap'],
  [47, 'gre'],
  [253, '253'],
] as const)('protocol %i prints %s', (number, name) => expect(protocolName(number)).toBe(name))
