// How much memory a million tracked UDP flows take, and how long the longest packet is dealt with while all of them
// end: `node --expose-gc scripts/measure-flows.mjs [FLOWS] [library|replay]`.
import { spawn } from 'node:child_process'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)
const [flowsText = '1000000', way = 'library'] = process.argv.slice(2)
const flows = Number(flowsText)

const { encodeFrame, encodeIpv4, encodeUdp } = await load('net/encode.js')
const { addressOf, parsePrefix } = await load('net/address.js')
const { bareHost, defaultMac } = await load('engine/config.js')
const rules = '*filter\n-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED\nCOMMIT\n'

const destination = addressOf('ipv4', [0xc0a80109])
/** The first packet of flow number `index`: 64 clients' ports each. */
function frame(index) {
  const source = addressOf('ipv4', [0x0a000000 + (index >>> 6)])
  const ends = { source, destination }
  const udp = encodeUdp({ sourcePort: 1024 + (index & 63), destinationPort: 53 }, new Uint8Array(4), ends)
  const link = { destination: defaultMac(0), source: Uint8Array.of(2, 0, 0, 0, 9, 9), etherType: 0x0800 }
  return encodeFrame(link, encodeIpv4({ ...ends, protocol: 17, id: 1 }, udp))
}

const residentMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024

async function library() {
  const { Host } = await load('engine/host.js')
  const { loadRules } = await load('scenario/rules.js')
  const { SourceText } = await load('lang/source.js')
  const interfaceOf = (name, place, ...texts) => ({
    name,
    addresses: texts.map(parsePrefix),
    mac: defaultMac(place),
    mtu: 1500,
  })
  const host = new Host({
    ...bareHost,
    interfaces: [interfaceOf('eth0', 0, '10.0.0.1/8'), interfaceOf('eth1', 1, '192.168.1.1/24')],
    forwarding: { ipv4: true, ipv6: true },
    sysctls: new Map([['net.netfilter.nf_conntrack_max', '0']]),
  })
  loadRules(host, [{ family: 'ipv4', source: new SourceText('rules', rules) }])
  // By the clock, and by the processor alone (of all threads): on a busy machine the clock says little.
  let longestMs = 0
  let longestCpuMs = 0
  const run = (index, nowNs) => {
    const bytes = frame(index)
    const cpu = process.cpuUsage()
    const start = performance.now()
    host.receive(bytes, 'eth0', nowNs)
    longestMs = Math.max(longestMs, performance.now() - start)
    const { user, system } = process.cpuUsage(cpu)
    longestCpuMs = Math.max(longestCpuMs, (user + system) / 1000)
  }
  const longest = () =>
    `longest packet ${longestMs.toFixed(1)} ms, of the processor ${longestCpuMs.toFixed(1)} ms`
  globalThis.gc?.()
  const beforeMb = residentMb()
  let start = performance.now()
  // All within 20 seconds, so that none ends before the last begins.
  for (let index = 0; index < flows; index++) run(index, BigInt(Math.floor((index / flows) * 20e9)))
  const beginsMs = performance.now() - start
  console.log(
    `${flows} flows begun in ${(beginsMs / 1000).toFixed(1)} s, longest packet ${longestMs.toFixed(1)} ms`,
  )
  console.log(`resident ${residentMb().toFixed(0)} MB (before ${beforeMb.toFixed(0)} MB)`)
  globalThis.gc?.()
  console.log(
    `resident after collection ${residentMb().toFixed(0)} MB, heap ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MB`,
  )
  longestMs = longestCpuMs = 0
  start = performance.now()
  // Other flows, until all of the first ones are gone.
  for (let index = 0; index < flows; index++)
    run(flows + index, 40_000_000_000n + BigInt(Math.floor((index / flows) * 20e9)))
  const endsMs = performance.now() - start
  console.log(
    `as many others while those end: ${(endsMs / 1000).toFixed(1)} s, longest packet ${longestMs.toFixed(1)} ms`,
  )
  console.log(`resident ${residentMb().toFixed(0)} MB, listed ${host.connections(60_000_000_000n).length}`)
}

async function replay() {
  const { PcapWriter } = await load('net/capture.js')
  const folder = mkdtempSync(join(tmpdir(), 'postern-flows-'))
  try {
    const capture = join(folder, 'flows.pcap')
    writeFileSync(join(folder, 'rules.v4'), rules)
    const file = createWriteStream(capture)
    const format = new PcapWriter()
    file.write(format.header())
    const on = { name: null, description: null, linkType: 1, snapLength: 0 }
    for (let index = 0; index < 2 * flows; index++) {
      const bytes = frame(index)
      const atNs = (index < flows ? 0n : 20_000_000_000n) + BigInt(Math.floor((index / flows) * 20e9))
      const record = {
        timestampNs: atNs,
        interface: on,
        bytes,
        originalLength: bytes.length,
        direction: null,
        comment: null,
      }
      if (!file.write(format.record(record))) await new Promise((resolve) => file.once('drain', resolve))
    }
    await new Promise((resolve) => file.end(resolve))
    const child = spawn(
      process.execPath,
      [
        join(root, 'bin', 'postern'),
        'replay',
        join(folder, 'rules.v4'),
        capture,
        '--address',
        'eth0=192.168.1.9/24',
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    let peakMb = 0
    const timer = setInterval(() => {
      try {
        peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024
      } catch {}
    }, 50)
    const status = await new Promise((resolve) => child.once('exit', resolve))
    clearInterval(timer)
    console.log(`replay of ${2 * flows} packets: exit ${status}, at most ${peakMb.toFixed(0)} MB resident`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

await (way === 'replay' ? replay() : library())
