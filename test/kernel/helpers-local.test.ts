/**
 * FTP of the host itself, as server, as client and with itself over `lo`: helpers at INPUT and OUTPUT, on the kernel and
 * on the engine.
 */
import { beforeEach, describe, expect, test } from 'vitest'
import { frameOf, hostOf, rulesOf, stepsOf, take } from '../../src/engine/_testing/journey-case.ts'
import { Host } from '../../src/engine/host.ts'
import { printRuleRef } from '../../src/engine/outcome.ts'
import { SourceText } from '../../src/lang/source.ts'
import { compareEnds, compareSteps, Lab, labLack } from '../../src/linux/lab/index.ts'
import { encodePacketLine } from '../../src/net/notation.ts'
import type { Action, Step, StepResult } from '../../src/scenario/scenario.ts'

const config = hostOf('eth0 203.0.113.1/24', ['default via 203.0.113.254'])

const rulesText = (nat: string): string => `*raw
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
-A OUTPUT -p tcp --dport 21 -j CT --helper ftp
COMMIT
*mangle
-A INPUT -m helper --helper ftp
-A OUTPUT -m helper --helper ftp
-A POSTROUTING -m conntrack --ctstate RELATED
-A INPUT -m conntrack --ctstate RELATED
COMMIT
*nat
${nat}
COMMIT
*filter
-A INPUT -m conntrack --ctstate INVALID
COMMIT
`

/** A row a packet; `syn seq=7` opens what was expected. */
interface Conversation {
  readonly name: string
  readonly nat: string
  readonly packets: string
}

const opened = (client: string, server: string): string => `
  ${client} syn seq=99
  ${server} syn-ack seq=499 ack=100
  ${client} ack seq=100 ack=500
  ${server} psh-ack seq=500 ack=100 payload="220 hi\\r\\n"
  ${client} psh-ack seq=100 ack=508 payload="USER me\\r\\n"`

const called = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.200:21'
const serving = 'out tcp 203.0.113.1:21 > 198.51.100.7:4000'
const calling = 'out tcp 203.0.113.1:4000 > 198.51.100.7:21'
const answering = 'eth0 tcp 198.51.100.7:21 > 203.0.113.200:4000'
const toItself = 'out tcp 127.0.0.1:4000 > 127.0.0.100:21'
const fromItself = 'out tcp 127.0.0.1:21 > 127.0.0.1:4000'

