/**
 * The guard as a process: jails at work, the socket that commands ask, what they answer.
 *
 * What a line means and who is banned is decided in `guard`; what touches the machine is in `linux`.
 */
export { ask, defaultSocket, listen } from './control.ts'
export { DryRun, type DryRunResult } from './dry-run.ts'
export { answersLike, fail2banClient } from './fail2ban-client.ts'
export { Guard } from './guard.ts'
export { GuardLog, gathered, type Level, localSeconds, logToFile } from './guard-log.ts'
export type { Services } from './services.ts'
export { keepHeapSmall } from './small-heap.ts'
export { VerbError } from './verb-error.ts'
export { carryOut, type JailStatus, type VerbContext } from './verbs.ts'
