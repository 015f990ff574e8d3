/**
 * Recipes with real programs: their own scripts put them in force on machines of a network of namespaces, and MariaDB,
 * nginx, curl and postern knock speak through them.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gateway, Network } from '../../scripts/recording/network.mjs'
import { startNginx } from '../../scripts/recording/programs.mjs'
import { registry } from '../../src/ext/registry.ts'
import { printRuleset } from '../../src/lang/print.ts'
import { parseRules } from '../../src/lang/read.ts'
import { SourceText } from '../../src/lang/source.ts'
import { prepareWords } from '../../src/recipe/_testing/samples.ts'
import { addRecipe, insertScript } from '../../src/recipe/index.ts'
import { builtLack } from '../built.ts'
import { repositoryRoot } from '../shared.ts'
import { missingTools } from '../tools.ts'

const lack =
  process.getuid?.() !== 0
    ? 'root is needed'
    : (missingTools(
        ...['ip', 'ss', 'ping', 'python3', 'iptables', 'iptables-legacy-restore', 'ip6tables'],
        ...['nginx', 'curl', 'mariadbd', 'mariadb'],
      ) ?? builtLack())

const folder = mkdtempSync(join(tmpdir(), 'postern-recipes-'))
const street = new Network()
const house = new Network(gateway)
beforeAll(async () => {
  if (lack !== null) return
  process.once('exit', () => {
    street.destroy()
    house.destroy()
  })
  street.build()
  house.build()
  await Promise.all(['host', 'servers'].map((machine) => startMariadb(street, machine)))
})
afterAll(() => {
  street.destroy()
  house.destroy()
  rmSync(folder, { recursive: true, force: true })
})

const serverRules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -j DROP
COMMIT
`

/** Rules of a machine with recipes in them, each at its place. */
async function putInForce(network: Network, machine: string, text: string, recipes: readonly string[]) {
  const { ruleset, counts } = parseRules(new SourceText('rules', text), { syntax: registry })
  expect(counts.error).toBe(0)
  const merged = recipes.reduce((rules, line) => addRecipe(rules, prepareWords(line, 'ipv4').plan), ruleset)
  await network.run(machine, ['iptables-legacy-restore'], {
    input: printRuleset(merged, registry),
    mustSucceed: true,
  })
}

/** A MariaDB server of the machine that lets everybody in who can reach it. */
async function startMariadb(network: Network, machine: string): Promise<void> {
  const data = join(folder, `${machine}-data`)
  mkdirSync(data)
  network.spawn(machine, [
    ...['mariadbd', '--no-defaults', '--user=root', `--datadir=${data}`, `--socket=${data}/socket`],
    ...[`--pid-file=${data}/pid`, '--port=3306', '--bind-address=0.0.0.0', '--skip-grant-tables'],
    ...['--innodb-buffer-pool-size=8M', '--innodb-log-file-size=4M', '--skip-name-resolve'],
  ])
  for (let tries = 0; tries < 150; tries++) {
    if ((await network.run(machine, ['ss', '-Hltn', 'sport = :3306'])) !== '') return
    await pause(100)
  }
  throw new Error('MariaDB does not listen')
}

const query = (address: string) => [
  ...['mariadb', '--no-defaults', '--connect-timeout=1', '-h', address, '-N', '-e', 'select 6 * 7'],
]
const posternKnock = (...words: string[]) => [
  process.execPath,
  join(repositoryRoot, 'bin/postern'),
  'knock',
  ...words,
]
const host = '203.0.113.1'

