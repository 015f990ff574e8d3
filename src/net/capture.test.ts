import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Blocks } from './_testing/blocks.ts'
import {
  type CaptureInterface,
  CaptureReader,
  type CaptureRecord,
  type CaptureWriter,
  PcapngWriter,
  PcapWriter,
  readCapture,
  writeCapture,
} from './capture.ts'
import { concatenate } from './pcapng-writer.ts'

const little = new Blocks('little')
const big = new Blocks('big')
const bytesOf = (...bytes: number[]) => Uint8Array.from(bytes)

/** A record in a tiny notation: time, interface, bytes, and whatever else the file said. */
function show({
  timestampNs,
  interface: on,
  bytes,
  originalLength,
  direction,
  comment,
}: CaptureRecord): string {
  const name = on.name ?? `link${on.linkType}`
  const cut = originalLength === bytes.length ? '' : ` of ${originalLength}`
  const said = [direction, comment === null ? null : JSON.stringify(comment)].filter((word) => word !== null)
  return [`${timestampNs}ns ${name} ${Array.from(bytes).join('.')}${cut}`, ...said].join(' ')
}

/** The records of a file as `show` writes them; a last line `! OFFSET WHAT` when it ends with a problem. */
function outline(...parts: Uint8Array[]): string[] {
  const { records, problem } = readCapture(concatenate(parts))
  return [...records.map(show), ...(problem === null ? [] : [`! ${problem.offset} ${problem.what}`])]
}

describe('pcap', () => {
  test.each([
    ['microseconds, little endian', little, 0xa1b2c3d4, '5000007000ns'],
    ['microseconds, big endian', big, 0xa1b2c3d4, '5000007000ns'],
    ['nanoseconds, little endian', little, 0xa1b23c4d, '5000000007ns'],
    ['nanoseconds, big endian', big, 0xa1b23c4d, '5000000007ns'],
  ])('%s', (_, order, magic, time) => {
    const file = [order.pcapHeader(magic, 101), order.pcapRecord(5, 7, bytesOf(1, 2, 3), 60)]
    expect(outline(...file)).toEqual([`${time} link101 1.2.3 of 60`])
  })

  test('the check sequence bits of the link type are no part of it', () => {
    const file = [little.pcapHeader(0xa1b2c3d4, 0x24000001), little.pcapRecord(0, 0, bytesOf(9))]
    expect(outline(...file)).toEqual(['0ns link1 9'])
  })

  test('a time with more than a million microseconds is counted on', () => {
    const file = [little.pcapHeader(0xa1b2c3d4), little.pcapRecord(1, 1_500_000, bytesOf(9))]
    expect(outline(...file)).toEqual(['2500000000ns link1 9'])
  })
})

describe('pcapng', () => {
  const packet = bytesOf(1, 2, 3)

  test('sections of both byte orders, each with interfaces of its own', () => {
    const file = [
      little.section(),
      little.interface(1, 0, little.text(2, 'eth0')),
      little.interface(101, 0),
      little.packet(1, 1n, packet),
      little.packet(0, 2n, packet),
      big.section(),
      big.interface(276, 0, big.text(2, 'any')),
      big.packet(0, 0x1_0000_0003n, packet),
    ]
    expect(outline(...file)).toEqual([
      '1000ns link101 1.2.3',
      '2000ns eth0 1.2.3',
      '4294967299000ns any 1.2.3',
    ])
  })

  test.each([
    [0, 7n, 7_000_000_000n],
    [3, 7n, 7_000_000n],
    [6, 7n, 7_000n],
    [9, 7n, 7n],
    [12, 7_999n, 7n],
    [127, 7n, 0n],
    [0x80, 7n, 7_000_000_000n],
    [0x80 | 10, 1536n, 1_500_000_000n],
    [0x80 | 32, 0x1_8000_0000n, 1_500_000_000n],
    [0x80 | 127, 7n, 0n],
  ])('time resolution %#i: %s ticks', (resolution, ticks, ns) => {
    for (const order of [little, big]) {
      const on = order.interface(1, 0, order.option(9, bytesOf(resolution)))
      expect(outline(order.section(), on, order.packet(0, ticks, packet))).toEqual([`${ns}ns link1 1.2.3`])
    }
  })

  test.each([100n, -100n])('time offset %s s', (offset) => {
    for (const order of [little, big]) {
      const on = order.interface(1, 0, order.option(14, order.u64(offset)), order.option(9, bytesOf(0)))
      const shown = `${(offset + 7n) * 1_000_000_000n}ns link1 1.2.3`
      expect(outline(order.section(), on, order.packet(0, 7n, packet))).toEqual([shown])
    }
  })

  test('directions and comments', () => {
    const flags = (value: number) => little.option(2, little.u32(value))
    const file = [
      little.section(),
      little.interface(1, 0),
      little.packet(0, 0n, packet, flags(0)),
      little.packet(0, 0n, packet, flags(1)),
      little.packet(0, 0n, packet, flags(2), little.u32(0), little.text(1, 'behind the end')),
      little.packet(0, 0n, packet, flags(0xff05), little.text(1, 'one\0'), little.text(1, 'two')),
    ]
    expect(outline(...file)).toEqual([
      '0ns link1 1.2.3',
      '0ns link1 1.2.3 in',
      '0ns link1 1.2.3 out',
      '0ns link1 1.2.3 in "one\\ntwo"',
    ])
  })

  test('simple and obsolete packet blocks', () => {
    for (const order of [little, big]) {
      const obsolete = [
        order.u16(1, 0),
        order.u32(0, 5, 3, 60),
        packet,
        bytesOf(0),
        order.option(2, order.u32(2)),
      ]
      const file = [
        order.section(),
        order.interface(1, 2),
        order.interface(101, 0),
        order.block(3, order.u32(60), bytesOf(8, 9)),
        order.block(3, order.u32(1), bytesOf(8)),
        order.block(2, ...obsolete),
      ]
      expect(outline(...file)).toEqual([
        '0ns link1 8.9 of 60',
        '0ns link1 8',
        '5000ns link101 1.2.3 of 60 out',
      ])
    }
  })

  test('names, statistics, secrets, journal, custom and unknown blocks are skipped', () => {
    const skipped = [4, 5, 9, 10, 0xbad, 0x40000bad, 0x7fffffff].map((type) => little.block(type, packet))
    const file = [
      little.section(),
      ...skipped,
      little.interface(1, 0),
      ...skipped,
      little.packet(0, 0n, packet),
    ]
    expect(outline(...file, ...skipped)).toEqual(['0ns link1 1.2.3'])
  })
})

