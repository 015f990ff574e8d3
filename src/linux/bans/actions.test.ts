/** The actions on a real kernel, in a namespace: bans, again, lifted, swept away by somebody, many at once, ended. */
import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { missingTools } from '../../../test/tools.ts'
import type { Ban } from '../../guard/ban.ts'
import type { ActionContext, BanAction } from './action.ts'
import { kernelName } from './action.ts'
import { ChainAction } from './chain-action.ts'
import { IpsetAction } from './ipset-action.ts'
import { NftAction } from './nft-action.ts'
import { RecentAction } from './recent-action.ts'
import { portMatches, ruleOptionsOf, verdictTargets } from './rule-words.ts'
import { type RunProgram, runProgram } from './run-program.ts'

const missing = missingTools('ip', 'iptables', 'ip6tables', 'ipset', 'nft', 'conntrack')
const reason = process.getuid?.() === 0 ? missing : 'needs root'

const namespace = `guardbans${process.pid}`
const inside = (program: string, ...args: string[]): string =>
  execFileSync('ip', ['netns', 'exec', namespace, program, ...args], { encoding: 'utf8', stdio: 'pipe' })
const run: RunProgram = (program, args, options) =>
  runProgram('ip', ['netns', 'exec', namespace, program, ...args], options)

const startMs = 1_760_000_000_000
const said: string[] = []
const context: ActionContext = {
  jail: 'sshd',
  nowMs: () => startMs,
  say: (level, message) => void said.push(`${level}: ${message}`),
}
const ban = (id: string, seconds = 600): Ban => ({
  jail: 'sshd',
  id,
  startMs,
  seconds,
  count: 1,
  failures: 3,
  matches: [],
  groups: {},
})
const bans = [
  ban('192.0.2.1'),
  ban('192.0.2.2', -1),
  ban('198.51.100.0/24'),
  ban('2001:db8::7'),
  ban('2001:db8:1::/64'),
]

