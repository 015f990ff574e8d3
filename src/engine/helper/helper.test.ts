/**
 * Helpers at work in a gateway, as timelines. One row a packet: time, packet (`...` for none), its verdict or the packet
 * that is sent, and what is expected afterwards.
 */
import { describe, expect, it } from 'vitest'
import { answerTo, hostOf, rulesOf, stepsOf, take } from '../_testing/journey-case.ts'
import { Host } from '../host.ts'
import type { TraceEvent } from '../outcome.ts'

const config = hostOf(`eth0 203.0.113.1/24\n eth1 192.168.1.1/24`, ['default via 203.0.113.254'])

const attach = `*raw
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p udp --dport 69 -j CT --helper tftp
-A PREROUTING -p tcp --dport 6667 -j CT --helper irc
COMMIT
`
const masquerade = `${attach}*nat\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n`

function gateway(rules: string, sysctls: Readonly<Record<string, string>> = {}): Host {
  const host = new Host({ ...config, sysctls: new Map(Object.entries(sysctls)) })
  expect(host.load(rulesOf(rules, 'ipv4'))).toEqual([])
  return host
}

/** `TIMEs PACKET | FACTS | EXPECTED`; expectations are written `PORT@ADDRESS from ADDRESS for SECONDS`. */
function play(host: Host, text: string): void {
  const rows = text
    .split('\n')
    .map((row) => row.trim())
    .filter((row) => row !== '')
  const played = rows.map((row) => {
    const [head, fact, expected] = row.split(' | ')
    const [, seconds, packet] = /^([\d.]+)s +(.*)$/.exec(head!)!
    const nowNs = BigInt(Math.round(Number(seconds) * 1e9))
    const cells = [head, packet === '...' ? '-' : becomes(host, packet!, fact!, nowNs)]
    return [...cells, ...(expected === undefined ? [] : [printExpected(host, nowNs)])].join(' | ')
  })
  expect(played).toEqual(rows)
}

function becomes(host: Host, packet: string, fact: string, nowNs: bigint): string {
  const outcome = take(host, stepsOf(packet)[0]!, nowNs)
  return fact.startsWith('sent') ? answerTo([fact], outcome).join() : outcome.verdict
}

const printExpected = (host: Host, nowNs: bigint): string =>
  host
    .expectations(nowNs)
    .map((line) => {
      const [, seconds, source, destination, port] =
        /^(\d+) l3proto = 2 proto=\d+ src=(\S+) dst=(\S+) sport=0 dport=(\d+) t?ftp$/.exec(line)!
      return `${port}@${destination} from ${source} for ${seconds}`
    })
    .join(', ') || '-'

const control = (words: string): string => `eth1 tcp 192.168.1.9:4000 > 198.51.100.7:21 ${words}`
const answer = (words: string): string => `eth0 tcp 198.51.100.7:21 > 203.0.113.1:4000 ${words}`

/** A control connection through masquerading, a line said by each side. */
const opened = `
  0s ${control('syn seq=99')} | accept
  0s ${answer('syn-ack seq=499 ack=100')} | accept
  0s ${control('ack seq=100 ack=500')} | accept
  0s ${answer('psh-ack seq=500 ack=100 payload="220 hi\\r\\n"')} | accept
  0s ${control('psh-ack seq=100 ack=508 payload="USER me\\r\\n"')} | accept | -`

