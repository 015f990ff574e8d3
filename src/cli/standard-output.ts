/**
 * Standard output and standard error without Node's streams, which take longer to load than many a command runs. Only a
 * terminal has its stream, for it knows its width.
 */
import { fstatSync, writeSync } from 'node:fs'

export interface Output {
  readonly isTerminal: boolean
  /** Characters in a line of the terminal; null where it is none, or does not say. */
  readonly columns: number | null
  /** Lines of the terminal; null where it is none, or does not say. */
  readonly rows: number | null
  /** Returns when all of it is written, or somebody else's to write (a terminal's). */
  write(data: Uint8Array | string): void
}

/** `descriptor` is 1 or 2. */
export function standardOutput(descriptor: 1 | 2): Output {
  if (!mayBeTerminal(descriptor)) {
    return {
      isTerminal: false,
      columns: null,
      rows: null,
      write: (data) => writeAll(descriptor, typeof data === 'string' ? Buffer.from(data) : data),
    }
  }
  const stream = descriptor === 1 ? process.stdout : process.stderr
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    // The terminal is gone. What is said goes nowhere, and SIGHUP says what is to be done.
    if (error.code !== 'EIO') throw error
  })
  return {
    isTerminal: stream.isTTY === true,
    // Windows change their size. One that is told of none has 0.
    get columns() {
      return stream.columns || null
    },
    get rows() {
      return stream.rows || null
    },
    write: (data) => void stream.write(data),
  }
}

/** Major number of /dev/null and its kin. Source: Linux, Documentation/admin-guide/devices.txt. */
const memoryDevices = 1

function mayBeTerminal(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor)
    return stat.isCharacterDevice() && stat.rdev >> 8 !== memoryDevices
  } catch {
    return false
  }
}

/** Milliseconds to wait for a reader whose pipe is full. */
const pauseMs = 2

function writeAll(descriptor: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(descriptor, data, done)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A closed pipe (`postern ... | head`) is the reader's choice, not an error.
      if (code === 'EPIPE') process.exit(0)
      // A pipe that somebody made non-blocking, whose reader is slow.
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}
