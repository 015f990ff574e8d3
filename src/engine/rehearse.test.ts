/** Recency lists across loads that the kernel refuses; each case was seen on Linux 6.18. */
import { expect, it } from 'vitest'
import { hostOf, rulesOf } from './_testing/journey-case.ts'
import { Host } from './host.ts'

const withTable = (...rules: string[]) =>
  rulesOf(`*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n${rules.join('\n')}\nCOMMIT\n`, 'ipv4')

const kept = ['src=192.0.2.1 ttl: 0 last_seen: 0 oldest_pkt: 1 0']
const refused = '-A INPUT -m recent --set --hitcount 3 --name b'

it.each([
  ['its target', ['-A INPUT -m recent --rcheck --hitcount 9 --name a -j REJECT --reject-with tcp-reset'], []],
  [
    'a later match',
    ['-A INPUT -m recent --rcheck --hitcount 9 --name a -m recent --set --hitcount 3 --name b'],
    [],
  ],
  [
    'an earlier match',
    ['-A INPUT -m recent --set --hitcount 3 --name b -m recent --rcheck --hitcount 9 --name a'],
    kept,
  ],
  ['a later rule', ['-A INPUT -m recent --rcheck --hitcount 9 --name a', refused], []],
  ['an earlier rule', [refused, '-A INPUT -m recent --rcheck --hitcount 9 --name a'], kept],
  ['an earlier chain', ['-A OUTPUT -m recent --rcheck --hitcount 9 --name a', refused], kept],
  [
    'a circle',
    [':x -', '-A INPUT -m recent --rcheck --hitcount 9 --name a', '-A INPUT -j x', '-A x -j x'],
    kept,
  ],
])('a list that had to grow when the kernel refuses %s', (_, rules, lines) => {
  const host = new Host(hostOf('eth0 203.0.113.1/24'))
  expect(host.load(withTable('-A INPUT -m recent --rcheck --hitcount 1 --name a'))).toEqual([])
  host.writeRecent('a', '+192.0.2.1', 0n)
  expect(host.load(withTable(...rules))).not.toEqual([])
  expect(host.recent.readAll()).toEqual({ a: lines })
})

it('rules that refer to what nobody founded are refused, and taken no further', () => {
  const host = new Host(hostOf('eth0 203.0.113.1/24'))
  const codes = host.load(withTable('-A INPUT -m rateest --rateest none --rateest-lt --rateest-bps 8'))
  expect(codes.map(({ code }) => code)).toEqual(['rule/not-founded'])
})

it('rules may refer to what a table before the refused one founds', () => {
  const host = new Host(hostOf('eth0 203.0.113.1/24'))
  const rules = rulesOf(
    `*raw
-A PREROUTING -j RATEEST --rateest-name r --rateest-interval 250ms --rateest-ewmalog 500ms
COMMIT
*filter
-A INPUT -m rateest --rateest r --rateest-gt --rateest-pps 5
-A INPUT -j REJECT --reject-with tcp-reset
COMMIT
`,
    'ipv4',
  )
  expect(host.load(rules).map(({ ref }) => ref)).toEqual([{ table: 'filter', chain: 'INPUT', number: 2 }])
  expect(host.shared('rateest', 'r')).toBeNull()
})
