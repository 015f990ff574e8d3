/** Every command, in the order in which `--help` lists them. */
import { check } from './check.ts'
import type { Command } from './command.ts'
import { fmt } from './fmt.ts'
import { programCommands } from './programs.ts'
import { replay } from './replay.ts'
import { sh } from './sh.ts'
import { test } from './test.ts'
import { trace } from './trace.ts'

export const commands: readonly Command[] = [check, fmt, trace, test, replay, sh, ...programCommands]

/** Words that several commands begin with: `guard` of `guard config`. */
export const groups: readonly { readonly name: string; readonly summary: string }[] = [
  { name: 'guard', summary: 'log lines in, bans out: with fail2ban’s configuration or its own' },
]
