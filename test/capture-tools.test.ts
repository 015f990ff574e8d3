/** Our capture files against Wireshark's programs, in both directions. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type CaptureInterface,
  type CaptureRecord,
  PcapngWriter,
  PcapWriter,
  readCapture,
  writeCapture,
} from '../src/net/capture.ts'
import { missingTools, runTool } from './tools.ts'

const missing = missingTools('tshark', 'capinfos', 'editcap', 'mergecap')

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-captures-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

const read = (path: string) => readCapture(new Uint8Array(readFileSync(path)))

/** What tshark and a reader of ours can both say of a packet. */
interface Seen {
  time: string
  name: string
  captured: number
  original: number
  direction: string
  comment: string
  hash: string
}

const fields = [
  'frame.time_epoch',
  'frame.interface_name',
  'frame.cap_len',
  'frame.len',
  'frame.packet_flags_direction',
  'frame.comment',
] as const

function tsharkSees(path: string): Omit<Seen, 'hash'>[] {
  const text = runTool(
    'tshark',
    ...['-n', '-r', path, '-T', 'fields', '-E', 'separator=|', '-E', 'aggregator=\x01'],
    ...fields.flatMap((field) => ['-e', field]),
  )
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [time = '', name = '', captured, original, direction, comment = ''] = line.split('|')
      return {
        time,
        name,
        captured: Number(captured),
        original: Number(original),
        direction: { '0x00000001': 'in', '0x00000002': 'out' }[direction ?? ''] ?? '',
        comment: comment.replaceAll('\x01', '\n'),
      }
    })
}

/** Bytes of each packet as tshark prints them. */
function tsharkBytes(path: string): string[] {
  const dumps = runTool('tshark', '-n', '-r', path, '-x').trimEnd().split('\n\n')
  return dumps.map((dump) =>
    dump
      .split('\n')
      .map((line) => line.slice(6, 53).replaceAll(' ', ''))
      .join(''),
  )
}

const weSee = ({ timestampNs, interface: on, bytes, originalLength, direction, comment }: CaptureRecord) => ({
  time: `${timestampNs / 1_000_000_000n}.${String(timestampNs % 1_000_000_000n).padStart(9, '0')}`,
  name: on.name ?? '',
  captured: bytes.length,
  original: originalLength,
  direction: direction ?? '',
  comment: comment ?? '',
})

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const eth0: CaptureInterface = { name: 'eth0', description: 'outside', linkType: 1, snapLength: 262144 }
const eth1: CaptureInterface = { name: 'eth1', description: null, linkType: 1, snapLength: 0 }
const tunnel: CaptureInterface = { name: 'tun0', description: null, linkType: 101, snapLength: 96 }

/** Frames of an unassigned EtherType and IP packets of an unassigned protocol: nothing for a dissector to doubt. */
const frame = (payload: Uint8Array) =>
  Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, ...payload])
const packet = (payload: Uint8Array) =>
  Uint8Array.from([
    0x45,
    0,
    0,
    20 + payload.length,
    0,
    0,
    0,
    0,
    64,
    253,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
    ...payload,
  ])

const anyRecord: fc.Arbitrary<CaptureRecord> = fc
  .record({
    timestampNs: fc.bigInt({ min: 0n, max: 4_000_000_000n * 1_000_000_000n }),
    interface: fc.constantFrom(eth0, eth1, tunnel),
    payload: fc.uint8Array({ minLength: 1, maxLength: 60 }),
    cut: fc.nat(3000),
    direction: fc.constantFrom('in', 'out', null),
    comment: fc.option(
      fc.string({ unit: fc.constantFrom(...'abc XYZ 0-9.:é') as never, minLength: 1, maxLength: 30 }),
    ),
  })
  .map(({ payload, cut, ...record }) => {
    const bytes = (record.interface === tunnel ? packet : frame)(payload)
    return { ...record, bytes, originalLength: bytes.length + cut }
  })

const sample = (count: number, seed: number) => fc.sample(anyRecord, { numRuns: count, seed })

