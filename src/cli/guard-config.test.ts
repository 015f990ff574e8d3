import { describe, expect, it } from 'vitest'
import { jsonLines, postern } from './_testing/environment.ts'

const article = ['--etc', 'examples/brute-force/fail2ban']

describe('postern guard config', () => {
  it('prints what takes effect, and where it was set, within 80 columns', async () => {
    const { status, stdout, stderr } = await postern(['guard', 'config', ...article])
    expect(status).toBe(0)
    expect(stdout).toContain(
      [
        '  log             /var/log/secure                          fail2ban/jail.conf:13',
        '  bans after      3 failures                               fail2ban/jail.conf:14',
        '  within          16m 40s (rate)                            fail2ban/jail.conf:4',
        '  for             16m 40s                                   fail2ban/jail.conf:3',
        '  keeps lines     5',
        '  ignores         itself 127.0.0.1 192.168.1.172            fail2ban/jail.conf:2',
        '  action          iptables-SSH (postern-chain)             fail2ban/jail.conf:11',
        '  action          sendmail-whois-SSH (postern-mail)        fail2ban/jail.conf:12',
        '',
      ].join('\n'),
    )
    expect(stdout).toContain(
      'ssh-iptables\n  filter          sshd                                     fail2ban/jail.conf:10\n',
    )
    expect(stdout).toMatch(/^ {4}failures {6}\d+ expressions +filter\.d\/sshd\.conf:\d+$/m)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stderr).toContain('warning[guard/lost-action]: this action has lost its indent\n')
    expect(stderr).toContain('jail.conf:12:1\n')
  })

  it('shows one jail whole', async () => {
    const { stdout } = await postern(['guard', 'config', ...article, '--jail', 'ssh-iptables'])
    expect(stdout).toContain('<ADDR>')
    expect(stdout).toContain('    port          ssh')
    expect(stdout).not.toContain('vsftpd')
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('is the same data as JSON', async () => {
    const lines = jsonLines((await postern(['guard', 'config', '--json', ...article])).stdout)
    expect(lines.filter((line) => 'jail' in line)).toMatchObject([
      { jail: { name: 'ssh-iptables', maxRetry: 3 }, origins: { maxretry: { line: 14, column: 1 } } },
      { jail: { name: 'vsftpd-iptables', banTimeSeconds: 1800 } },
    ])
    expect(lines.at(-1)).toEqual({ end: true, jails: 2, fatal: false })
    expect(lines.filter((line) => 'diagnostic' in line)).toHaveLength(2)
  })

  it('prints commands of fail2ban', async () => {
    const { stdout } = await postern([
      'guard',
      'config',
      '--fail2ban',
      '--etc',
      'examples/brute-force/fail2ban',
    ])
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      "['set', 'syslogsocket', 'auto']",
      "['set', 'loglevel', 'INFO']",
    ])
    // fail2ban has no iptables action in that folder, so it skips the jails.
    expect(stdout).toContain(
      "['config-error', \"Jail 'ssh-iptables' skipped, because of wrong configuration: ",
    )
  })

  it('reads a postern.yaml', async () => {
    const { status, stdout, stderr } = await postern(['guard', 'config', 'examples/brute-force/postern.yaml'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('  within          16m 40s (exact)')
  })

  it('shows control characters harmlessly, and colours where they are wanted', async () => {
    const yaml =
      'guard: { etc: examples/brute-force/fail2ban, jails: { "a\\e[31m": { filter: sshd, logs: /x } } }\n'
    const given = { files: { 'p.yaml': yaml } }
    expect((await postern(['guard', 'config', 'p.yaml'], given)).stdout).not.toContain('\u001b')
    expect((await postern(['guard', 'config', 'p.yaml'], { ...given, color: true })).stdout).toContain(
      '\u001b[1m',
    )
  })

  it.each<[status: number, argv: string[], files?: Record<string, string>]>([
    [1, ['p.yaml'], { 'p.yaml': 'guard: { jails: { x: { filter: nothing, logs: /x } } }\n' }],
    [1, ['p.yaml'], { 'p.yaml': 'guard: 5\n' }],
    [1, ['--etc', 'examples/nowhere']],
    [1, ['--etc', 'examples']],
    [1, [...article, '--jail', 'nothing']],
    [2, ['nofile.yaml']],
    [2, ['--json', '--fail2ban', ...article]],
    [2, ['--bogus']],
  ])('exit status %i: %j', async (status, argv, files = {}) => {
    expect((await postern(['guard', 'config', ...argv], { files })).status).toBe(status)
  })
})
