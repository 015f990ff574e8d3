/**
 * Everything a command may touch: streams, files, terminal. Tests pass their own and call commands directly.
 */
export interface Environment {
  /** Answers. */
  stdout(text: string): void
  /** Progress and errors. */
  stderr(text: string): void
  /** Whole file; `-` is standard input. Throws an `Error` with `code` as node:fs does. */
  readFile(path: string): Promise<Uint8Array>
  /** A file in chunks, for captures larger than memory; `-` is standard input. */
  readChunks(path: string): AsyncIterable<Uint8Array>
  /** Creates a file, for output larger than memory. */
  createFile(path: string): Promise<FileSink>
  exists(path: string): boolean
  /** Replaces a file as a whole: whoever reads it meanwhile sees the old text or the new one. `newMode`: of one that was not there. */
  replaceFile(path: string, data: Uint8Array, newMode?: number): Promise<void>
  /** A line that is not shown while it is typed; without a terminal the next line of standard input. Null at its end. */
  askSecret(question: string): Promise<string | null>
  /** Removes a file, if it is there. */
  removeFile(path: string): Promise<void>
  /** Runs an action while no other process holds the lock of that file; waits for its turn. */
  exclusively<T>(path: string, action: () => Promise<T>): Promise<T>
  /** A variable of the process's environment. */
  variable(name: string): string | undefined
  /** Colours wanted on stdout and stderr (a terminal, and NO_COLOR unset; or FORCE_COLOR). */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean }
  /** Whether stderr is a terminal, so that a progress line may rewrite itself. */
  readonly interactive: boolean
  /** The next key that is pressed at the terminal; null when there is none, when it goes, or when the signal comes. */
  readKey?(signal: AbortSignal): Promise<string | null>
  /** Width of the terminal, 80 when unknown. */
  readonly columns: number
  /** The terminal that stdout is, as large as it is now; absent where stdout is none: nothing is cut or rewritten then. */
  readonly screen?: { readonly columns: number; readonly rows: number }
  /** For progress and seeds only; engine time never comes from here. */
  nowMs(): number
  /** Aborted on Ctrl-C, so that commands can put things back. */
  readonly signal: AbortSignal
  /** From now on SIGHUP calls this, and ends nothing. */
  onHangup(listener: () => void): void
}

/** A file being written. Data reaches the disk by the time `close` resolves. */
export interface FileSink {
  write(data: Uint8Array): Promise<void>
  close(): Promise<void>
}

/**
 * Exit statuses; `defect` is for what postern itself does wrong (EX_SOFTWARE of sysexits.h), `interrupted` what shells say
 * of a program that Ctrl-C ended.
 */
export const exit = { ok: 0, finding: 1, usage: 2, unavailable: 3, defect: 70, interrupted: 130 } as const

/** A user's mistake in calling the command: printed without stack, exit status 2. */
export class UsageError extends Error {
  readonly hint: string | null
  constructor(message: string, hint: string | null = null) {
    super(message)
    this.hint = hint
  }
}

export { UnavailableError } from '../linux/unavailable.ts'
