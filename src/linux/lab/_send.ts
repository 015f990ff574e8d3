/** Packets that the host itself sends: raw sockets with the IP header written by the caller. */

import type { LocalSocket } from '../../ext/context.ts'
import { type Libc, must, O_CLOEXEC } from '../_libc.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_RAW = 3
/** A raw socket of this protocol includes its headers, in both families. */
const IPPROTO_RAW = 255
const SOL_SOCKET = 1
const SO_BROADCAST = 6
const SO_MARK = 36

/**
 * Sends one IP packet, headers included, as the given user. IPv4: the kernel fills in the checksum, the total
 * length, and an id or source that is zero.
 *
 * Returns 0, or the errno by which the kernel refused it (EPERM: a rule dropped it), or null when the bytes are
 * no IP packet at all.
 */
export function sendRaw(libc: Libc, packet: Uint8Array, owner: LocalSocket, mark: number): number | null {
  const destination = socketAddress(packet)
  if (destination === null) return null
  const socket = openAs(libc, owner, destination.readUInt16LE(0))
  try {
    const one = Buffer.alloc(4)
    one.writeUInt32LE(1)
    must(libc.setsockopt(socket, SOL_SOCKET, SO_BROADCAST, one), 'allow broadcasts')
    if (mark !== 0) {
      const value = Buffer.alloc(4)
      value.writeUInt32LE(mark >>> 0)
      must(libc.setsockopt(socket, SOL_SOCKET, SO_MARK, value), 'mark a socket')
    }
    return Math.max(0, -libc.sendto(socket, packet, 0, destination))
  } finally {
    libc.close(socket)
  }
}

/** The socket's file belongs to whoever the file system sees this thread as; `owner` looks there. */
function openAs(libc: Libc, owner: LocalSocket, domain: number): number {
  const group = libc.setfsgid(owner.gid)
  const user = libc.setfsuid(owner.uid)
  try {
    return must(libc.socket(domain, SOCK_RAW | O_CLOEXEC, IPPROTO_RAW), 'open a raw socket')
  } finally {
    libc.setfsuid(user)
    libc.setfsgid(group)
  }
}

/** struct sockaddr_in or sockaddr_in6 of the packet's destination. */
function socketAddress(packet: Uint8Array): Buffer | null {
  const version = (packet[0] ?? 0) >> 4
  if (version === 4 && packet.length >= 20) {
    const address = Buffer.alloc(16)
    address.writeUInt16LE(AF_INET, 0)
    address.set(packet.subarray(16, 20), 4)
    return address
  }
  if (version === 6 && packet.length >= 40) {
    const address = Buffer.alloc(28)
    address.writeUInt16LE(AF_INET6, 0)
    address.set(packet.subarray(24, 40), 8)
    return address
  }
  return null
}
