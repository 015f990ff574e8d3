/** One line on stderr that rewrites itself while long work runs; nothing where stderr is no terminal. */
import type { Environment } from './environment.ts'

const intervalMs = 200

export interface Progress {
  /** Rewrites the line, at most five times a second; the text is only made when it is shown. */
  show(text: () => string): void
  clear(): void
}

export function progressOf({ interactive, stderr, nowMs }: Environment): Progress {
  let shownMs = nowMs()
  let visible = false
  return {
    show(text) {
      if (!interactive || nowMs() - shownMs < intervalMs) return
      shownMs = nowMs()
      visible = true
      stderr(`\r\x1b[K${text()}`)
    },
    clear() {
      if (visible) stderr('\r\x1b[K')
      visible = false
    },
  }
}
