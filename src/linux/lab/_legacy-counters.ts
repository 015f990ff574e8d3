/**
 * Counters of the legacy backend, read from the table blobs the kernel hands out.
 *
 * A blob holds the base chains in hook order, each ending in its policy, then each user chain: an ERROR entry that
 * names it, its rules, a RETURN. It ends with an ERROR entry of that very name.
 * Source: include/uapi/linux/netfilter/x_tables.h, netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h.
 */
import { readFileSync } from 'node:fs'
import type { Family } from '../../net/address.ts'
import { type Libc, must, O_CLOEXEC, SystemCallError } from '../_libc.ts'
import type { ChainCounters, CounterReader, RuleCounters, RuleTarget, TableCounters } from './_counters.ts'

const SOCK_RAW = 3
const IPPROTO_RAW = 255
/** IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES; ip6_tables has the same numbers. */
const GET_INFO = 64
const GET_ENTRIES = 65

const tableNameBytes = 32
const infoBytes = 84
/** struct ipt_get_entries: the name, the size, padding. */
const entriesHeaderBytes = 40
const hookCount = 5

interface Layout {
  readonly domain: number
  readonly level: number
  readonly namesFile: string
  /** Offsets inside an entry. */
  readonly flags: number
  readonly gotoFlag: number
  readonly targetOffset: number
  readonly nextOffset: number
  readonly packets: number
}

const layouts: Readonly<Record<Family, Layout>> = {
  ipv4: {
    domain: 2,
    level: 0,
    namesFile: 'ip_tables_names',
    flags: 82,
    gotoFlag: 0x02,
    targetOffset: 88,
    nextOffset: 90,
    packets: 96,
  },
  ipv6: {
    domain: 10,
    level: 41,
    namesFile: 'ip6_tables_names',
    flags: 131,
    gotoFlag: 0x04,
    targetOffset: 140,
    nextOffset: 142,
    packets: 152,
  },
}

/** Offsets inside a target: its size, its name, what a standard target decides, what an ERROR entry is called. */
const targetName = 2
const targetNameBytes = 29
const targetData = 32

const verdicts: Readonly<Record<number, 'accept' | 'drop' | 'queue' | 'return'>> = {
  [-1]: 'drop',
  [-2]: 'accept',
  [-4]: 'queue',
  [-5]: 'return',
}

const baseChains = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const

export class LegacyCounterReader implements CounterReader {
  readonly #libc: Libc
  readonly #sockets: Readonly<Record<Family, number>>

  constructor(libc: Libc) {
    this.#libc = libc
    const open = (family: Family): number =>
      must(
        libc.socket(layouts[family].domain, SOCK_RAW | O_CLOEXEC, IPPROTO_RAW),
        'open a socket to read rules',
      )
    this.#sockets = { ipv4: open('ipv4'), ipv6: open('ipv6') }
  }

  /** Only tables that exist: asking for another one would create it. */
  read(): TableCounters[] {
    return (['ipv4', 'ipv6'] as const).flatMap((family) => {
      const names = readFileSync(`/proc/thread-self/net/${layouts[family].namesFile}`, 'latin1')
      return names
        .split('\n')
        .filter((name) => name !== '')
        .map((name) => this.#readTable(family, name))
    })
  }

  #readTable(family: Family, name: string): TableCounters {
    const { level } = layouts[family]
    const socket = this.#sockets[family]
    for (;;) {
      const info = Buffer.alloc(infoBytes)
      info.write(name, 'latin1')
      must(this.#libc.getsockopt(socket, level, GET_INFO, info), `ask for table ${name}`)
      const size = info.readUInt32LE(80)
      const blob = Buffer.alloc(entriesHeaderBytes + size)
      blob.write(name, 'latin1')
      blob.writeUInt32LE(size, tableNameBytes)
      const result = this.#libc.getsockopt(socket, level, GET_ENTRIES, blob)
      if (result >= 0)
        return { family, name, chains: chainsOf(info, blob.subarray(entriesHeaderBytes), family) }
      // EAGAIN: the table was replaced in between.
      if (result !== -11) throw new SystemCallError(`read table ${name}`, -result)
    }
  }

  close(): void {
    this.#libc.close(this.#sockets.ipv4)
    this.#libc.close(this.#sockets.ipv6)
  }
}

interface Entry {
  readonly offset: number
  readonly next: number
  readonly packets: number
  readonly target: string
  readonly verdict: number
  readonly isGoto: boolean
  readonly label: string
}

function chainsOf(info: Buffer, blob: Buffer, family: Family): ChainCounters[] {
  const entries = [...entriesOf(blob, layouts[family])]
  const hookStarts = new Map<number, string>()
  const validHooks = info.readUInt32LE(32)
  for (let hook = 0; hook < hookCount; hook++) {
    if (validHooks & (1 << hook)) hookStarts.set(info.readUInt32LE(36 + 4 * hook), baseChains[hook]!)
  }

  const chains: { name: string; isBase: boolean; entries: Entry[]; start: number }[] = []
  for (const entry of entries) {
    const base = hookStarts.get(entry.offset)
    if (base !== undefined) chains.push({ name: base, isBase: true, entries: [], start: entry.offset })
    if (entry.target === 'ERROR') {
      if (entry.label !== 'ERROR' || entry.next < blob.length) {
        chains.push({ name: entry.label, isBase: false, entries: [], start: entry.next })
      }
      continue
    }
    chains.at(-1)!.entries.push(entry)
  }

  const chainAt = new Map(chains.map((chain) => [chain.start, chain.name]))
  return chains.map(({ name, isBase, entries }) => {
    const last = entries.at(-1)!
    const rules = entries
      .slice(0, -1)
      .map((entry): RuleCounters => ({ packets: entry.packets, target: targetOf(entry, chainAt) }))
    const policy = isBase
      ? {
          verdict: verdicts[last.verdict] === 'drop' ? ('drop' as const) : ('accept' as const),
          packets: last.packets,
        }
      : null
    return { name, policy, rules }
  })
}

function* entriesOf(blob: Buffer, layout: Layout): Generator<Entry> {
  for (let offset = 0; offset < blob.length; ) {
    const target = offset + blob.readUInt16LE(offset + layout.targetOffset)
    const next = offset + blob.readUInt16LE(offset + layout.nextOffset)
    const readText = (at: number, size: number): string =>
      blob.toString('latin1', at, at + size).replace(/\0.*$/s, '')
    yield {
      offset,
      next,
      packets: Number(blob.readBigUInt64LE(offset + layout.packets)),
      target: readText(target + targetName, targetNameBytes),
      verdict: blob.readInt32LE(target + targetData),
      isGoto: (blob.readUInt8(offset + layout.flags) & layout.gotoFlag) !== 0,
      label: readText(target + targetData, targetNameBytes + 1),
    }
    offset = next
  }
}

function targetOf(entry: Entry, chainAt: ReadonlyMap<number, string>): RuleTarget {
  if (entry.target !== '') return { kind: 'extension', name: entry.target }
  if (entry.verdict < 0) return { kind: verdicts[entry.verdict] ?? 'none' }
  const chain = chainAt.get(entry.verdict)
  // A rule without target "jumps" to the entry behind it. An empty first chain may begin there as well, but never
  // behind a rule: each chain starts with an ERROR entry or ends with its policy.
  if (chain === undefined || entry.verdict === entry.next) return { kind: 'none' }
  return { kind: 'chain', chain, goto: entry.isGoto }
}
