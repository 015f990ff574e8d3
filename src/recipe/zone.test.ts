import { describe, expect, it } from 'vitest'
import type { PrefixUnion } from '../net/prefix-union.ts'
import { readCodes, readCsv, readLocations, readZone, ZoneRefused } from './zone.ts'

const networks = (union: PrefixUnion | undefined) =>
  [...union!.merged('ipv4'), ...union!.merged('ipv6')].join(' ')
const refusal = (action: () => unknown): string => {
  try {
    action()
    return 'taken'
  } catch (error) {
    if (!(error instanceof ZoneRefused)) throw error
    return error.message
  }
}

describe('a zone file', () => {
  it.each([
    ['1.0.1.0/24\n1.0.0.0/24\n', '1.0.0.0/23'],
    ['# cn\r\n1.0.1.0/24 ; some\r\n\r\n2a00::/32', '1.0.1.0/24 2a00::/32'],
    ['\ufeff5.6.7.8', '5.6.7.8/32'],
    ['2a00:1::/33\n2a00:1:8000::/33', '2a00:1::/32'],
  ])('%j', (text, expected) => expect(networks(readZone(text))).toBe(expected))

  it.each([
    ['<!DOCTYPE html><html><h1>404</h1>', 'a page of HTML'],
    ['\n  <html>', 'a page of HTML'],
    ['', 'no network in it'],
    ['# nothing\n', 'no network in it'],
    ['1.0.0.0/24\n0.0.0.0/0', 'line 2: /0 is wider'],
    ['::/0', 'line 1: /0 is wider'],
    ['2000::/3', 'line 1: /3 is wider'],
    ['64.0.0.0/7', 'line 1: /7 is wider'],
    ['127.0.0.0/8', 'line 1: 127.0.0.0/8 belongs to no country'],
    ['192.168.1.0/24', '192.168.0.0/16 belongs to no country'],
    ['10.0.0.1', '10.0.0.0/8 belongs to no country'],
    ['fe80::/64', 'only networks of 2000::/3'],
    ['1.0.0.0/24\nexample.net', 'line 2: "example.net" is not a network'],
    ['1.0.0.0/33', '"1.0.0.0/33" is not a network'],
    ['1.0.0/24', 'is not a network'],
    ['1.0.0.0/24/24', 'is not a network'],
    ['1.0.0.0/24 -j ACCEPT', 'is not a network'],
    ['1.2.3.4/\u001b[2J', '"1.2.3.4/?[2J" is not a network'],
    ['1.0.0.0\0', 'this is no text'],
  ])('%j is refused: %s', (text, message) => expect(refusal(() => readZone(text))).toContain(message))

  it('of 250,000 networks is read, merged and printed in less than two seconds', () => {
    const lines: string[] = []
    for (let at = 0; at < 250_000; at++)
      lines.push(`${1 + (at % 8)}.${(at >> 3) & 255}.${(at >> 11) & 255}.0/${(at & 1) + 25}`)
    const text = lines.join('\n')
    const before = process.cpuUsage()
    const merged = readZone(text).merged('ipv4')
    // Of the processor, which others use, too.
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000).toBeLessThan(2000)
    expect(merged.length).toBeGreaterThan(200_000)
  })
})

describe('codes', () => {
  it.each([
    ['cn\nRU\n\n# all\nkp kp\n', 'cn ru kp'],
    ['de,fr', 'de fr'],
  ])('%j', (text, expected) => expect(readCodes(text).join(' ')).toBe(expected))
  it.each(['cnn', '../x', 'c', 'cn\n$(reboot)', 'c\u00fc'])('%j is refused', (text) => {
    expect(refusal(() => readCodes(text))).toContain('is not a code of two letters')
  })
})

describe('CSV', () => {
  const locations = readLocations(
    'geoname_id,locale_code,country_iso_code,country_name\n1,en,CN,China\n2,en,DE,"Germany, all"\n',
  )
  it('of MaxMind', () => {
    const text =
      'network,geoname_id,registered_country_geoname_id\n1.0.1.0/24,1,1\n1.0.2.0/24,,1\n5.0.0.0/16,2,2\n2a00::/32,1,1\n'
    const found = readCsv(text, new Set(['cn']), locations)
    expect(networks(found.get('cn'))).toBe('1.0.1.0/24 1.0.2.0/24 2a00::/32')
    expect(refusal(() => readCsv(text, new Set(['cn'])))).toContain('need its file of locations')
  })
  it('of ranges and of networks', () => {
    const ranges =
      '1.0.0.0,1.0.2.255,CN\n1.0.3.0,1.0.3.255,DE\n2a00::,2a00:0:ffff:ffff:ffff:ffff:ffff:ffff,CN\n"0.0.0.0","0.255.255.255","-"\n'
    expect(networks(readCsv(ranges, new Set(['cn'])).get('cn'))).toBe('1.0.0.0/23 1.0.2.0/24 2a00::/32')
    expect(networks(readCsv('network,country\n1.0.0.0/24,cn\n', new Set(['cn'])).get('cn'))).toBe(
      '1.0.0.0/24',
    )
  })
  it.each([
    ['1.0.0.0,255.255.255.255,CN', 'wider than any'],
    ['10.0.0.0,10.0.0.1,CN', 'belongs to no country'],
    ['1.0.0.9,1.0.0.0,CN', 'wider than any'],
    ['1.0.0.0/24,cn\n<html>', 'has no network and country'],
    ['::,ffff::,CN', 'only networks of 2000::/3'],
  ])('%j is refused: %s', (text, message) => {
    expect(refusal(() => readCsv(text, new Set(['cn'])))).toContain(message)
  })
})
