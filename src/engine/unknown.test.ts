/** Rules that ask for what nobody said, and what rules share by name. */
import { describe, expect, it } from 'vitest'
import type { HashLimitTable } from '../ext/match/_hashlimit-table.ts'
import { kindOf } from '../ext/match/hashlimit.ts'
import { hostOf, rulesOf, stepsOf, take } from './_testing/journey-case.ts'
import { Host } from './host.ts'
import { possibilities } from './possibilities.ts'
import { Suppositions } from './suppositions.ts'

const config = hostOf('eth0 203.0.113.1/24', ['default via 203.0.113.254'])
const syn = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn'

const filter = (...lines: string[]): string => `*filter\n${lines.join('\n')}\nCOMMIT\n`

/** What becomes of the packet at a time in seconds. */
function at(host: Host, seconds: number, packet = syn) {
  const [step] = stepsOf(packet)
  return take(host, step!, BigInt(seconds) * 1_000_000_000n)
}

describe('the time of the day', () => {
  const rules = filter('-A INPUT -m time --timestart 08:00 --timestop 18:00 -j ACCEPT', '-A INPUT -j DROP')

  it('decides where somebody said when the first step is', () => {
    const startsAtUnixNs = BigInt(Date.UTC(2024, 5, 5, 7, 59, 58)) * 1_000_000n
    const host = new Host({ ...config, startsAtUnixNs })
    host.load(rulesOf(rules, 'ipv4'))
    expect([0, 1, 2, 36_002, 36_003].map((seconds) => at(host, seconds).verdict)).toEqual([
      'drop',
      'drop',
      'accept',
      'accept',
      'drop',
    ])
  })

  it('is unknown where nobody did, and no counter moves', () => {
    const host = new Host(config)
    host.load(rulesOf(rules, 'ipv4'))
    expect(at(host, 0)).toMatchObject({
      verdict: 'unknown',
      by: 'filter/INPUT:1',
      why: 'filter/INPUT:1 asks for what time it is, which nobody said',
      hits: [],
      delivered: false,
    })
  })

  it('is not asked of a packet that another condition keeps out', () => {
    const host = new Host(config)
    host.load(rulesOf(filter('-A INPUT -p udp -m time --timestart 08:00 -j DROP'), 'ipv4'))
    expect(at(host, 0).verdict).toBe('accept')
  })
})

describe('a hashlimit table', () => {
  const rule = '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-name ssh -j ACCEPT'

  it('is shared by the rules that name it, and outlives one that is replaced by another', () => {
    const host = new Host(config)
    host.load(rulesOf(filter(`-A INPUT ${rule}`, '-A INPUT -j DROP'), 'ipv4'))
    expect(at(host, 0).verdict).toBe('accept')
    host.load(rulesOf(filter(`-A INPUT -p tcp ${rule}`, '-A INPUT -j DROP'), 'ipv4'))
    expect([at(host, 0).verdict, at(host, 0).verdict]).toEqual(['accept', 'drop'])
    const table = host.shared<HashLimitTable>(kindOf('ipv4'), 'ssh')
    expect(table?.text('ipv4', 0)).toMatch(/^3600 0\.0\.0\.0:0->0\.0\.0\.0:0 \d+ \d+ \d+\n$/)
  })

  it('is gone with its last rule', () => {
    const host = new Host(config)
    host.load(rulesOf(filter(`-A INPUT ${rule}`), 'ipv4'))
    host.load(rulesOf(filter('-A INPUT -j ACCEPT'), 'ipv4'))
    expect(host.shared(kindOf('ipv4'), 'ssh')).toBe(null)
  })
})

describe('what is supposed', () => {
  const judge = (list: string, proposition: string) => {
    const suppositions = list
      .split(', ')
      .map((text) => ({ what: '', proposition: text.replace(/^not /, ''), holds: !text.startsWith('not ') }))
    return new Suppositions(suppositions).judge({ what: '', proposition })
  }

  it.each([
    ['cpu=0', 'cpu=0', true],
    ['not cpu=0', 'cpu=0', false],
    ['cpu=0', 'cpu=1', false],
    ['not cpu=0', 'cpu=1', null],
    ['cpu=0', 'uid=1', null],
    ['cgroup</a/b', 'cgroup</a', true],
    ['cgroup</a/b', 'cgroup</a/b/c', null],
    ['cgroup</a/b', 'cgroup</a/bc', false],
    ['not cgroup</a', 'cgroup</a/b', false],
    ['not cgroup</a', 'cgroup</ab', null],
    ['time --timestart 08:00:00', 'time --timestart 09:00:00', null],
  ])('%s: %s is %s', (list, proposition, expected) => expect(judge(list, proposition)).toBe(expected))

  it('stops where nobody would read on', () => {
    let runs = 0
    const { list, isCut } = possibilities(() => ({
      outcome: {
        openQuestion: ++runs % 5 === 0 ? undefined : { what: '', proposition: `n=${runs}` },
      } as never,
    }))
    expect([list.length, isCut]).toEqual([16, true])
  })
})
