/**
 * Where the daemon speaks: text for people, JSON for programs, or text with the level in front for the journal
 * (sd-daemon(3)), which knows the time itself.
 */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { diagnosticJson, renderDiagnostic } from '../../lang/render.ts'

export type Level = 'error' | 'warning' | 'notice' | 'info' | 'debug'
export type LogForm = 'text' | 'json' | 'journal'

/** syslog(3). */
const priorities: Readonly<Record<Level, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 }

export class DaemonLog {
  readonly #write: (line: string) => void
  readonly #form: LogForm
  readonly #nowMs: () => number

  constructor(write: (line: string) => void, form: LogForm, nowMs: () => number) {
    this.#write = write
    this.#form = form
    this.#nowMs = nowMs
  }

  /** `service`: who speaks. Undefined fields are left out. */
  say(
    level: Level,
    service: string,
    message: string,
    fields: Readonly<Record<string, string | undefined>> = {},
  ): void {
    const time = new Date(this.#nowMs()).toISOString()
    // What came from outside stays on one line.
    const text = message.replace(/[\r\n]+/g, ' ')
    const known = Object.entries(fields).filter(([, value]) => value !== undefined)
    if (this.#form === 'json') {
      const data = { time, level, service, message: text, ...Object.fromEntries(known) }
      this.#write(`${JSON.stringify(data)}\n`)
      return
    }
    const more = known.map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join('')
    const line = `${service}: ${text}${more}\n`
    this.#write(
      this.#form === 'journal' ? `<${priorities[level]}>${line}` : `${time} ${level.padEnd(7)} ${line}`,
    )
  }

  /** What is wrong with a file: with its place for programs, with a frame and a caret for people. */
  problem(service: string, diagnostic: Diagnostic): void {
    const level = diagnostic.severity === 'error' ? 'error' : 'warning'
    if (this.#form === 'json') {
      const { file, line, column } = diagnosticJson(diagnostic)
      this.say(level, service, diagnostic.message, {
        place: `${file}:${line}:${column}`,
        help: diagnostic.help ?? undefined,
      })
      return
    }
    for (const line of renderDiagnostic(diagnostic).split('\n'))
      if (line !== '') this.say(level, service, line)
  }
}
