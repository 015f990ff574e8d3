// Watches the host's interfaces while its kernel runs some rules: real times, and direction by the source MAC.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const describeDevice = (name) => ({ name, description: null, linkType: 1, snapLength: 262144 })

/**
 * Loads rules on the host, runs `acts`, and returns what passed the devices, what the kernel had counted, and the
 * connections that it knew. `readCapture` comes from the caller: of the sources, or of the build.
 */
export async function observe(network, { text, devices, acts, readCapture }) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-record-'))
  try {
    // Emptying the tables first lets the recency lists of an earlier recording go.
    await network.run('host', ['iptables-legacy-restore'], { input: emptyTables, mustSucceed: true })
    await network.run('host', ['iptables-legacy-restore'], { input: text, mustSucceed: true })
    const captures = await Promise.all(
      devices.map(async (device) => {
        const path = join(folder, device)
        return {
          device,
          path,
          tcpdump: await network.start('host', tcpdumpCommand(device, path), 'listening on'),
        }
      }),
    )
    const comments = []
    await acts(async (comment) => {
      // The last packets of the act before must not carry the comment.
      await sleep(60)
      comments.push({ fromNs: BigInt(Date.now()) * 1_000_000n, comment })
    })
    // The last connection says goodbye.
    await sleep(300)
    const saved = await network.run('host', ['iptables-legacy-save', '-c'])
    const connections = await network.run('host', ['cat', '/proc/net/nf_conntrack'])
    const endNs = BigInt(Date.now()) * 1_000_000n
    // Time for tcpdump to write what it has; what comes now was not counted any more.
    await sleep(200)
    for (const { tcpdump } of captures) await network.stop(tcpdump)
    const records = captures.flatMap(({ device, path }) =>
      readRaw(path, readCapture)
        .filter(({ timestampNs }) => timestampNs < endNs)
        .map((record) => ({
          ...record,
          interface: describeDevice(device),
          direction: isFrom(record, network.macOf('host', device)) ? 'out' : 'in',
        })),
    )
    records.sort((a, b) => (a.timestampNs < b.timestampNs ? -1 : a.timestampNs > b.timestampNs ? 1 : 0))
    return { records: annotate(records, comments), saved: saved.replace(/^#.*\n/gm, ''), connections }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const emptyTables = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n'

const isFrom = ({ bytes }, mac) => Buffer.from(mac.replaceAll(':', ''), 'hex').equals(bytes.subarray(6, 12))

const tcpdumpCommand = (device, path) => [
  ...['tcpdump', '-i', device, '-w', path, '-U', '-Z', 'root'],
  ...['--immediate-mode', '--time-stamp-precision=nano', 'ip'],
]

function readRaw(path, readCapture) {
  const { records, problem } = readCapture(readFileSync(path))
  if (problem !== null) throw new Error(`tcpdump's file at ${problem.offset}: ${problem.what}`)
  return records
}

function annotate(records, comments) {
  const waiting = [...comments]
  return records.map((record) => {
    const begun = []
    while (waiting.length > 0 && waiting[0].fromNs <= record.timestampNs) begun.push(waiting.shift().comment)
    return { ...record, comment: begun.length === 0 ? null : begun.join('\n') }
  })
}
