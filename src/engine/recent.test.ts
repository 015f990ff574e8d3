/**
 * Timelines of `-m recent`. A line says when, what happens, and behind the bar what must come of it:
 *
 *   40ms  198.51.100.7 ttl=63      | yes no     a packet (`out`: it has an outgoing device, `socket`: a local sender)
 *                                               and whether each loaded rule of its family matches, in order
 *   1s    write ssh +192.0.2.1     | 10         bytes taken, or the error
 *   1s    load 2                   |            from here on rule 2 is loaded (rules count from 1; `unload 2` ends it)
 *   1s    show ssh                 | LINE / ...  the file, entries in order of arrival, `-` when there is none
 *
 * One jiffy is 4 ms. Those of today's profile were run on Linux 6.18 through a TAP device, with these outcomes.
 */
import { describe, expect, it } from 'vitest'
import { linux618 } from '../lang/profile.ts'
import { parseAddress } from '../net/address.ts'
import { Replay } from './_testing/recent-replay.ts'
import { RecentLists } from './recent.ts'

function timeline(
  title: string,
  rules: readonly string[],
  text: string,
  { loaded = rules.length, profile = linux618 } = {},
): void {
  it(title, () => {
    const replay = new Replay(rules, profile)
    for (let number = 1; number <= loaded; number++) replay.load(number)
    for (const line of text.trim().split('\n')) {
      const [, time, unit, action, expected] = /^\s*([\d.]+)(m?s)\s+(.*?)\s*\|\s*(.*?)$/.exec(line)!
      const got = replay.step(Number(time) * (unit === 's' ? 1000 : 1), action!)
      expect(`${line.split('|')[0]}| ${got}`).toBe(`${line.split('|')[0]}| ${expected}`)
    }
  })
}

const stamps = (count: number, of = '0'): string => Array<string>(count).fill(of).join(', ')

describe('modes', () => {
  timeline(
    'set always matches and stamps',
    ['--set'],
    `
    0s    198.51.100.7        | yes
    8ms   198.51.100.7 ttl=60 | yes
    1s    show DEFAULT        | src=198.51.100.7 ttl: 60 last_seen: 2 oldest_pkt: 2 0, 2
    `,
  )
  timeline(
    '! set never matches and stamps all the same',
    ['! --set', '--rcheck'],
    `
    0s    198.51.100.7 | no yes
    1s    show DEFAULT | src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0
    `,
  )
  timeline(
    'rcheck, update and remove miss an unknown address; their negations match it; nobody writes',
    ['--rcheck', '! --rcheck', '--update', '! --update', '--remove', '! --remove'],
    `
    0s    198.51.100.7 | no yes no yes no yes
    0s    show DEFAULT |
    `,
  )
  timeline(
    'update stamps, rcheck does not',
    ['--update --name a', '--rcheck --name b'],
    `
    0s    write a +198.51.100.7 | 13
    0s    write b +198.51.100.7 | 13
    4ms   198.51.100.7 ttl=3    | yes yes
    1s    show a                | src=198.51.100.7 ttl: 3 last_seen: 1 oldest_pkt: 2 0, 1
    1s    show b                | src=198.51.100.7 ttl: 0 last_seen: 0 oldest_pkt: 1 0
    `,
  )
  timeline(
    'a failed update writes nothing',
    ['--update --seconds 1 --name a', '--update --hitcount 2 --name b'],
    `
    0s    write a +198.51.100.7 | 13
    0s    write b +198.51.100.7 | 13
    2s    198.51.100.7          | no no
    2s    show a                | src=198.51.100.7 ttl: 0 last_seen: 0 oldest_pkt: 1 0
    2s    show b                | src=198.51.100.7 ttl: 0 last_seen: 0 oldest_pkt: 1 0
    `,
  )
  timeline(
    '! update stamps where the condition fails, and only there',
    ['! --update --seconds 1'],
    `
    0s    write DEFAULT +198.51.100.7 | 13
    1s    198.51.100.7                | no
    1.2s  198.51.100.7                | yes
    1.2s  show DEFAULT                | src=198.51.100.7 ttl: 64 last_seen: 300 oldest_pkt: 2 0, 300
    `,
  )
  timeline(
    'remove matches what was there, ! remove removes too',
    ['--remove --name a', '! --remove --name b'],
    `
    0s    write a +198.51.100.7 | 13
    0s    write b +198.51.100.7 | 13
    0s    198.51.100.7          | yes no
    0s    198.51.100.7          | no yes
    0s    show b                |
    `,
  )
  timeline(
    'set before update matches from the fourth packet, two stamps a packet from then on',
    ['--set', '--update --seconds 60 --hitcount 4'],
    `
    0s   198.51.100.7 | yes no
    1s   198.51.100.7 | yes no
    2s   198.51.100.7 | yes no
    3s   198.51.100.7 | yes yes
    4s   198.51.100.7 | yes yes
    5s   show DEFAULT | src=198.51.100.7 ttl: 64 last_seen: 1000 oldest_pkt: 7 0, 250, 500, 750, 750, 1000, 1000
    `,
  )
  timeline(
    'update before set matches from the fifth packet',
    ['--update --seconds 60 --hitcount 4', '--set'],
    `
    0s   198.51.100.7 | no yes
    1s   198.51.100.7 | no yes
    2s   198.51.100.7 | no yes
    3s   198.51.100.7 | no yes
    4s   198.51.100.7 | yes yes
    `,
  )
})

