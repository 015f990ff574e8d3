/** What the programs do. */
import { runIpset } from '../ipset/program.ts'
import { type Answer, done, type Machine } from './answer.ts'
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
  program: Program,
  args: readonly string[],
  input: string | null,
  machine: Machine,
  date: string,
): Answer {
  switch (program.kind) {
    case 'command':
      return runIptables(args, program.family, machine)
    case 'save':
      return runSave(args, program.family, machine, date)
    case 'restore':
      return runRestore(args, input ?? '', program.family, machine)
    case 'sets':
      return machine.ipset === undefined ? done() : runIpset(args, input, machine.ipset)
  }
}
