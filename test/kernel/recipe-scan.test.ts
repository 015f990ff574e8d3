/** A scan of all 65,535 ports, up and down, against the rules of a knock on the real kernel: the port stays shut. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { bareHost, type HostConfig } from '../../src/engine/config.ts'
import { parsePrefix } from '../../src/net/address.ts'
import { parsePacketLine } from '../../src/net/notation.ts'
import { prepareWords } from '../../src/recipe/_testing/samples.ts'
import { planText } from '../../src/recipe/index.ts'
import type { Knock } from '../../src/recipe/parameter.ts'
import { frameOfLine } from '../../src/scenario/frame.ts'
import { Router, routerUnavailable } from './router.ts'

const mac = '02:00:00:00:00:01'
const client = '198.51.100.7'
const config: HostConfig = {
  ...bareHost,
  interfaces: [
    {
      name: 'eth0',
      addresses: [parsePrefix('203.0.113.1/24')!],
      mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
      mtu: 1500,
    },
  ],
  routes: [{ to: parsePrefix('0.0.0.0/0')!, kind: 'unicast', via: null, device: 'eth0', metric: 0 }],
}

const frameOf = ({ protocol, port }: Knock, from: number): Uint8Array => {
  const parsed = parsePacketLine(
    protocol === 'icmp'
      ? `eth0 icmp ${client} > 203.0.113.1 echo-request id=${from}`
      : `eth0 ${protocol} ${client}:${from} > 203.0.113.1:${port}${protocol === 'tcp' ? ' syn' : ''}`,
  )
  if (!('line' in parsed)) throw new Error(parsed.error.message)
  return frameOfLine(config, parsed.line)
}

/** Changes the destination port of a TCP segment in place, and its checksum with it (RFC 1624, equation 3). */
function redirect(frame: Uint8Array, port: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset + 14 + 20)
  let sum = (~view.getUint16(16) & 0xffff) + (~view.getUint16(2) & 0xffff) + port
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(2, port)
  view.setUint16(16, ~sum & 0xffff)
}

const lack = routerUnavailable()
const router =
  lack === null ? new Router({ eth0: { mac, addresses: ['203.0.113.1/24'], neighbours: {} } }) : null
afterAll(() => router?.close())

it('a scan of all ports opens no knocked port on the kernel', ({ skip }) => {
  if (router === null) return skip(lack!)
  const { plan, values } = prepareWords(
    'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000',
    'ipv4',
  )
  router.load('ipv4', `${planText(plan).replace('COMMIT', ':INPUT DROP [0:0]\nCOMMIT')}`)
  const opened = () => readFileSync('/proc/thread-self/net/xt_recent/knock-3306-open', 'utf8')
  const send = (packet: Knock, from = 41000) => router.write('eth0', frameOf(packet, from))
  const ping: Knock = { protocol: 'icmp', port: 0 }
  /** A SYN, to be made one to each port. */
  const syn = frameOf({ protocol: 'tcp', port: 1 }, 40000)
  const scan = (portAt: (number: number) => number) => {
    for (let number = 1; number <= 65535; number++) {
      redirect(syn, portAt(number))
      router.write('eth0', syn)
    }
  }
  const orders = { upwards: (number: number) => number, downwards: (number: number) => 65536 - number }
  for (const [order, portAt] of Object.entries(orders)) {
    for (const isPinged of [false, true]) {
      if (isPinged) send(ping, order.length)
      scan(portAt)
      expect(opened(), order).toBe('')
    }
  }
  const counted = router.run('iptables-legacy -nvxL INPUT')
  expect(Number(/policy DROP (\d+) packets/.exec(counted)![1])).toBeGreaterThan(4 * 65000)
  // The rules do work.
  for (const [at, packet] of (values.knock as Knock[]).entries()) send(packet, 50000 + at)
  expect(opened()).toContain(`src=${client}`)
})
