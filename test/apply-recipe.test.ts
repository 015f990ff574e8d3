/** `postern apply --add-recipe` on a real kernel, in a namespace. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { builtLack } from './built.ts'
import { TestNamespace } from './namespace.ts'
import { missingTools } from './tools.ts'

const reason =
  process.getuid?.() === 0
    ? (missingTools('ip', 'unshare', 'nsenter', 'iptables-legacy', 'ipset') ?? builtLack())
    : 'needs root'

const rules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-port-unreachable
COMMIT
`
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-recipe-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

it('recipes go into the rules in force at their place, and out again', async ({ skip }) => {
  if (reason !== null) skip(reason)
  const space = await TestNamespace.open()
  try {
    space.run('iptables-legacy-restore', [], rules)
    const input = () => space.run('iptables-legacy', ['-S', 'INPUT']).trim().split('\n').slice(1)
    const apply = async (...words: string[]) => {
      const common = [
        '--backend',
        'legacy',
        '--state-dir',
        join(folder, 'state'),
        '--no-wait',
        '--confirm',
        '60s',
      ]
      const said = await space.said(['apply', ...common, ...words])
      expect(said).toMatchObject({ status: 0 })
      expect(await space.said(['confirm', '--state-dir', join(folder, 'state')])).toMatchObject({ status: 0 })
    }
    const before = input()
    await apply(
      ...['--add-recipe', 'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000'],
      ...['--add-recipe', 'country --allow 192.0.2.0/24'],
    )
    const after = input()
    expect(after.map((line) => line.replace(/.* -[jg] /, ''))).toEqual([
      'country-country',
      'ACCEPT',
      'knock-3306',
      'REJECT --reject-with icmp-port-unreachable',
    ])
    expect(space.run('ipset', ['list', 'country-allow'])).toContain('192.0.2.0/24')
    await apply('--remove-recipe', 'knock 3306', '--remove-recipe', 'country country')
    expect(input()).toEqual(before)
    const wrong = await space.said(['apply', '--backend', 'legacy', '--remove-recipe', 'knock 3306'])
    expect(wrong).toMatchObject({ status: 2 })
    const unknown = await space.said(['apply', '--backend', 'legacy', '--add-recipe', 'knok --open 1'])
    expect(unknown.stderr).toContain('there is no recipe "knok"\n  try: knock')
  } finally {
    space.close()
  }
})
