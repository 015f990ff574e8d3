/**
 * A TAP device: what is written to it arrives on the interface, what leaves by the interface is read from it.
 *
 * Writing runs the receive path inside the system call, up to and including whatever the stack sends in answer, so
 * a caller that has written can read all frames at once. Source: tun_get_user() in drivers/net/tun.c, Linux 6.18.
 */
import { EAGAIN, type Libc, must, O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../_libc.ts'

const TUNSETIFF = 0x400454ca
const TUNSETIFINDEX = 0x400454da
const IFF_TAP = 0x0002
const IFF_NO_PI = 0x1000
/** sizeof(struct ifreq) */
const ifreqBytes = 40
const largestFrame = 65536 + 64

const buffer = Buffer.alloc(largestFrame)

export class Tap {
  readonly name: string
  readonly #libc: Libc
  readonly #descriptor: number

  /** Creates the device in the namespace that the thread is in. */
  constructor(libc: Libc, name: string, index: number) {
    this.name = name
    this.#libc = libc
    this.#descriptor = must(libc.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC), 'open /dev/net/tun')
    const wanted = Buffer.alloc(4)
    wanted.writeUInt32LE(index)
    must(libc.ioctl(this.#descriptor, TUNSETIFINDEX, wanted), 'number a TAP device')
    const request = Buffer.alloc(ifreqBytes)
    request.write(name, 'latin1')
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI, 16)
    must(libc.ioctl(this.#descriptor, TUNSETIFF, request), `make the TAP device ${name}`)
  }

  /** Lets a frame arrive. False when the device refuses it (shorter than an Ethernet header). */
  write(frame: Uint8Array): boolean {
    return this.#libc.write(this.#descriptor, frame) >= 0
  }

  /** Every frame that left since the last call. */
  readAll(): Uint8Array[] {
    const frames: Uint8Array[] = []
    for (;;) {
      const length = this.#libc.read(this.#descriptor, buffer)
      if (length === -EAGAIN) return frames
      must(length, `read from ${this.name}`)
      frames.push(Uint8Array.from(buffer.subarray(0, length)))
    }
  }

  /** Takes some 40 ms, spent elsewhere. */
  close(): Promise<void> {
    return this.#libc.closeElsewhere(this.#descriptor)
  }
}
