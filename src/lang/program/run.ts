/** The programs by name. */
import type { Family } from '../rule.ts'
import type { Answer, Machine } from './answer.ts'
import { runIptables } from './iptables.ts'
import { runRestore } from './restore.ts'
import { runSave } from './save.ts'

export interface Program {
  readonly name: string
  readonly family: Family
  readonly kind: 'command' | 'save' | 'restore'
}

/** Every program under its own name; `-legacy` and `-nft` of Debian's alternatives mean the same here. */
export const programs: readonly Program[] = (['ipv4', 'ipv6'] as const).flatMap((family) => {
  const name = family === 'ipv4' ? 'iptables' : 'ip6tables'
  return [
    { name, family, kind: 'command' },
    { name: `${name}-save`, family, kind: 'save' },
    { name: `${name}-restore`, family, kind: 'restore' },
  ]
})

/** The program that a name stands for; null for others. */
export const programNamed = (name: string): Program | null =>
  programs.find((program) => program.name === name.replace(/-(legacy|nft)(?=-|$)/, '')) ?? null

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
