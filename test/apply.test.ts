/** `postern apply` and its kin on a real kernel, in namespaces: what is confirmed stays, everything else is put back. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { builtLack } from './built.ts'
import { type Said, TestNamespace } from './namespace.ts'
import { missingTools } from './tools.ts'

const reason =
  process.getuid?.() === 0
    ? (missingTools('ip', 'unshare', 'nsenter', 'iptables-legacy', 'iptables-nft', 'ipset') ?? builtLack())
    : 'needs root'

const table = (name: string, ...lines: string[]): string => `*${name}\n${lines.join('\n')}\nCOMMIT\n`

const oldV4 =
  table(
    'filter',
    ':INPUT ACCEPT [5:600]',
    ':FORWARD DROP [0:0]',
    ':OUTPUT ACCEPT [7:800]',
    ':bans - [0:0]',
    '[11:1100] -A INPUT -m recent --rcheck --seconds 600 --name seen --mask 255.255.255.255 --rsource -j DROP',
    '[0:0] -A INPUT -m set --match-set friends src -j ACCEPT',
    '[13:1300] -A INPUT -j bans',
    '[0:0] -A bans -s 192.0.2.66/32 -j DROP',
  ) + table('mangle', ':PREROUTING ACCEPT [1:100]', '[2:200] -A PREROUTING -p udp -j TOS --set-tos 0x10/0x3f')
const oldV6 = table('filter', ':INPUT ACCEPT [3:300]', '[4:400] -A INPUT -s 2001:db8::66/128 -j DROP')
const newV4 =
  table('filter', ':INPUT ACCEPT [0:0]', '-A INPUT -i lo -j ACCEPT', '-A INPUT -p tcp --dport 22 -j ACCEPT') +
  table('nat', '-A PREROUTING -p tcp --dport 7070 -j REDIRECT --to-ports 80')
const newV6 = table('filter', ':INPUT DROP [0:0]', '-A INPUT -i lo -j ACCEPT')
const sets =
  'create friends hash:ip family inet timeout 900\nadd friends 198.51.100.7 timeout 800\ncreate nets hash:net family inet\n'

describe.skipIf(reason !== null).each(['legacy', 'nft'] as const)('apply (%s)', (backend) => {
  let space: TestNamespace
  let folder: string
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const said = (words: readonly string[], env?: Record<string, string>): Promise<Said> =>
    space.said([...words, '--state-dir', join(folder, 'state')], env)
  const apply = (...words: string[]): Promise<Said> => said(['apply', '--backend', backend, ...words])
  const save = (family: 'iptables' | 'ip6tables'): string =>
    space
      .run(`${family}-${backend}-save`, ['-c'])
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n')
  const lists = (): string => space.run('sh', ['-c', 'cd /proc/net/xt_recent && tail -n +1 -v *'])
  const everything = () => ({ v4: save('iptables'), v6: save('ip6tables'), lists: lists(), sets: setsNow() })
  const setsNow = (): string =>
    space.run('ipset', ['save', '-sorted']).replace(/ (timeout|initval|bucketsize) (0x)?\w+/g, '')
  const change = (): string[] => [file('new.v4', newV4), file('new.v6', newV6)]

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-apply-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeEach(async () => {
    rmSync(join(folder, 'state'), { recursive: true, force: true })
    space = await TestNamespace.open()
    space.run('ipset', ['restore'], sets)
    space.run(`iptables-${backend}-restore`, ['-c'], oldV4)
    space.run(`ip6tables-${backend}-restore`, ['-c'], oldV6)
    for (const address of ['+192.0.2.1', '+192.0.2.2', '+192.0.2.1', '+2001:db8::9'])
      space.run('sh', ['-c', `echo ${address} > /proc/net/xt_recent/seen`])
    return () => space.close()
  })

  it('shows what would change, and a dry run changes nothing', async () => {
    const before = everything()
    const { status, stdout } = await apply('--dry-run', ...change())
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `IPv4 filter
  INPUT
  - 1 -A INPUT -m recent --rcheck --seconds 600 --name seen --mask 255.255.255.255 --rsource -j DROP
  - 2 -A INPUT -m set --match-set friends src -j ACCEPT
  - 3 -A INPUT -j bans
  + 1 -A INPUT -i lo -j ACCEPT
  + 2 -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
  FORWARD: policy DROP becomes ACCEPT
  bans (chain goes)
  - 1 -A bans -s 192.0.2.66/32 -j DROP
IPv4 nat
  PREROUTING
  + 1 -A PREROUTING -p tcp -m tcp --dport 7070 -j REDIRECT --to-ports 80
IPv6 filter
  INPUT: policy ACCEPT becomes DROP
  - 1 -A INPUT -s 2001:db8::66/128 -j DROP
  + 1 -A INPUT -i lo -j ACCEPT
`,
    })
    expect(everything()).toEqual(before)
  })

  it('puts everything back: rules, counters, sets, recency lists with their ages', async () => {
    const before = everything()
    const waiting = apply('--confirm', '2s', '--json', ...change())
    await untilPhase('waiting')
    expect(save('iptables')).toContain('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT')
    expect(save('ip6tables')).toContain(':INPUT DROP')
    // What goes on meanwhile: sets are changed, addresses seen.
    space.run(
      'ipset',
      ['restore'],
      'del friends 198.51.100.7\nadd friends 203.0.113.5\ncreate more hash:ip\n',
    )
    space.run('sh', [
      '-c',
      'echo -192.0.2.2 > /proc/net/xt_recent/seen; echo +203.0.113.9 > /proc/net/xt_recent/seen',
    ])
    const { status, stdout } = await waiting
    expect(status).toBe(1)
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({
      event: 'outcome',
      result: 'undone',
      lists: [{ list: 'seen', removed: 1, added: 1 }],
      problems: [],
    })
    const after = everything()
    // A table that the legacy backend has made stays, empty.
    const emptyNat = /\*nat\n(:\w+ ACCEPT \[0:0\]\n)+COMMIT\n/
    expect(after.v4.replace(emptyNat, '')).toBe(before.v4)
    expect({ v6: after.v6, sets: after.sets }).toEqual({ v6: before.v6, sets: before.sets })
    // What was never gone has its old stamps; what was gone is there as seen now.
    const lines = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line.startsWith('src='))
        .sort()
    const kept = (text: string): string[] => lines(text).filter((line) => !line.includes('192.0.2.2 '))
    expect(kept(after.lists)).toEqual(kept(before.lists))
    expect(lines(after.lists).map((line) => line.split(' ')[0])).toEqual(
      lines(before.lists).map((line) => line.split(' ')[0]),
    )
    expect(space.run('ipset', ['list', 'friends'])).toMatch(/198\.51\.100\.7 timeout 7\d\d/)
  })

  it('keeps what is confirmed from another login, and goes back to it later', async () => {
    const begun = apply('--confirm', '20s', '--counters', ...change())
    await untilPhase('waiting')
    const { status, stdout } = await said(['confirm'])
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'kept as generation 2: confirmed\n' })
    expect((await begun).status).toBe(0)
    expect(save('iptables')).toContain('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT')
    expect(save('iptables')).not.toContain('POSTERN-HOLD')
    expect(save('iptables')).toContain('[2:200] -A PREROUTING -p udp')
    expect((await said(['confirm'])).status).toBe(1)

    const list = await said(['rollback', '--list', '--json'])
    expect(
      list.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { generation: 1, why: 'found in force' },
      { generation: 2, why: change().join(' '), backend },
    ])
    const back = await said(['rollback', '--backend', backend, '--no-wait', '--confirm', '20s'])
    expect(back.status).toBe(0)
    expect((await said(['confirm'])).stdout).toBe('kept as generation 3: confirmed\n')
    expect(save('iptables')).toContain('-A INPUT -j bans')
    expect(save('iptables')).not.toContain('7070')
    expect(save('ip6tables')).toContain('2001:db8::66')
  })

  it('rules that stay keep their counters where that is asked', async () => {
    const text = oldV4
      .replace('-A INPUT -j bans', '-A INPUT -p icmp -j ACCEPT\n-A INPUT -j bans')
      .replace(/\[\d+:\d+\] -A/g, '-A')
    expect((await apply('--counters', '--no-wait', '--confirm', '20s', file('more.v4', text))).status).toBe(0)
    expect((await said(['confirm'])).status).toBe(0)
    const rules = save('iptables')
    expect(rules).toContain('[13:1300] -A INPUT -j bans')
    expect(rules).toContain('[0:0] -A INPUT -p icmp -j ACCEPT')
    expect(rules).toContain('[2:200] -A PREROUTING')
  })

  it('a script changes what is in force', async () => {
    const script = file('open.sh', '#!/bin/sh\niptables -I INPUT 1 -p tcp --dport 80 -j ACCEPT\n')
    const { stdout } = await apply('--dry-run', script)
    expect(stdout).toBe('IPv4 filter\n  INPUT\n  + 1 -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n')
  })

  it('what the kernel refuses changes nothing, found out in a rehearsal or not', async () => {
    const before = everything()
    const bad = file('bad.v6', table('filter', '-A INPUT -m set --match-set nobody src -j DROP'))
    const rehearsed = await apply(file('new.v4', newV4), bad)
    expect(rehearsed.status).toBe(1)
    expect(rehearsed.stderr).toContain('nobody')
    expect(everything()).toEqual(before)
    const real = await apply('--no-rehearsal', '--json', file('new.v4', newV4), bad)
    expect(real.status).toBe(1)
    expect(JSON.parse(real.stdout.trim().split('\n').at(-1)!)).toMatchObject({
      result: 'refused',
      problems: [],
    })
    const after = everything()
    expect({ ...after, v4: after.v4.replace(/\*nat\n(:\w+ ACCEPT \[0:0\]\n)+COMMIT\n/, '') }).toEqual(before)
  })

  it('errors in the rules are shown with their place, and nothing is done', async () => {
    const before = everything()
    const { status, stderr } = await apply(
      file('wrong.v4', table('filter', '-A INPUT -p tcp --dprt 22 -j ACCEPT')),
    )
    expect(status).toBe(1)
    expect(stderr).toContain('--dprt')
    expect(everything()).toEqual(before)
  })

  it.each([
    ['kill -9 of the command', 'SIGKILL'],
    ['a hang-up', 'SIGHUP'],
  ] as const)('%s ends in the old rules', async (_, signal) => {
    const before = everything()
    const child = space.postern(
      [
        'apply',
        '--backend',
        backend,
        '--confirm',
        '1s',
        '--state-dir',
        join(folder, 'state'),
        file('new.v6', newV6),
      ],
      { stdio: 'ignore' },
    )
    await untilPhase('waiting')
    child.kill(signal)
    await untilOver()
    expect(everything()).toEqual(before)
  })

  it('the end of a whole session does, too, and so does kill -9 of the watcher', async () => {
    const before = everything()
    const words = ['apply', '--backend', backend, '--confirm', '1s', '--state-dir', join(folder, 'state')]
    const child = space.postern([...words, file('new.v6', newV6)], { stdio: 'ignore', detached: true })
    await untilPhase('waiting')
    process.kill(-child.pid!, 'SIGKILL')
    process.kill(phase()!.pid, 'SIGKILL')
    await untilOver()
    expect(everything()).toEqual(before)
  })

  it('when both watchers are killed, the next command puts the old rules back', async () => {
    const before = everything()
    await apply('--confirm', '30s', '--no-wait', file('new.v6', newV6))
    // Whichever is left would start the other again.
    for (const pid of watchers()) process.kill(pid, 'SIGSTOP')
    for (const pid of watchers()) process.kill(pid, 'SIGKILL')
    await until('nobody watches', () => watchers().length === 0)
    await pause(200)
    expect(watchers()).toEqual([])
    expect(save('ip6tables')).toContain(':INPUT DROP')
    expect((await said(['rollback'])).status).toBe(0)
    expect(everything()).toEqual(before)
  })

  it('while one change waits there is no other', async () => {
    await apply('--confirm', '30s', '--no-wait', file('new.v6', newV6))
    const { status, stderr } = await apply(file('new.v4', newV4))
    expect(status).toBe(1)
    expect(stderr).toContain('another change is under way')
    expect((await said(['rollback'])).stdout).toBe('the old rules are in force: rolled back\n')
  })

  it('rules that would cut an SSH session need --force', async () => {
    const server = space.start(
      process.execPath,
      [
        '-e',
        `const net = require('node:net')
       const all = net.createServer((socket) => socket.resume()).listen(22, '127.0.0.1', () => {
         net.connect({ port: 22, host: '127.0.0.1', localPort: 50022 }, () => console.log('open'))
       })`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await new Promise((resolve) => server.stdout!.once('data', resolve))
    const env = { SSH_CONNECTION: '127.0.0.1 50022 127.0.0.1 22' }
    const words = ['apply', '--backend', backend, '--no-wait', '--confirm', '30s']
    const closed = file(
      'closed.v4',
      table('filter', ':INPUT DROP [0:0]', '-A INPUT -p tcp --dport 80 -j ACCEPT'),
    )
    const open = file('open.v4', table('filter', ':INPUT DROP [0:0]', '-A INPUT -i lo -j ACCEPT'))
    try {
      const refused = await said([...words, closed], env)
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain(
        'your SSH session 127.0.0.1:50022 > 127.0.0.1:22 would be cut: what you type: drop by policy',
      )
      expect(save('iptables')).toContain('-A INPUT -j bans')
      const fine = await said([...words, open], env)
      expect(fine.stderr).toContain('your SSH session 127.0.0.1:50022 > 127.0.0.1:22 stays open')
      expect(fine.status).toBe(0)
      await said(['rollback'])
      expect((await said([...words, '--force', closed], env)).status).toBe(0)
      await said(['rollback'])
    } finally {
      server.kill('SIGKILL')
    }
  })

  const phase = (): { name: string; pid: number } | null => {
    try {
      return JSON.parse(readFileSync(join(folder, 'state/pending/phase.json'), 'utf8'))
    } catch {
      return null
    }
  }
  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    for (let waitedMs = 0; !isSo(); waitedMs += 20) {
      if (waitedMs > 30_000) throw new Error(`never: ${what}`)
      await pause(20)
    }
  }
  const untilPhase = (name: string): Promise<void> => until(name, () => phase()?.name === name)
  const untilOver = (): Promise<void> =>
    until('over', () => !readdirSync(join(folder, 'state')).includes('pending'))
  const watchers = (): number[] => watchersOf(join(folder, 'state'))
})

/** Processes that watch a change of that folder. */
export function watchersOf(state: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0')
      return words[1]?.endsWith('/watch.js') && words[2] === state ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

if (reason !== null) it.skip(`apply on the kernel: ${reason}`, () => {})

describe.skipIf(reason !== null)('the running firewall, told and changed', () => {
  let space: TestNamespace
  const backend = ['--backend', 'legacy']
  const tell = (...words: string[]): Promise<Said> => space.said([...words, ...backend])
  const lines = async (...words: string[]): Promise<Record<string, unknown>[]> =>
    (await tell(...words, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  beforeAll(async () => {
    space = await TestNamespace.open()
    space.run('ip', ['link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'wan1'])
    space.run('ip', ['address', 'add', '203.0.113.1/24', 'dev', 'wan0'])
    for (const name of ['wan0', 'wan1']) space.run('ip', ['link', 'set', name, 'up'])
    space.run(
      'iptables-legacy-restore',
      ['-c'],
      table(
        'filter',
        ':INPUT DROP [0:0]',
        '[0:0] -A INPUT -p icmp -m recent --set --name seenping --rsource',
        '[4:400] -A INPUT -p tcp --dport 22 -m recent --rcheck --seconds 60 --name seenping --rsource -j ACCEPT',
        '[9:900] -A INPUT -m recent --update --seconds 5 --hitcount 3 --name nets --mask 255.255.255.0 --rsource -j DROP',
      ),
    )
  })
  afterAll(() => space.close())

  it('recent: addresses go in and out, and are told with their ages, hits and rules', async () => {
    expect((await tell('recent', 'add', 'seenping', '198.51.100.7', '2001:db8::7')).stdout).toBe(
      '198.51.100.7 is now in seenping\n2001:db8::7 is now in seenping\n',
    )
    expect((await tell('recent', 'add', 'seenping', '198.51.100.7')).stdout).toBe(
      '198.51.100.7 is stamped again in seenping\n',
    )
    const [list] = await lines('recent', 'seenping')
    expect(list).toMatchObject({
      list: 'seenping',
      entries: [
        { address: '198.51.100.7', ttl: 0, hits: 2, within: { 60: 2 } },
        { address: '2001:db8::7', ttl: 0, hits: 1, within: { 60: 1 } },
      ],
      rules: [
        { place: 'IPv4 filter/INPUT:1', writes: true },
        { place: 'IPv4 filter/INPUT:2', writes: false, windowSeconds: 60 },
      ],
    })
    const [entry] = list!.entries as { lastSeen: number }[]
    expect(entry!.lastSeen).toBeGreaterThanOrEqual(0)
    expect(entry!.lastSeen).toBeLessThan(30)
    // The kernel looks for what the list's mask leaves of an address.
    expect((await tell('recent', 'add', 'nets', '192.0.2.77')).stdout).toBe('192.0.2.0 is now in nets\n')
    expect((await tell('recent')).stdout).toMatch(/^LIST .*\nnets +1 .* IPv4 filter\/INPUT:3\nseenping +2 /)
    expect((await tell('recent', 'del', 'seenping', '198.51.100.7')).stdout).toBe(
      '198.51.100.7 is out of seenping\n',
    )
    expect((await tell('recent', 'del', 'seenping', '198.51.100.7')).status).toBe(1)
    expect((await tell('recent', 'flush', 'seenping')).stdout).toBe('1 address forgotten\n')
    expect(await lines('recent', 'seenping')).toMatchObject([{ entries: [] }])
  })

  it.each([
    ['add', '../../sys/kernel/hostname', '192.0.2.1'],
    ['add', '.', '192.0.2.1'],
    ['add', 'seenping', '192.0.2.0/24'],
    ['add', 'seenping', '192.0.2.1\n+192.0.2.2'],
    ['add', 'seenping', '+192.0.2.1'],
    ['del', 'seenping', '/'],
    ['flush', 'nobody'],
  ])('recent %s %j %j is refused, and nothing is written', async (...words) => {
    const before = space.run('sh', ['-c', 'cat /proc/net/xt_recent/*'])
    expect((await tell('recent', ...words)).status).toBe(2)
    expect(space.run('sh', ['-c', 'cat /proc/net/xt_recent/*'])).toBe(before)
  })

  it('trace --live asks the rules and lists of the moment', async () => {
    const packet = 'wan0 tcp 198.51.100.9:4000 > 203.0.113.1:22 syn'
    expect(await lines('trace', '--live', packet)).toMatchObject([{ verdict: 'drop', by: 'policy' }])
    await tell('recent', 'add', 'seenping', '198.51.100.9')
    expect(await lines('trace', '--live', packet)).toMatchObject([
      { verdict: 'accept', by: 'filter/INPUT:2' },
    ])
    const elsewhere = await tell('trace', '--live', packet.replace('wan0', 'eth7'))
    expect(elsewhere).toMatchObject({
      status: 2,
      stderr: 'error: this machine has no interface eth7: there are lo, wan1, wan0\n',
    })
  })

  it('counters and status tell what rules counted', async () => {
    expect((await lines('counters'))[0]).toMatchObject({
      chain: 'INPUT',
      number: 3,
      packets: 9,
      bytes: 900,
      perSecond: 0,
    })
    expect((await lines('counters', '--unused')).map(({ number }) => number)).toEqual([1])
    const [told] = await lines('status')
    expect(told).toMatchObject({
      backend: 'legacy',
      lists: 2,
      chains: [
        { chain: 'INPUT', policy: 'DROP', rules: [{ packets: 0 }, { packets: 4 }, { packets: 9 }] },
        {},
        {},
      ],
    })
  })

  it('save writes files that are loaded again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-save-'))
    try {
      const [v4, v6] = [join(folder, 'rules.v4'), join(folder, 'rules.v6')]
      expect((await tell('save', '--v4', v4, '--v6', v6, '--state-dir', folder)).status).toBe(0)
      expect(readFileSync(v4, 'utf8')).toContain('\n-A INPUT -p icmp -m recent --set --name seenping')
      space.run('iptables-legacy-restore', ['--test', v4])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
