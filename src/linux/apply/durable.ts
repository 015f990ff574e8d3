/** Files and folders that are whole after a crash: written beside, brought to the disk, renamed. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

function syncFolder(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Mode of files: rules and addresses are nobody else's business. */
const fileMode = 0o600

function writeBeside(path: string, text: string): string {
  const beside = `${path}.${process.pid}.new`
  const file = openSync(beside, 'w', fileMode)
  try {
    let rest = Buffer.from(text)
    while (rest.length > 0) rest = rest.subarray(writeSync(file, rest))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return beside
}

/** Replaces a file: whoever reads it sees the old text or the new one, also after the power failed. */
export function writeDurably(path: string, text: string): void {
  renameSync(writeBeside(path, text), path)
  syncFolder(dirname(path))
}

/** Makes a file that was not there, whole at once. False where somebody else made it before. */
export function createDurably(path: string, text: string): boolean {
  const beside = writeBeside(path, text)
  try {
    linkSync(beside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(beside, { force: true })
  }
  syncFolder(dirname(path))
  return true
}

export const makeFolder = (path: string): void => void mkdirSync(path, { recursive: true, mode: 0o700 })

/** Moves a folder to a place that is free. False where something is there. */
export function moveFolder(from: string, to: string): boolean {
  if (existsSync(to)) return false
  try {
    renameSync(from, to)
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
  syncFolder(dirname(to))
  if (dirname(from) !== dirname(to)) syncFolder(dirname(from))
  return true
}

/** The text of a file; null when there is none. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

export const jsonOf = <T>(path: string): T | null => {
  const text = textOf(path)
  return text === null ? null : (JSON.parse(text) as T)
}
