/** What the programs do. */
import type { Answer, Machine } from './answer.ts'
import { runIptables } from './iptables.ts'
import type { Program } from './programs.ts'
import { runRestore } from './restore.ts'
import { runSave } from './save.ts'

export { type Program, programNamed, programs } from './programs.ts'

/**
 * Runs a program. `input` is what it reads from standard input, where it reads; `date` the time as ctime(3) prints
 * it, for the comments of `-save`.
 */
export function runProgram(
  { family, kind }: Program,
  args: readonly string[],
  input: string,
  machine: Machine,
  date: string,
): Answer {
  switch (kind) {
    case 'command':
      return runIptables(args, family, machine)
    case 'save':
      return runSave(args, family, machine, date)
    case 'restore':
      return runRestore(args, input, family, machine)
  }
}
