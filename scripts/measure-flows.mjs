// How much memory a million tracked UDP flows take, and how long the longest packet is dealt with while all of them end:
// `node scripts/measure-flows.mjs [FLOWS] [library|replay|begin] [masquerade] [--json]`. `begin` only begins them.
import { spawn } from 'node:child_process'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, root } from './ensure.mjs'

ensureBuilt()
const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href)
const words = process.argv.slice(2)
const [flowsText = '1000000', way = 'library'] = words
const flows = Number(flowsText)
const isMasqueraded = words.includes('masquerade')

const { encodeFrame, encodeIpv4, encodeUdp } = await load('net/encode.js')
const { addressOf, parsePrefix } = await load('net/address.js')
const { bareHost, defaultMac } = await load('engine/config.js')
const rules = isMasqueraded
  ? '*nat\n-A POSTROUTING -o eth1 -j MASQUERADE\nCOMMIT\n'
  : '*filter\n-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED\nCOMMIT\n'

/** Behind one address so many flows to a few places would have no ports left. */
const destinations = isMasqueraded ? 1024 : 16
/** The first packet of flow number `index`, whose client has 64 of them. */
function frame(index) {
  const source = addressOf('ipv4', [0x0a000100 + (index >>> 6)])
  const destination = addressOf('ipv4', [0xc0a80009 + ((index >>> 6) % destinations)])
  const ends = { source, destination }
  const udp = encodeUdp({ sourcePort: 1024 + (index & 63), destinationPort: 53 }, new Uint8Array(4), ends)
  const link = { destination: defaultMac(0), source: Uint8Array.of(2, 0, 0, 0, 9, 9), etherType: 0x0800 }
  return encodeFrame(link, encodeIpv4({ ...ends, protocol: 17, id: 1 }, udp))
}

const statusField = (process, name) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${process}/status`, 'utf8'))[1]) / 1024
const say = (text) => {
  if (!words.includes('--json')) console.log(text)
}

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
    interfaces: [interfaceOf('eth0', 0, '10.0.0.1/8'), interfaceOf('eth1', 1, '192.168.0.1/16')],
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
  /** The flows from `first` on, spread over 20 seconds: none ends before the last begins. */
  const runAll = (first, fromNs) => {
    longestMs = 0
    longestCpuMs = 0
    const start = performance.now()
    for (let index = 0; index < flows; index++) {
      run(first + index, fromNs + BigInt(Math.floor((index / flows) * 20e9)))
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const longest = `longest packet ${longestMs.toFixed(1)} ms, of the processor ${longestCpuMs.toFixed(1)} ms`
    return `${seconds} s, ${longest}, ${statusField('self', 'VmRSS').toFixed(0)} MB resident`
  }
  say(`before: ${statusField('self', 'VmRSS').toFixed(0)} MB resident`)
  say(`${flows} flows begin: ${runAll(0, 0n)}`)
  if (way === 'begin') {
    const count = host.connectionCount
    if (words.includes('--json'))
      console.log(JSON.stringify({ flows, residentMb: statusField('self', 'VmHWM'), count }))
    return
  }
  say(`they end, and as many others begin: ${runAll(flows, 60_000_000_000n)}`)
  say(`now there are ${host.connectionCount}; at most ${statusField('self', 'VmHWM').toFixed(0)} MB resident`)
}

const hostFile = `host:
  interfaces:
    eth0: { address: 10.0.0.1/8 }
    eth1: { address: 192.168.0.1/16 }
  forwarding: true
  sysctls: { net.netfilter.nf_conntrack_max: "0" }
rules: ""
steps: []
`

async function replay() {
  const { PcapWriter } = await load('net/capture.js')
  const folder = mkdtempSync(join(tmpdir(), 'postern-flows-'))
  try {
    const capture = join(folder, 'flows.pcap')
    writeFileSync(join(folder, 'rules.v4'), rules)
    const file = createWriteStream(capture)
    const format = new PcapWriter({ linkType: 1 })
    file.write(format.header())
    const on = { name: null, description: null, linkType: 1, snapLength: 0 }
    for (let index = 0; index < 2 * flows; index++) {
      const bytes = frame(index)
      const atNs = (index < flows ? 0n : 40_000_000_000n) + BigInt(Math.floor((index / flows) * 20e9))
      const about = { interface: on, originalLength: bytes.length, direction: null, comment: null }
      if (!file.write(format.record({ timestampNs: atNs, bytes, ...about }))) {
        await new Promise((resolve) => file.once('drain', resolve))
      }
    }
    await new Promise((resolve) => file.end(resolve))
    writeFileSync(join(folder, 'host.yaml'), hostFile)
    const host = ['--host', join(folder, 'host.yaml')]
    const child = spawn(
      process.execPath,
      [join(root, 'bin', 'postern'), 'replay', join(folder, 'rules.v4'), capture, ...host],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    let mostMb = 0
    const timer = setInterval(() => {
      try {
        mostMb = statusField(child.pid, 'VmHWM')
      } catch {}
    }, 50)
    const status = await new Promise((resolve) => child.once('exit', resolve))
    clearInterval(timer)
    say(`replay of ${2 * flows} packets: exit ${status}, at most ${mostMb.toFixed(0)} MB resident`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

await (way === 'replay' ? replay() : library())