describe('seconds', () => {
  timeline(
    'the last jiffy of the window counts',
    ['--rcheck --seconds 1'],
    `
    0ms    write DEFAULT +198.51.100.7 | 13
    1000ms 198.51.100.7                | yes
    1003ms 198.51.100.7                | yes
    1004ms 198.51.100.7                | no
    `,
  )
  timeline(
    'seconds times HZ overflows 32 bits: 17179870 s are 204 jiffies',
    ['--rcheck --seconds 17179870', '--rcheck --seconds 4294967295'],
    `
    0ms   write DEFAULT +198.51.100.7 | 13
    816ms 198.51.100.7                | yes yes
    820ms 198.51.100.7                | no yes
    `,
  )
  timeline(
    'stamps before the first step count too',
    ['--rcheck --seconds 1 --hitcount 2'],
    `
    0ms   write DEFAULT +198.51.100.7 | 13
    0ms   write DEFAULT +198.51.100.7 | 13
    8ms   198.51.100.7                | yes
    `,
  )
})

describe('hitcount and the ring', () => {
  timeline(
    'a hitcount of 3 makes a ring of 4, whose index begins again at 1',
    ['--rcheck --hitcount 3 --name a', '! --update --hitcount 4 --name a'],
    `
    0ms  write a +198.51.100.7 | 13
    4ms  198.51.100.7          | no yes
    8ms  198.51.100.7          | no yes
    12ms 198.51.100.7          | yes yes
    16ms 198.51.100.7          | yes no
    16ms write a +198.51.100.7 | 13
    16ms show a                | src=198.51.100.7 ttl: 64 last_seen: 4 oldest_pkt: 1 4, 1, 2, 3
    `,
  )
  timeline(
    'a rule without hitcount keeps 32',
    ['--set'],
    `
    ${'0ms 198.51.100.7 | yes\n'.repeat(33)}
    0ms  show DEFAULT | src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 ${stamps(32)}
    `.replace(/\n\s*\n/g, '\n'),
  )
  timeline(
    'a rule that needs a larger ring empties the list, an equal or smaller one does not',
    ['--rcheck --hitcount 2', '--rcheck --hitcount 1', '--rcheck --hitcount 3'],
    `
    0s   write DEFAULT +192.0.2.1 | 10
    0s   load 2                   |
    0s   show DEFAULT             | src=192.0.2.1 ttl: 0 last_seen: 0 oldest_pkt: 1 0
    0s   load 3                   |
    0s   show DEFAULT             |
    `,
    { loaded: 1 },
  )
  timeline(
    'the ring does not shrink with the rule that needed it',
    ['--rcheck --hitcount 1', '--rcheck --hitcount 2'],
    `
    0ms  unload 2                 |
    0ms  write DEFAULT +192.0.2.1 | 10
    4ms  write DEFAULT +192.0.2.1 | 10
    8ms  show DEFAULT             | src=192.0.2.1 ttl: 0 last_seen: 1 oldest_pkt: 2 0, 1
    `,
  )
  timeline(
    'older kernels count in bytes: the stamp after the 255th is kept but not counted',
    ['--rcheck --hitcount 255 --name a'],
    `
    ${'0ms write a +192.0.2.1 | 10\n'.repeat(255)}
    4ms write a +192.0.2.1 | 10
    4ms show a | src=192.0.2.1 ttl: 0 last_seen: 1 oldest_pkt: 0 ${stamps(255)}
    8ms write a +192.0.2.1 | 10
    8ms show a | src=192.0.2.1 ttl: 0 last_seen: 2 oldest_pkt: 1 2, ${stamps(254)}
    `.replace(/\n\s*\n/g, '\n'),
    { profile: { ...linux618, recentMaxHitcount: 255 } },
  )

  it('keeps 65535 of 65536 stamps, and reaps an entry whose counter has wrapped however fresh it is', () => {
    const replay = new Replay(['--rcheck --hitcount 65535', '--rcheck --seconds 1000 --reap'], linux618)
    replay.load(1)
    replay.load(2)
    for (let count = 0; count < 65536; count++) replay.step(0, 'write DEFAULT +192.0.2.1')
    expect(replay.step(0, 'show DEFAULT')).toBe(
      `src=192.0.2.1 ttl: 0 last_seen: 0 oldest_pkt: 0 ${stamps(65535)}`,
    )
    expect(replay.step(0, 'write DEFAULT +192.0.2.2')).toBe('10')
    expect(replay.step(0, '192.0.2.2')).toBe('no yes')
    expect(replay.step(0, 'show DEFAULT')).toBe('src=192.0.2.2 ttl: 0 last_seen: 0 oldest_pkt: 1 0')
  })
})