describe('bad files end with a problem, behind what was good', () => {
  const good = [little.section(), little.interface(1, 0), little.packet(0, 1n, bytesOf(1, 2, 3))]
  const at = concatenate(good).length
  const block = little.packet(0, 2n, bytesOf(4, 5, 6))
  const simple = little.block(3, little.u32(4), bytesOf(1, 2, 3, 4))

  const pcapGood = [little.pcapHeader(0xa1b2c3d4), little.pcapRecord(0, 1, bytesOf(1, 2, 3))]
  const pcapRecord = little.pcapRecord(0, 2, bytesOf(4, 5, 6))

  test.each<[string, Uint8Array, string]>([
    [
      'a length below the least',
      little.patch(block, 4, 28),
      'enhanced packet block of 28 bytes, less than 32',
    ],
    ['no length', little.patch(block, 4, 0), 'enhanced packet block of 0 bytes, less than 32'],
    ['an odd length', little.patch(block, 4, 38), 'enhanced packet block of 38 bytes, no multiple of 4'],
    [
      'an absurd length',
      little.patch(block, 4, 0xfffffffc),
      'enhanced packet block of 4294967292 bytes, more than 16777216',
    ],
    [
      'an absurd unknown block',
      little.u32(0xabcd, 0xfffffff0, 0),
      '0x0000abcd block of 4294967280 bytes, more than 16777216',
    ],
    [
      'lengths that differ',
      little.patch(block, -4, 99),
      'enhanced packet block gives its length as 36 and at its end as 99',
    ],
    ['a packet larger than its block', little.patch(block, 20, 5), 'a packet of 5 bytes in a block of 36'],
    [
      'a packet of absurd length',
      little.patch(block, 20, 0xffffffff),
      'a packet of 4294967295 bytes in a block of 36',
    ],
    [
      'a simple packet larger than its block',
      little.patch(simple, 8, 5),
      'a packet of 5 bytes in a block of 20',
    ],
    [
      'an interface nobody described',
      little.packet(1, 0n, bytesOf(1)),
      'a packet of interface 1, of 1 described',
    ],
    [
      'an option that runs over',
      little.packet(0, 0n, bytesOf(1), little.u16(1, 40)),
      'an option of 40 bytes runs over the end of its block',
    ],
    [
      'a byte order mark of neither order',
      little.patch(little.section(), 8, 7),
      'a section header with the byte order mark 0x07000000',
    ],
    ['another major version', little.section(2), 'pcapng version 2, where only version 1 is known'],
    ['the end in a block header', block.subarray(0, 7), 'the file ends in a block header (7 bytes of it)'],
    [
      'the end in a block',
      block.subarray(0, 35),
      'the file ends in its enhanced packet block (35 of 36 bytes)',
    ],
  ])('pcapng: %s', (_, bad, what) => {
    expect(outline(...good, bad)).toEqual(['1000ns link1 1.2.3', `! ${at} ${what}`])
  })

  test.each<[string, Uint8Array, string]>([
    [
      'an absurd length',
      little.patch(pcapRecord, 8, 0xffffffff),
      'a record claims 4294967295 bytes, more than 262144',
    ],
    [
      'the end in a record header',
      pcapRecord.subarray(0, 15),
      'the file ends in a record header (15 of 16 bytes)',
    ],
    ['the end in a packet', pcapRecord.subarray(0, 18), 'the file ends in a packet (2 of 3 bytes)'],
  ])('pcap: %s', (_, bad, what) => {
    expect(outline(...pcapGood, bad)).toEqual(['1000ns link1 1.2.3', `! 43 ${what}`])
  })

  test.each<[string, Uint8Array, string]>([
    ['nothing', bytesOf(), 'the file is empty'],
    ['three bytes', bytesOf(1, 2, 3), 'the file has only 3 bytes'],
    ['text', new TextEncoder().encode('*filter\n'), 'not a pcap or pcapng file (it begins with 2a66696c)'],
    [
      'gzip',
      bytesOf(0x1f, 0x8b, 8, 0, 0),
      'not a pcap or pcapng file (compressed with gzip: unpack it first)',
    ],
    ['a cut pcap header', pcapGood[0]!.subarray(0, 23), 'the file ends in its header (23 of 24 bytes)'],
    [
      'another pcap version',
      little.pcapHeader(0xa1b2c3d4, 1, 0, 3),
      'pcap version 3, where only version 2 is known',
    ],
    ['a simple packet before any interface', concatenate([little.section(), simple]), ''],
  ])('%s', (name, bad, what) => {
    const expected = what === '' ? '! 28 a packet of interface 0, of 0 described' : `! 0 ${what}`
    expect([name, ...outline(bad)]).toEqual([name, expected])
  })

  test('a section may not describe interfaces without end', () => {
    const one = little.interface(1, 0)
    const many = new Uint8Array(one.length * 65537)
    for (let number = 0; number < 65537; number++) many.set(one, number * one.length)
    expect(outline(little.section(), many)).toEqual([
      `! ${28 + one.length * 65536} a section describes more than 65536 interfaces`,
    ])
  })

  test('behind a problem nothing is read', () => {
    const reader = new CaptureReader()
    reader.push(bytesOf(1, 2, 3, 4))
    const { problem } = reader
    expect(reader.push(concatenate(good))).toEqual([])
    reader.end()
    expect(reader.problem).toBe(problem)
  })
})

