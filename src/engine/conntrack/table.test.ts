/** The table as a whole, against a plain list, and how much work a packet is however many connections there are. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf } from '../../net/address.ts'
import { decodeFrame } from '../../net/decode.ts'
import { encodeFrame, encodeIpv4, encodeIpv6, encodeUdp } from '../../net/encode.ts'
import { Packet } from '../../net/packet.ts'
import { connectionStatus, TrackedConnection } from './connection.ts'
import { TupleTable } from './table.ts'
import { locateTransport, TransportPlace, TupleKey } from './tuple.ts'
import { defaultZone } from './zone.ts'

const hz = 250

/** The key of a UDP packet of client number `client`, from `port`, in IPv4 or IPv6. */
function keyOf(client: number, port: number, isSix = false): TupleKey {
  const family = isSix ? 'ipv6' : 'ipv4'
  const address = (last: number) =>
    isSix ? addressOf('ipv6', [0x20010db8, last, 7, 9]) : addressOf('ipv4', [0x0a000000 + last])
  const ends = { source: address(client), destination: address(0xffff00) }
  const udp = encodeUdp({ sourcePort: port, destinationPort: 53 }, new Uint8Array(0), ends)
  const packet = new Packet()
  const link = {
    destination: new Uint8Array(6),
    source: new Uint8Array(6),
    etherType: isSix ? 0x86dd : 0x0800,
  }
  const ip = isSix ? encodeIpv6({ ...ends, nextHeader: 17 }, udp) : encodeIpv4({ ...ends, protocol: 17 }, udp)
  decodeFrame(packet, encodeFrame(link, ip))
  const place = new TransportPlace()
  const key = new TupleKey()
  locateTransport(place, packet.bytes, family, packet.networkOffset, packet.endOffset)
  key.read(packet.bytes, family, packet.networkOffset, place, packet.endOffset, 0)
  return key
}

const connectionOf = (client: number, port: number, isSix: boolean, serial: number): TrackedConnection =>
  TrackedConnection.begin(keyOf(client, port, isSix), serial, hz)

describe('the table', () => {
  test('finds what was put in, by both tuples and by source, awake or asleep', () => {
    const step = fc.record({
      what: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'find', 'turn'),
      client: fc.integer({ min: 1, max: 9 }),
      port: fc.integer({ min: 1, max: 300 }),
      isSix: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.integer(), (steps, seed) => {
        const table = new TupleTable(seed, hz)
        const model = new Map<string, number>()
        let serial = 0
        for (const { what, client, port, isSix } of steps) {
          const name = `${client} ${port} ${isSix}`
          const found = table.find(keyOf(client, port, isSix), 0)
          expect(found?.connection.serial, name).toBe(model.get(name))
          if (what === 'turn') for (let packets = 0; packets < 300; packets++) table.turn()
          if (what === 'insert' && found === null) {
            const connection = connectionOf(client, port, isSix, ++serial)
            connection.timeout = 100
            connection.mark = 0xffffffff
            connection.status = connectionStatus.confirmed | connectionStatus.sourceNatDone
            table.insert(connection)
            model.set(name, serial)
          }
          if (what === 'remove' && found !== null) {
            table.remove(found.connection)
            model.delete(name)
            expect(found.connection.originalNode).toMatchObject({ ports: found.ports, source: found.source })
          }
        }
        const listed = [...table.connections()].map((connection) => connection.serial)
        expect(listed.sort((a, b) => a - b)).toEqual([...model.values()].sort((a, b) => a - b))
        for (const [name, number] of model) {
          const [client, port, six] = name.split(' ')
          const key = keyOf(Number(client), Number(port), six === 'true')
          const [bySource] = [...table.withSource(key, defaultZone, 0)]
          expect(bySource?.serial).toBe(number)
          expect(bySource?.mark).toBe(0xffffffff)
          key.invert()
          const answer = table.find(key, 0)
          expect([answer?.isReply, answer?.connection.serial]).toEqual([true, number])
        }
      }),
      { numRuns: 60 },
    )
  })

  test('those of one source come newest first', () => {
    const table = new TupleTable(1, hz)
    for (let serial = 1; serial <= 3000; serial++) {
      const key = keyOf(7, 4000)
      key.setPort('destination', serial)
      const connection = TrackedConnection.begin(key, serial, hz)
      connection.timeout = 100
      connection.status = connectionStatus.sourceNatDone
      table.insert(connection)
    }
    const serials = [...table.withSource(keyOf(7, 4000), defaultZone, 0)].map(({ serial }) => serial)
    expect(serials).toEqual(Array.from({ length: 3000 }, (_, at) => 3000 - at))
  })

  test('a packet has few connections to bury, however many have ended, and soon all are gone', () => {
    const table = new TupleTable(1, hz)
    const count = 20_000
    for (let client = 1; client <= count; client++) {
      const connection = connectionOf(client, 4000, false, client)
      connection.timeout = 10
      table.insert(connection)
    }
    let packets = 0
    let buried = 0
    for (; buried < count; packets++) {
      table.turn()
      const ended = table.sweep(8, 10)
      expect(ended.length).toBeLessThanOrEqual(8)
      for (const connection of ended) table.remove(connection)
      buried += ended.length
      if (packets > count) break
    }
    expect(buried).toBe(count)
    expect(packets).toBe(count / 8)
    expect([...table.connections()]).toEqual([])
  })

  test('the buckets of an early drop hold what stands in them, and no more is looked at than a few chains', () => {
    const table = new TupleTable(5, hz)
    for (let client = 1; client <= 1500; client++) {
      const connection = connectionOf(client, 4000, false, client)
      connection.timeout = 100
      table.insert(connection)
    }
    const buckets = 512
    const bucketOf = (hash: number): number => Math.floor(((hash >>> 0) * buckets) / 2 ** 32)
    const everyone = [...table.connections()]
    for (const { originalNode } of everyone.slice(0, 40)) {
      const first = bucketOf(table.hash(originalNode))
      const found = table.neighbours(table.hash(originalNode), buckets, 8)
      for (const [at, bucket] of found.entries()) {
        const expected = everyone.flatMap((connection) =>
          [connection.originalNode, connection.replyNode]
            .filter((node) => bucketOf(table.hash(node)) === (first + at) % buckets)
            .map(() => connection.serial),
        )
        expect(bucket.map(({ serial }) => serial).sort()).toEqual(expected.sort())
      }
    }
  })
})
