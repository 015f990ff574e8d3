/** What rotation may have made of a log: files beside it whose names begin with its own. */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isGone } from './content.ts'

/** What rotation puts behind a name: a number, a date, `.old`; and `.gz`. Other files beside a log are none of it. */
const rotatedEnd = /^(\.\d{1,4}|[-._]?\d{6,}([-._T]?\d+)*|\.(old|prev|last))(\.gz)?$/

export interface Sibling {
  readonly path: string
  readonly device: string
  readonly inode: string
  readonly modifiedNs: bigint
  readonly compressed: boolean
}

/** `auth.log.1`, `auth.log-20251121.gz` and their like, oldest first; also beside the file that a link leads to. */
export function siblingsOf(path: string): Sibling[] {
  const found = new Map<string, Sibling>()
  for (const beside of new Set([path, realPath(path)]))
    for (const sibling of listed(beside)) found.set(`${sibling.device}:${sibling.inode}`, sibling)
  return [...found.values()].sort((a, b) =>
    a.modifiedNs === b.modifiedNs ? byAge(a.path, b.path) : a.modifiedNs < b.modifiedNs ? -1 : 1,
  )
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function listed(path: string): Sibling[] {
  const name = basename(path)
  const folder = dirname(path)
  try {
    return readdirSync(folder)
      .filter(
        (other) => other !== name && other.startsWith(name) && rotatedEnd.test(other.slice(name.length)),
      )
      .flatMap((other) => stated(join(folder, other)))
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

function stated(path: string): Sibling[] {
  try {
    const stat = statSync(path, { bigint: true })
    if (!stat.isFile()) return []
    const { dev, ino, mtimeNs } = stat
    return [
      { path, device: `${dev}`, inode: `${ino}`, modifiedNs: mtimeNs, compressed: path.endsWith('.gz') },
    ]
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Of two written at the same moment, `log.2` is older than `log.1`, and an earlier date older than a later. */
function byAge(a: string, b: string): number {
  const [left, right] = [a, b].map((path) => /\.(\d{1,4})(\.gz)?$/.exec(path)?.[1])
  if (left !== undefined && right !== undefined) return Number(right) - Number(left)
  return a < b ? -1 : 1
}
