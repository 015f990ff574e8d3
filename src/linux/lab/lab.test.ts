import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Action, RulesText } from '../../scenario/scenario.ts'
import { RulesRefusedError } from './_load.ts'
import { gateway, ipPacket, receive, rulesText, send, tcpFlags, timeline } from './_testing/gateway.ts'
import { type Backend, labLack } from './index.ts'
import { type KernelStepResult, Lab } from './lab.ts'

const backends: readonly Backend[] = ['legacy', 'nft']
const labs: Lab[] = []

async function run(
  backend: Backend,
  rules: readonly RulesText[],
  ...steps: readonly (readonly [number, Action])[]
): Promise<KernelStepResult[]> {
  const lab = await Lab.open(gateway, rules, { backend })
  labs.push(lab)
  const results: KernelStepResult[] = []
  for (const step of timeline(...steps)) results.push(await lab.step(step))
  return results
}

afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.close()
})

/** The facts below were measured with tcpdump and counters before this lab existed. */
describe.each(backends)('a lab on the %s backend', (backend) => {
  beforeEach((context) => {
    const lack = labLack(backend)
    if (lack !== null) context.skip(lack.message)
  })

  test('tells who let a packet pass and who dropped it', async () => {
    const rules = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:ssh - [0:0]
-A INPUT -p tcp --dport 22 -j ssh
-A INPUT -p udp
-A ssh -s 198.51.100.7 -j ACCEPT
-A ssh -p tcp -j REJECT --reject-with tcp-reset
COMMIT
`
    const [friend, stranger, silent, counted, forwarded] = await run(
      backend,
      [rulesText(rules)],
      [0, receive('eth0', ipPacket('tcp', '198.51.100.7:4000 > 203.0.113.1:22'))],
      [0, receive('eth0', ipPacket('tcp', '198.51.100.8:4000 > 203.0.113.1:22'))],
      [0, receive('eth0', ipPacket('tcp', '198.51.100.8:4000 > 203.0.113.1:23'))],
      [0, receive('eth0', ipPacket('udp', '198.51.100.8:4000 > 203.0.113.1:53'))],
      [0, receive('eth0', ipPacket('udp', '198.51.100.8:4000 > 192.168.1.9:53'))],
    )
    expect(friend).toMatchObject({ verdict: 'accept', by: 'filter/ssh:1', delivered: true, policies: [] })
    expect(friend!.hits).toEqual(['filter/INPUT:1', 'filter/ssh:1'])
    expect(stranger).toMatchObject({ verdict: 'reject', by: 'filter/ssh:2', delivered: false })
    expect(stranger!.policies).toEqual(['filter/OUTPUT'])
    // RST with id 0 and DF, TTL 64, to the gateway's own gateway.
    expect(stranger!.sent).toEqual([
      { if: 'eth0', hex: expect.stringMatching(/^0201cb0071fe0200000000010800450000280000400040/) },
    ])
    expect(silent).toMatchObject({ verdict: 'drop', by: 'policy', policies: ['filter/INPUT'], sent: [] })
    expect(counted).toMatchObject({ verdict: 'drop', by: 'policy', hits: ['filter/INPUT:2'] })
    expect(forwarded).toMatchObject({ verdict: 'accept', by: 'policy', delivered: false })
    expect(forwarded!.sent).toEqual([{ if: 'eth1', hex: expect.stringMatching(/^0201c0a80109020000000002/) }])
  })

  test('counts for the policies of chains that commands made', async () => {
    const [quiet, dropped] = await run(
      backend,
      [rulesText('iptables -A INPUT -p tcp --dport 22 -j DROP\n')],
      [0, receive('eth0', ipPacket('udp', '198.51.100.8:4000 > 203.0.113.1:53'))],
      [0, receive('eth0', ipPacket('tcp', '198.51.100.8:4000 > 203.0.113.1:22'))],
    )
    expect(quiet).toMatchObject({ verdict: 'accept', by: 'policy', policies: ['filter/INPUT'] })
    expect(dropped).toMatchObject({ verdict: 'drop', by: 'filter/INPUT:1', policies: [] })
  })

  test('keeps the time of recency lists', async () => {
    const rules = `*filter
:INPUT ACCEPT [0:0]
-A INPUT -p icmp -m recent --name knock --set
COMMIT
`
    const icmp = receive('eth0', ipPacket('icmp', '198.51.100.7 > 203.0.113.1'))
    const results = await run(
      backend,
      [rulesText(rules)],
      [0, icmp],
      [600, icmp],
      [800, { kind: 'write', list: 'knock', text: '+192.0.2.1' }],
      [800, { kind: 'write', list: 'knock', text: 'nonsense' }],
      [800, { kind: 'write', list: 'nolist', text: '+192.0.2.1' }],
    )
    expect(results[1]!.recent).toEqual({
      knock: ['src=198.51.100.7 ttl: 64 last_seen: 150 oldest_pkt: 2 0, 150'],
    })
    expect(results[2]!.recent.knock).toContain('src=192.0.2.1 ttl: 0 last_seen: 200 oldest_pkt: 1 200')
    expect(results.slice(2).map(({ error }) => error)).toEqual([null, 'EINVAL', 'ENOENT'])
  })

  test('reads what the kernel logs, of this step only', async () => {
    const rules = `*filter
:INPUT ACCEPT [0:0]
-A INPUT -p udp -m mark --mark 5 -j LOG --log-prefix "five \\\\ " --log-level 7
COMMIT
`
    const udp = ipPacket('udp', '198.51.100.7:4000 > 203.0.113.1:53')
    const [unmarked, marked, again] = await run(
      backend,
      [rulesText(rules)],
      [0, receive('eth0', udp)],
      [0, receive('eth0', udp, 5)],
      [0, receive('eth0', udp)],
    )
    expect(unmarked!.log).toEqual([])
    expect(marked!.log).toEqual([
      'five \\ IN=eth0 OUT= MAC=02:00:00:00:00:01:02:01:c6:33:64:07:08:00 SRC=198.51.100.7 DST=203.0.113.1 ' +
        'LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=77 PROTO=UDP SPT=4000 DPT=53 LEN=8 MARK=0x5 ',
    ])
    expect(again!.log).toEqual([])
  })

  test('sends as a user, and sees a REJECT in OUTPUT answer through lo', async () => {
    const rules = `*filter
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -p icmp
-A OUTPUT -m owner --uid-owner 1000 -j REJECT
COMMIT
`
    const packet = ipPacket('udp', '203.0.113.1:53 > 198.51.100.7:4000')
    const [root, user] = await run(backend, [rulesText(rules)], [0, send(packet)], [0, send(packet, 1000)])
    expect(root).toMatchObject({ verdict: 'accept', by: 'policy', hits: [] })
    expect(root!.sent).toHaveLength(1)
    expect(user).toMatchObject({ verdict: 'reject', by: 'filter/OUTPUT:1', sent: [] })
    expect(user!.delivered).toBe(false)
    expect(user!.hits).toEqual(['filter/OUTPUT:1', 'filter/INPUT:1'])
    expect(user!.policies).toEqual(['filter/OUTPUT', 'filter/INPUT'])
  })

  test('does the same for IPv6, and asks nobody for a link address', async () => {
    const rules = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -p udp -j REJECT
COMMIT
`
    const [local, other, through] = await run(
      backend,
      [rulesText(rules, 'ipv6')],
      [0, receive('eth0', ipPacket('tcp', '[2001:db8:9::7]:4000 > [2001:db8:1::1]:22'))],
      [0, receive('eth0', ipPacket('udp', '[2001:db8:9::7]:4000 > [2001:db8:2::9]:53'))],
      [0, receive('eth0', ipPacket('tcp', '[2001:db8:9::7]:4000 > [2001:db8:2::9]:53'))],
    )
    expect(local).toMatchObject({ verdict: 'accept', by: 'filter/INPUT:1', delivered: true })
    expect(other).toMatchObject({ verdict: 'reject', by: 'filter/FORWARD:1', policies: ['filter/OUTPUT'] })
    expect(other!.sent[0]).toMatchObject({
      if: 'eth0',
      hex: expect.stringMatching(/^0206000000fe02000000000186dd60/),
    })
    expect(through!.sent[0]).toMatchObject({
      if: 'eth1',
      hex: expect.stringMatching(/^020600000009020000000002/),
    })
  })

  test('remembers connections, and counts what is left at the end', async () => {
    const rules = `*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
`
    const lab = await Lab.open(gateway, [rulesText(rules)], { backend })
    labs.push(lab)
    const [out, answer, stray] = timeline(
      [0, send(ipPacket('tcp', '203.0.113.1:4000 > 198.51.100.7:80'))],
      [
        0,
        receive('eth0', ipPacket('tcp', '198.51.100.7:80 > 203.0.113.1:4000', tcpFlags.syn | tcpFlags.ack)),
      ],
      [
        0,
        receive('eth0', ipPacket('tcp', '198.51.100.7:80 > 203.0.113.1:4001', tcpFlags.syn | tcpFlags.ack)),
      ],
    )
    expect(await lab.step(out!)).toMatchObject({ verdict: 'accept' })
    expect(await lab.step(answer!)).toMatchObject({ verdict: 'accept', by: 'filter/INPUT:1' })
    expect(await lab.step(stray!)).toMatchObject({ verdict: 'drop', by: 'policy' })
    const { save, conntrack } = await lab.end()
    expect(save).toContain('[1:40] -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n')
    expect(save).toContain(':INPUT DROP [1:40]\n')
    expect(conntrack).toEqual([expect.stringMatching(/^ipv4 +2 tcp +6 \d+ SYN_RECV src=203.0.113.1 /)])
  })

  test('runs commands between packets', async () => {
    const udp = receive('eth0', ipPacket('udp', '198.51.100.7:4000 > 203.0.113.1:53'))
    const results = await run(
      backend,
      [rulesText('iptables -A INPUT -p udp --dport 53 -m comment --comment "a b" -j ACCEPT # open')],
      [0, udp],
      [0, { kind: 'run', command: 'iptables -I INPUT 1 -p udp -j DROP' }],
      [0, udp],
      [0, { kind: 'run', command: 'iptables -A NOCHAIN -j DROP' }],
    )
    expect(results.map(({ by }) => by)).toEqual(['filter/INPUT:1', null, 'filter/INPUT:1', null])
    expect(results.map(({ verdict }) => verdict)).toEqual(['accept', null, 'drop', null])
    expect(results[1]!.error).toBeNull()
    expect(results[3]!.error).toMatch(/No chain\/target\/match by that name/)
  })

  test('says what iptables says when rules are refused', async () => {
    const broken = rulesText('*filter\n-A INPUT -j NOWHERE\nCOMMIT\n')
    const opening = Lab.open(gateway, [broken], { backend })
    await expect(opening).rejects.toThrow(RulesRefusedError)
    await expect(opening).rejects.toThrow(/NOWHERE/)
  })

  test('holds many labs at once, each with its own tables, and leaves nothing', async () => {
    const setting = '/proc/sys/net/netfilter/nf_log_all_netns'
    const namespaceBefore = readFileSync('/proc/thread-self/net/dev', 'latin1')
    const many = await Promise.all(
      Array.from({ length: 8 }, (_, port) =>
        Lab.open(gateway, [rulesText(`*filter\n-A INPUT -p udp --dport ${port} -j DROP\nCOMMIT\n`)], {
          backend,
        }),
      ),
    )
    labs.push(...many)
    expect(readFileSync(setting, 'latin1')).toBe('1\n')
    const steps = timeline([0, receive('eth0', ipPacket('udp', '198.51.100.7:4000 > 203.0.113.1:3'))])
    const verdicts = await Promise.all(many.map(async (lab) => (await lab.step(steps[0]!)).verdict))
    expect(verdicts).toEqual(many.map((_, port) => (port === 3 ? 'drop' : 'accept')))
    expect(readFileSync('/proc/thread-self/net/dev', 'latin1')).toBe(namespaceBefore)
  })
})
