/**
 * Netlink messages: building, sending, reading answers.
 *
 * Read first: RFC 3549 section 2, include/uapi/linux/netlink.h. Integers of netlink itself are in host order
 * (little endian here); those inside nf_tables attributes are in network order.
 */
import { type Libc, must, O_CLOEXEC, SystemCallError } from './_libc.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const headerBytes = 16
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_MULTI = 2
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12
export const NLM_F_REQUEST = 1
export const NLM_F_ACK = 4
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

export interface Message {
  readonly type: number
  readonly flags: number
  /** The family header and the attributes. */
  readonly payload: Uint8Array
}

/** One attribute, its value padded to four bytes. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const encoded = Buffer.alloc(4 + ((value.length + 3) & ~3))
  encoded.writeUInt16LE(4 + value.length, 0)
  encoded.writeUInt16LE(type, 2)
  encoded.set(value, 4)
  return encoded
}

export const nested = (type: number, ...children: readonly Uint8Array[]): Buffer =>
  attribute(type | NLA_F_NESTED, Buffer.concat(children))

export const text = (type: number, value: string): Buffer =>
  attribute(type, Buffer.from(`${value}\0`, 'latin1'))

/** A 32-bit number in network order, as nf_tables wants all of them. */
export function uint32be(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

export const number = (type: number, value: number): Buffer => attribute(type, uint32be(value))

export interface Attribute {
  readonly type: number
  readonly value: Buffer
}

/** The attributes standing side by side in some bytes. */
export function attributesOf(bytes: Buffer): Attribute[] {
  const found: Attribute[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 4 || at + length > bytes.length) break
    found.push({
      type: bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK,
      value: bytes.subarray(at + 4, at + length),
    })
    at += (length + 3) & ~3
  }
  return found
}

export const findAttribute = (attributes: readonly Attribute[], type: number): Buffer | null =>
  attributes.find((attribute) => attribute.type === type)?.value ?? null

/** A string attribute without its closing zero. */
export const textOf = (value: Buffer): string => value.toString('latin1').replace(/\0.*$/s, '')

const buffer = Buffer.alloc(1 << 17)

export class NetlinkSocket {
  readonly #libc: Libc
  readonly #descriptor: number
  #sequence = 0

  /** Opens a socket that talks to the namespace the thread is in, and keeps doing so wherever it goes. */
  constructor(libc: Libc, protocol: number) {
    this.#libc = libc
    this.#descriptor = must(libc.socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC, protocol), 'open a netlink socket')
    // struct sockaddr_nl: the family, padding, a port that the kernel picks, no groups.
    const address = Buffer.alloc(12)
    address.writeUInt16LE(AF_NETLINK, 0)
    must(libc.bind(this.#descriptor, address), 'bind a netlink socket')
  }

  /** Sends messages in one go and waits for an acknowledgement of each that asks for one. */
  request(messages: readonly Message[], what: string): void {
    this.#send(messages, what)
    let awaited = messages.filter((message) => message.flags & NLM_F_ACK).length
    while (awaited > 0) {
      for (const answer of this.#receive(what)) {
        if (answer.type !== NLMSG_ERROR) continue
        throwIfRefused(answer.payload, what)
        awaited--
      }
    }
  }

  /** Payloads of all messages that answer a request for a list. */
  dump(message: Message, what: string): Buffer[] {
    this.#send([{ ...message, flags: message.flags | NLM_F_REQUEST | NLM_F_DUMP }], what)
    const payloads: Buffer[] = []
    for (;;) {
      for (const answer of this.#receive(what)) {
        if (answer.type === NLMSG_DONE) return payloads
        if (answer.type === NLMSG_ERROR) throwIfRefused(answer.payload, what)
        else payloads.push(Buffer.from(answer.payload))
        if ((answer.flags & NLM_F_MULTI) === 0) return payloads
      }
    }
  }

  #send(messages: readonly Message[], what: string): void {
    const encoded = messages.map(({ type, flags, payload }) => {
      const padded = Buffer.alloc(headerBytes + ((payload.length + 3) & ~3))
      padded.writeUInt32LE(headerBytes + payload.length, 0)
      padded.writeUInt16LE(type, 4)
      padded.writeUInt16LE(flags | NLM_F_REQUEST, 6)
      padded.writeUInt32LE(++this.#sequence, 8)
      padded.set(payload, headerBytes)
      return padded
    })
    must(this.#libc.sendto(this.#descriptor, Buffer.concat(encoded), 0, null), what)
  }

  #receive(what: string): { type: number; flags: number; payload: Buffer }[] {
    const length = must(this.#libc.recv(this.#descriptor, buffer, 0), what)
    const answers = []
    for (let at = 0; at + headerBytes <= length; ) {
      const size = buffer.readUInt32LE(at)
      if (size < headerBytes) break
      answers.push({
        type: buffer.readUInt16LE(at + 4),
        flags: buffer.readUInt16LE(at + 6),
        payload: buffer.subarray(at + headerBytes, Math.min(at + size, length)),
      })
      at += (size + 3) & ~3
    }
    return answers
  }

  close(): void {
    this.#libc.close(this.#descriptor)
  }
}

function throwIfRefused(payload: Buffer, what: string): void {
  const errno = -payload.readInt32LE(0)
  if (errno !== 0) throw new SystemCallError(what, errno)
}
