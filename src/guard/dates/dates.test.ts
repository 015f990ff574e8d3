import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seed } from '../../../test/seed.ts'
import { LineDates } from '../filter/line-date.ts'
import { detectorOf } from './detector.ts'
import { fastDateOf } from './fast.ts'
import { momentOf } from './fields.ts'
import { fixedZone, utc, type Zone, zoneOf } from './zone.ts'
import { zoneMinutes } from './zone-names.ts'

const nowMs = Date.UTC(2026, 10, 21, 18, 30)
const newestYear = 2029

/** The date of a line as ISO, and what is left of the line. */
function dated(line: string, pattern: string | null = null, zone: Zone = utc): string {
  const dates = new LineDates(pattern, zone, null, newestYear)
  const { text, timeMs, template } = dates.cut(line, nowMs)
  return template === null ? 'none' : `${new Date(timeMs!).toISOString().replace('.000Z', 'Z')}|${text}`
}

describe('dates in lines', () => {
  it.each([
    ['Nov 21 18:29:07 gate x', '2026-11-21T18:29:07Z| gate x'],
    ['Nov  1 18:29:07 gate x', '2026-11-01T18:29:07Z| gate x'],
    // more than a day ahead: last year
    ['Nov 23 18:29:07 gate x', '2025-11-23T18:29:07Z| gate x'],
    ['Nov 22 18:29:07 gate x', '2026-11-22T18:29:07Z| gate x'],
    ['2026-11-21T18:29:07.123456+01:00 gate', '2026-11-21T17:29:07Z| gate'],
    ['2026-11-21 18:29:07,123 gate', '2026-11-21T18:29:07Z| gate'],
    ['2026-11-21T18:29:07Z gate', '2026-11-21T18:29:07Z| gate'],
    ['1.2.3.4 - - [21/Nov/2026:18:29:07 +0200] "GET', '2026-11-21T16:29:07Z|1.2.3.4 - - [] "GET'],
    ['[Sat Nov 21 18:29:07.123 2026] [error]', '2026-11-21T18:29:07Z|[] [error]'],
    ['1795285747 x', '2026-11-21T18:29:07Z| x'],
    ['type=X msg=audit(1795285747.500:12): x', '2026-11-21T18:29:07.500Z|type=X msg=audit(:12): x'],
    ['@400000004c91b044077a9e94 x', '2010-09-16T05:51:00Z| x'],
    ['18:29:07 x', '2026-11-21T18:29:07Z| x'],
    // still to come: yesterday
    ['18:31:07 x', '2026-11-20T18:31:07Z| x'],
    ['20261121 182907 x', '2026-11-21T18:29:07Z| x'],
    ['Nov 21, 2026 6:29:07 PM x', '2026-11-21T18:29:07Z| x'],
    ['PDT Apr 16 21:05:29 x', '2026-04-17T04:05:29Z| x'],
    ['nothing here', 'none'],
    ['Feb 30 18:29:07 gate x', 'none'],
  ])('%s', (line, expected) => {
    expect(dated(line)).toBe(expected)
  })

  it.each([
    ['^\\[%d.%m.%Y\\] ', '[21.11.2026] b', '2026-11-21T00:00:00Z| b'],
    ['{^LN-BEG}%Y-%m-%d', 'a 2026-11-21', 'none'],
    ['<({DATE})>', 'x <2026-11-21 18:29:07> y', '2026-11-21T18:29:07Z|x <> y'],
    ['{NONE}', 'Nov 20 18:29:07 x', '2026-11-21T18:30:00Z|Nov 20 18:29:07 x'],
    ['t={EPOCH};', 'a t=1795285747; b', '2026-11-21T18:29:07Z|a  b'],
    ['LEPOCH', '1795285747123 b', '2026-11-21T18:29:07.123Z| b'],
    ['%Y %j', '2026 325', '2026-11-21T00:00:00Z|'],
    ['%d/%m/%ExY %H:%M %Exz', '21/11/2026 18:29 CET', '2026-11-21T17:29:00Z|'],
  ])('datepattern %s', (pattern, line, expected) => {
    expect(dated(line, pattern)).toBe(expected)
  })

  it('refuse a pattern with an unknown token', () => {
    expect(() => detectorOf('%Q', newestYear)).toThrow('%Q is no token of a date')
  })

  it('zones have fixed offsets', () => {
    expect(['UTC', 'CET', '+0230', 'UTC-03', 'NDT', 'Nowhere'].map(zoneMinutes)).toEqual([
      0,
      60,
      150,
      -180,
      -150,
      null,
    ])
  })

  it('take the first of two equal wall times, and step over those that never come', () => {
    const berlin = zoneOf((ms) =>
      ms >= Date.UTC(2026, 2, 29, 1) && ms < Date.UTC(2026, 9, 25, 1) ? 120 : 60,
    )
    expect(dated('2026-10-25 02:30:00 x', null, berlin)).toBe('2026-10-25T00:30:00Z| x')
    expect(dated('2026-03-29 03:30:00 x', null, berlin)).toBe('2026-03-29T01:30:00Z| x')
    expect(dated('2026-06-01 12:00:00 x', null, berlin)).toBe('2026-06-01T10:00:00Z| x')
  })
})