describe('ttl', () => {
  timeline(
    'rttl wants the TTL last seen; 0 fits any; it never makes a second entry',
    ['--rcheck --rttl', '--set'],
    `
    0s   198.51.100.7 ttl=64         | no yes
    0s   198.51.100.7 ttl=63         | no yes
    0s   198.51.100.7 ttl=63         | yes yes
    0s   show DEFAULT                | src=198.51.100.7 ttl: 63 last_seen: 0 oldest_pkt: 3 0, 0, 0
    0s   write DEFAULT +192.0.2.1    | 10
    0s   192.0.2.1 ttl=9             | yes yes
    0s   192.0.2.1 ttl=8             | no yes
    `,
  )
  timeline(
    'one more behind routing, unless a local socket sent it; it wraps at 255 to fit any',
    ['--set', '--rcheck --rttl'],
    `
    0s   198.51.100.7 ttl=63 out        | yes yes
    0s   192.0.2.1 ttl=64 out socket    | yes yes
    0s   192.0.2.2 ttl=255 out          | yes yes
    0s   show DEFAULT | src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0 / src=192.0.2.1 ttl: 64 last_seen: 0 oldest_pkt: 1 0 / src=192.0.2.2 ttl: 0 last_seen: 0 oldest_pkt: 1 0
    `,
  )
})