describe.skipIf(reason !== null)(`actions (${reason ?? 'in a namespace'})`, () => {
  beforeAll(() => void execFileSync('ip', ['netns', 'add', namespace]))
  afterAll(() => void execFileSync('ip', ['netns', 'del', namespace]))
  afterEach(() => {
    inside('iptables', '-F')
    inside('ip6tables', '-F')
    inside('iptables', '-X')
    inside('ip6tables', '-X')
    inside('ipset', 'destroy')
    inside('nft', 'flush', 'ruleset')
  })

  const ssh = ruleOptionsOf('sshd', { port: 'ssh,2222', verdict: 'log-reject' })
  const all = ruleOptionsOf('sshd', { protocol: 'all' })
  const state = (): string =>
    ['iptables-save', 'ip6tables-save', 'ipset save', 'nft list ruleset']
      .map((command) => inside(...(command.split(' ') as [string, ...string[]])))
      .join('')
      .replace(/^[#:].*$/gm, '')
      .replace(/counter packets \d+ bytes \d+/g, 'counter')
      .replace(/timeout \d+|expires \w+/g, 'timeout')
      .split('\n')
      .sort()
      .join('\n')

  it.each<[string, () => BanAction, string[]]>([
    [
      'ipset',
      () => new IpsetAction('ban', context, ssh, run),
      [
        'add postern-sshd 192.0.2.1 timeout',
        'add postern-sshd 192.0.2.2 timeout',
        'add postern-sshd 198.51.100.0/24 timeout',
        'add postern6-sshd 2001:db8:1::/64 timeout',
        '-A INPUT -p tcp -m multiport --dports 22,2222 -m set --match-set postern6-sshd src -j REJECT --reject-with icmp6-port-unreachable',
        '-A INPUT -p tcp -m multiport --dports 22,2222 -m set --match-set postern-sshd src -j LOG --log-prefix "postern sshd: "',
      ],
    ],
    [
      'a chain of the jail',
      () => new ChainAction('ban', context, ssh, run),
      [
        '-A INPUT -p tcp -m multiport --dports 22,2222 -j postern-sshd',
        '-A postern-sshd -s 192.0.2.1/32 -m comment --comment "postern:sshd" -j LOG --log-prefix "postern sshd: "',
        '-A postern-sshd -s 198.51.100.0/24 -m comment --comment "postern:sshd" -j REJECT --reject-with icmp-port-unreachable',
        '-A postern-sshd -s 2001:db8:1::/64 -m comment --comment "postern:sshd" -j REJECT --reject-with icmp6-port-unreachable',
      ],
    ],
    [
      'INPUT-AUTO',
      () => new ChainAction('ban', context, { ...all, sharedChain: 'INPUT-AUTO' }, run),
      ['-A INPUT -j INPUT-AUTO', '-A INPUT-AUTO -s 192.0.2.1/32 -m comment --comment "postern:sshd" -j DROP'],
    ],
    [
      'nftables',
      () => new NftAction('ban', context, ssh, run),
      [
        'tcp dport { 22, 2222 } ip saddr @jail-sshd-ipv4 counter log prefix "postern sshd: " reject',
        '2001:db8:1::/64',
      ],
    ],
  ])('%s: bans, again, lifts, repairs and ends', async (_name, make, expected) => {
    const action = make()
    await action.start()
    await action.start()
    const started = state()
    await action.ban(bans, { restored: false })
    const banned = state()
    for (const text of expected) expect(banned.replaceAll(/^\s+/gm, '')).toContain(text)
    await action.ban(bans, { restored: false })
    expect(state()).toBe(banned)
    expect(await action.check(bans)).toBe(true)
    // A second guard of the same jail finds what the first left.
    const second = make()
    await second.start()
    await second.ban(bans, { restored: true })
    expect(state()).toBe(banned)
    await second.unban(bans.slice(1))
    await second.unban(bans.slice(1))
    await second.unban([ban('203.0.113.9')])
    expect(await second.check(bans.slice(0, 1))).toBe(true)
    expect(await second.check(bans)).toBe(false)
    await second.unban(bans)
    expect(state()).toBe(started)
    await action.ban(bans, { restored: false })
    // Somebody sweeps.
    for (const program of ['iptables', 'ip6tables']) inside(program, '-F')
    inside('ipset', 'flush')
    inside('nft', 'flush', 'ruleset')
    expect(await action.check(bans)).toBe(false)
    await action.start()
    await action.ban(bans, { restored: true })
    expect(await action.check(bans)).toBe(true)
    expect(state()).toBe(banned)
    await action.stop(bans)
    expect(state()).not.toContain('192.0.2.1')
    expect(state()).not.toMatch(/postern/)
    expect(said).toEqual([])
  })

  it('jails that share a chain leave each other alone', async () => {
    const shared = { ...all, sharedChain: 'INPUT-AUTO' }
    const [one, two] = ['one', 'two'].map(
      (jail): BanAction => new ChainAction('ban', { ...context, jail }, shared, run),
    )
    for (const action of [one!, two!]) {
      await action.start()
      await action.ban(bans, { restored: false })
    }
    await one!.unban(bans)
    expect(await two!.check(bans)).toBe(true)
    inside('iptables', '-D', 'INPUT-AUTO', '1')
    await two!.unban(bans)
    expect(inside('iptables', '-S', 'INPUT-AUTO').trim()).toBe('-N INPUT-AUTO')
    await two!.stop(bans)
    expect(inside('iptables', '-S', 'INPUT-AUTO').trim()).toBe('-N INPUT-AUTO')
  })

  it('a recency list holds the banned, for rules to ask', async () => {
    inside('iptables', '-A', 'INPUT', '-m', 'recent', '--rcheck', '--name', 'guarded', '-j', 'DROP')
    const files = {
      read: async (path: string) => inside('cat', path),
      write: async (path: string, text: string) =>
        void execFileSync('ip', ['netns', 'exec', namespace, 'tee', path], { input: text, stdio: 'pipe' }),
    }
    const action: BanAction = new RecentAction('ban', 'guarded', files)
    await action.start()
    await action.ban(bans.slice(0, 3), { restored: false })
    expect(await action.check(bans.slice(0, 3))).toBe(true)
    await action.unban(bans.slice(0, 1))
    expect(inside('cat', '/proc/net/xt_recent/guarded')).toMatch(/^src=192\.0\.2\.2 .*\n$/)
    expect(await action.check(bans.slice(0, 1))).toBe(false)
    await expect(new RecentAction('ban', 'absent', files).start()).rejects.toThrow('no rule names')
    expect(() => new RecentAction('ban', '../x')).toThrow()
  })

  it('20,000 bans take one call', async () => {
    const many = Array.from({ length: 20_000 }, (_, n) => ban(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`))
    let calls = 0
    const counted: RunProgram = (...args) => {
      calls++
      return run(...args)
    }
    const action: BanAction = new IpsetAction('ban', context, ssh, counted)
    await action.start()
    calls = 0
    const startedMs = performance.now()
    await action.ban(many, { restored: true })
    const tookMs = performance.now() - startedMs
    expect(calls).toBe(1)
    expect(await action.check(many)).toBe(true)
    await action.stop(many)
    expect(tookMs).toBeLessThan(10_000)
  })
})

describe('words of rules', () => {
  it('cover protocols and ports, fifteen ports a rule', () => {
    const words = (options: Record<string, string>) =>
      portMatches(ruleOptionsOf('j', options)).map((rule) => rule.join(' '))
    expect(words({})).toEqual(['-p tcp'])
    expect(words({ protocol: 'tcp,udp', port: 'domain' })).toEqual([
      '-p tcp -m multiport --dports domain',
      '-p udp -m multiport --dports domain',
    ])
    expect(words({ protocol: 'all', port: 'ssh' })).toEqual([''])
    expect(words({ port: '0:65535' })).toEqual(['-p tcp'])
    expect(words({ port: Array.from({ length: 20 }, (_, n) => n + 1).join(',') }).length).toBe(2)
  })
  it('take fail2ban’s blocktype for a verdict', () => {
    const targets = (options: Record<string, string>) =>
      verdictTargets(ruleOptionsOf('j', options), 'ipv6').map((rule) => rule.join(' '))
    expect(targets({ blocktype: 'REJECT --reject-with icmp-port-unreachable' })).toEqual([
      '-j REJECT --reject-with icmp6-port-unreachable',
    ])
    expect(targets({ verdict: 'log-drop' })).toEqual(['-j LOG --log-prefix postern j: ', '-j DROP'])
    expect(() => targets({ verdict: 'explode' })).toThrow('none of')
  })
  it('never name two jails alike', () => {
    const names = ['a b', 'a_b', 'x'.repeat(60), `${'x'.repeat(60)}y`, '$(reboot)'].map((jail) =>
      kernelName('postern-', jail, 31),
    )
    expect(new Set(names).size).toBe(5)
    for (const name of names) expect(name).toMatch(/^[\w.~-]{1,31}$/)
  })
})
