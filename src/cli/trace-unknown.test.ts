/** What `postern trace` shows where rules ask for what nobody said. */
import { describe, expect, it } from 'vitest'
import { jsonLines, postern } from './_testing/environment.ts'

const rules = `*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
:WEB - [0:0]
-A INPUT -p udp -j ACCEPT
-A INPUT -m cpu --cpu 0 -j WEB
-A INPUT -m cpu --cpu 1 -j ACCEPT
-A INPUT -p icmp -m cpu ! --cpu 0 -j ACCEPT
-A WEB -p tcp -m tcp --dport 80 -j ACCEPT
-A WEB -m policy --dir in --pol ipsec --proto esp -j ACCEPT
-A OUTPUT -m owner --uid-owner 33 -j DROP
-A OUTPUT -m cgroup --path "/web" -j ACCEPT
-A OUTPUT -m cgroup --path "/web/shop" -j DROP
COMMIT
`
const trace = (packet: string, ...options: string[]) =>
  postern(['trace', ...options, 'rules.v4', ...packet.split('; ')], { files: { 'rules.v4': rules } })

interface Traced {
  readonly verdict: string
  readonly outcomes?: readonly {
    readonly supposing: readonly { readonly proposition: string; readonly holds: boolean }[]
    readonly verdict: string
    readonly by: string
    readonly hits: readonly string[]
  }[]
}

/** Each outcome on a line: what is supposed, the verdict, by whom. */
async function outcomes(packet: string): Promise<string[]> {
  const { stdout } = await trace(packet, '--json')
  const last = jsonLines(stdout).at(-1) as unknown as Traced
  if (last.outcomes === undefined) return [last.verdict]
  expect(last.verdict).toBe('unknown')
  return last.outcomes.map(({ supposing, verdict, by, hits }) => {
    const words = supposing.map(({ proposition, holds }) => `${holds ? '' : 'not '}${proposition}`)
    return `${words.join(', ')}: ${verdict} by ${by}, ${hits.join(' ')}`
  })
}

const syn = (port: number, more = '') => `eth0 tcp 198.51.100.7:4000 > 203.0.113.1:${port} syn${more}`

describe('every outcome', () => {
  it('is shown, with what is supposed for it, and what follows from it', async () => {
    expect(await outcomes(syn(22))).toEqual([
      'cpu=0, policy-in=none: drop by policy, filter/INPUT:2',
      'cpu=0, not policy-in=none, policy-in proto esp: accept by filter/WEB:2, filter/INPUT:2 filter/WEB:2',
      'cpu=0, not policy-in=none, not policy-in proto esp: drop by policy, filter/INPUT:2',
      'not cpu=0, cpu=1: accept by filter/INPUT:3, filter/INPUT:3',
      'not cpu=0, not cpu=1: drop by policy, ',
    ])
  })

  it('is the only one where all is said, or nothing is asked', async () => {
    expect(await outcomes(syn(22, ' cpu=0 policy-in=esp/transport'))).toEqual(['accept'])
    expect(await outcomes(syn(22, ' cpu=2'))).toEqual(['drop'])
    expect(await outcomes('eth0 udp 198.51.100.7:4000 > 203.0.113.1:53')).toEqual(['accept'])
  })

  it('takes owners for unknown only where nobody names them, and groups by their paths', async () => {
    const sent = 'out udp 203.0.113.1:53 > 198.51.100.7:4000'
    expect(await outcomes(`${sent} uid=0 cgroup=/web/shop`)).toEqual(['accept'])
    expect(await outcomes(`${sent} uid=0`)).toEqual([
      'cgroup</web: accept by filter/OUTPUT:2, filter/OUTPUT:2',
      // What is not below /web is not below /web/shop.
      'not cgroup</web: accept by policy, ',
    ])
    expect((await outcomes(sent))[0]).toBe('uid=33: drop by filter/OUTPUT:1, filter/OUTPUT:1')
  })

  it('comes after the packets before, each on a host of its own', async () => {
    const lines = await outcomes(`${syn(80, ' cpu=0')}; ${syn(80)}`)
    expect(lines[0]).toBe('cpu=0: accept by filter/WEB:1, filter/INPUT:2 filter/WEB:1')
  })
})

it('shows the ways from where they part', async () => {
  const { stdout } = await trace(syn(80))
  expect(
    stdout.slice(stdout.indexOf('UNKNOWN')),
  ).toBe(`UNKNOWN  filter/INPUT:2 asks for which processor handles it, which nobody said
if cpu=0:
     2 ✓ -m cpu --cpu 0 -j WEB
         supposed: cpu=0
  filter/WEB
     1 ✓ -p tcp -m tcp --dport 80 -j ACCEPT
ACCEPT  filter/WEB:1 matches and says ACCEPT; it is delivered to the local stack
if not cpu=0, cpu=1:
     2 · -m cpu --cpu 0 -j WEB
         supposed: not cpu=0
     3 ✓ -m cpu --cpu 1 -j ACCEPT
         supposed: cpu=1
ACCEPT  filter/INPUT:3 matches and says ACCEPT; it is delivered to the local
        stack
if not cpu=0, not cpu=1:
     2 · -m cpu --cpu 0 -j WEB
         supposed: not cpu=0
     3 · -m cpu --cpu 1 -j ACCEPT
         supposed: not cpu=1
     4 · -p icmp -m cpu ! --cpu 0 -j ACCEPT
         -p icmp: the protocol is tcp
      policy DROP
DROP    the policy of filter/INPUT is DROP

`)
})

describe('scenarios', () => {
  const scenario = (
    step: string,
    host = '',
  ) => `host: { interfaces: { eth0: { address: 203.0.113.1/24 } }${host} }
rules: rules.v4
steps: [ { at: 0s, packet: "${step}", expect: accept } ]
`
  const run = (text: string) => postern(['test', 'a.yaml'], { files: { 'rules.v4': rules, 'a.yaml': text } })

  it('say what is unknown, and fail', async () => {
    const { status, stdout } = await run(scenario(syn(80)))
    expect(status).toBe(1)
    expect(stdout).toContain('filter/INPUT:2 asks for which processor handles it, which nobody said')
  })

  it('take it from the packet, or from the host', async () => {
    expect((await run(scenario(syn(80, ' cpu=0')))).status).toBe(0)
    expect((await run(scenario(syn(80), ', circumstances: "cpu=1"'))).status).toBe(0)
    expect((await run(scenario(syn(80), ', circumstances: "cpu=x"'))).stdout).toContain('"x" is not a number')
  })
})

it('is what replays say, too', async () => {
  const files = { 'rules.v4': '*filter\n:INPUT DROP [0:0]\n-A INPUT -m cpu --cpu 0 -j ACCEPT\nCOMMIT\n' }
  const { stdout } = await postern(['replay', 'rules.v4', 'examples/port-knock/right.pcapng'], { files })
  expect(stdout).toMatch(/^unknown +INPUT:1 +\d+ +\d+ +-m cpu --cpu 0/m)
})

describe('words', () => {
  it.each([
    ['cgroup=web', 'is no path'],
    ['policy-out=esp', 'neither transport nor tunnel'],
    ['policy-in=foo/tunnel', 'is none of none, esp'],
    ['policy-in=esp/tunnel/1.2.3.4', 'is neither FROM-TO'],
  ])('%s', async (word, said) => {
    const { status, stderr } = await trace(`out udp 203.0.113.1:53 > 198.51.100.7:4000 ${word}`)
    expect(status).toBe(2)
    expect(stderr).toContain(said)
  })
})
