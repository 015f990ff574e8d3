/** Files that several processes write: replaced as a whole, one writer at a time. */
import { promises, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Replaces a file as a whole: written beside it, brought to the disk, renamed. Keeps its mode; `newMode` is for
 * one that was not there. Throws as node:fs does.
 */
export async function replaceFile(path: string, data: Uint8Array, newMode = 0o644): Promise<void> {
  const beside = `${path}.${process.pid}.new`
  const mode = await promises.stat(path).then(
    (before) => before.mode & 0o7777,
    () => null,
  )
  try {
    const file = await promises.open(beside, 'w', newMode)
    try {
      await file.writeFile(data)
      if (mode !== null) await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await promises.rename(beside, path)
  } catch (error) {
    await promises.rm(beside, { force: true })
    throw error
  }
}

/** How long to wait between two tries for a lock. */
const retryMs = 3

/**
 * Runs an action while no other process holds the lock of that file.
 *
 * The lock is a name in the kernel's abstract socket namespace (unix(7)): it goes with the process that holds it,
 * however that ends, and leaves nothing behind. It is as wide as a network namespace. The folder must exist.
 */
export async function exclusively<T>(path: string, action: () => Promise<T>): Promise<T> {
  for (;;) {
    const release = await tryLock(path)
    if (release === null) {
      await new Promise((resolve) => setTimeout(resolve, retryMs + Math.random() * retryMs))
      continue
    }
    try {
      return await action()
    } finally {
      await release()
    }
  }
}

/** Takes the lock of `exclusively` and returns what gives it back; null while another process holds it. */
export async function tryLock(path: string): Promise<(() => Promise<void>) | null> {
  const real = join(realpathSync(dirname(path)), basename(path))
  const name = `\0postern-${hashOf(real)}`
  const { createServer } = await import('node:net')
  const server = createServer((socket) => socket.destroy())
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(name, resolve)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
  return () => new Promise((resolve) => server.close(() => resolve()))
}

/** FNV-1a, 64 bits, in hexadecimal. Where two paths have the same, they wait for each other without need. */
function hashOf(path: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(path)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return hash.toString(16).padStart(16, '0')
}