const anyBytes = fc.uint8Array({ maxLength: 70 })
const anyText = fc.option(
  fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0')),
)
const anyInterface: fc.Arbitrary<CaptureInterface> = fc.record({
  name: anyText,
  description: anyText,
  linkType: fc.nat(0xffff),
  snapLength: fc.nat(0xffffffff),
})
const recordsOf = (interfaces: fc.Arbitrary<CaptureInterface>): fc.Arbitrary<CaptureRecord[]> =>
  fc.array(
    fc.record({
      timestampNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      interface: interfaces,
      bytes: anyBytes,
      originalLength: fc.nat(0xffffffff),
      direction: fc.constantFrom('in', 'out', null),
      comment: anyText,
    }),
    { maxLength: 8 },
  )
const anyRecords = fc
  .array(anyInterface, { minLength: 1, maxLength: 3 })
  .chain((interfaces) => recordsOf(fc.constantFrom(...interfaces)))

/** Any file that one of the writers can make, with its records as the format can keep them. */
const anyFile: fc.Arbitrary<{ file: Uint8Array; kept: CaptureRecord[] }> = fc
  .tuple(anyRecords, fc.boolean(), fc.constantFrom('pcapng', 'pcap', 'nanosecond pcap'))
  .map(([records, bigEndian, format]) => {
    if (format === 'pcapng')
      return { file: writeCapture(new PcapngWriter({ bigEndian }), records), kept: records }
    const nanoseconds = format === 'nanosecond pcap'
    const on = { name: null, description: null, linkType: 113, snapLength: 1234 }
    const plain = records.map((record) => ({ ...record, interface: on }))
    const writer = new PcapWriter({ linkType: 113, snapLength: 1234, nanoseconds, bigEndian })
    const kept = plain.map((record) => ({
      ...record,
      timestampNs: cutTime(record.timestampNs, nanoseconds ? 1n : 1000n),
      direction: null,
      comment: null,
    }))
    return { file: writeCapture(writer, plain), kept }
  })

function cutTime(ns: bigint, unit: bigint): bigint {
  const latest = 2n ** 32n * 1_000_000_000n - 1n
  const fits = ns < latest ? ns : latest
  return fits - (fits % unit)
}

