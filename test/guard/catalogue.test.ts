/** What `postern explain` says of the guard's diagnostics: each example comes to its code, and none is missing. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type GuardCatalogueEntry, guardCatalogue } from '../../src/guard/config/catalogue.ts'
import { memoryFiles } from '../../src/guard/config/files.ts'
import { readGuardConfig } from '../../src/guard/config/read.ts'
import { readPosternGuard } from '../../src/guard/config/yaml/read.ts'
import { SourceText } from '../../src/lang/source.ts'

const folder = {
  '/f/jail.conf':
    '[DEFAULT]\nfilter = %(__name__)s\naction = iptables\nlogpath = %(sshd_log)s\nsshd_log = /var/log/auth.log\n' +
    'ignoreip = 127.0.0.1\n[sshd]\n',
  '/f/filter.d/sshd.conf': '[Definition]\nfailregex = ^x <HOST>\n',
  '/f/action.d/iptables.conf': '[Definition]\nactionban = ban <ip>\n',
  '/f/action.d/sendmail-whois.conf': '[Definition]\nactionban = mail <ip>\n',
}

const options = { folder: '/f', checkExpressions: true }

function diagnosticsOf(text: string, file: GuardCatalogueEntry['file']) {
  if (file === 'postern.yaml')
    return readPosternGuard(new SourceText(file, text), memoryFiles(folder), options).diagnostics
  const local = { '/f/jail.local': '[sshd]\nenabled = true\n', [`/f/${file ?? 'jail.local'}`]: text }
  return readGuardConfig(memoryFiles({ ...folder, ...local }), options).diagnostics
}

const examples = guardCatalogue.filter(({ wrong }) => wrong !== undefined)

describe('each example', () => {
  it.each(examples.map((entry) => [entry.code, entry] as const))('%s', (code, {
    wrong,
    mended,
    file,
    severity,
  }) => {
    const text = wrong!.replace('«', '').replace('»', '')
    const start = wrong!.indexOf('«')
    const marked = start < 0 ? null : text.slice(start, wrong!.indexOf('»') - 1)
    const found = diagnosticsOf(text, file).map(({ code: said, severity: how, span }) => [
      said,
      how,
      span === null ? null : span.source.text.slice(span.start, span.end),
      span?.start ?? -1,
    ])
    expect(found).toEqual([[code, severity, marked, start]])
    expect(diagnosticsOf(mended!, file)).toEqual([])
  })
})

it('no code of the configuration is missing, and none is left over', () => {
  const place = join(import.meta.dirname, '../../src/guard/config')
  const said = new Set(['guard/unknown-filter', 'guard/unknown-action'])
  for (const name of readdirSync(place, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const text = readFileSync(join(place, name), 'utf8')
    for (const [, code] of text.matchAll(/(?:errorOf|warningOf|noteOf)\(\s*'([a-z-]+)'/g))
      said.add(`guard/${code}`)
  }
  expect(guardCatalogue.map(({ code }) => code).sort()).toEqual([...said].sort())
})
