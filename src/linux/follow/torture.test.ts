/** Everything that happens to logs, in random order, with restarts of the reader: no line is lost, none comes twice. */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FileFollower, lateMs } from './file-follower.ts'
import { decoderOf } from './lines.ts'
import type { FilePosition } from './position.ts'

/** What may happen; `read` a little, `drain` all there is, `restart` from the saved positions. */
const deeds = [
  'write',
  'write',
  'write',
  'part',
  'read',
  'drain',
  'restart',
  'rename',
  'truncate',
  'delete',
  'compress',
  'late',
  'wait',
] as const
type Deed = (typeof deeds)[number]

/** A log, its writer and its reader. */
class Theatre {
  readonly folder = mkdtempSync(join(tmpdir(), 'postern-follow-'))
  readonly log: string
  #written = 0
  #nowMs = 1_000_000
  #saved: readonly FilePosition[] = []
  #reader: FileFollower
  readonly read: string[] = []
  /** The writer is in the middle of a line. */
  #part = false
  /** A descriptor of the file that was renamed, as a daemon keeps it until it is told. */
  #late: number | null = null

  constructor(isLinked: boolean) {
    this.log = join(this.folder, isLinked ? 'current' : 'auth.log')
    if (isLinked) symlinkSync('auth.log', this.log)
    writeFileSync(this.#real, '')
    this.#reader = this.#open()
    this.#take()
  }

  get #real(): string {
    return join(this.folder, 'auth.log')
  }

  get #exists(): boolean {
    return existsSync(this.#real)
  }

  expected(): string[] {
    return Array.from({ length: this.#written }, (_, at) => `line ${at}`)
  }

  do(deed: Deed): void {
    switch (deed) {
      case 'write':
        for (let count = 0; count < 3; count++) this.#write()
        return
      case 'part':
        if (!this.#part) appendFileSync(this.#real, `line ${this.#written}`.slice(0, 4))
        this.#part = true
        return
      case 'read':
        this.#take()
        return
      case 'drain':
        while (this.#take());
        return
      case 'restart':
        this.#reader.close()
        this.#reader = this.#open()
        this.#take()
        return
      case 'rename':
        if (this.#part || !this.#exists) return
        this.#shift()
        this.#closeLate()
        this.#late = openSync(this.#real, 'a')
        renameSync(this.#real, `${this.#real}.1`)
        writeFileSync(this.#real, '')
        return
      case 'truncate':
        if (this.#part || !this.#exists || statSync(this.#real).size === 0) return
        // What is written and truncated before anybody looks at the file a first time leaves no trace to go by.
        while (this.#take());
        this.#write()
        this.#shift()
        this.#closeLate()
        copyFileSync(this.#real, `${this.#real}.1`)
        truncateSync(this.#real)
        return
      case 'delete':
        // What a deleted file held is there for those who have it open.
        if (this.#part || !this.#exists) return
        while (this.#take());
        this.#write()
        unlinkSync(this.#real)
        this.#take()
        this.#write()
        while (this.#take());
        return
      case 'compress': {
        const oldest = [3, 2].map((number) => `${this.#real}.${number}`).find((path) => existsSync(path))
        if (oldest === undefined) return
        const { atimeMs, mtimeMs } = statSync(oldest)
        writeFileSync(`${oldest}.gz`, gzipSync(readFileSync(oldest)))
        // gzip keeps the time to the nanosecond; here it may only be rounded up.
        utimesSync(`${oldest}.gz`, atimeMs / 1000, Math.ceil(mtimeMs) / 1000)
        unlinkSync(oldest)
        return
      }
      case 'late':
        if (this.#late === null || this.#part) return
        writeSync(this.#late, `line ${this.#written++}\n`)
        return
      case 'wait':
        // Late lines have come by then.
        while (this.#take());
        this.#closeLate()
        this.#nowMs += lateMs
        while (this.#take());
        return
    }
  }

  end(): void {
    this.#write()
    while (this.#take());
    this.#nowMs += lateMs
    while (this.#take());
    this.#closeLate()
    this.#reader.close()
    rmSync(this.folder, { recursive: true })
  }

  #write(): void {
    const line = `line ${this.#written++}\n`
    appendFileSync(this.#real, this.#part ? line.slice(4) : line)
    this.#part = false
  }

  #take(): boolean {
    const batch = this.#reader.poll(this.#nowMs)
    this.#saved = JSON.parse(JSON.stringify(batch?.positions ?? this.#reader.positions()))
    this.read.push(...(batch?.lines ?? []))
    return batch !== null
  }

  #open(): FileFollower {
    const decode = decoderOf('auto')!
    return new FileFollower(this.log, { decode, positions: this.#saved, from: 'head' })
  }

  #closeLate(): void {
    if (this.#late !== null) closeSync(this.#late)
    this.#late = null
  }

  #shift(): void {
    for (const number of [8, 7, 6, 5, 4, 3, 2, 1])
      for (const end of ['', '.gz']) {
        const path = `${this.#real}.${number}${end}`
        if (existsSync(path)) renameSync(path, `${this.#real}.${number + 1}${end}`)
      }
  }
}

const inOrder = (lines: readonly string[]): string[] =>
  [...lines].sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))

describe('following a log', () => {
  it('loses no line and gives none twice, whatever happens to it', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.constantFrom(...deeds), { minLength: 5, maxLength: 40 }),
        (isLinked, story) => {
          const theatre = new Theatre(isLinked)
          for (const deed of story) theatre.do(deed)
          theatre.end()
          expect(inOrder(theatre.read)).toEqual(theatre.expected())
        },
      ),
      {
        numRuns: 100 * Number(process.env.FUZZ_FACTOR ?? 1),
      },
    )
  })
})