const conversations: readonly Conversation[] = [
  {
    name: 'a server, passive, behind a second address',
    nat: '-A PREROUTING -d 203.0.113.200 -j DNAT --to-destination 203.0.113.1',
    packets: `${opened(called, serving)}
  ${serving} psh-ack seq=508 ack=109 payload="227 Entering Passive Mode (203,0,113,1,156,64).\\r\\n"
  ${serving} psh-ack seq=508 ack=109 payload="227 Entering Passive Mode (203,0,113,1,156,64).\\r\\n"
  ${called} ack seq=109 ack=560
  eth0 tcp 198.51.100.7:5000 > 203.0.113.200:40000 syn seq=7
  out tcp 203.0.113.1:40000 > 198.51.100.7:5000 syn-ack seq=8 ack=8
  ${called} psh-ack seq=109 ack=560 payload="RETR x\\r\\n"
  ${serving} psh-ack seq=558 ack=117 payload="150 here\\r\\n"
  eth0 icmp 198.51.100.7 > 203.0.113.200 host-unreachable [ tcp 203.0.113.200:21 > 198.51.100.7:4000 ack seq=560 ]
  ${serving} psh-ack seq=568 ack=117 payload="229 Entering Extended Passive Mode (|||40001|)\\r\\n"
  ${serving} psh-ack seq=616 ack=117 payload="227 ("`,
  },
  {
    name: 'a server, active',
    nat: '-A PREROUTING -d 203.0.113.200 -j DNAT --to-destination 203.0.113.1',
    packets: `${opened(called, serving)}
  ${called} psh-ack seq=109 ack=508 payload="PORT 198,51,100,7,156,64\\r\\n"
  out tcp 203.0.113.1:20 > 198.51.100.7:40000 syn seq=7
  eth0 tcp 198.51.100.7:40000 > 203.0.113.200:20 syn-ack seq=8 ack=8
  ${called} psh-ack seq=135 ack=508 payload="PORT 198,51"`,
  },
  {
    name: 'a client, active, with another source',
    nat: '-A POSTROUTING -p tcp --dport 21 -j SNAT --to-source 203.0.113.200',
    packets: `${opened(calling, answering)}
  ${calling} psh-ack seq=109 ack=508 payload="EPRT |1|203.0.113.1|40000|\\r\\n"
  ${answering} psh-ack seq=508 ack=139 payload="200 ok\\r\\n"
  eth0 tcp 198.51.100.7:20 > 203.0.113.200:40000 syn seq=7
  out tcp 203.0.113.1:40000 > 198.51.100.7:20 syn-ack seq=8 ack=8
  eth0 icmp 198.51.100.7 > 203.0.113.200 host-unreachable [ tcp 203.0.113.200:4000 > 198.51.100.7:21 ack seq=139 ]
  ${calling} rst-ack seq=137 ack=516`,
  },
  {
    name: 'with itself, another address called',
    nat: '-A OUTPUT -d 127.0.0.100 -j DNAT --to-destination 127.0.0.1',
    packets: `${opened(toItself, fromItself)}
  ${fromItself} psh-ack seq=508 ack=109 payload="227 Entering Passive Mode (127,0,0,1,156,64).\\r\\n"
  ${toItself} ack seq=109 ack=557
  out tcp 127.0.0.1:5000 > 127.0.0.100:40000 syn seq=7
  out tcp 127.0.0.1:40000 > 127.0.0.1:5000 syn-ack seq=8 ack=8
  ${toItself} psh-ack seq=109 ack=557 payload="EPRT |1|127.0.0.1|40001|\\r\\n"
  ${fromItself} psh-ack seq=555 ack=136 payload="200 ok\\r\\n"
  out tcp 127.0.0.1:20 > 127.0.0.1:40001 syn seq=7`,
  },
  {
    name: 'with itself, as it is',
    nat: '',
    packets: `${opened('out tcp 127.0.0.1:4000 > 127.0.0.1:21', fromItself)}
  ${fromItself} psh-ack seq=508 ack=109 payload="227 Entering Passive Mode (127,0,0,1,156,64).\\r\\n"
  out tcp 127.0.0.1:5000 > 127.0.0.1:40000 syn seq=7
  out tcp 127.0.0.1:40000 > 127.0.0.1:5000 syn-ack seq=8 ack=8`,
  },
]

const startNs = process.hrtime.bigint()

describe('FTP of the host itself', () => {
  beforeEach((context) => {
    const lack = labLack('legacy')
    if (lack !== null) context.skip(lack.message)
  })

  test.each(conversations)('$name', { timeout: 120_000 }, async ({ nat, packets }) => {
    const text = rulesText(nat)
    const host = new Host(config)
    expect(host.load(rulesOf(text, 'ipv4'))).toEqual([])
    const lab = await Lab.open(config, [{ family: 'ipv4', source: new SourceText('rules', text) }], {
      backend: 'legacy',
    })
    try {
      const told: string[] = []
      for (const [at, row] of stepsOf(packets).entries()) {
        const { line } = row
        const action: Action =
          line.device === null
            ? { kind: 'send', packet: encodePacketLine(line), socket: { uid: 0, gid: 0 }, mark: 0 }
            : { kind: 'receive', device: line.device, frame: frameOf(line, config), mark: 0 }
        const step: Step = {
          number: at + 1,
          atNs: BigInt(at) * 1_000_000n,
          action,
          expect: null,
          text: '',
          span: null,
        }
        const kernel = await lab.step(step)
        const outcome = take(host, row, process.hrtime.bigint() - startNs)
        if (row.text.includes('syn seq=7')) expect(outcome.state, row.text).toBe('RELATED')
        const engine: StepResult = {
          ...outcome,
          step: step.number,
          at: 0,
          hits: outcome.hits.map(printRuleRef),
          sent: outcome.sent.map(({ if: device, bytes }) => ({
            if: device,
            hex: Buffer.from(bytes).toString('hex'),
          })),
          recent: {},
        }
        told.push(`${row.text}: ${outcome.why}`)
        const difference = compareSteps(step, engine, { ...kernel, recent: {}, log: engine.log })
        expect(difference, told.join('\n')).toBeNull()
      }
      const now = process.hrtime.bigint() - startNs
      const end = {
        end: true as const,
        save: '',
        conntrack: host.connections(now),
        expectations: host.expectations(now),
      }
      expect(compareEnds(end, { ...(await lab.end()), save: '' }), told.join('\n')).toBeNull()
    } finally {
      await lab.close()
    }
  })
})