describe('masks, sides, sharing', () => {
  timeline(
    'the first rule loaded decides the mask',
    ['--set --mask 255.255.255.0', '--rcheck --mask 255.255.255.255'],
    `
    0s   198.51.100.7 | yes yes
    0s   198.51.100.8 | yes yes
    0s   show DEFAULT | src=198.51.100.0 ttl: 64 last_seen: 0 oldest_pkt: 2 0, 0
    `,
  )
  timeline(
    'written addresses are not masked, so packets may never meet them',
    ['--rcheck --mask 255.255.255.0'],
    `
    0s   write DEFAULT +198.51.100.7 | 13
    0s   198.51.100.7                | no
    0s   write DEFAULT +198.51.100.0 | 13
    0s   198.51.100.7                | yes
    0s   write DEFAULT -198.51.100.9 | 13
    0s   show DEFAULT | src=198.51.100.7 ttl: 0 last_seen: 0 oldest_pkt: 1 0 / src=198.51.100.0 ttl: 0 last_seen: 0 oldest_pkt: 1 0
    `,
  )
  timeline(
    'both families share a list; a mask given in IPv4 cuts IPv6 addresses to 32 bits',
    ['--set --name a --mask 255.255.255.255', '-6 --set --name a', '--set --name b', '-6 --set --name b'],
    `
    0s   2001:db8::7  | yes yes
    0s   198.51.100.7 | yes yes
    0s   show a | src=2001:0db8:0000:0000:0000:0000:0000:0000 ttl: 64 last_seen: 0 oldest_pkt: 1 0 / src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0
    0s   show b | src=2001:0db8:0000:0000:0000:0000:0000:0007 ttl: 64 last_seen: 0 oldest_pkt: 1 0 / src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0
    `,
  )
  timeline(
    'rdest looks at the destination; the file says src= all the same',
    ['--set --rdest', '-6 --set --rdest --mask ffff:ffff::'],
    `
    0s   198.51.100.7 | yes
    0s   2001:db8::7  | yes
    0s   show DEFAULT | src=203.0.113.1 ttl: 64 last_seen: 0 oldest_pkt: 1 0 / src=2001:0db8:0000:0000:0000:0000:0000:0001 ttl: 64 last_seen: 0 oldest_pkt: 1 0
    `,
  )
  timeline(
    'a list lives as long as any rule that names it',
    ['--set', '-6 --rcheck'],
    `
    0s   198.51.100.7 | yes
    0s   unload 1     |
    0s   show DEFAULT | src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0
    0s   load 1       |
    0s   unload 2     |
    0s   show DEFAULT | src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0
    0s   unload 1     |
    0s   show DEFAULT | -
    0s   load 1       |
    0s   show DEFAULT |
    `,
  )
})

describe('eviction and reaping', () => {
  timeline(
    'the list holds so many; set and update refresh, rcheck does not',
    ['--rcheck', '--update --seconds 1'],
    `
    0s   write DEFAULT +192.0.2.1 | 10
    0s   write DEFAULT +192.0.2.2 | 10
    0s   write DEFAULT +192.0.2.3 | 10
    0s   192.0.2.1                | yes yes
    2s   192.0.2.2                | yes no
    2s   write DEFAULT +192.0.2.4 | 10
    2s   show DEFAULT | src=192.0.2.1 ttl: 64 last_seen: 0 oldest_pkt: 2 0, 0 / src=192.0.2.3 ttl: 0 last_seen: 0 oldest_pkt: 1 0 / src=192.0.2.4 ttl: 0 last_seen: 500 oldest_pkt: 1 500
    `,
    { profile: { ...linux618, recentListTotal: 3 } },
  )

  it('evicts the least recently used at the 101st address', () => {
    const replay = new Replay(['--set'], linux618)
    replay.load(1)
    for (let host = 1; host <= 101; host++) replay.step(0, `192.0.2.${host}`)
    const lines = replay.step(0, 'show DEFAULT').split(' / ')
    expect(lines.length).toBe(100)
    expect(lines[0]).toMatch(/^src=192\.0\.2\.2 /)
  })

  timeline(
    'reap takes one stale entry, and only for a packet whose own address is known',
    ['--rcheck --seconds 1 --reap'],
    `
    0s   write DEFAULT +192.0.2.1 | 10
    0s   write DEFAULT +192.0.2.2 | 10
    2s   192.0.2.9                | no
    2s   write DEFAULT +192.0.2.3 | 10
    2s   192.0.2.3                | yes
    2s   show DEFAULT | src=192.0.2.2 ttl: 0 last_seen: 0 oldest_pkt: 1 0 / src=192.0.2.3 ttl: 0 last_seen: 500 oldest_pkt: 1 500
    `,
  )
  timeline(
    'reap takes the stale entry of the packet itself, but never the one that update is about to stamp',
    ['--rcheck --seconds 1 --reap --name a', '! --update --seconds 1 --reap --name b'],
    `
    0s   write a +192.0.2.1 | 10
    0s   write b +192.0.2.1 | 10
    2s   192.0.2.1          | no yes
    2s   show a             |
    2s   show b             | src=192.0.2.1 ttl: 64 last_seen: 500 oldest_pkt: 2 0, 500
    `,
  )
})

