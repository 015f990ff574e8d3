/**
 * The guard as a process: jails at work, the socket that commands ask, what they answer.
 *
 * What a line means and who is banned is decided in `guard`; what touches the machine is in `linux`.
 */

export { VerbError } from '../../linux/control-socket.ts'
export { ask, defaultSocket } from './control.ts'
export { DryRun, type DryRunResult } from './dry-run.ts'
export { answersLike, fail2banClient } from './fail2ban-client.ts'
export { GuardLog, gathered, type Level, localSeconds, logToFile } from './guard-log.ts'
export { failedText, GuardProcess, openGuardStore } from './guard-process.ts'
export { carryOut, type JailStatus, type VerbContext } from './verbs.ts'