describe("Wireshark's programs", () => {
  beforeEach((context) => {
    if (missing !== null) context.skip(missing)
  })

  test.each([false, true])('read our pcapng (big endian: %s)', (bigEndian) => {
    const records = sample(300, 1)
    const path = write(
      'ours.pcapng',
      writeCapture(new PcapngWriter({ bigEndian, application: 'postern' }), records),
    )
    expect(tsharkSees(path)).toEqual(records.map(weSee))
    expect(tsharkBytes(path)).toEqual(records.map(({ bytes }) => toHex(bytes)))

    const about = runTool('capinfos', '-M', path)
    expect(about).toMatch(/^File type: +pcapng$/m)
    expect(about).toMatch(/Number of packets: +300\n/)
    expect(about).toContain('Capture application: postern')
    for (const name of ['eth0', 'eth1', 'tun0']) expect(about).toContain(`Name = ${name}`)
    expect(about).toContain('Description = outside')
    expect(about).toContain('Capture length = 96')
    expect(about).toContain('Time precision = nanoseconds (9)')
  })

  test.each([
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ])('read our pcap (nanoseconds: %s, big endian: %s)', (nanoseconds, bigEndian) => {
    const records = sample(200, 2).filter((record) => record.interface === eth0)
    const writer = new PcapWriter({ linkType: 1, nanoseconds, bigEndian })
    const path = write('ours.pcap', writeCapture(writer, records))
    const kept = records.map(weSee).map((seen) => ({
      ...seen,
      time: nanoseconds ? seen.time : `${seen.time.slice(0, -3)}000`,
      name: '',
      direction: '',
      comment: '',
    }))
    expect(tsharkSees(path)).toEqual(kept)
    expect(runTool('capinfos', '-M', path)).toMatch(
      nanoseconds ? /^File type: +nsecpcap$/m : /^File type: +pcap$/m,
    )
    expect(read(path).records.map((record) => toHex(record.bytes))).toEqual(
      records.map(({ bytes }) => toHex(bytes)),
    )
  })

  test.each(['pcap', 'nsecpcap', 'pcapng'])('write %s that we read', (format) => {
    const records = sample(200, 3).filter((record) => record.interface === eth0)
    const ours = write('ours.pcapng', writeCapture(new PcapngWriter(), records))
    const theirs = join(folder, `theirs.${format}`)
    runTool('editcap', '-F', format, '-a', '1:a note', '--capture-comment', 'about all', ours, theirs)
    const again = read(theirs)
    expect(again.problem).toBeNull()
    expect(again.records.map(weSee)).toEqual(tsharkSees(theirs))
    expect(again.records.map(({ bytes }) => toHex(bytes))).toEqual(records.map(({ bytes }) => toHex(bytes)))
    if (format === 'pcapng') expect(again.records[0]!.comment).toContain('a note')
  })

  test('merge files of several link types and cut packets into one that we read', () => {
    const parts = [eth0, tunnel].map((on) => {
      const records = sample(200, 4).filter((record) => record.interface === on)
      const writer = new PcapWriter({ linkType: on.linkType, nanoseconds: on === tunnel })
      return write(`part-${on.name}.pcap`, writeCapture(writer, records))
    })
    const merged = join(folder, 'merged.pcapng')
    const snapped = join(folder, 'snapped.pcapng')
    runTool('mergecap', '-w', merged, ...parts)
    runTool('editcap', '-s', '40', merged, snapped)
    const { records, problem } = read(snapped)
    expect(problem).toBeNull()
    expect(new Set(records.map((record) => record.interface.linkType))).toEqual(new Set([1, 101]))
    expect(records.map(weSee).map((seen) => ({ ...seen, name: '' }))).toEqual(
      tsharkSees(snapped).map((seen) => ({ ...seen, name: '' })),
    )
    expect(records.map(({ bytes }) => toHex(bytes))).toEqual(tsharkBytes(snapped))
  })

  test('put secrets and several sections in front of packets that we read', () => {
    const records = sample(20, 5)
    const ours = write('ours.pcapng', writeCapture(new PcapngWriter(), records))
    const secrets = write('keys.txt', Buffer.from('CLIENT_RANDOM 00 00\n'))
    const theirs = join(folder, 'secrets.pcapng')
    runTool('editcap', '--inject-secrets', `tls,${secrets}`, ours, theirs)
    const both = write('both.pcapng', Buffer.concat([readFileSync(theirs), readFileSync(ours)]))
    expect(read(both).problem).toBeNull()
    expect(read(both).records.map(weSee)).toEqual([...records, ...records].map(weSee))
  })

  test('find the same end in a cut file', () => {
    const records = sample(30, 6)
    const whole = writeCapture(new PcapngWriter(), records)
    for (const length of [whole.length - 1, whole.length - 40, Math.floor(whole.length / 2)]) {
      const path = write('cut.pcapng', whole.subarray(0, length))
      const { records: ours, problem } = read(path)
      expect(problem).not.toBeNull()
      // tshark fails at the end, after printing what came before.
      expect(ours.map(weSee)).toEqual(tsharkSeesDespiteFailure(path))
    }
  })
})

function tsharkSeesDespiteFailure(path: string) {
  const whole = join(folder, 'mended.pcapng')
  try {
    runTool('editcap', path, whole)
  } catch {
    // It copies what it can before it complains.
  }
  return tsharkSees(whole)
}