describe('ftp', () => {
  it('rewrites PORT, shifts what follows and expects the data connection where it said', () => {
    play(
      gateway(masquerade),
      `${opened}
  1s ${control('psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"')} | sent eth0 tcp 203.0.113.1:4000 > 198.51.100.7:21 psh-ack seq=109 ack=508 ttl=63 payload="PORT 203,0,113,1,195,80\\r\\n" | 50000@203.0.113.1 from 198.51.100.7 for 300
  2s ${answer('psh-ack seq=508 ack=134 payload="200 ok\\r\\n"')} | sent eth1 tcp 198.51.100.7:21 > 192.168.1.9:4000 psh-ack seq=508 ack=134 ttl=63 payload="200 ok\\r\\n"
  3s eth0 tcp 198.51.100.7:20 > 203.0.113.1:50000 syn seq=7 | sent eth1 tcp 198.51.100.7:20 > 192.168.1.9:50000 syn seq=7 ttl=63 | -
  4s eth1 tcp 192.168.1.9:50000 > 198.51.100.7:20 syn-ack seq=8 ack=8 | sent eth0 tcp 203.0.113.1:50000 > 198.51.100.7:20 syn-ack seq=8 ack=8 ttl=63 | -`,
    )
  })

  it('counts the bytes that a line became longer in both directions', () => {
    play(
      gateway(masquerade.replace('MASQUERADE', 'SNAT --to-source 203.0.113.200')),
      `${opened.replaceAll('203.0.113.1:4000', '203.0.113.200:4000')}
  1s ${control('psh-ack seq=109 ack=508 payload="EPRT |1|192.168.1.9|5000|\\r\\n"')} | sent eth0 tcp 203.0.113.200:4000 > 198.51.100.7:21 psh-ack seq=109 ack=508 ttl=63 payload="EPRT |1|203.0.113.200|5000|\\r\\n" | 5000@203.0.113.200 from 198.51.100.7 for 300
  1.5s ${control('psh-ack seq=109 ack=508 payload="EPRT |1|192.168.1.9|5000|\\r\\n"')} | sent eth0 tcp 203.0.113.200:4000 > 198.51.100.7:21 psh-ack seq=109 ack=508 ttl=63 payload="EPRT |1|203.0.113.200|5000|\\r\\n" | 5000@203.0.113.200 from 198.51.100.7 for 300
  2s ${control('psh-ack seq=136 ack=508 payload="LIST\\r\\n"')} | sent eth0 tcp 203.0.113.200:4000 > 198.51.100.7:21 psh-ack seq=138 ack=508 ttl=63 payload="LIST\\r\\n"
  3s eth0 tcp 198.51.100.7:21 > 203.0.113.200:4000 ack seq=508 ack=144 | sent eth1 tcp 198.51.100.7:21 > 192.168.1.9:4000 ack seq=508 ack=142 ttl=63`,
    )
  })

  it('drops a command that is cut in two, and reads it when it is said in one piece', () => {
    play(
      gateway(masquerade),
      `${opened}
  1s ${control('psh-ack seq=109 ack=508 payload="PORT 192,168,"')} | drop | -
  2s ${control('psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"')} | accept | 50000@203.0.113.1 from 198.51.100.7 for 300`,
    )
  })

  it('does not look where no line begins, and believes nobody who speaks for others', () => {
    play(
      gateway(masquerade),
      `${opened}
  1s ${control('psh-ack seq=109 ack=508 payload="X"')} | accept | -
  2s ${control('psh-ack seq=110 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"')} | accept | -
  3s ${control('psh-ack seq=135 ack=508 payload="PORT 192,168,1,10,195,80\\r\\n"')} | accept | -`,
    )
  })

  it('expects one connection at a time, for five minutes', () => {
    play(
      gateway(attach),
      `${opened.replaceAll('203.0.113.1:4000', '192.168.1.9:4000')}
  1s ${control('psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"')} | accept | 50000@192.168.1.9 from 198.51.100.7 for 300
  11s ... | - | 50000@192.168.1.9 from 198.51.100.7 for 290
  12s ${control('psh-ack seq=134 ack=508 payload="PORT 192,168,1,9,195,81\\r\\n"')} | accept | 50001@192.168.1.9 from 198.51.100.7 for 300
  311s ... | - | 50001@192.168.1.9 from 198.51.100.7 for 1
  312s ... | - | -`,
    )
  })

  it('forgets what a connection announced when that is over', () => {
    play(
      gateway(attach),
      `${opened.replaceAll('203.0.113.1:4000', '192.168.1.9:4000')}
  1s ${control('psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"')} | accept | 50000@192.168.1.9 from 198.51.100.7 for 300
  2s ${control('rst seq=134')} | accept | 50000@192.168.1.9 from 198.51.100.7 for 299
  13s ... | - | -`,
    )
  })

  it('drops what would announce the connection that another one expects', () => {
    const other = opened.replaceAll(':4000', ':4001').replaceAll('203.0.113.1', '192.168.1.9')
    const port = 'psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"'
    play(
      gateway(attach),
      `${opened.replaceAll('203.0.113.1:4000', '192.168.1.9:4000')}${other}
  1s ${control(port)} | accept | 50000@192.168.1.9 from 198.51.100.7 for 300
  2s ${control(port).replace(':4000', ':4001')} | drop | 50000@192.168.1.9 from 198.51.100.7 for 299`,
    )
  })

  it('keeps no more expectations than the host may have', () => {
    const other = opened.replaceAll(':4000', ':4001').replaceAll('203.0.113.1', '192.168.1.9')
    const port = (last: number): string =>
      `psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,${last}\\r\\n"`
    play(
      gateway(attach, { 'net.netfilter.nf_conntrack_expect_max': '1' }),
      `${opened.replaceAll('203.0.113.1:4000', '192.168.1.9:4000')}${other}
  1s ${control(port(80))} | accept | 50000@192.168.1.9 from 198.51.100.7 for 300
  2s ${control(port(81)).replace(':4000', ':4001')} | drop | 50000@192.168.1.9 from 198.51.100.7 for 299`,
    )
  })
})

