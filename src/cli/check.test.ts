import { describe, expect, it } from 'vitest'
import { encodeText } from '../lang/bytes.ts'
import type { Environment } from './environment.ts'
import { run } from './run.ts'

const files: Readonly<Record<string, string | Uint8Array>> = {
  'good.v4':
    '*filter\n:INPUT DROP [1:2]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n[3:4] -A INPUT -p tcp --dport ssh -j ACCEPT\nCOMMIT\n',
  'good.v6': '*filter\n-A INPUT -s ::1 -j ACCEPT\nCOMMIT\n',
  'bad.rules': '*filter\n-A INPUT -j ALLOW\n-A INPUT -p tcp --dprot 22\nCOMMIT\n',
  'warn.rules': '*filter\n-A INPUT -j DROP\n-A INPUT -j DROP\nCOMMIT\n',
  'both.sh': 'iptables -A INPUT -s 1.1.1.1\nip6tables -A INPUT -s ::1\n',
  'latin.v4': Uint8Array.from([
    ...Buffer.from('*filter\n-A INPUT -m comment --comment "caf'),
    0xe9,
    ...Buffer.from('"\nCOMMIT\n'),
  ]),
  'many.v4': `*filter\n${'-A INPUT -q\n'.repeat(250)}COMMIT\n`,
  '-': 'iptables -A INPUT -j DORP\n',
}

async function postern(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const environment: Environment = {
    stdout: (text) => {
      out += text
    },
    stderr: (text) => {
      err += text
    },
    readFile: async (path) => {
      const data = files[path]
      if (data === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT', path })
      return typeof data === 'string' ? new TextEncoder().encode(data) : data
    },
    readChunks: () => {
      throw new Error('not used')
    },
    createFile: () => {
      throw new Error('not used')
    },
    replaceFile: () => Promise.reject(new Error('not used')),
    removeFile: () => Promise.reject(new Error('not used')),
    onHangup: () => {},
    askSecret: async () => null,
    exclusively: () => Promise.reject(new Error('not used')),
    variable: () => undefined,
    exists: (path) => path in files,
    color: { stdout: false, stderr: false },
    interactive: false,
    columns: 80,
    nowMs: () => 0,
    signal: new AbortController().signal,
  }
  const code = await run(argv, environment)
  return { code, out, err }
}

describe('check', () => {
  it('is content with good rules', async () => {
    expect(await postern('check', 'good.v4', 'good.v6')).toEqual({
      code: 0,
      out: '',
      err: 'good.v4: no problems\ngood.v6: no problems\n',
    })
  })

  it('points at errors and exits with 1', async () => {
    const { code, out, err } = await postern('check', 'bad.rules')
    expect(code).toBe(1)
    expect(err).toBe('bad.rules: 2 errors\n')
    expect(out).toBe(
      [
        'error[target/unknown]: there is no chain or target "ALLOW"',
        ' --> bad.rules:2:13',
        '  |',
        '2 | -A INPUT -j ALLOW',
        '  |             ^^^^^',
        '  = try: ACCEPT',
        '',
        'error[option/unknown]: there is no option --dprot here',
        ' --> bad.rules:3:17',
        '  |',
        '3 | -A INPUT -p tcp --dprot 22',
        '  |                 ^^^^^^^',
        '  = try: --dport',
        '',
        '',
      ].join('\n'),
    )
  })

  it('prints objects for programs', async () => {
    const { code, out } = await postern('check', '--json', 'bad.rules')
    expect(code).toBe(1)
    const objects = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(objects).toMatchObject([
      {
        file: 'bad.rules',
        line: 2,
        column: 13,
        endColumn: 18,
        code: 'target/unknown',
        severity: 'error',
        fix: 'ACCEPT',
      },
      { file: 'bad.rules', line: 3, column: 17, code: 'option/unknown', fix: '--dport' },
    ])
  })

  it('forgives warnings, unless strict, and keeps silent about some', async () => {
    expect((await postern('check', 'warn.rules')).code).toBe(0)
    expect((await postern('check', '--strict', 'warn.rules')).code).toBe(1)
    const silence = ['--silence', 'rule/unreachable', '--silence', 'chain/no-loopback']
    const { out, err } = await postern('check', ...silence, '--', 'warn.rules')
    expect(out + err).toBe('warn.rules: no problems\n')
  })

  it('reads standard input, and the family asked for', async () => {
    expect((await postern('check', '-')).out).toContain('--> standard input:1:22')
    expect((await postern('check', '-6', 'good.v4')).code).toBe(0)
    expect((await postern('check', '-4', 'good.v6')).out).toContain('error[address/family]')
    expect((await postern('check', '-4', '-6', 'good.v4')).code).toBe(2)
  })

  it('says how many it leaves out', async () => {
    const { out, err } = await postern('check', 'many.v4')
    expect(out).toMatch(/\n\.\.\. and 50 more\n$/)
    expect(err).toContain('250 errors')
  })

  it('says which file is missing', async () => {
    expect(await postern('check', 'none.v4')).toMatchObject({
      code: 2,
      err: 'error: none.v4: no such file\n',
    })
  })
})

describe('fmt', () => {
  it('prints what the kernel would print back', async () => {
    expect(await postern('fmt', 'good.v4')).toEqual({
      code: 0,
      out: '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n',
      err: '',
    })
    expect((await postern('fmt', '-c', 'good.v4')).out).toContain('\n[3:4] -A INPUT ')
    expect((await postern('fmt', '--counters', 'good.v4')).out).toContain(':INPUT DROP [1:2]\n')
  })

  it('chooses a family of a script', async () => {
    expect((await postern('fmt', 'both.sh')).out).toContain('-A INPUT -s 1.1.1.1/32\n')
    expect((await postern('fmt', '-6', 'both.sh')).out).toContain('-A INPUT -s ::1/128\n')
  })

  it('keeps bytes that are no UTF-8', async () => {
    const { out } = await postern('fmt', 'latin.v4')
    expect(Buffer.from(encodeText(out)).toString('latin1')).toContain('--comment "caf\u00e9"\n')
  })

  it('prints nothing of rules with errors', async () => {
    const { code, out, err } = await postern('fmt', 'bad.rules')
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('try: ACCEPT')
  })
})
