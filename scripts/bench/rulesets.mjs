// The rulesets that packets are run through, and the packets.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../ensure.mjs'
import { numberOf, packet, port } from './packets.mjs'
import { numbers } from './rules.mjs'

const us = numberOf('203.0.113.1')
const inside = numberOf('192.168.1.9')
const outside = numberOf('198.51.100.7')

/** Packets to a UDP port of the host, from addresses that no list has. */
const visits = Array.from({ length: 64 }, (_, at) =>
  packet('eth0', numberOf('203.0.113.100') + (at & 31), us, 17, {
    sourcePort: 4000 + at,
    destinationPort: port,
  }),
)

/** A list of networks whose packets are dropped, none of which any of `visits` has. */
export function countryBlock(count) {
  const draw = numbers(7)
  const lines = Array.from(
    { length: count },
    () => `-A INPUT -s ${1 + draw(190)}.${draw(256)}.${draw(256)}.0/24 -j DROP`,
  )
  const rules = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`
  return {
    name: `a country block list of ${count.toLocaleString('en')} rules`,
    rules,
    count,
    begin: [],
    steady: visits,
    plain: visits,
  }
}

/** What the articles build up to: tracking, masquerading, a web server behind it, knocking, and lists of who misbehaves. */
const gatewayRules = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -p tcp -m tcp --dport 7070 -j DNAT --to-destination 192.168.1.43:80
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -m recent --set --name seenping --rsource -j ACCEPT
-A INPUT -p tcp -m tcp --dport 8000 -m recent --rcheck --seconds 10 --name seenping --rsource -m recent --set --name seenbackend --rsource
-A INPUT -p tcp -m tcp --dport 22 -m recent --rcheck --seconds 60 --name seenbackend --rsource -j ACCEPT
-A INPUT -m recent --update --seconds 60 --hitcount 4 --name strangers --rsource -j DROP
-A INPUT -m recent --set --name strangers --rsource
-A FORWARD -m recent --rcheck --seconds 3600 --name bad --rsource -j DROP
-A FORWARD -p tcp -m tcp --dport 139 -m recent --set --name bad --rsource -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m recent --update --seconds 3600 --name talkers --rsource -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p icmp -j ACCEPT
-A FORWARD -i eth1 -o eth0 -m recent --set --name talkers --rsource -j ACCEPT
-A FORWARD -d 192.168.1.43/32 -p tcp -m conntrack --ctstate NEW -m tcp --dport 80 -j ACCEPT
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
COMMIT
`

/**
 * Connections from inside that stand: half of them TCP, half UDP, packets in both directions in turn. Masquerading leaves
 * their ports alone. `plain` is the same without translation, for a kernel without rules.
 */
export function gateway(connections = 64) {
  const begin = []
  const steady = []
  const plain = []
  for (let at = 0; at < connections; at++) {
    const server = outside + at
    const [near, far] = [20000 + at, 80]
    const out = { sourcePort: near, destinationPort: far }
    const back = { sourcePort: far, destinationPort: near }
    if (at % 2 === 0) {
      begin.push(
        packet('eth1', inside, server, 6, { ...out, sequence: 1000, flags: 2 }, 0),
        packet('eth0', server, us, 6, { ...back, sequence: 5000, acknowledgement: 1001, flags: 18 }, 0),
      )
      const question = packet('eth1', inside, server, 6, {
        ...out,
        sequence: 1001,
        acknowledgement: 5001,
        flags: 16,
      })
      const answer = { ...back, sequence: 5001, acknowledgement: 1065, flags: 16 }
      begin.push(question)
      steady.push(question, packet('eth0', server, us, 6, answer))
      plain.push(question, packet('eth0', server, inside, 6, answer))
    } else {
      const question = packet('eth1', inside, server, 17, out)
      begin.push(question, packet('eth0', server, us, 17, back))
      steady.push(question, packet('eth0', server, us, 17, back))
      plain.push(question, packet('eth0', server, inside, 17, back))
    }
  }
  const count = gatewayRules.match(/^-A/gm).length
  return { name: 'the gateway, established connections', rules: gatewayRules, count, begin, steady, plain }
}

/** The largest of the rulesets beside the checkout that are made of what this host has; null where there are none. */
export function realRuleset() {
  const folder = [join(root, '..', 'shared'), join(root, '..', '..', 'shared')]
    .map((shared) => join(shared, 'conformance', 'rulesets'))
    .find(existsSync)
  if (folder === undefined) return null
  const [largest] = readdirSync(folder)
    .filter((name) => name.endsWith('.canonical') && !/6/.test(name.slice(4)))
    .map((name) => ({ name, size: statSync(join(folder, name)).size }))
    .sort((a, b) => b.size - a.size)
  const rules = readFileSync(join(folder, largest.name), 'utf8')
  const count = rules.match(/^-A/gm).length
  return {
    name: `a ruleset in use, of ${count} rules`,
    rules,
    count,
    begin: [],
    steady: visits,
    plain: visits,
  }
}
