/** Builds pcap and pcapng bytes by hand, also impossible ones, in either byte order. */
import { bigEndian, littleEndian } from '../capture-record.ts'
import { concatenate } from '../pcapng-writer.ts'

export class Blocks {
  readonly #little: boolean

  constructor(order: 'little' | 'big' = 'little') {
    this.#little = order === 'little'
  }

  u16(...values: number[]): Uint8Array {
    const bytes = new Uint8Array(values.length * 2)
    const view = new DataView(bytes.buffer)
    for (const [at, value] of values.entries()) view.setUint16(at * 2, value, this.#little)
    return bytes
  }

  u32(...values: number[]): Uint8Array {
    const bytes = new Uint8Array(values.length * 4)
    const view = new DataView(bytes.buffer)
    for (const [at, value] of values.entries()) view.setUint32(at * 4, value, this.#little)
    return bytes
  }

  u64(value: bigint): Uint8Array {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigInt64(0, value, this.#little)
    return bytes
  }

  block(type: number, ...body: Uint8Array[]): Uint8Array {
    const whole = concatenate(body)
    const length = Math.ceil(whole.length / 4) * 4 + 12
    const padding = new Uint8Array(length - 12 - whole.length)
    return concatenate([this.u32(type, length), whole, padding, this.u32(length)])
  }

  option(code: number, value: Uint8Array): Uint8Array {
    return concatenate([this.u16(code, value.length), value, new Uint8Array(-value.length & 3)])
  }

  text(code: number, text: string): Uint8Array {
    return this.option(code, new TextEncoder().encode(text))
  }

  section(major = 1): Uint8Array {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(major, 0), this.u32(0xffffffff, 0xffffffff))
  }

  interface(linkType: number, snapLength: number, ...options: Uint8Array[]): Uint8Array {
    return this.block(1, this.u16(linkType, 0), this.u32(snapLength), ...options)
  }

  /** An enhanced packet block. */
  packet(interfaceNumber: number, ticks: bigint, bytes: Uint8Array, ...options: Uint8Array[]): Uint8Array {
    const high = Number(ticks >> 32n)
    const low = Number(ticks & 0xffffffffn)
    const padding = new Uint8Array(-bytes.length & 3)
    const fixed = this.u32(interfaceNumber, high, low, bytes.length, bytes.length)
    return this.block(6, fixed, bytes, padding, ...options)
  }

  pcapHeader(magic: number, linkType = 1, snapLength = 65535, major = 2): Uint8Array {
    return concatenate([this.u32(magic), this.u16(major, 4), this.u32(0, 0, snapLength, linkType)])
  }

  pcapRecord(
    seconds: number,
    fraction: number,
    bytes: Uint8Array,
    originalLength = bytes.length,
  ): Uint8Array {
    return concatenate([this.u32(seconds, fraction, bytes.length, originalLength), bytes])
  }

  /** Overwrites the 32-bit word at `at`. */
  patch(bytes: Uint8Array, at: number, value: number): Uint8Array {
    const copy = bytes.slice()
    copy.set(this.u32(value), at < 0 ? copy.length + at : at)
    return copy
  }

  get order() {
    return this.#little ? littleEndian : bigEndian
  }
}
