/** Files that several processes write: replaced as a whole, one writer at a time. */
import { createHash } from 'node:crypto'
import { open, realpath, rename, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Replaces a file as a whole: written beside it, brought to the disk, renamed. Keeps its mode. Throws as node:fs does.
 */
export async function replaceFile(path: string, data: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.new`
  const mode = await stat(path).then(
    (before) => before.mode & 0o7777,
    () => null,
  )
  try {
    const file = await open(beside, 'w', 0o644)
    try {
      await file.writeFile(data)
      if (mode !== null) await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
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
  const real = join(await realpath(dirname(path)), basename(path))
  const name = `\0postern-${createHash('sha256').update(real).digest('hex').slice(0, 32)}`
  const lock = await acquire(name)
  try {
    return await action()
  } finally {
    await new Promise((resolve) => lock.close(resolve))
  }
}

async function acquire(name: string): Promise<Server> {
  for (;;) {
    const server = createServer((socket) => socket.destroy())
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(name, resolve)
      })
      return server
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      await pause(retryMs + Math.random() * retryMs)
    }
  }
}
