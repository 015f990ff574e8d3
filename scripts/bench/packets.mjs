// One gateway for all benchmarks: eth0 is outside, eth1 inside; packets as frames for the engine, bare for the kernel.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../ensure.mjs'

export const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)

const { encodeFrame, encodeIpv4, encodeTcp, encodeUdp } = await load('net/encode.js')
const { addressOf, parseAddress, parsePrefix } = await load('net/address.js')
const { bareHost, defaultMac, parseRoute } = await load('engine/config.js')
const { Host } = await load('engine/host.js')
const { loadRules } = await load('scenario/rules.js')
const { SourceText } = await load('lang/source.js')

const addresses = { eth0: '203.0.113.1/24', eth1: '192.168.1.1/24' }
const route = 'default via 203.0.113.254'
/** UDP port on which the host listens. */
export const port = 5000
export const kernelHost = { devices: addresses, routes: [route], port }

const config = {
  ...bareHost,
  interfaces: Object.entries(addresses).map(([name, text], place) => ({
    name,
    addresses: [parsePrefix(text)],
    mac: defaultMac(place),
    mtu: 1500,
  })),
  forwarding: { ipv4: true, ipv6: true },
  routes: [parseRoute(route)],
}

export function hostWith(rules, more = {}) {
  const host = new Host({ ...config, ...more })
  loadRules(host, [{ family: 'ipv4', source: new SourceText('rules', rules) }])
  return host
}

const places = { eth0: 0, eth1: 1 }
const neighbour = Uint8Array.of(2, 0, 0, 0, 9, 9)
export const numberOf = (text) => parseAddress(text).words[0]

/** A packet that arrives on a device. `transport` has the fields of the header, `data` its bytes behind it. */
export function packet(device, source, destination, protocol, transport, data = 64) {
  const ends = { source: addressOf('ipv4', [source]), destination: addressOf('ipv4', [destination]) }
  const encode = protocol === 6 ? encodeTcp : encodeUdp
  const bytes = encodeIpv4({ ...ends, protocol, id: 1 }, encode(transport, new Uint8Array(data), ends))
  const frame = encodeFrame(
    { destination: defaultMac(places[device]), source: neighbour, etherType: 0x0800 },
    bytes,
  )
  return { device, frame, bytes }
}

export const forKernel = (packets) =>
  packets.map(({ device, bytes }) => [device, Buffer.from(bytes).toString('hex')])

/** Runs so many packets of a list, one after the other; nanoseconds each. */
export function runPackets(host, packets, count, nowNs, options) {
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let done = 0, at = 0; done < count; done++) {
    const { frame, device } = packets[at]
    host.receive(frame, device, nowNs, options)
    if (++at === packets.length) at = 0
  }
  const wall = ((performance.now() - start) * 1e6) / count
  const { user, system } = process.cpuUsage(cpu)
  return { wall, cpu: ((user + system) * 1e3) / count }
}
