import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recent } from '../ext/match/recent.ts'
import { makeRegistry, registry } from '../ext/registry.ts'
import { linux618 } from '../lang/profile.ts'
import { parsePacketLine } from '../net/notation.ts'
import { frameOf, hostOf, rulesOf, stepsOf, take } from './_testing/journey-case.ts'
import { Host } from './host.ts'
import type { Outcome, TraceEvent } from './outcome.ts'
import { printRuleRef } from './outcome.ts'

const config = hostOf(
  `eth0 203.0.113.1/24 2001:db8:1::1/64
   eth1 192.168.1.1/24`,
  ['default via 203.0.113.254'],
)

const run = (host: Host, packets: string): Outcome[] =>
  stepsOf(packets).map((step, at) => take(host, step, BigInt(at) * 1_000_000n))

const filter = (...lines: string[]): string =>
  `*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n${lines.join('\n')}\nCOMMIT\n`

const load = (host: Host, text: string, options = {}) => host.load(rulesOf(text, 'ipv4'), options)

const ssh = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn'

describe('load', () => {
  it('replaces the tables it is given, and only those', () => {
    const host = new Host(config)
    load(host, `*raw\n-A PREROUTING -s 198.51.100.9 -j DROP\nCOMMIT\n${filter('-A INPUT -j DROP')}`)
    load(host, filter('-A INPUT -p udp -j DROP'))
    const [tcp, other] = run(host, `${ssh}\n eth0 tcp 198.51.100.9 > 203.0.113.1:22`)
    expect(tcp).toMatchObject({ verdict: 'accept', policies: ['raw/PREROUTING', 'filter/INPUT'] })
    expect(other).toMatchObject({ verdict: 'drop', by: 'raw/PREROUTING:1' })
  })

  it('changes nothing when any rule is refused, and tells all refusals', () => {
    const host = new Host(config)
    load(host, filter('-A INPUT -j DROP'))
    const refusals = load(
      host,
      filter(':a -', ':b -', '-A INPUT -j a', '-A a -j b', '-A b -j a', '-A INPUT -m owner --uid-owner 0'),
    )
    expect(refusals.map(({ code, ref }) => `${code} ${printRuleRef(ref)}`)).toEqual([
      'chain/loop filter/b:1',
      expect.stringMatching(/^owner\/.* filter\/INPUT:2$/),
    ])
    expect(run(host, ssh)[0]).toMatchObject({ by: 'filter/INPUT:1' })
  })

  it('does not ask a rule that no packet can reach for its hook', () => {
    const unreachable = [
      filter('-A INPUT -j DROP', '-A INPUT -m owner --uid-owner 0'),
      filter(':a -', '-A a -m owner --uid-owner 0'),
    ]
    for (const text of unreachable) expect(load(new Host(config), text)).toEqual([])
    const reachable = filter(
      ':a -',
      '-A INPUT -p tcp -j DROP',
      '-A INPUT -g a',
      '-A a -m owner --uid-owner 0',
    )
    expect(load(new Host(config), reachable).map(({ ref }) => printRuleRef(ref))).toEqual(['filter/a:1'])
  })

  it('does not see a circle among chains that nothing jumps to', () => {
    expect(load(new Host(config), filter(':a -', '-A a -j a'))).toEqual([])
  })

  it('refuses what the registry does not know', () => {
    const host = new Host(config, makeRegistry([], []))
    const refusals = load(host, filter('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT'))
    expect(refusals).toMatchObject([{ code: 'rule/unknown-match', message: expect.stringContaining('tcp') }])
  })

  it('keeps a recency list that old and new rules share, and drops it with the last', () => {
    const host = new Host(config)
    const set = '-A INPUT -m recent --set --name seen'
    load(host, filter(set))
    run(host, ssh)
    const [line] = host.recent.read('seen')!
    load(host, filter('-A INPUT -p udp', set))
    expect(host.recent.read('seen')).toEqual([line])
    load(host, filter('-A INPUT -p udp'))
    expect(host.recent.read('seen')).toBeNull()
  })

  it('makes per-rule state in the order of the kernel: base chains, then user chains by name', () => {
    const order: string[] = []
    const spy = {
      ...recent,
      load: (data: { name: string }) => {
        order.push(data.name)
        return undefined as never
      },
      unload: () => undefined,
    }
    const host = new Host(
      config,
      makeRegistry([...registry.matches.filter((one) => one !== recent), spy], []),
    )
    const line = (chain: string, name: string) => `-A ${chain} -m recent --set --name ${name}`
    const chains = [':z -', ':B -', ':a -']
    load(
      host,
      filter(
        ...chains,
        line('z', '1'),
        line('a', '2'),
        line('B', '3'),
        line('OUTPUT', '4'),
        line('INPUT', '5'),
      ),
    )
    expect(order).toEqual(['5', '4', '3', '2', '1'])
  })
})

