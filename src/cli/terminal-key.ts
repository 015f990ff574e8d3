/** Keys as they are pressed at the terminal. */

/** What was typed before a question was asked is no answer to it. */
const deafMs = 200

const ignore = (): void => {}

/** The terminal gives keys one by one meanwhile, Ctrl-C among them. Null where there is none, or it goes. */
export function readKey(signal: AbortSignal): Promise<string | null> {
  const { stdin } = process
  if (!stdin.isTTY) return Promise.resolve(null)
  return new Promise((resolve) => {
    const since = performance.now()
    const finish = (key: string | null): void => {
      stdin.off('data', take).off('close', close).off('end', close).off('error', close)
      signal.removeEventListener('abort', close)
      // Of a terminal that is gone this is an error.
      stdin.on('error', ignore)
      stdin.setRawMode(false)
      stdin.off('error', ignore)
      stdin.pause()
      resolve(key)
    }
    const take = (data: Buffer): void => {
      const key = data.toString('latin1')
      if (key === '\u0003' || deafMs < performance.now() - since) finish(key)
    }
    const close = (): void => finish(null)
    stdin.setRawMode(true)
    stdin.on('data', take).on('close', close).on('end', close).on('error', close)
    signal.addEventListener('abort', close)
    stdin.resume()
    if (signal.aborted) close()
  })
}
