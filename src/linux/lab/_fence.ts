/**
 * Makes sure that everything a step set in motion is over.
 *
 * A written frame is processed inside the write. Only packets that the host sends to itself go through a queue of
 * the processor, emptied before the write returns unless the machine is very busy. So a step stays on one processor,
 * and a last frame is sent through the same queue behind it: when that has come, all others have.
 */
import { EAGAIN, type Libc, must, O_CLOEXEC, O_NONBLOCK } from '../_libc.ts'

const AF_PACKET = 17
const SOCK_RAW = 3
/** An ethertype for local experiments (IEEE 802), so no stack looks at it. */
const fenceEtherType = 0x88b5
const loopbackIndex = 1
const maskBytes = 128
const patienceNs = 2_000_000_000n

const fenceFrame = Buffer.from(`${'00'.repeat(12)}${fenceEtherType.toString(16)}${'00'.repeat(46)}`, 'hex')
const received = Buffer.alloc(2048)

export class Fence {
  readonly #libc: Libc
  readonly #socket: number

  /** Preconditions: inside the namespace, `lo` up. */
  constructor(libc: Libc) {
    this.#libc = libc
    const protocol = ((fenceEtherType & 0xff) << 8) | (fenceEtherType >> 8)
    this.#socket = must(
      libc.socket(AF_PACKET, SOCK_RAW | O_CLOEXEC | O_NONBLOCK, protocol),
      'open a packet socket',
    )
    must(libc.bind(this.#socket, loopbackAddress()), 'bind a packet socket to lo')
  }

  /** Runs an action on one processor and returns when all its consequences are there. */
  around<T>(action: () => T): T {
    const release = stayOnProcessor(this.#libc)
    try {
      const result = action()
      this.#wait()
      return result
    } finally {
      release()
    }
  }

  #wait(): void {
    must(this.#libc.sendto(this.#socket, fenceFrame, 0, loopbackAddress()), 'send a fence frame')
    const until = process.hrtime.bigint() + patienceNs
    for (;;) {
      const length = this.#libc.recv(this.#socket, received, 0)
      if (length >= 0) return
      if (length !== -EAGAIN) must(length, 'receive the fence frame')
      if (process.hrtime.bigint() > until) throw new Error('the fence frame did not come back')
    }
  }

  close(): void {
    this.#libc.close(this.#socket)
  }
}

/** Keeps this thread on the processor that it is on; what comes back lets it go again. Does nothing where it stays already. */
export function stayOnProcessor(libc: Libc): () => void {
  const allowed = Buffer.alloc(maskBytes)
  must(libc.getaffinity(allowed), 'ask which processors may run this')
  if (isOneBit(allowed)) return () => {}
  const cpu = must(libc.currentCpu(), 'ask for the processor')
  const only = Buffer.alloc(maskBytes)
  only[cpu >> 3] = 1 << (cpu & 7)
  must(libc.setaffinity(only), 'stay on a processor')
  return () => libc.setaffinity(allowed)
}

function isOneBit(mask: Buffer): boolean {
  const used = mask.filter((byte) => byte !== 0)
  return used.length === 1 && (used[0]! & (used[0]! - 1)) === 0
}

/** struct sockaddr_ll of `lo`. */
function loopbackAddress(): Buffer {
  const address = Buffer.alloc(20)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(fenceEtherType, 2)
  address.writeInt32LE(loopbackIndex, 4)
  return address
}
