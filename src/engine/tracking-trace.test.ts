/** What traces tell of rules about connections. */
import { expect, test } from 'vitest'
import { frameOf, hostOf, rulesOf, stepsOf } from './_testing/journey-case.ts'
import { Host } from './host.ts'

const rules = `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -p tcp --dport 21 -j CT --zone-orig 3 --helper ftp
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -p tcp --syn -m connlimit --connlimit-above 1 --connlimit-mask 24 -j DROP
-A INPUT -j CONNMARK --set-mark 0x7
-A INPUT -m connmark --mark 0x1
-A INPUT -m connbytes --connbytes 2: --connbytes-mode packets --connbytes-dir both
-A INPUT -m connlabel --label 4 --set
-A INPUT -m connlabel --label 5
COMMIT
`

test('every rule says what it read and wrote', () => {
  const host = new Host(hostOf('eth0 203.0.113.1/24'))
  expect(host.load(rulesOf(rules, 'ipv4'))).toEqual([])
  const told: string[] = []
  for (const { line } of stepsOf(`
    eth0 tcp 198.51.100.7:4000 > 203.0.113.1:21 syn
    eth0 tcp 198.51.100.8:4000 > 203.0.113.1:21 syn
  `)) {
    host.receive(frameOf(line, host.config), 'eth0', 0n, {
      trace: (event) => {
        if (event.kind === 'host') told.push(event.text)
        if (event.kind === 'rule') {
          const why = event.failed === null ? [] : [`no: ${event.failed.why}`]
          told.push(...[...event.notes, ...why].map((text) => `${event.ref.number} ${text}`))
        }
      },
    })
  }
  expect(`\n${told.join('\n')}\n`).toBe(`
its connection shall be tracked in zone 3 for the original direction, helped by ftp
its connection is NEW, in zone 3 in its original direction
routing: it is for this host
1 1 connection from 198.51.100.0/24, limit 1
1 no: 1 connection from 198.51.100.0/24, limit 1
mark 0x0 of its connection becomes 0x7
3 mark 0x7
3 no: mark 0x7 of its connection is not 0x1
4 1 packet so far
4 no: 1 packet so far
5 its connection gets label 4
6 no: its connection has no label 5
its connection shall be tracked in zone 3 for the original direction, helped by ftp
its connection is NEW, in zone 3 in its original direction
routing: it is for this host
1 2 connections from 198.51.100.0/24, limit 1
`)
})