describe('counters', () => {
  it('begin at zero, or where the text says when asked', () => {
    const text = filter('-A INPUT -p tcp -c 7 700 -j ACCEPT')
    for (const [counters, packets] of [
      [false, 1n],
      [true, 8n],
    ] as const) {
      const host = new Host(config)
      load(host, text, { counters })
      run(host, ssh)
      const rule = host.ruleset('ipv4').tables.get('filter')!.chains.get('INPUT')!.rules[0]!
      expect(rule.counters.packets).toBe(packets)
    }
  })

  it('count the IP length of the packet, whatever the frame is padded to', () => {
    const host = new Host(config)
    load(host, filter('-A INPUT -p tcp'))
    const parsed = parsePacketLine(ssh)
    if ('error' in parsed) throw new Error(parsed.error.message)
    const padded = new Uint8Array(60)
    padded.set(frameOf(parsed.line, config))
    host.receive(padded, 'eth0', 0n)
    expect(host.save('ipv4', { counters: true })).toBe(
      '*filter\n:INPUT ACCEPT [1:40]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n[1:40] -A INPUT -p tcp\nCOMMIT\n',
    )
  })

  it('survive a reload of the rules as they are', () => {
    const host = new Host(config)
    load(host, filter('-A INPUT -p tcp'))
    run(host, `${ssh}\n${ssh}`)
    const before = host.save('ipv4', { counters: true })
    expect(host.load(host.ruleset('ipv4'), { counters: true })).toEqual([])
    expect(host.save('ipv4', { counters: true })).toBe(before)
  })
})

describe('what the kernel would choose by chance', () => {
  const ids = (seed: number): number[] => {
    const host = new Host({ ...config, seed })
    return run(host, 'out udp 0.0.0.0 > 192.168.1.9:9\n'.repeat(3)).map(({ sent }) => {
      const { bytes } = sent[0]!
      return (bytes[18]! << 8) | bytes[19]!
    })
  }

  it('follows from the seed, and ids count up without ever being 0', () => {
    expect(ids(1)).toEqual(ids(1))
    expect(ids(1)).not.toEqual(ids(2))
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const [first, second, third] = ids(seed)
        const following = (id: number) => (id === 0xffff ? 1 : id + 1)
        return first !== 0 && second === following(first!) && third === following(second!)
      }),
    )
  })
})

describe('a host that contradicts itself', () => {
  it.each([
    [['default via 10.9.9.9'], /reaches the gateway/],
    [['10.0.0.0/8 dev eth7'], /eth7/],
  ])('%j', (routes, message) => {
    expect(() => new Host(hostOf('eth0 203.0.113.1/24', routes))).toThrow(message)
  })
})

