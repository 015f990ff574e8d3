import { describe, expect, it } from 'vitest'
import type { Diagnostic } from './diagnostic.ts'
import { diagnosticJson, renderDiagnostic, summarize } from './render.ts'
import { SourceText } from './source.ts'

/** A diagnostic about the part of the text between guillemets, which are taken out. */
function about(marked: string, more: Partial<Diagnostic> = {}): Diagnostic {
  const start = marked.indexOf('«')
  const end = marked.indexOf('»') - 1
  const source = new SourceText('rules.v4', marked.replace(/[«»]/g, ''))
  return {
    code: 'area/what',
    severity: 'error',
    span: start < 0 ? null : { source, start, end },
    message: 'it is wrong',
    notes: [],
    help: null,
    ...more,
  }
}

const frame = (marked: string, columns = 100): string =>
  renderDiagnostic(about(marked), { columns }).split('\n').slice(3, -1).join('\n')

describe('as text', () => {
  it('has a frame, notes and a way out', () => {
    const text = `${'# one\n'.repeat(11)}-A INPUT -m recent --update --hitcount «999» -j DROP\n`
    const diagnostic = about(text, {
      code: 'recent/hitcount-too-large',
      message: '--hitcount 999 is more than this kernel remembers',
      notes: ['on Linux 5.15 an entry holds 255 timestamps', 'loading fails with EINVAL'],
      help: '--hitcount 255',
    })
    expect(renderDiagnostic(diagnostic)).toBe(
      [
        'error[recent/hitcount-too-large]: --hitcount 999 is more than this kernel remembers',
        '  --> rules.v4:12:40',
        '   |',
        '12 | -A INPUT -m recent --update --hitcount 999 -j DROP',
        '   |                                        ^^^',
        '   = why: on Linux 5.15 an entry holds 255 timestamps',
        '   = why: loading fails with EINVAL',
        '   = try: --hitcount 255',
        '',
      ].join('\n'),
    )
  })

  it('shows the other place, too', () => {
    const source = new SourceText('rules.v4', ':web - [0:0]\n:web - [0:0]\n')
    const diagnostic = about('', {
      span: { source, start: 14, end: 17 },
      related: { span: { source, start: 1, end: 4 }, message: 'the chain is made here' },
    })
    expect(renderDiagnostic(diagnostic)).toBe(
      [
        'error[area/what]: it is wrong',
        ' --> rules.v4:2:2',
        '  |',
        '2 | :web - [0:0]',
        '  |  ^^^',
        '  = see: the chain is made here',
        ' --> rules.v4:1:2',
        '  |',
        '1 | :web - [0:0]',
        '  |  ^^^',
        '',
      ].join('\n'),
    )
  })

  it.each([
    ['a «b» c', '1 | a b c\n  |   ^'],
    ['\t«b»', '1 |     b\n  |     ^'],
    ['ab\t«b»', '1 | ab  b\n  |     ^'],
    ['a«\t»b', '1 | a   b\n  |  ^^^'],
    ['日本 «語» x', '1 | 日本 語 x\n  |      ^^'],
    ['e\u0301 «x»', '1 | e\u0301 x\n  |   ^'],
    ['\x1b[31m «x»\x7f', '1 | ␛[31m x␡\n  |       ^'],
    ['a\u202e «x»', '1 | a\ufffd x\n  |    ^'],
    ['a «»', '1 | a\n  |   ^'],
    ['a«', '1 | a\n  |  ^'],
  ])('marks %j', (marked, expected) => {
    const text = marked.includes('»') ? marked : `${marked}»`
    expect(frame(text)).toBe(expected)
  })

  it.each([
    [`${'a'.repeat(50)} «bad» ${'c'.repeat(50)}`, 20, '1 | …aaaaaaaa bad ccccccc…\n  |           ^^^'],
    [`«bad» ${'c'.repeat(50)}`, 20, '1 | bad cccccccccccccccc…\n  | ^^^'],
    [`${'a'.repeat(50)} «bad»`, 20, '1 | …aaaaaaaaaaaaaaaa bad\n  |                   ^^^'],
    [`a «${'b'.repeat(50)}» c`, 20, '1 | …bbbbbbbbbbbbbbbbbbbb…\n  |  ^^^^^^^^^^^^^^^^^^^^'],
    [`${'a'.repeat(5000)} «bad» ${'c'.repeat(5000)}`, 20, '1 | …aaaaaaaa bad ccccccc…\n  |           ^^^'],
  ])('cuts long lines around the caret (%#)', (marked, columns, expected) => {
    expect(frame(marked, columns)).toBe(expected)
  })

  it('lets no message play with the terminal', () => {
    expect(renderDiagnostic(about('', { message: 'a\x1b[2Jb', notes: ['\x07'] }))).toBe(
      'error[area/what]: a␛[2Jb\n  = why: ␇\n',
    )
  })
})

it('is a flat object for programs', () => {
  const diagnostic = about('ab\nc «d\ne» f', { help: 'x', fix: 'y' })
  expect(diagnosticJson(diagnostic)).toEqual({
    file: 'rules.v4',
    line: 2,
    column: 3,
    endLine: 3,
    endColumn: 2,
    code: 'area/what',
    severity: 'error',
    message: 'it is wrong',
    notes: [],
    help: 'x',
    fix: 'y',
    related: null,
  })
  expect(diagnosticJson(about(''))).toMatchObject({ file: null, line: null, fix: null })
})

it.each([
  [{ error: 0, warning: 0, note: 0 }, 0, null],
  [{ error: 1, warning: 0, note: 2 }, 0, '1 error, 2 notes'],
  [{ error: 300, warning: 1, note: 0 }, 101, '300 errors, 1 warning (101 of them not shown)'],
])('sums up %j', (counts, omitted, expected) => expect(summarize(counts, omitted)).toBe(expected))
