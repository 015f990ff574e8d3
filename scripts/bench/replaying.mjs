// A capture through rules, against programs that only read it.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../ensure.mjs'
import { run } from './measure.mjs'
import { load } from './packets.mjs'
import { countryBlock, gateway } from './rulesets.mjs'

const { PcapngWriter } = await load('net/capture.js')

/** Milliseconds of the processor that programs which have ended took; the kernel counts in hundredths of a second. */
function programsMs() {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

/** What one call of a program takes, start and all. */
function timed(action) {
  const cpu = programsMs()
  const start = performance.now()
  action()
  return { wall: performance.now() - start, cpu: programsMs() - cpu }
}

const call = (command, args) => {
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status !== 0) throw error ?? new Error(stderr)
  return stdout
}
const hostFile = `host:
  interfaces:
    eth0: { address: 203.0.113.1/24 }
    eth1: { address: 192.168.1.1/24 }
  forwarding: true
  routes: [default via 203.0.113.254]
rules: ""
steps: []
`

const has = (command) => spawnSync(command, ['--version']).status === 0

/** What arrives at a host, a packet after the other, ten microseconds apart: what begins once, the rest over and over. */
function writeCapture(path, begin, steady, packets) {
  const format = new PcapngWriter()
  const devices = Object.fromEntries(
    ['eth0', 'eth1'].map((name) => [name, { name, description: null, linkType: 1, snapLength: 262144 }]),
  )
  const file = openSync(path, 'w')
  writeSync(file, format.header())
  let parts = []
  for (let at = 0; at < packets; at++) {
    const { frame: bytes, device } =
      at < begin.length ? begin[at] : steady[(at - begin.length) % steady.length]
    const timestampNs = 1_700_000_000_000_000_000n + BigInt(at) * 10_000n
    parts.push(
      format.record({
        timestampNs,
        interface: devices[device],
        bytes,
        originalLength: bytes.length,
        direction: 'in',
        comment: null,
      }),
    )
    if (parts.length === 4096 || at === packets - 1) {
      writeSync(file, Buffer.concat(parts))
      parts = []
    }
  }
  closeSync(file)
}

export const replaying = {
  name: 'replaying',
  lack: () => (has('tcpdump') && has('tshark') ? null : 'needs tcpdump and tshark'),
  cases: () => {
    const { begin, steady, ...rest } = gateway()
    return [
      { ...countryBlock(10_000), what: 'a block list of 10,000 rules', packets: 200_000 },
      // Each connection begins anew every few packets, and few packets of a flow come in a row.
      {
        ...rest,
        begin: [],
        steady: [...begin, ...steady],
        what: 'the gateway, connections of a few packets',
        packets: 200_000,
      },
      {
        ...{ ...rest, begin, steady },
        what: 'the gateway, connections that stand',
        packets: 1_000_000,
        withoutTshark: true,
      },
    ]
  },
  async measure({ what, rules, begin, steady, packets, withoutTshark = false }) {
    const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'))
    try {
      const capture = join(folder, 'capture.pcapng')
      const save = join(folder, 'rules.v4')
      writeFileSync(save, rules)
      writeCapture(capture, begin, steady, packets)
      const options = ['--host', join(folder, 'host.yaml')]
      writeFileSync(options[1], hostFile)
      const replay = (...more) =>
        call(process.execPath, [join(root, 'bin/postern'), 'replay', save, capture, ...options, ...more])
      return await run({
        name: `replay of ${packets.toLocaleString('en')} packets through ${what}`,
        lack: null,
        check() {
          const text = replay()
          const rows = [...text.matchAll(/^(?:accept|drop|reject) .*? (\d+) +\d+(?: |$)/gm)]
          const counted = rows.reduce((sum, [, count]) => sum + Number(count), 0)
          return counted === packets ? null : `${counted} packets of ${packets} were counted:\n${text}`
        },
        sides: {
          'tcpdump -r FILE -w /dev/null': () =>
            // Without -Z it would make /dev/null its own user's.
            timed(() => call('tcpdump', ['-Z', 'root', '-r', capture, '-w', '/dev/null'])),
          'postern replay': () => timed(() => replay()),
          'node -e 0': () => timed(() => call(process.execPath, ['-e', '0'])),
          ...(!withoutTshark && {
            'tshark -r FILE': () => timed(() => call('tshark', ['-r', capture, '-q', '-z', 'io,stat,0'])),
          }),
        },
        once: ['tshark -r FILE'],
        runs: 5,
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}
