/** One file by HTTP: asked for only if it is another than the one that is kept, bounded in time and size. */
import { setTimeout as pause } from 'node:timers/promises'

export interface Validators {
  readonly etag: string | null
  readonly modified: string | null
}

export type Downloaded =
  | { readonly kind: 'same' }
  /** The server has none: 404 or 410. */
  | { readonly kind: 'none' }
  | { readonly kind: 'new'; readonly bytes: Uint8Array; readonly validators: Validators }

export interface DownloadLimits {
  /** For the whole of one try. */
  readonly timeoutMs: number
  readonly maximumBytes: number
  /** Tries behind the first. */
  readonly retries: number
}

/** A failure that another try may not have. */
class Passing extends Error {}

const firstPauseMs = 500

/** Throws an Error that says what was wrong with the last try. */
export async function download(
  url: string,
  known: Validators | null,
  limits: DownloadLimits,
): Promise<Downloaded> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await downloadOnce(url, known, limits)
    } catch (error) {
      if (!(error instanceof Passing) || attempt >= limits.retries) throw error
      await pause(firstPauseMs * 2 ** attempt)
    }
  }
}

async function downloadOnce(
  url: string,
  known: Validators | null,
  { timeoutMs, maximumBytes }: DownloadLimits,
): Promise<Downloaded> {
  const headers: Record<string, string> = { 'user-agent': 'postern' }
  if (known?.etag) headers['if-none-match'] = known.etag
  if (known?.modified) headers['if-modified-since'] = known.modified
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, { headers, signal })
    const { status } = response
    if (status !== 200) {
      await response.body?.cancel()
      if (status === 304 && known !== null) return { kind: 'same' }
      if (status === 404 || status === 410) return { kind: 'none' }
      const message = `${url}: the server answered ${status}`
      throw status >= 500 || status === 429 ? new Passing(message) : new Error(message)
    }
    const bytes = await readBody(response, maximumBytes, url)
    return {
      kind: 'new',
      bytes,
      validators: { etag: response.headers.get('etag'), modified: response.headers.get('last-modified') },
    }
  } catch (error) {
    if (signal.aborted) throw new Passing(`${url}: not there after ${timeoutMs / 1000} s`)
    if (error instanceof TypeError) {
      const cause = error.cause as Error | undefined
      throw new Passing(`${url}: ${cause?.message || error.message}`)
    }
    throw error
  }
}

/** What is longer than the limit is left alone as soon as it is. */
async function readBody(response: Response, maximumBytes: number, url: string): Promise<Uint8Array> {
  const tooLarge = () => new Error(`${url}: larger than ${maximumBytes} bytes`)
  if (Number(response.headers.get('content-length') ?? 0) > maximumBytes) {
    await response.body?.cancel()
    throw tooLarge()
  }
  const parts: Uint8Array[] = []
  let length = 0
  // Leaving the loop cancels the stream.
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > maximumBytes) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts)
}