describe('recipes with real programs', () => {
  it('MariaDB behind a knock opens to postern knock, for a while, and to nobody else', async ({ skip }) => {
    if (lack !== null) skip(lack)
    const rules =
      'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock udp/5353 --knock tcp/8000 --stay 3s'
    await putInForce(street, 'host', serverRules, [rules])
    const knocks = ['icmp', 'tcp/7', 'udp/5353', 'tcp/8000']
    expect(await street.run('clients', query(host))).toBe('')
    // One packet is missing: the command is not run.
    const short = posternKnock(
      host,
      ...knocks.slice(1),
      '--open',
      'tcp/3306',
      '--wait',
      '500ms',
      '--',
      'echo',
      'in',
    )
    expect(await street.run('clients', short)).toBe('')
    const right = posternKnock(host, ...knocks, '--open', 'tcp/3306', '--', ...query(host))
    expect(await street.run('clients', right, { mustSucceed: true })).toBe('42\n')
    expect(await street.run('clients', query(host))).toBe('42\n')
    expect(await street.run('servers', query(host))).toBe('')
    const json = await street.run('clients', posternKnock('--json', host, ...knocks, '--open', '3306'), {
      mustSucceed: true,
    })
    expect(
      json
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .at(-1),
    ).toEqual({ open: 'tcp/3306', answer: 'open' })
    await pause(3500)
    expect(await street.run('clients', query(host))).toBe('')
  })

  it('the command’s exit status is the knock’s, and profiles bring their knocks', async ({ skip }) => {
    if (lack !== null) skip(lack)
    const file = join(folder, 'knock.yaml')
    writeFileSync(
      file,
      `profiles:\n  db: { host: ${host}, knock: [icmp, tcp/7, udp/5353, tcp/8000], open: tcp/3306, command: [sh, -c, "exit 7"] }\n`,
    )
    const run = (...words: string[]) =>
      spawnSync('ip', ['netns', 'exec', street.namespace('clients'), ...posternKnock(...words)], {
        encoding: 'utf8',
      })
    expect(run('db', '--config', file)).toMatchObject({
      status: 7,
      stderr: `${host}: tcp/3306 answered: it is open\n`,
    })
    expect(run('db', '--config', file, '--', 'sh', '-c', 'kill -9 $$')).toMatchObject({ status: 137 })
    expect(run('db', '--config', file, '--', 'no-such-command')).toMatchObject({ status: 127 })
    expect(run('192.0.2.77', 'tcp/9', '--wait', '300ms').stderr).toBe('192.0.2.77: tcp/9 did not answer\n')
  })

  it('a pinhole with two real MySQL ports: who is called may call back', async ({ skip }) => {
    if (lack !== null) skip(lack)
    await putInForce(street, 'host', serverRules, ['pinhole --port tcp/3306 --stay 3s'])
    const remote = '192.0.2.6'
    const back = query(host)
    expect(await street.run('servers', back)).toBe('')
    expect(await street.run('host', query(remote))).toBe('42\n')
    expect(await street.run('servers', back)).toBe('42\n')
    expect(await street.run('clients', query(host))).toBe('')
    await pause(3500)
    expect(await street.run('servers', back)).toBe('')
  })

  it('a port forwarding gateway with nginx behind it', async ({ skip }) => {
    if (lack !== null) skip(lack)
    await startNginx(house, 'web', join(folder, 'web'), { page: 'behind the gateway' })
    const rules = serverRules.replace(
      'COMMIT',
      '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT',
    )
    await putInForce(house, 'host', rules, ['portforward --port tcp/7070 --to 192.168.1.43:80 --masquerade'])
    const get = (url: string) => house.run('outside', ['curl', '-sS', '--max-time', '2', url])
    expect(await get(`http://${host}:7070/page`)).toBe('behind the gateway')
    expect(await get(`http://${host}:80/page`)).toBe('')
    expect(await get('http://192.168.1.43/page')).toBe('')
  })

  it('postern knock by IPv6, on rules that the script put in force', async ({ skip }) => {
    if (lack !== null) skip(lack)
    const line = 'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock udp/5353 --refuse reject'
    const knock = `${posternKnock('::1', 'icmp', 'tcp/7', 'udp/5353').join(' ')}`
    const listener = `require('node:net').createServer().listen(3306, '::1', () => console.log('ready'))`
    const script = `ip link set lo up
${process.execPath} -e "${listener}" > ${folder}/ready &
until grep -q ready ${folder}/ready; do sleep 0.05; done
(${insertScript(prepareWords(line, 'ipv6').plan)})
${posternKnock('::1', 'tcp/3306', '--wait', '500ms').join(' ')}
${knock} --open 3306 -6 -- echo run
{ kill $!; wait; } 2>/dev/null
`
    const { stdout, stderr } = spawnSync('unshare', ['-n', 'bash', '-s'], { input: script, encoding: 'utf8' })
    expect({ stdout, stderr }).toEqual({
      stdout: 'run\n',
      stderr: '::1: tcp/3306 was refused\n::1: tcp/3306 answered: it is open\n',
    })
  })
})
