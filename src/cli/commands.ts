/** Every command, in the order in which `--help` lists them. */
import type { Command } from './command.ts'
import { replay } from './replay.ts'
import { test } from './test.ts'
import { trace } from './trace.ts'

export const commands: readonly Command[] = [trace, test, replay]