/** Dates of the two common forms, and texts that are almost such dates. */
const nearDate = fc
  .tuple(
    fc.constantFrom(
      'Nov 21 18:29:07',
      'Nov  1 08:00:00',
      '2026-11-21T18:29:07',
      '2026-11-21 18:29:07.25',
      'Jan 31 23:59:59',
    ),
    fc.constantFrom(
      '',
      'Z',
      '+01:00',
      '-0330',
      '+2000',
      ',5',
      '.1234567',
      ' 2026',
      ' 2x',
      ' UTC',
      '  Z',
      '+01:00x',
      'Zx',
    ),
    fc.constantFrom(' gate x', 'x', '', ' ', '\u00e9', ': y', ' 1'),
    fc.option(fc.tuple(fc.nat(18), fc.constantFrom('0', '9', 'x', ' ', ':', '3')), { nil: null }),
  )
  .map(([date, zone, rest, change]) => {
    const line = date + zone + rest
    return change === null ? line : line.slice(0, change[0]) + change[1] + line.slice(change[0] + 1)
  })

describe('dates read by hand', () => {
  it('are those that the templates find', () => {
    const minutes = fc.constantFrom(null, 60, -150)
    const zone = fixedZone(90)
    const templates = detectorOf('{^LN-BEG}', newestYear)
    const expected = ['Nov 21 18:29:07 x', '2026-11-21T18:29:07Z x'].map(
      (line) => templates.find(line, nowMs)!.template,
    )
    let read = 0
    fc.assert(
      fc.property(nearDate, minutes, (line, defaultMinutes) => {
        const fast = fastDateOf(zone, defaultMinutes, newestYear)
        // amid other lines
        const bytes = new TextEncoder().encode(
          `x\n\n${line}\n2026-11-21T18:29:07Z 2026-11-21T18:29:07Z xxxxx`,
        )
        for (const template of expected) {
          const end = fast.find(template, bytes, 3, nowMs)
          if (end < 0) continue
          read++
          const match = template.regex.search(line)!
          expect(match?.span(1)).toEqual([0, end])
          expect(fast.timeMs).toBe(template.moment(match, { nowMs, zone, defaultMinutes }))
        }
      }),
      { numRuns: 2000 },
    )
    expect(read).toBeGreaterThan(100)
  })

  it('fields that are no date give none', () => {
    const context = { nowMs, zone: utc, defaultMinutes: null }
    expect(momentOf(new Map([['H', '25']]), context)).toBeNull()
    expect(momentOf(new Map([['z', 'XYZ']]), context)).toBeNull()
    expect(momentOf(new Map([['m', '4']]), context)).toBeNull()
  })
})

const judge = `
import json, sys, os, time
sys.path.insert(0, '/usr/lib/python3/dist-packages')
os.environ['TZ'] = 'UTC'; time.tzset()
from fail2ban.server.mytime import MyTime
from fail2ban.server.datedetector import DateDetector
question = json.load(sys.stdin)
MyTime.setTime(question['now'])
detector = DateDetector()
answers = []
for line in question['lines']:
    match = detector.matchTime(line)
    date = detector.getTime(line, match) if match[0] else None
    answers.append(date and [date[0], match[0].span(1)])
json.dump(answers, sys.stdout)
`
const judged = existsSync('/usr/lib/python3/dist-packages/fail2ban/server/datedetector.py')

describe('against fail2ban', () => {
  it.skipIf(!judged)(`one detector over random lines${judged ? '' : ' (fail2ban is not installed)'}`, () => {
    const parts = fc.constantFrom(
      ...[
        'Nov 21 18:29:07',
        'Sat Nov 21 18:29:07 2026',
        '2026-11-21 18:29:07',
        '21/11/2026 18:29:07',
        '18:29:07',
      ],
      ...[
        '21/Nov/2026:18:29:07 +0100',
        '1795285747',
        '@400000004c91b044077a9e94',
        '20261121T182907Z',
        '11-21-2026 18:29:07.5',
      ],
      ...[
        '261121 18:29:07',
        'PDT Nov 21 08:00:00',
        'Nov-21-26 18:29:07',
        '2026/11/21 18:29:07 +02:30',
        'gate',
        '[',
        ']',
        'x: ',
        '7',
        ' ',
      ],
    )
    const lines = fc
      .sample(fc.array(parts, { minLength: 1, maxLength: 4 }), { numRuns: 400, seed })
      .map((words) => words.join(' '))
    const { stdout, status, stderr } = spawnSync('python3', ['-c', judge], {
      input: JSON.stringify({ now: nowMs / 1000, lines }),
      encoding: 'utf8',
    })
    expect(status, stderr).toBe(0)
    const theirs: ([number, [number, number]] | null)[] = JSON.parse(stdout)
    const detector = detectorOf(null, newestYear)
    const context = { nowMs, zone: utc, defaultMinutes: null }
    lines.forEach((line, at) => {
      const found = detector.find(line, nowMs)
      const moment = found?.template.moment(found.match, context) ?? null
      const ours = moment === null ? null : [moment / 1000, [found!.start, found!.end]]
      expect(ours, `seed ${seed}, line ${at}: ${line}`).toEqual(theirs[at] ?? null)
    })
  })
})
