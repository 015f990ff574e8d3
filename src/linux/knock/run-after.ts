/** Runs the command that was knocked for, as if it had been called itself. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** Its exit status; 128 and the signal's number when a signal ended it, 127 when there is no such command, as in a shell. */
export function runAfter([program, ...args]: readonly [string, ...string[]]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' })
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(127)
      else if (error.code === 'EACCES') resolve(126)
      else reject(error)
    })
    child.on('close', (status, signal) =>
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  })
}