/** Reads a file in chunks cut at the given places (taken modulo its length). */
function readInChunks(file: Uint8Array, cuts: readonly number[]) {
  const reader = new CaptureReader()
  const places = [...new Set(cuts.map((cut) => cut % (file.length + 1)))].sort((a, b) => a - b)
  const records: CaptureRecord[] = []
  let from = 0
  for (const to of [...places, file.length]) {
    records.push(...reader.push(file.slice(from, to)))
    from = to
  }
  reader.end()
  return { format: reader.format, records, problem: reader.problem }
}

describe('for any records', () => {
  test('what is written is read back', () => {
    fc.assert(
      fc.property(anyFile, ({ file, kept }) => {
        const { records, problem } = readCapture(file)
        expect(problem).toBeNull()
        expect(records).toEqual(kept)
      }),
    )
  })

  test('chunk boundaries make no difference', () => {
    fc.assert(
      fc.property(anyFile, fc.array(fc.nat()), ({ file }, cuts) => {
        expect(readInChunks(file, cuts)).toEqual(readCapture(file))
      }),
    )
  })

  test('a cut file delivers every whole record and says where the next began', () => {
    fc.assert(
      fc.property(anyFile, fc.nat(), ({ file, kept }, cut) => {
        const { records, problem } = readCapture(file.subarray(0, cut % file.length))
        expect(records).toEqual(kept.slice(0, records.length))
        if (problem === null) return
        const before = readCapture(file.subarray(0, problem.offset))
        expect(before.records).toEqual(records)
        expect(problem.offset === 0 || before.problem === null).toBe(true)
      }),
    )
  })

  test('damaged files are read without an exception, whatever the chunks', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(anyFile, damage, fc.array(fc.nat(), { maxLength: 5 }), ({ file }, changes, cuts) => {
        const damaged = file.slice()
        for (const [at, value] of changes) damaged[at % damaged.length] = value
        const whole = readCapture(damaged)
        expect(readInChunks(damaged, cuts)).toEqual(whole)
        if (whole.problem !== null) expect(whole.problem.offset).toBeLessThan(Math.max(1, damaged.length))
      }),
      { numRuns: 500 },
    )
  })

  test('rubbish behind a magic number is read without an exception', () => {
    const magics = [little, big].flatMap((order) => [
      order.u32(0xa1b2c3d4),
      order.u32(0xa1b23c4d),
      order.section(),
      concatenate([order.section(), order.interface(1, 0)]),
    ])
    fc.assert(
      fc.property(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 200 }), (magic, rubbish) => {
        readCapture(concatenate([magic, rubbish]))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('writing', () => {
  const on: CaptureInterface = { name: 'eth0', description: null, linkType: 1, snapLength: 0 }
  const record = (more: Partial<CaptureRecord>): CaptureRecord => ({
    timestampNs: 0n,
    interface: on,
    bytes: bytesOf(1),
    originalLength: 1,
    direction: null,
    comment: null,
    ...more,
  })
  const through = (writer: CaptureWriter, ...records: CaptureRecord[]) =>
    readCapture(writeCapture(writer, records)).records

  test('times that do not fit become the nearest that do', () => {
    const times = [-1n, 2n ** 64n, 2n ** 70n]
    const records = times.map((timestampNs) => record({ timestampNs }))
    expect(through(new PcapngWriter(), ...records).map((read) => read.timestampNs)).toEqual([
      0n,
      2n ** 64n - 1n,
      2n ** 64n - 1n,
    ])
    expect(through(new PcapWriter({ linkType: 1 }), ...records).map((read) => read.timestampNs)).toEqual([
      0n,
      4294967295_999999999n,
      4294967295_999999999n,
    ])
  })

  test('a comment too long is cut between characters', () => {
    const [read] = through(new PcapngWriter(), record({ comment: `${'x'.repeat(65534)}é!` }))
    expect(read!.comment).toBe('x'.repeat(65534))
  })

  test('interfaces that agree become one', () => {
    const file = writeCapture(new PcapngWriter(), [record({}), record({ interface: { ...on } })])
    const [first, second] = readCapture(file).records
    expect(second!.interface).toBe(first!.interface)
  })

  test('a pcap file holds one link type', () => {
    const writer = new PcapWriter({ linkType: 101 })
    expect(() => writer.record(record({}))).toThrow('link type 1 in a pcap file of link type 101')
  })

  test('the program that wrote the file is named', () => {
    const header = new PcapngWriter({ application: 'postern' }).header()
    expect(new TextDecoder().decode(header)).toContain('postern')
    expect(readCapture(header)).toEqual({ format: 'pcapng', records: [], problem: null })
  })
})
