// Records what passes eth0 of the host while its kernel runs some rules, and writes it as pcapng: real times,
// direction by the source MAC, and a comment on the first packet of each act.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PcapngWriter, readCapture, writeCapture } from '../../dist/net/capture.js'
import { hostMac } from './network.mjs'

const eth0 = { name: 'eth0', description: null, linkType: 1, snapLength: 262144 }
const hostMacBytes = Buffer.from(hostMac.replaceAll(':', ''), 'hex')

/**
 * Runs `acts` (a function given `await act(comment)` to say what begins) and writes CAPTURE.pcapng with CAPTURE.counters,
 * what the kernel had counted at the end.
 */
export async function record(network, { rules, capture, acts }) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-record-'))
  const raw = join(folder, 'raw.pcap')
  try {
    const text = readFileSync(rules, 'utf8')
    // Emptying the tables first lets the recency lists of an earlier recording go.
    await network.run('host', ['iptables-legacy-restore'], { input: emptyTables, mustSucceed: true })
    await network.run('host', ['iptables-legacy-restore'], { input: text, mustSucceed: true })
    const tcpdump = await network.start('host', tcpdumpCommand(raw), 'listening on')
    const comments = []
    await acts(async (comment) => {
      // The last packets of the act before must not carry the comment.
      await sleep(60)
      comments.push({ fromNs: BigInt(Date.now()) * 1_000_000n, comment })
    })
    const saved = await network.run('host', ['iptables-legacy-save', '-c'])
    const endNs = BigInt(Date.now()) * 1_000_000n
    // Time for tcpdump to write what it has; what comes now was not counted any more.
    await sleep(200)
    await network.stop(tcpdump)
    const counted = readRaw(raw).filter(({ timestampNs }) => timestampNs < endNs)
    const records = annotate(counted, comments)
    const writer = new PcapngWriter({ application: 'postern record-examples' })
    writeFileSync(`${capture}.pcapng`, writeCapture(writer, records))
    writeFileSync(`${capture}.counters`, saved.replace(/^#.*\n/gm, ''))
    return records.length
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const emptyTables = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n'

const tcpdumpCommand = (path) => [
  ...['tcpdump', '-i', 'eth0', '-w', path, '-U', '-Z', 'root'],
  ...['--immediate-mode', '--time-stamp-precision=nano', 'ip'],
]

function readRaw(path) {
  const { records, problem } = readCapture(readFileSync(path))
  if (problem !== null) throw new Error(`tcpdump's file at ${problem.offset}: ${problem.what}`)
  return records
}

function annotate(records, comments) {
  const waiting = [...comments]
  return records.map((record) => {
    const begun = []
    while (waiting.length > 0 && waiting[0].fromNs <= record.timestampNs) begun.push(waiting.shift().comment)
    const isOurs = hostMacBytes.equals(record.bytes.subarray(6, 12))
    return {
      ...record,
      interface: eth0,
      direction: isOurs ? 'out' : 'in',
      comment: begun.length === 0 ? null : begun.join('\n'),
    }
  })
}