describe('writing to the file', () => {
  timeline(
    'adds, stamps, removes, empties',
    ['--rcheck --rttl', '--set'],
    `
    0s   192.0.2.1                    | no yes
    4ms  write DEFAULT +192.0.2.1\\n  | 11
    4ms  show DEFAULT                 | src=192.0.2.1 ttl: 64 last_seen: 1 oldest_pkt: 2 0, 1
    4ms  write DEFAULT -192.0.2.1     | 10
    4ms  write DEFAULT -192.0.2.1     | 10
    4ms  write DEFAULT +2001:DB8::1   | 12
    4ms  write DEFAULT +::ffff:1.2.3.4 | 15
    4ms  show DEFAULT | src=2001:0db8:0000:0000:0000:0000:0000:0001 ttl: 0 last_seen: 1 oldest_pkt: 1 1 / src=0000:0000:0000:0000:0000:ffff:0102:0304 ttl: 0 last_seen: 1 oldest_pkt: 1 1
    4ms  write DEFAULT /anything      | 9
    4ms  show DEFAULT                 |
    4ms  write nowhere +192.0.2.1     | ENOENT
    `,
  )
})

it('refuses to release a list that is gone', () => {
  const lists = new RecentLists(linux618)
  const list = lists.acquire('a', parseAddress('255.255.255.255')!, 32)
  lists.release(list)
  expect(() => lists.release(list)).toThrow('more often')
})

describe('traces are told', () => {
  const add = 'write DEFAULT +198.51.100.7'
  const at = 'DEFAULT: 198.51.100.7'

  it.each([
    ['--set', [], [`${at} enters the list`]],
    ['--set', [add], [`${at} seen once; last 1 s ago`, `${at} is stamped`]],
    ['--rcheck --seconds 3', [add], [`${at} seen once within 3 s; last 1 s ago`]],
    ['--update --hitcount 2', [add, add], [`${at} seen 2 times, wanted 2; last 1 s ago`, `${at} is stamped`]],
    ['--remove', [add], [`${at} leaves the list`]],
  ])('of a match: %s after %j', (options, before, notes) => {
    const replay = new Replay([options], linux618)
    replay.load(1)
    for (const action of before) replay.step(0, action)
    expect(replay.tell(1000, '198.51.100.7')).toEqual({ notes, reasons: [] })
  })

  it.each([
    ['! --set', [], `${at} is stamped, but "! --set" never matches`],
    ['--rcheck', [], `${at} is not in the list`],
    ['--rcheck --rttl', ['198.51.100.7 ttl=60'], `${at} was seen with TTL 60, not 64`],
    ['--rcheck --hitcount 2', [add], `${at} seen once, wanted 2; last 1 s ago`],
    ['! --rcheck', [add], `${at} seen once; last 1 s ago`],
    ['--remove', [], `${at} is not in the list`],
    ['! --remove', [add], `${at} was in the list`],
  ])('of a miss: %s after %j', (options, before, reason) => {
    const replay = new Replay(['--set', options], linux618)
    replay.load(1)
    replay.load(2)
    for (const action of before) replay.step(0, action)
    replay.unload(1)
    expect(replay.tell(1000, '198.51.100.7').reasons).toEqual([reason])
  })
})
