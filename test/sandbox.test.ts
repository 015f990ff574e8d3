/** Firewall scripts as they are, in a sandbox. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runInSandbox } from '../src/linux/sandbox/sandbox.ts'
import { UnavailableError } from '../src/linux/unavailable.ts'
import { builtLack, runBuilt } from './built.ts'
import { sharedPath } from './shared.ts'

let folder = ''
let lack: string | null = null
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-scripts-'))
  lack = await runInSandbox({
    command: ['true'],
    answer: () => ({ exitCode: 1, stdout: new Uint8Array(0), stderr: new Uint8Array(0) }),
    stdout: () => {},
    stderr: () => {},
    signal: new AbortController().signal,
  }).then(
    () => builtLack(),
    (error: unknown) => {
      if (error instanceof UnavailableError) return error.message
      throw error
    },
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(({ skip }) => {
  if (lack !== null) skip(lack)
})

function put(path: string, text: string): string {
  const full = join(folder, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, text)
  return full
}

const run = (...words: string[]) => runBuilt(['sh', ...words], { cwd: folder })

describe('postern sh', () => {
  it('answers iptables by its name and by its path, and changes nothing here', async () => {
    const script = put(
      'fw.sh',
      [
        'IPT=/sbin/iptables',
        'echo 1 > /proc/sys/net/ipv4/ip_forward',
        'sysctl -w net.ipv4.conf.all.rp_filter=1 >/dev/null',
        'modprobe nf_conntrack_ftp',
        '$IPT -P INPUT DROP',
        'for port in 22 80; do iptables -A INPUT -p tcp --dport $port -j ACCEPT; done',
        '$IPT -C INPUT -p tcp --dport 25 -j DROP 2>/dev/null || echo "none for $(cat /proc/sys/net/ipv4/ip_forward)"',
        "printf '*filter\\n-A OUTPUT -j ACCEPT\\nCOMMIT\\n' | iptables-restore --noflush",
        'iptables-save | grep -c ACCEPT',
        'ip6tables -A INPUT -s ::1 -m comment --comment "two words" -j ACCEPT',
        'echo secret > /etc/postern-was-here',
      ].join('\n'),
    )
    const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')
    const { status, stdout, stderr } = await run(script)
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: [
        '# ip6tables',
        '*filter',
        ':INPUT ACCEPT [0:0]',
        ':FORWARD ACCEPT [0:0]',
        ':OUTPUT ACCEPT [0:0]',
        '-A INPUT -s ::1/128 -m comment --comment "two words" -j ACCEPT',
        'COMMIT',
        '# iptables',
        '*filter',
        ':INPUT DROP [0:0]',
        ':FORWARD ACCEPT [0:0]',
        ':OUTPUT ACCEPT [0:0]',
        '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
        '-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT',
        '-A OUTPUT -j ACCEPT',
        'COMMIT',
        '',
      ].join('\n'),
    })
    expect(stderr).toContain('none for 1\n5\n')
    expect(stderr).toContain('recorded: modprobe nf_conntrack_ftp\n')
    expect(stderr).toContain('recorded: /proc/sys/net/ipv4/conf/all/rp_filter = 1\n')
    expect(stderr).toContain('recorded: /etc/postern-was-here was written, and thrown away\n')
    expect(stderr).toContain('7 calls of iptables and its kin\n')
    expect(existsSync('/etc/postern-was-here')).toBe(false)
    expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe(forwarding)
  })

  it('passes exit codes and messages on, and tells how the script ended', async () => {
    const { status, stderr } = await run(put('bad.sh', 'set -e\niptables -A INPUT -j NOPE\necho unreached\n'))
    expect(status).toBe(1)
    expect(stderr).toContain("Couldn't load target `NOPE'")
    expect(stderr).toContain('the script ended with 2\n')
    expect(stderr).not.toContain('unreached')
  })

  it('answers calls at the same time each in its own words', async () => {
    const lines = Array.from({ length: 20 }, (_, at) => `iptables -A INPUT -s 10.0.0.${at} -j DROP &`)
    const { stdout } = await run(put('many.sh', `${lines.join('\n')}\nwait\n`))
    const addresses = [...stdout.matchAll(/-s 10\.0\.0\.(\d+)/g)].map(([, last]) => Number(last))
    expect(addresses.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at))
  })

  it('keeps the host in a state file', async () => {
    const state = join(folder, 'fw.state')
    await run('--state', state, put('one.sh', 'iptables -N web\n'))
    const { stdout } = await run('--state', state, put('two.sh', 'iptables -A web -j ACCEPT\n'), 'word')
    expect(stdout).toContain(':web - [0:0]')
    expect(stdout).toContain('-A web -j ACCEPT')
  })

  it('tells which sets were made', async () => {
    const made =
      'ipset create bad hash:net\nipset add bad 192.0.2.0/24\nipset create none hash:ip family inet6\n'
    const { stderr } = await run(put('sets.sh', made))
    expect(stderr).toContain('set bad: hash:net, 1 member\nset none: hash:ip, 0 members\n')
  })

  it('tells all as JSON', async () => {
    const { stdout } = await run(
      '--json',
      put('json.sh', '#!/bin/sh -e\nmodprobe a b\niptables -P INPUT DROP\nipset create bad hash:ip\n'),
    )
    expect(JSON.parse(stdout)).toMatchObject({
      exitCode: 0,
      calls: 2,
      ipv4: expect.stringContaining(':INPUT DROP'),
      ipv6: '',
      sets: expect.stringContaining('create bad hash:ip family inet'),
      commands: [['modprobe', 'a', 'b']],
      settings: {},
      written: [],
    })
  })

  it('runs the article’s script for country blocks unchanged', async ({ skip }) => {
    const seeds = sharedPath('seeds')
    if (seeds === null) skip('the articles are not beside the checkout')
    const article = readFileSync(join(seeds!, '004_73df1094d497f89f.txt'), 'utf8')
    const start = article.indexOf('1 #!/bin/bash')
    const script = article
      .slice(start, article.indexOf('16 exit 0', start) + '16 exit 0'.length)
      .replace(/^\d+ /gm, '')
    put('root/etc/sysconfig/iptables.BACKUP', '*filter\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n')
    put('root/root/langblock.cfg', 'aa\nbb\n')
    const zone = Array.from({ length: 100 }, (_, at) => `10.1.${at}.0/24`)
    put('zones/www.ipdeny.com/ipblocks/data/countries/aa.zone', `${zone.join('\n')}\n`)
    put('zones/bb.zone', '192.0.2.0/24\n')
    const { status, stdout } = await run('--root', 'root', '--files', 'zones', put('country.sh', script))
    expect(status).toBe(0)
    const rules = stdout.split('\n').filter((line) => line.startsWith('-A'))
    expect(rules.length).toBe(102)
    expect(rules[0]).toBe('-A INPUT -s 192.0.2.0/24 -i eth0 -j DROP')
    expect(rules[101]).toBe('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT')
  })
})
