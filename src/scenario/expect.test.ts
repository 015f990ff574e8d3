import { describe, expect, it } from 'vitest'
import { compareExpectation, frameFits } from './expect.ts'
import type { Expectation, StepResult } from './scenario.ts'

const result: StepResult = {
  step: 1,
  at: 0,
  verdict: 'reject',
  by: 'filter/INPUT:3',
  hits: ['filter/INPUT:3'],
  policies: [],
  sent: [{ if: 'eth0', hex: '' }],
  delivered: false,
  log: ['IN=eth0 OUT= SRC=198.51.100.7', 'second'],
  recent: { knocks: ['src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0'] },
  state: 'NEW',
}
const sent = 'eth0 icmp 203.0.113.1 > 198.51.100.7 port-unreachable ttl=64 tos=0xc0'

const rows: [Expectation, string[]][] = [
  [{ verdict: 'reject' }, []],
  [{ verdict: 'accept' }, ['verdict']],
  [{ by: 'INPUT:3' }, []],
  [{ by: 'filter/INPUT:3' }, []],
  [{ by: 'INPUT:2' }, ['by']],
  [{ by: 'policy' }, ['by']],
  [{ sent: ['eth0 icmp 203.0.113.1 > 198.51.100.7 port-unreachable'] }, []],
  [{ sent: [] }, ['sent']],
  [{ sent: ['eth1 icmp 203.0.113.1 > 198.51.100.7'] }, ['sent']],
  [{ log: ['SRC=198.51.100.7', 'second'] }, []],
  [{ log: ['second', 'SRC=198.51.100.7'] }, ['log']],
  [{ log: [] }, ['log']],
  [{ recent: { knocks: ['198.51.100.7'] } }, []],
  [{ recent: { knocks: [] } }, ['recent']],
  [{ recent: { other: [] } }, []],
  [{ recent: { other: ['198.51.100.7'] } }, ['recent']],
  [{ state: 'NEW', delivered: false }, []],
  [{ state: 'ESTABLISHED', delivered: true }, ['delivered', 'state']],
]

describe('expectations', () => {
  for (const [expected, fields] of rows) {
    it(JSON.stringify(expected), () => {
      expect(compareExpectation(expected, result, () => sent).map(({ field }) => field)).toEqual(fields)
    })
  }
})

describe('packets that leave', () => {
  for (const [pattern, fits] of [
    ['eth0 icmp 203.0.113.1 > 198.51.100.7', true],
    ['eth0 icmp 203.0.113.1 > 198.51.100.7 tos=0xc0 port-unreachable', true],
    ['eth0 icmp 198.51.100.7 > 203.0.113.1', false],
    ['eth0 icmp 203.0.113.1 > 198.51.100.7 ttl=63', false],
  ] as const) {
    it(`${pattern} ${fits ? 'fits' : 'does not fit'}`, () => expect(frameFits(pattern, sent)).toBe(fits))
  }
})
