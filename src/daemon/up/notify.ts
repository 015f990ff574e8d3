/** Tells systemd how it goes (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names. */
import { loadLibc } from '../../linux/_libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000

export interface Notifier {
  /** `READY=1`, `STATUS=...`. */
  tell(...lines: readonly string[]): void
  /** Ends the watchdog's heartbeat. */
  stop(): void
}

const nobody: Notifier = { tell() {}, stop() {} }

/**
 * Nothing is told where nobody listens. Where a watchdog waits (WATCHDOG_USEC), it hears from us twice as often as it
 * must, as long as the event loop turns.
 */
export async function notifier(variable: (name: string) => string | undefined): Promise<Notifier> {
  const path = variable('NOTIFY_SOCKET')
  if (path === undefined || path === '') return nobody
  const libc = await loadLibc().catch(() => null)
  if (libc === null) return nobody
  const address = addressOf(path)
  const tell = (...lines: readonly string[]): void => {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    if (fd < 0) return
    libc.sendto(fd, new TextEncoder().encode(lines.join('\n')), 0, address)
    libc.close(fd)
  }
  const watchdogUs = Number(variable('WATCHDOG_USEC') ?? 0)
  const beat = watchdogUs > 0 ? setInterval(() => tell('WATCHDOG=1'), watchdogUs / 2000) : undefined
  // It is no reason to stay: a daemon that cannot begin has to end, not to sit there with a heart that beats.
  beat?.unref()
  return { tell, stop: () => clearInterval(beat) }
}

/** struct sockaddr_un; a leading `@` stands for the abstract namespace. */
function addressOf(path: string): Uint8Array {
  const name = new TextEncoder().encode(path)
  if (name[0] === '@'.charCodeAt(0)) name[0] = 0
  const address = new Uint8Array(2 + name.length + (name[0] === 0 ? 0 : 1))
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(name, 2)
  return address
}
