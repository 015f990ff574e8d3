/** `postern replay` on captures made at both sides of a gateway, in the forms in which people have them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { postern } from '../src/cli/_testing/environment.ts'
import {
  type CaptureRecord,
  linkTypes,
  PcapngWriter,
  PcapWriter,
  readCapture,
  writeCapture,
} from '../src/net/capture.ts'
import { repositoryRoot } from './shared.ts'

const read = (name: string) => readFileSync(join(repositoryRoot, 'examples', 'gateway', name))
const records = readCapture(read('web.pcapng')).records
const rules = 'examples/gateway/rules.v4'
const host = 'examples/gateway/scenario.yaml'

const withHost = (macs: boolean) =>
  String(read('scenario.yaml')).replace(/, mac: [0-9a-f:]+/g, macs ? '$&' : '')

/** Verdicts and departures, without the words of rules. */
async function replay(capture: readonly CaptureRecord[] | Uint8Array, ...options: string[]) {
  const bytes = capture instanceof Uint8Array ? capture : writeCapture(new PcapngWriter(), capture)
  const files = { 'capture.pcapng': bytes, 'no-macs.yaml': withHost(false) }
  const ran = await postern(['replay', rules, 'capture.pcapng', ...options], { files })
  expect(ran.status).toBe(0)
  const lines = ran.stdout.trimEnd().split('\n').slice(1)
  const table = lines.map((line) =>
    line.replace(/^((?:accept|drop|reject) +\S+ +\d+) .*/, '$1').replace(/ +/g, ' '),
  )
  return { table, assumed: ran.stderr }
}

const whole = [
  'accept FORWARD:1 19',
  'accept FORWARD:5 1',
  'reject INPUT:5 1',
  'seen leaving: 21 as the rules let them out',
]

const withoutDirections = records.map((record) => ({ ...record, direction: null }))

/** As `tcpdump -i any` writes it: interfaces 2 and 3, and no destination MAC. */
const cooked = records.map((record): CaptureRecord => {
  const bytes = new Uint8Array(record.bytes.length + 6)
  const view = new DataView(bytes.buffer)
  bytes.set(record.bytes.subarray(12, 14), 0)
  view.setUint32(4, record.interface.name === 'eth0' ? 2 : 3)
  view.setUint16(8, 1)
  bytes.set([record.direction === 'out' ? 4 : 0, 6], 10)
  bytes.set(record.bytes.subarray(6, 12), 12)
  bytes.set(record.bytes.subarray(14), 20)
  const device = { name: null, description: null, linkType: linkTypes.linuxCooked2, snapLength: 0 }
  return { ...record, interface: device, bytes, originalLength: bytes.length, direction: null }
})

describe('what came in is run, what left is compared', () => {
  it.each<[string, readonly CaptureRecord[] | Uint8Array, string[]]>([
    ['with its host', records, ['--host', host]],
    ['with a host whose MACs nobody wrote down', records, ['--host', 'no-macs.yaml']],
    ['without directions', withoutDirections, ['--host', host]],
    ['without directions and MACs', withoutDirections, ['--host', 'no-macs.yaml']],
    ['without a host', records, []],
    [
      'of any interface',
      writeCapture(new PcapWriter({ linkType: linkTypes.linuxCooked2 }), cooked),
      ['--host', host],
    ],
  ])('%s', async (_, capture, options) => {
    expect((await replay(capture, ...options)).table).toEqual(whole)
  })

  it('says what it takes for granted', async () => {
    expect((await replay(records)).assumed.split('\n')).toEqual(
      expect.arrayContaining([
        'assumed: eth0 has the address 203.0.113.1/24',
        'assumed: this host forwards: packets pass through it',
        'assumed: behind eth1: 192.168.1.43',
      ]),
    )
    expect((await replay(records, '--host', host)).assumed).toBe('')
    const any = writeCapture(new PcapWriter({ linkType: linkTypes.linuxCooked2 }), cooked)
    expect((await replay(any, '--host', host)).assumed).toContain('interface 3 of the capture is eth1')
  })
})

describe('what leaves otherwise', () => {
  const run = async (from: string, to: string, ...options: string[]) => {
    const text = String(read('rules.v4'))
    expect(text).toContain(from)
    const files = { 'other.v4': text.replace(from, to) }
    return postern(['replay', 'other.v4', 'examples/gateway/web.pcapng', '--host', host, ...options], {
      files,
      columns: 0,
    })
  }

  it('is kept, where the rules do not let it through', async () => {
    const { stdout } = await run('--dport 80 -j ACCEPT', '--dport 7070 -j ACCEPT')
    expect(stdout).toContain('seen leaving: 1 as the rules let them out, 9 otherwise, 11 that the rules keep')
  })

  it('is told with what the rules make of it', async () => {
    const { stdout } = await run('192.168.1.43:80', '192.168.1.43:8080', '-v')
    expect(stdout).toContain('> 192.168.1.43:80 syn: it leaves, where the rules keep it\n')
    const turned = await run('-o eth0 -j MASQUERADE', '-o eth1 -j SNAT --to-source 192.168.1.1', '-v')
    expect(turned.stdout).toMatch(
      /out tcp (198\.51\.100\.7:\d+ > 192\.168\.1\.43:80 syn): it leaves otherwise than the rules say, which is out tcp 192\.168\.1\.1:\d+ > 192\.168\.1\.43:80 syn\n/,
    )
  })

  it('is in the objects of --json', async () => {
    const { stdout } = await run('--dport 80 -j ACCEPT', '--dport 7070 -j ACCEPT', '--json')
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ packet: 1, verdict: 'reject' })
    expect(lines[1]).toMatchObject({ packet: 2, verdict: null, leaves: 'differs', because: 1 })
    expect(lines.at(-1)).toMatchObject({ end: true, departures: { same: 1, differs: 9, kept: 11 } })
  })
})

it('what leaves, and came in where the capture did not look, is not run', async () => {
  const inner = records.filter((record) => record.interface.name === 'eth1')
  expect((await replay(inner, '--host', host)).table).toContain(
    'not run: 11 (it leaves, and its arrival is not in the capture)',
  )
})
