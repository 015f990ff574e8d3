/** Tests of SCTP chunks as `-m sctp --chunk-types` has them. */
import { refuse } from '../../lang/diagnostic.ts'
import { didYouMean } from '../../lang/suggest.ts'
import * as header from '../../net/headers/sctp.ts'
import type { Packet } from '../../net/packet.ts'

export interface ChunkFlags {
  readonly type: number
  /** Of the bits in `mask`, those in `set` are on. */
  readonly mask: number
  readonly set: number
}

export interface ChunkTest {
  /** A chunk of the types is there; each of the types is; or no other chunk is. */
  readonly how: 'any' | 'all' | 'only'
  /** In ascending order; null for all 256. */
  readonly types: readonly number[] | null
  readonly flags: readonly ChunkFlags[]
}

/** Names and, from bit 7 down, letters of the flags. Source: `sctp_chunk_names`, iptables extensions/libxt_sctp.c. */
const names: readonly (readonly [name: string, type: number, letters: string])[] = [
  ['DATA', 0, '----IUBE'],
  ['INIT', 1, '--------'],
  ['INIT_ACK', 2, '--------'],
  ['SACK', 3, '--------'],
  ['HEARTBEAT', 4, '--------'],
  ['HEARTBEAT_ACK', 5, '--------'],
  ['ABORT', 6, '-------T'],
  ['SHUTDOWN', 7, '--------'],
  ['SHUTDOWN_ACK', 8, '--------'],
  ['ERROR', 9, '--------'],
  ['COOKIE_ECHO', 10, '--------'],
  ['COOKIE_ACK', 11, '--------'],
  ['ECN_ECNE', 12, '--------'],
  ['ECN_CWR', 13, '--------'],
  ['SHUTDOWN_COMPLETE', 14, '-------T'],
  ['I_DATA', 64, '----IUBE'],
  ['RE_CONFIG', 130, '--------'],
  ['PAD', 132, '--------'],
  ['ASCONF', 193, '--------'],
  ['ASCONF_ACK', 128, '--------'],
  ['FORWARD_TSN', 192, '--------'],
  ['I_FORWARD_TSN', 194, '--------'],
]

/** XT_NUM_SCTP_FLAGS: chunk types for which flags can be asked in one rule. */
const mostFlagTests = 4

/** `HOW TYPES`: any, all or only, and a list of types with flags, ALL or NONE; all in any case. */
export function parseChunks(text: string): ChunkTest {
  const blank = text.indexOf(' ')
  const how = (['any', 'all', 'only'] as const).find((word) => word === text.slice(0, blank).toLowerCase())
  if (how === undefined) return refuse('bad-chunks', 'does not begin with any, all or only')
  const list = text.slice(blank + 1)
  if (list.toUpperCase() === 'ALL') return { how, types: null, flags: [] }
  if (list.toUpperCase() === 'NONE') return { how, types: [], flags: [] }

  const types = new Set<number>()
  const flags = new Map<number, ChunkFlags>()
  for (const item of list.split(',').filter((each) => each !== '')) {
    const colon = item.indexOf(':')
    const word = (colon < 0 ? item : item.slice(0, colon)).toUpperCase()
    const place = names.findIndex(([name]) => name === word)
    if (place < 0) return refuseType(word)
    const [, type, letters] = names[place]!
    types.add(type)
    // iptables hands the kernel the name's place for its type, and both are the same only up to 14.
    for (const letter of colon < 0 ? '' : item.slice(colon + 1)) addFlag(flags, place, letter, letters)
  }
  if (flags.size > mostFlagTests)
    return refuse('too-many-flags', `asks for flags of more than ${mostFlagTests} types`)
  return {
    how,
    types: [...types].sort((a, b) => a - b),
    flags: [...flags.values()],
  }
}

const refuseType = (word: string): never =>
  refuse('unknown-chunk', `names ${word}, which is no chunk type that iptables knows`, {
    ...didYouMean(
      word,
      names.map(([name]) => name),
    ),
  })

/** A capital letter asks for the flag on, a small one for off. */
function addFlag(flags: Map<number, ChunkFlags>, type: number, letter: string, letters: string): void {
  const at = letters.indexOf(letter.toUpperCase())
  if (at < 0) refuse('unknown-flag', `names the flag ${letter}, which the chunk does not have`)
  const bit = 1 << (7 - at)
  const { mask, set } = flags.get(type) ?? { mask: 0, set: 0 }
  flags.set(type, { type, mask: mask | bit, set: set | (/[A-Z]/.test(letter) ? bit : 0) })
}

/** `any DATA:B,INIT`; `any 0x0000:B,0x0001` in numbers. */
export function printChunks({ how, types, flags }: ChunkTest, numeric = false): string {
  if (types === null) return `${how} ALL`
  if (types.length === 0) return `${how} NONE`
  return `${how} ${types.map((type) => printType(type, flags, numeric)).join(',')}`
}

function printType(type: number, flags: readonly ChunkFlags[], numeric: boolean): string {
  const [name, , letters] = names.find(([, number]) => number === type)!
  const shown = numeric ? `0x${type.toString(16).toUpperCase().padStart(4, '0')}` : name
  const test = flags.find((each) => each.type === type)
  if (test === undefined) return shown
  const printed = [...letters].flatMap((letter, at) => {
    const bit = 1 << (7 - at)
    if ((test.mask & bit) === 0) return []
    return [(test.set & bit) !== 0 ? letter : letter.toLowerCase()]
  })
  return `${shown}:${printed.join('')}`
}

/**
 * Whether the chunks fit; `broken` where one is cut off within its header, or says that it has no length (a length of 1
 * to 3 is taken). The first chunk must be there.
 *
 * Preconditions: the common header is there.
 */
export function findChunks({ how, types, flags }: ChunkTest, packet: Packet, at: number) {
  const missing = new Set(types ?? allTypes)
  for (let chunk = at + header.headerBytes; ; ) {
    if (packet.endOffset - chunk < header.chunkHeaderBytes) return 'broken'
    const length = header.chunkLength(packet, chunk)
    if (length === 0) return 'broken'
    const type = header.chunkType(packet, chunk)
    const isListed = types === null || types.includes(type)
    if (!isListed && how === 'only') return 'missing'
    if (isListed) {
      const fits = flagsFit(flags, type, header.chunkFlags(packet, chunk))
      if (how === 'any' && fits) return 'found'
      if (how === 'only' && !fits) return 'missing'
      if (fits) missing.delete(type)
    }
    chunk += (length + 3) & ~3
    if (chunk >= packet.endOffset) break
  }
  return how === 'only' || (how === 'all' && missing.size === 0) ? 'found' : 'missing'
}

const allTypes: readonly number[] = Array.from({ length: 256 }, (_, type) => type)

function flagsFit(tests: readonly ChunkFlags[], type: number, flags: number): boolean {
  const test = tests.find((each) => each.type === type)
  return test === undefined || (flags & test.mask) === test.set
}
