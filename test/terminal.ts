/** A program on a terminal of its own: util-linux's `script` makes the terminal, and tests type and read. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'

/** How to start a program; its standard streams are pipes. */
export type Start = (program: string, args: readonly string[]) => ChildProcess

const patienceMs = 30_000

export class Terminal {
  readonly #child: ChildProcess
  #bytes = ''
  /** Settles with the program's exit status; 129 when the terminal went before it. */
  readonly ended: Promise<number | null>

  constructor(start: Start, command: string, { rows = 24, columns = 120 } = {}) {
    this.#child = start('script', [
      '-qefc',
      `stty rows ${rows} cols ${columns}; exec env ${command}`,
      '/dev/null',
    ])
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (part: string) => {
        this.#bytes += part
      })
    this.#child.stdin!.on('error', () => {})
    this.ended = new Promise((resolve) => this.#child.on('close', resolve))
  }

  /** All that was shown so far; `␛` begins what the terminal is told, and `←` goes back to the begin of the line. */
  get shown(): string {
    return this.#bytes.replaceAll('\r\n', '\n').replaceAll('\r', '←').replaceAll('\u001b', '␛')
  }

  /** Keys are pressed. */
  type(keys: string): void {
    this.#child.stdin!.write(keys)
  }

  /** Waits until something is shown. */
  async sees(expected: string | RegExp): Promise<void> {
    const isThere = (): boolean =>
      typeof expected === 'string' ? this.shown.includes(expected) : expected.test(this.shown)
    for (let waitedMs = 0; !isThere(); waitedMs += 20) {
      if (waitedMs > patienceMs) throw new Error(`never shown: ${expected}; but: ${this.shown}`)
      await pause(20)
    }
  }

  /** The window is closed, and whatever holds it open with it. */
  close(): void {
    this.#child.kill('SIGKILL')
  }
}
