import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exclusively, replaceFile } from '../linux/files.ts'
import { postern } from './_testing/environment.ts'

const state = (ipv4: string) => JSON.stringify({ postern: 'state', version: 1, ipv4, ipv6: '' })

describe('programs on a virtual host', () => {
  it('keep what a command changed', async () => {
    const { status, stdout, stderr, written } = await postern(
      ['iptables', '--state', 'fw', '-A', 'INPUT', '-m', 'state', '--state', 'NEW', '-j', 'DROP'],
      { files: { fw: state('*filter\n:INPUT DROP [3:4]\n[1:2] -A INPUT -p tcp\nCOMMIT\n') } },
    )
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    const after = JSON.parse(new TextDecoder().decode(written.get('fw')))
    expect(after.ipv4).toBe(
      [
        '*filter',
        ':INPUT DROP [0:0]',
        ':FORWARD ACCEPT [0:0]',
        ':OUTPUT ACCEPT [0:0]',
        '[1:2] -A INPUT -p tcp',
        '[0:0] -A INPUT -m state --state NEW -j DROP',
        'COMMIT\n',
      ].join('\n'),
    )
  })

  it('write nothing after a refusal', async () => {
    const before = state('*filter\nCOMMIT\n')
    const { status, stderr, written } = await postern(
      ['iptables', '--state', 'fw', '-A', 'INPUT', '-j', 'no'],
      {
        files: { fw: before },
      },
    )
    expect(status).toBe(2)
    expect(stderr).toContain("Couldn't load target `no'")
    expect(new TextDecoder().decode(written.get('fw'))).not.toContain('-A INPUT')
  })

  it('read rules from a file or from standard input', async () => {
    const text = '*filter\n-A INPUT -j DROP\nCOMMIT\n'
    for (const words of [['rules'], []]) {
      const { status, written } = await postern(['iptables-restore', '--state', 'fw', ...words], {
        files: { fw: state(''), rules: text, '-': text },
      })
      expect(status).toBe(0)
      expect(new TextDecoder().decode(written.get('fw'))).toContain('-A INPUT -j DROP')
    }
  })

  it.each([
    [['iptables', '-S'], 'no state file'],
    [['iptables', '--state', 'junk', '-S'], 'junk is no state file of postern'],
    [['iptables', '--state', 'torn', '-S'], 'torn has been damaged'],
  ])('%j is refused', async (argv, message) => {
    const { status, stderr } = await postern(argv, {
      files: { junk: 'hello', torn: state('*filter\n-A NOWHERE -j DROP\nCOMMIT\n') },
    })
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })

  it('explain themselves', async () => {
    const { status, stdout } = await postern(['ip6tables-restore', '--help'])
    expect(status).toBe(0)
    expect(stdout).toContain('--state <file>')
  })
})

describe('check --fix', () => {
  it('writes what has one right answer, and nothing else', async () => {
    const text = '*filter\n-A INPUT -p tcp --dprot 22 -j ACEPT\n-A INPUT -s host.example -j DROP\nCOMMIT\n'
    const { stderr, written } = await postern(['check', '--fix', 'rules'], { files: { rules: text } })
    const after = new TextDecoder().decode(written.get('rules'))
    expect(after).toBe(text.replace('--dprot', '--dport').replace('ACEPT', 'ACCEPT'))
    expect(stderr).toContain('corrected')
  })
})

describe('files that several processes write', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-files-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('lose no change', async () => {
    const path = join(folder, 'count')
    writeFileSync(path, '0')
    const change = () =>
      exclusively(path, async () => {
        const count = Number(readFileSync(path, 'utf8'))
        await new Promise((resolve) => setTimeout(resolve, 2))
        await replaceFile(path, new TextEncoder().encode(String(count + 1)))
      })
    await Promise.all(Array.from({ length: 20 }, change))
    expect(readFileSync(path, 'utf8')).toBe('20')
    expect(readdirSync(folder)).toEqual(['count'])
  })
})
