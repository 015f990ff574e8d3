import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { jsonLines, postern } from './_testing/environment.ts'

const article = ['--etc', 'examples/brute-force/fail2ban', '--jail', 'ssh-iptables']
const line = (time: string, address: string): string =>
  `2026-01-23 ${time} Fedora6Srv1 sshd[4711]: Invalid user admin from ${address} port 4000\n`
const log = [
  line('14:04:14', '198.51.100.7'),
  line('14:04:15', '198.51.100.7'),
  line('14:04:16', '192.168.1.172').repeat(5),
  line('14:04:17', '198.51.100.7'),
  line('18:00:00', '198.51.100.8').repeat(3),
].join('')

describe('postern guard dry-run', () => {
  it('says whom the jail would have banned, and when', async () => {
    const { status, stdout } = await postern(['guard', 'dry-run', 'auth.log', ...article], {
      files: { 'auth.log': log },
    })
    expect(status).toBe(0)
    expect(stdout.split('\n').map((row) => row.slice(0, 60).trimEnd())).toEqual([
      'ADDRESS       BANS  FIRST                LAST',
      '198.51.100.7  1     2026-01-23 14:04:17  2026-01-23 14:04:17',
      '198.51.100.8  1     2026-01-23 18:00:00  2026-01-23 18:00:00',
      'ssh-iptables would have banned 2 addresses, 2 times on 1 day',
      '',
    ])
  })

  it('reads compressed logs, and tells programs the same', async () => {
    const { stdout } = await postern(['guard', 'dry-run', 'auth.log.gz', '--json', ...article], {
      files: { 'auth.log.gz': gzipSync(log) },
    })
    const rows = jsonLines(stdout) as { id?: string }[]
    expect(rows.map(({ id }) => id)).toEqual(['198.51.100.7', '198.51.100.8', undefined])
    expect(rows.at(-1)).toEqual({ end: true, lines: 11, failures: 11, bans: 2 })
  })

  it('wants one jail', async () => {
    const { status, stderr } = await postern([
      'guard',
      'dry-run',
      'auth.log',
      '--etc',
      'examples/brute-force/fail2ban',
    ])
    expect(status).toBe(2)
    expect(stderr).toContain('say which jail')
  })
})

describe('a guard that does not run', () => {
  it.each([
    'jail list',
    'jail status ssh',
    'unban --all',
    'allow 192.0.2.1',
    'ban ssh 192.0.2.1',
  ])('is said to be missing: %s', async (words) => {
    const { status, stderr } = await postern([...words.split(' '), '--socket', '/nonexistent/guard.sock'])
    expect(status).toBe(3)
    expect(stderr).toBe(
      'error: no guard answers at /nonexistent/guard.sock\n  try: postern guard run   (as root)\n',
    )
  })
})
