/**
 * Real programs through a real gateway: nginx, curl, ssh and vsftpd in namespaces, with the gateway of the examples
 * between them. What passed its two interfaces is replayed through the engine, which has to let out the same frames,
 * byte for byte, count the same, and know the same connections.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gateway, Network } from '../../scripts/recording/network.mjs'
import { type Observed, observe } from '../../scripts/recording/observe.mjs'
import { sshLogin, startNginx, startSshd, startVsftpd } from '../../scripts/recording/programs.mjs'
import { Host } from '../../src/engine/host.ts'
import { registry } from '../../src/ext/registry.ts'
import { printRuleset } from '../../src/lang/print.ts'
import { SourceText } from '../../src/lang/source.ts'
import { readCapture } from '../../src/net/capture.ts'
import { readScenario } from '../../src/scenario/read.ts'
import { Replay } from '../../src/scenario/replay.ts'
import { loadRules } from '../../src/scenario/rules.ts'
import { repositoryRoot } from '../shared.ts'
import { missingTools } from '../tools.ts'

const example = (file: string) => readFileSync(join(repositoryRoot, 'examples', 'gateway', file), 'utf8')

const lack =
  process.getuid?.() !== 0
    ? 'root is needed'
    : missingTools(
        ...['ip', 'ss', 'sysctl', 'python3', 'tcpdump', 'conntrack', 'ping', 'iptables-legacy-restore'],
        ...['nginx', 'curl', 'sshd', 'ssh', 'ssh-keygen', 'vsftpd'],
      )

const page = Buffer.from(Array.from({ length: 200_000 }, (_, at) => 32 + ((at * 7919) % 95)))

const network = new Network(gateway)
const folder = mkdtempSync(join(tmpdir(), 'postern-gateway-'))

beforeAll(async () => {
  if (lack !== null) return
  process.once('exit', () => network.destroy())
  network.build()
  await Promise.all([
    ...['web', 'outside'].flatMap((machine) => [
      startNginx(network, machine, join(folder, machine), { page }),
      startVsftpd(network, machine, join(folder, machine), { page }),
    ]),
    ...['outside', 'host'].map((machine) => startSshd(network, machine, join(folder, machine))),
  ])
})
afterAll(() => {
  network.destroy()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs `acts` under the rules, and holds the replay against what the kernel did. */
async function compare(rules: string, acts: () => Promise<void>): Promise<number> {
  await network.run('host', ['conntrack', '-F'])
  const text = example(rules)
  return replay(text, await observe(network, { text, devices: ['eth0', 'eth1'], acts, readCapture }))
}

/** Returns how many forwarded packets were compared. */
async function replay(text: string, { records, saved, connections }: Observed): Promise<number> {
  const source = new SourceText('scenario.yaml', example('scenario.yaml'))
  const { scenario } = await readScenario(source, async (file) => example(file))
  const config = scenario!.cases[0]!.host
  const host = new Host(config)
  loadRules(host, [{ family: 'ipv4', source: new SourceText('rules', text) }])
  const run = new Replay(host, config)
  const differences: object[] = []
  let compared = 0
  let lastNs = 0n
  for (const record of records) {
    const packet = run.run(record)
    lastNs = packet.atNs
    const { departure, isSent, number } = packet
    const seen = hex(record.bytes)
    if (departure !== null) {
      compared++
      const made = departure.frame === null ? 'nothing' : hex(departure.frame)
      if (made !== seen) differences.push({ number, text: packet.describe(), seen, made })
    } else if (isSent && packet.outcome?.verdict !== 'accept') {
      differences.push({ number, text: packet.describe(), seen, made: packet.skipped ?? packet.outcome?.why })
    }
  }
  expect(differences.slice(0, 3)).toEqual([])
  expect(run.kept().map(({ number }) => number)).toEqual([])
  expect(byTable(printRuleset(host.ruleset('ipv4'), registry, { withCounters: true }))).toEqual(
    byTable(saved),
  )
  expect(listed(host.connections(lastNs).join('\n'))).toEqual(listed(connections))
  return compared
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const byTable = (text: string) => text.split(/(?=^\*)/m).sort()

/** Without the seconds that are left, which go on while the capture ends, and the references. */
const listed = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^(ipv4 +2 \w+ +\d+) \d+/, '$1').replace(/ use=\d+$/, ''))
    .sort()

const curl = (machine: string, ...args: string[]) =>
  network.run(machine, ['curl', '-sS', '--max-time', '20', ...args], { mustSucceed: true })

describe('a gateway with real programs on both sides', () => {
  it('nginx behind port 7070, curl before it', async ({ skip }) => {
    if (lack !== null) skip(lack)
    const compared = await compare('rules.v4', async () => {
      const got = await curl('outside', '--interface', '198.51.100.7', 'http://203.0.113.1:7070/page')
      expect(got).toBe(page.toString())
    })
    expect(compared).toBeGreaterThan(150)
  })

  it('curl inside, nginx outside: masquerading', async ({ skip }) => {
    if (lack !== null) skip(lack)
    const compared = await compare('rules.v4', async () => {
      // Two clients with one port would let the kernel draw another for the second.
      const clients = [
        ['desk', '41001'],
        ['web', '41002'],
      ] as const
      const got = await Promise.all(
        clients.map(([from, port]) => curl(from, '--local-port', port, 'http://198.51.100.7/page')),
      )
      expect(got.map((text) => text.length)).toEqual([page.length, page.length])
      expect(await network.run('desk', ['ping', '-c', '1', '198.51.100.7'])).toContain(' 0% packet loss')
    })
    expect(compared).toBeGreaterThan(300)
  })

  it('an ssh login through it, and one at the gateway itself', async ({ skip }) => {
    if (lack !== null) skip(lack)
    const compared = await compare('rules.v4', async () => {
      const login = (from: string, machine: string, address: string) =>
        sshLogin(network, from, join(folder, machine), address, `echo ${machine}`)
      expect(await login('desk', 'outside', '198.51.100.7')).toBe('outside\n')
      expect(await login('outside', 'host', '203.0.113.1')).toBe('host\n')
    })
    expect(compared).toBeGreaterThan(20)
  })

  const ways: Readonly<Record<string, readonly string[]>> = {
    'passive (EPSV)': [],
    'passive (PASV)': ['--disable-epsv'],
    'active (EPRT)': ['--ftp-port', '-'],
    'active (PORT)': ['--disable-eprt', '--ftp-port', '-'],
  }
  it.for(Object.keys(ways))('vsftpd through the ftp helper, %s, from both sides', async (way, { skip }) => {
    if (lack !== null) skip(lack)
    const compared = await compare('rules-ftp.v4', async () => {
      const get = (from: string, address: string) => curl(from, ...ways[way]!, `ftp://${address}/page`)
      expect(await get('desk', '198.51.100.7')).toBe(page.toString())
      expect(await get('outside', '203.0.113.1')).toBe(page.toString())
    })
    expect(compared).toBeGreaterThan(300)
  })
})
