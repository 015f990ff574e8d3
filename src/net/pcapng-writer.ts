/** pcapng files, written: one section, nanoseconds, interfaces described as they turn up. */
import type { CaptureInterface, CaptureRecord, CaptureWriter } from './capture-record.ts'
import { blockTypes, byteOrderMagic, options, roundUp4 } from './pcapng.ts'

export interface PcapngOptions {
  /** Program that wrote the file (`shb_userappl`). */
  readonly application?: string
  /** Default little endian. */
  readonly bigEndian?: boolean
}

/**
 * Writes pcapng. Interfaces that agree in everything become one. Times before 1970 and after 2554 become the
 * nearest that fit; comments and names are cut at 65535 bytes.
 */
export class PcapngWriter implements CaptureWriter {
  readonly #block: Block
  readonly #application: string | null
  /** Numbers given so far, by everything that tells interfaces apart. */
  readonly #numbers = new Map<string, number>()
  /** The interface of the record before, which is mostly that of the next. */
  #lastInterface: CaptureInterface | null = null
  #lastNumber = 0

  constructor({ application, bigEndian = false }: PcapngOptions = {}) {
    this.#block = new Block(!bigEndian)
    this.#application = application ?? null
  }

  header(): Uint8Array {
    const block = this.#block.begin(blockTypes.section)
    block.u32(byteOrderMagic)
    block.u16(1)
    block.u16(0)
    // Section length -1: not said.
    block.u32(0xffffffff)
    block.u32(0xffffffff)
    if (this.#application !== null) block.text(options.sectionApplication, this.#application)
    return block.finish()
  }

  /** The record's block, behind the description of its interface where that is new. */
  record(record: CaptureRecord): Uint8Array {
    if (record.interface === this.#lastInterface) return this.#packet(record, this.#lastNumber)
    const key = JSON.stringify(describe(record.interface))
    const known = this.#numbers.get(key)
    this.#lastInterface = record.interface
    this.#lastNumber = known ?? this.#numbers.size
    if (known !== undefined) return this.#packet(record, known)
    this.#numbers.set(key, this.#lastNumber)
    return concatenate([this.#describe(record.interface), this.#packet(record, this.#lastNumber)])
  }

  #describe({ name, description, linkType, snapLength }: CaptureInterface): Uint8Array {
    const block = this.#block.begin(blockTypes.interface)
    block.u16(linkType)
    block.u16(0)
    block.u32(snapLength)
    if (name !== null) block.text(options.interfaceName, name)
    if (description !== null) block.text(options.interfaceDescription, description)
    block.option(options.interfaceTimeResolution, Uint8Array.of(9))
    return block.finish()
  }

  #packet(
    { timestampNs, bytes, originalLength, direction, comment }: CaptureRecord,
    number: number,
  ): Uint8Array {
    const time = timestampNs < 0n ? 0n : timestampNs < latestNs ? timestampNs : latestNs
    const block = this.#block.begin(blockTypes.enhancedPacket)
    block.u32(number)
    block.u32(Number(time >> 32n))
    block.u32(Number(time & 0xffffffffn))
    block.u32(bytes.length)
    block.u32(originalLength)
    block.padded(bytes)
    if (comment !== null) block.text(options.comment, comment)
    if (direction !== null) block.number(options.packetFlags, direction === 'in' ? 1 : 2)
    return block.finish()
  }
}

const latestNs = 2n ** 64n - 1n

const describe = ({ name, description, linkType, snapLength }: CaptureInterface) => [
  name,
  description,
  linkType,
  snapLength,
]

const utf8 = new TextEncoder()

/** A block under construction; its memory serves one block after the other. */
class Block {
  readonly #little: boolean
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  #hasOptions = false

  constructor(little: boolean) {
    this.#little = little
  }

  begin(type: number): this {
    this.#view.setUint32(0, type, this.#little)
    this.#length = 8
    this.#hasOptions = false
    return this
  }

  u16(value: number): void {
    this.#reserve(2)
    this.#view.setUint16(this.#length, value, this.#little)
    this.#length += 2
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value, this.#little)
    this.#length += 4
  }

  /** Bytes, then zeros up to the next multiple of four. */
  padded(bytes: Uint8Array): void {
    const end = this.#length + roundUp4(bytes.length)
    this.#reserve(end - this.#length)
    this.#bytes.set(bytes, this.#length)
    this.#bytes.fill(0, this.#length + bytes.length, end)
    this.#length = end
  }

  option(code: number, value: Uint8Array): void {
    this.u16(code)
    this.u16(value.length)
    this.padded(value)
    this.#hasOptions = true
  }

  text(code: number, text: string): void {
    this.option(code, cutText(utf8.encode(text)))
  }

  number(code: number, value: number): void {
    this.u16(code)
    this.u16(4)
    this.u32(value)
    this.#hasOptions = true
  }

  finish(): Uint8Array {
    if (this.#hasOptions) this.u32(options.end)
    const length = this.#length + 4
    this.u32(length)
    this.#view.setUint32(4, length, this.#little)
    return this.#bytes.slice(0, length)
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** At most 65535 bytes, no character torn apart. */
function cutText(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= 0xffff) return bytes
  let end = 0xffff
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
