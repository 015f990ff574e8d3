import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { hasTool } from '../../test/tools.ts'
import { postern } from './_testing/environment.ts'

const { stdout: script } = await postern(['completion', 'bash'])

/** What bash offers for a line, the cursor at its end. */
function offered(line: string): string[] {
  const words = line.split(' ')
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const ask = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _postern; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['--norc', '-c', `${script}\n${ask}`], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
}

const lack = hasTool('bash') ? null : 'bash is not installed'

describe.skipIf(lack !== null)(`completion in bash${lack === null ? '' : ` (${lack})`}`, () => {
  it.each([
    ['postern che', ['check']],
    ['postern auth', ['authport']],
    ['postern authport ', ['run', 'user', 'door']],
    ['postern guard t', ['test']],
    ['postern check --js', ['--json']],
    ['postern authport user --to', ['--totp']],
    ['postern fmt --to j', ['json']],
    ['postern up --log ', ['text', 'json', 'journal']],
    ['postern up --enf', ['--enforce']],
    ['postern up st', ['status']],
    ['postern up status --js', ['--json']],
    ['postern check /etc/ru', []],
    ['postern nothing -', []],
    ['postern iptables -', []],
  ])('%j', (line, words) => {
    expect(offered(line)).toEqual(words)
  })
})

describe('postern completion', () => {
  it('of zsh reads the same', async () => {
    const { stdout } = await postern(['completion', 'zsh'])
    expect(stdout).toBe(`autoload -U +X bashcompinit && bashcompinit\n${script}`)
  })

  it('knows no other shell', async () => {
    const ran = await postern(['completion', 'tcsh'])
    expect([ran.status, ran.stderr]).toEqual([
      2,
      'error: "tcsh" is none of bash, zsh\n  try: postern completion bash\n',
    ])
  })
})
