// What the engine remembers: recency lists and connections.
import { resultOf } from './measure.mjs'
import { hostWith, load, numberOf, packet, runPackets } from './packets.mjs'

const { RecentSlab } = await load('engine/recent-list.js')
const { linux618 } = await load('lang/profile.js')
const { addressOf, parseAddress } = await load('net/address.js')

const runs = 7
const wholeMask = parseAddress('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')

/** Nanoseconds for each of `count` calls. */
function time(count, action) {
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let at = 0; at < count; at++) action(at)
  const wall = ((performance.now() - start) * 1e6) / count
  const { user, system } = process.cpuUsage(cpu)
  return { wall, cpu: ((user + system) * 1e3) / count }
}

/** A list of so many addresses with rings of eight stamps. `--rcheck` asks, `--update` asks and stamps, `--set` enters. */
export const recency = {
  name: 'recency',
  lack: () => null,
  cases: () => [100, 10_000, 1_000_000],
  measure(size) {
    const measured = { '--set of a new address': [], '--update': [], '--rcheck': [] }
    const operations = Math.max(size, 200_000)
    const address = (at) => addressOf('ipv4', [Math.imul(at, 0x9e3779b1) >>> 0])
    let bytes = 0
    for (let run = -1; run < runs; run++) {
      const before = process.memoryUsage()
      const list = new RecentSlab('bench', wholeMask, 8, { ...linux618, recentListTotal: size })
      const known = []
      const asked = { family: 'ipv4', words: [0] }
      const one = (at) => {
        asked.words[0] = Math.imul((Math.imul(at, 7919) >>> 0) % size, 0x9e3779b1) >>> 0
        return asked
      }
      const set = time(size, (at) => list.add(address(at), 64, at))
      if (list.size !== size) throw new Error(`the list holds ${list.size} addresses, not ${size}`)
      const update = time(operations, (at) => {
        const entry = list.lookup(one(at), 0)
        if (entry < 0 || list.countStamps(entry, null) < 1) throw new Error('an address is missing')
        list.stamp(entry, at)
      })
      let found = 0
      const rcheck = time(operations, (at) => {
        const entry = list.lookup(one(at), 0)
        if (entry >= 0 && list.countStamps(entry, at - 1000) >= 0) found++
      })
      if (found !== operations) throw new Error('an address is missing')
      known.push(list)
      const after = process.memoryUsage()
      bytes = Math.max(bytes, (after.arrayBuffers - before.arrayBuffers) / size)
      if (run < 0) continue
      measured['--set of a new address'].push(set)
      measured['--update'].push(update)
      measured['--rcheck'].push(rcheck)
    }
    const name = `a recency list of ${size.toLocaleString('en')} addresses`
    const note = size > 1000 ? `${Math.round(bytes)} bytes an address` : undefined
    return resultOf({ name, runs, unit: 'ns', ...(note && { note }) }, measured)
  },
}

const trackingRules =
  '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\nCOMMIT\n'

/** Connections that begin, and packets of those that stand, each from another of so many. */
export const tracking = {
  name: 'tracking',
  lack: () => null,
  cases: () => [100, 10_000, 1_000_000],
  measure(flows) {
    const us = numberOf('203.0.113.1')
    const frames = Array.from({ length: Math.min(flows, 65_536) }, (_, at) =>
      packet('eth0', numberOf('198.18.0.0') + at, us, 17, { sourcePort: 4000, destinationPort: 53 }, 4),
    )
    const begun = { 'a packet that begins a connection': [], 'a packet of one that stands': [] }
    for (let run = flows > 100_000 ? 0 : -1; run < (flows > 100_000 ? 3 : runs); run++) {
      const host = hostWith(trackingRules, { sysctls: new Map([['net.netfilter.nf_conntrack_max', '0']]) })
      // Ports are counted up where there are more connections than addresses.
      const first = time(flows, (at) => {
        const { frame } = frames[at % frames.length]
        if (at >= frames.length) {
          const shift = Math.floor(at / frames.length)
          frame[34] = (4000 + shift) >>> 8
          frame[35] = (4000 + shift) & 255
          frame[40] = frame[41] = 0
        }
        host.receive(frame, 'eth0', 0n)
      })
      if (host.connectionCount !== flows) throw new Error(`${host.connectionCount} connections of ${flows}`)
      const established = runPackets(host, frames, Math.max(20_000, frames.length), 1_000_000n)
      for (const { frame } of frames) {
        frame[34] = 4000 >>> 8
        frame[35] = 4000 & 255
      }
      if (run < 0) continue
      begun['a packet that begins a connection'].push(first)
      begun['a packet of one that stands'].push(established)
    }
    const name = `connection tracking, ${flows.toLocaleString('en')} connections`
    return resultOf({ name, runs: flows > 100_000 ? 3 : runs, unit: 'ns' }, begun)
  },
}
