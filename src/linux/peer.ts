/** Who is at the other end of a local socket, as the kernel knows it (unix(7), SO_PEERCRED). */
import type { Socket } from 'node:net'
import { loadLibc } from './_libc.ts'

export interface Peer {
  readonly pid: number
  readonly uid: number
}

const SOL_SOCKET = 1
const SO_PEERCRED = 17

/** Answers null where the kernel does not tell. Throws `UnavailableError` where it cannot be asked. */
export async function peerReader(): Promise<(socket: Socket) => Peer | null> {
  const libc = await loadLibc()
  return (socket) => {
    const { _handle } = socket as unknown as { _handle?: { fd?: number } }
    const credentials = new Uint8Array(12)
    if (_handle?.fd === undefined || _handle.fd < 0) return null
    if (libc.getsockopt(_handle.fd, SOL_SOCKET, SO_PEERCRED, credentials) < 12) return null
    const view = new DataView(credentials.buffer)
    return { pid: view.getInt32(0, true), uid: view.getUint32(4, true) }
  }
}
