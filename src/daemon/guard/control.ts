/** The guard's socket, and how it is asked. */
import * as socket from '../../linux/control-socket.ts'

export const defaultSocket = '/run/postern/guard.sock'

export const listen = (
  path: string,
  carryOut: (words: readonly string[]) => Promise<unknown>,
): Promise<() => Promise<void>> => socket.listen(path, 'guard', carryOut)

/** Throws `UnavailableError` when no guard answers, `VerbError` when it refuses. */
export const ask = (path: string, words: readonly string[]): Promise<unknown> =>
  socket.ask(path, words, { who: 'guard', hint: 'postern guard run   (as root)' })