describe('tftp', () => {
  it('expects the answer from another port, and brings it to the one who asked', () => {
    play(
      gateway(masquerade),
      `
  0s eth1 udp 192.168.1.9:4000 > 198.51.100.7:69 payload="\\x00\\x01file\\x00octet\\x00" | sent eth0 udp 203.0.113.1:4000 > 198.51.100.7:69 ttl=63 payload="\\x00\\x01file\\x00octet\\x00" | 4000@203.0.113.1 from 198.51.100.7 for 300
  1s eth0 udp 198.51.100.7:30000 > 203.0.113.1:4000 payload="\\x00\\x03\\x00\\x01" | sent eth1 udp 198.51.100.7:30000 > 192.168.1.9:4000 ttl=63 payload="\\x00\\x03\\x00\\x01" | -
  2s eth0 udp 198.51.100.7:30001 > 203.0.113.1:4000 payload="\\x00\\x03\\x00\\x01" | sent nothing | -`,
    )
  })
})

describe('a trace', () => {
  const told = (host: Host, packet: string): string[] => {
    const events: TraceEvent[] = []
    const [step] = stepsOf(packet)
    const { line } = step!
    expect(line.device).not.toBeNull()
    take(
      Object.assign(Object.create(host), {
        receive: (frame: Uint8Array, device: string, nowNs: bigint) =>
          host.receive(frame, device, nowNs, { trace: (event) => events.push(event) }),
      }),
      step!,
      0n,
    )
    return events.flatMap((event) => (event.kind === 'host' ? [event.text] : []))
  }

  it('tells what is expected, and who expected what came', () => {
    const host = gateway(masquerade)
    play(host, opened)
    const port = control('psh-ack seq=109 ack=508 payload="PORT 192,168,1,9,195,80\\r\\n"')
    expect(told(host, port)).toEqual(
      expect.arrayContaining([
        'ftp: expects a connection from 198.51.100.7 to 203.0.113.1 port 50000 (PORT)',
        'ftp: PORT is made to say 203,0,113,1,195,80',
      ]),
    )
    expect(told(host, 'eth0 tcp 198.51.100.7:20 > 203.0.113.1:50000 syn seq=7')).toContain(
      'its connection is RELATED, expected by the ftp connection 192.168.1.9:4000 > 198.51.100.7:21',
    )
  })

  it('does not keep silent about a helper that the engine has no code for', () => {
    const host = gateway(attach)
    expect(told(host, 'eth1 tcp 192.168.1.9:4000 > 198.51.100.7:6667 syn')).toContain(
      'the helper irc would read this packet; this engine does not know what it expects',
    )
  })
})