describe('a trace', () => {
  const events = (rules: string, packet: string): TraceEvent[] => {
    const host = new Host(config)
    load(host, rules)
    const [step] = stepsOf(packet)
    const seen: TraceEvent[] = []
    const frame = frameOf(step!.line, config)
    host.receive(frame, step!.line.device!, 0n, { trace: (event) => seen.push(event) })
    return seen
  }

  it('tells each rule it met and the first condition that failed', () => {
    const rules = filter(
      ':web -',
      '-A INPUT -s 192.0.2.0/24 -j DROP',
      '-A INPUT ! -i eth+ -j DROP',
      '-A INPUT -p udp -j DROP',
      '-A INPUT -p tcp -m tcp --dport 80 -j DROP',
      '-A INPUT -p tcp -j web',
      '-A web -d 203.0.113.1',
    )
    const seen = events(rules, ssh)
    const told = seen.flatMap((event) => (event.kind === 'rule' ? [event.failed] : []))
    expect(told).toEqual([
      { condition: '-s 192.0.2.0/24', why: 'the source is 198.51.100.7' },
      { condition: '! -i eth+', why: 'it came by eth0' },
      { condition: '-p udp', why: 'the protocol is tcp' },
      { condition: '-m tcp --dport 80', why: expect.stringContaining('22') },
      null,
      null,
    ])
    expect(seen.map(({ kind }) => kind)).toEqual([
      'packet',
      'hook',
      'host',
      'hook',
      'enter',
      ...Array(5).fill('rule'),
      'enter',
      'rule',
      'return',
      'policy',
      'verdict',
    ])
    expect(seen[0]).toEqual({ kind: 'packet', origin: 'received', text: ssh })
    expect(seen[2]).toEqual({ kind: 'host', text: 'routing: it is for this host' })
  })

  it('tells the packets that the host makes because of this one', () => {
    const seen = events(filter(), 'eth0 udp 198.51.100.7 > 192.168.1.9:9 ttl=1')
    const packets = seen.flatMap((event) => (event.kind === 'packet' ? [event] : []))
    expect(packets.map(({ origin }) => origin)).toEqual(['received', 'generated'])
    expect(packets[1]!.text).toMatch(/^out icmp 203\.0\.113\.1 > 198\.51\.100\.7 .*\[ udp 198\.51\.100\.7/)
  })

  it('tells what a target did behind its own rule, not before the next one', () => {
    const rules = filter('-A INPUT -j LOG --log-prefix hello', '-A INPUT -j REJECT')
    const told = events(rules, 'eth0 icmp 198.51.100.7 > 203.0.113.1 type=3 code=1').map((event) =>
      event.kind === 'host' ? event.text : event.kind === 'rule' ? `rule ${event.ref.number}` : event.kind,
    )
    expect(told).toEqual([
      'packet',
      'hook',
      'routing: it is for this host',
      'hook',
      'enter',
      'rule 1',
      expect.stringMatching(/^the kernel logs: helloIN=eth0 /),
      'rule 2',
      'no ICMP error is sent: it is an ICMP error itself',
      'verdict',
    ])
  })

  it('changes nothing', () => {
    const rules = filter('-A INPUT -m recent --update --name a', '-A INPUT -m recent --set --name a -j DROP')
    const outcomes = [true, false].map((traced) => {
      const host = new Host({ ...config, profile: linux618 })
      load(host, rules)
      return stepsOf(`${ssh}\n${ssh}\n${ssh}`).map(({ line }) => {
        const trace = traced ? { trace: () => undefined } : {}
        const outcome = host.receive(frameOf(line, config), 'eth0', 5n, trace)
        return { outcome, save: host.save('ipv4', { counters: true }), recent: host.recent.readAll() }
      })
    })
    expect(outcomes[0]).toEqual(outcomes[1])
  })
})

describe('random bytes', () => {
  it('are received and sent without a throw, and end in a verdict', () => {
    const host = new Host(config)
    load(host, filter('-A INPUT -p tcp -m tcp --dport 22', '-A FORWARD -f -j DROP'))
    const version = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), version, fc.boolean(), (bytes, first, isIpv6) => {
        const packet = Uint8Array.of(first, ...bytes)
        const type = isIpv6 ? [0x86, 0xdd] : [0x08, 0x00]
        const frame = Uint8Array.of(...config.interfaces[0]!.mac, ...new Uint8Array(6), ...type, ...packet)
        const trace = () => undefined
        const outcomes = [host.receive(frame, 'eth0', 0n, { trace }), host.send(packet, 0n, { trace })]
        const verdicts = outcomes.map(({ verdict }) => verdict)
        return verdicts.every((verdict) => verdict === 'accept' || verdict === 'drop')
      }),
      { numRuns: 2000 },
    )
  })
})
