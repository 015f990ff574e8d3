/** Opens what is followed: plain files, and compressed ones that were left behind. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Content } from './position.ts'

/** Bytes of the largest compressed log that is read for what was missed. */
const largestUnpacked = 1 << 29

/** Opens a plain file; null where there is none (any more) or it is no file. */
export function openFile(path: string): Content | null {
  try {
    // A FIFO of that name would wait for its writer.
    if (!statSync(path).isFile()) return null
    const file = openSync(path, 'r')
    const { dev, ino } = fstatSync(file, { bigint: true })
    return {
      device: `${dev}`,
      inode: `${ino}`,
      size: () => fstatSync(file).size,
      read: (offset, length, into) => readAt(file, offset, length, into),
      close: () => closeSync(file),
    }
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

function readAt(
  file: number,
  offset: number,
  length: number,
  bytes: Buffer = Buffer.allocUnsafe(length),
): Buffer {
  let count = 0
  while (count < length) {
    const read = readSync(file, bytes, count, length - count, offset + count)
    if (read === 0) break
    count += read
  }
  return bytes.subarray(0, count)
}

/** Unpacks a gzip file; null where it is gone, damaged or too large. */
export function openCompressed(path: string): Content | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    const bytes = gunzipSync(readFileSync(path), { maxOutputLength: largestUnpacked })
    return {
      device: `${dev}`,
      inode: `${ino}`,
      size: () => bytes.length,
      read: (offset, length) => bytes.subarray(offset, offset + length),
      close: () => {},
    }
  } catch {
    return null
  }
}

/** Whether an error means that the file is not there, or not for us. */
export const isGone = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')
