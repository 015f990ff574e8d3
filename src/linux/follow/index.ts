/**
 * Following logs: files through every kind of rotation, and the systemd journal.
 *
 * Lines come in batches, each with where reading stands after it, so that whoever saves that position together with
 * what the lines led to neither loses nor repeats a line. What lines mean is not here.
 */
export { beginAt } from './begin.ts'
export { type Batch, FileFollower, lateMs } from './file-follower.ts'
export { expandGlob } from './glob.ts'
export {
  followJournal,
  type JournalBatch,
  type JournalFollower,
  type JournalLine,
  journalLine,
} from './journal.ts'
export { type Decode, decoderOf, lineBlock } from './lines.ts'
export { LogFollower, type LogPattern } from './log-follower.ts'
export type { Content, FilePosition } from './position.ts'
