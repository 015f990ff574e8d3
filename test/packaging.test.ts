/** What goes out of the house: the npm package and the Debian package, unpacked and run. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { builtLack } from './built.ts'
import { repositoryRoot } from './shared.ts'
import { missingTools } from './tools.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-pack-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', cwd: repositoryRoot, stdio: 'pipe' })
const { version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'))
const rules = 'examples/port-knock/rules.v4'

const lack = builtLack()

describe.skipIf(lack !== null)(`the npm package${lack === null ? '' : ` (${lack})`}`, () => {
  it('holds what is wanted and nothing else, and runs without its dependencies', () => {
    const [packed] = JSON.parse(
      run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder),
    )
    const paths: string[] = packed.files.map(({ path }: { path: string }) => path)
    for (const wanted of [
      'bin/postern',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/program/main.cjs',
      'dist/program/LICENSES.txt',
      'man/postern.1',
      'packaging/postern.service',
      'docs/postern.schema.json',
      'LICENSE',
      'README.md',
    ])
      expect(paths, wanted).toContain(wanted)
    const tops = new Set(paths.map((path) => path.split('/')[0]))
    expect([...tops].sort()).toEqual(
      [
        'ARCHITECTURE.md',
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'bin',
        'dist',
        'docs',
        'examples',
        'man',
      ].concat('package.json', 'packaging'),
    )
    expect(
      paths.filter((path) =>
        /\.test\.|_testing|\.cache$|\.map$|(^|\/)\.[^/]|dist\/(cli|daemon|linux)\//.test(path),
      ),
    ).toEqual([])
    run('tar', '-xzf', join(folder, packed.filename), '-C', folder)
    const bin = join(folder, 'package/bin/postern')
    expect(run(bin, '--version')).toBe(`${version}\n`)
    expect(run(bin, 'fmt', rules)).toBe(run('bin/postern', 'fmt', rules))
  })
})

const debLack = lack ?? missingTools('dpkg', 'dpkg-deb', 'xz')

describe.skipIf(debLack !== null)(`the Debian package${debLack === null ? '' : ` (${debLack})`}`, () => {
  it('is made, unpacks, and runs from there', () => {
    const file = run(process.execPath, 'scripts/deb.mjs', folder).trim()
    const field = (name: string): string => run('dpkg-deb', '-f', file, name).trim()
    expect([field('Package'), field('Version'), field('Depends')]).toEqual([
      'postern',
      version,
      'nodejs (>= 20.19), iptables',
    ])
    const to = join(folder, 'root')
    mkdirSync(to)
    run('dpkg-deb', '-x', file, to)
    const bin = join(to, 'usr/lib/postern/bin/postern')
    expect(run(bin, 'fmt', rules)).toBe(run('bin/postern', 'fmt', rules))
    // The native parts: what asks the kernel, and the database.
    expect(readdirSync(join(to, 'usr/lib/postern/node_modules'))).toEqual(
      expect.arrayContaining(['koffi', 'libsql']),
    )
    expect(readdirSync(join(to, 'usr/share/man/man1'))).toEqual(
      readdirSync(join(repositoryRoot, 'man')).map((page) => `${page}.gz`),
    )
    expect(run('bash', '-n', join(to, 'usr/share/bash-completion/completions/postern'))).toBe('')
    const listing = run('dpkg-deb', '-c', file)
    for (const [, mode, owner] of listing.matchAll(/^(\S+) (\S+)/gm)) {
      expect(owner).toBe('root/root')
      // Nobody but root may write, and nothing takes another's rights.
      expect(mode).not.toMatch(/^[^l].{4}w|^[^l].{7}w|[sS]/)
    }
  })
})
