/** Scenario text (YAML) to a `Scenario`, with every mistake reported at its place. */
import { isNode, LineCounter, parseDocument } from 'yaml'
import type { ZodError } from 'zod'
import { bareHost, type HostConfig } from '../engine/config.ts'
import type { Diagnostic } from '../lang/diagnostic.ts'
import { SourceText, type Span } from '../lang/source.ts'
import { type Family, parseAddress, printAddress } from '../net/address.ts'
import { readAction } from './action.ts'
import { parseDuration } from './duration.ts'
import { readHost } from './host-file.ts'
import type { Case, Expectation, RulesText, Scenario, Step } from './scenario.ts'
import { type HostFile, type ScenarioFile, type StepFile, scenarioShape } from './schema.ts'

/** Text of a file named in the scenario, relative to it; rejects when it cannot be read. */
export type LoadFile = (path: string) => Promise<string>

export interface ReadScenario {
  /** Null when any diagnostic is an error. */
  readonly scenario: Scenario | null
  readonly diagnostics: readonly Diagnostic[]
}

type Path = readonly (string | number)[]

export async function readScenario(source: SourceText, loadFile: LoadFile): Promise<ReadScenario> {
  const reader = new Reader(source, loadFile)
  const cases = await reader.read()
  const failed = reader.diagnostics.some(({ severity }) => severity === 'error')
  return { scenario: failed ? null : { source, cases }, diagnostics: reader.diagnostics }
}

class Reader {
  readonly diagnostics: Diagnostic[] = []
  readonly #source: SourceText
  readonly #loadFile: LoadFile
  readonly #document: ReturnType<typeof parseDocument>

  constructor(source: SourceText, loadFile: LoadFile) {
    this.#source = source
    this.#loadFile = loadFile
    this.#document = parseDocument(source.text, { lineCounter: new LineCounter(), prettyErrors: false })
  }

  async read(): Promise<Case[]> {
    for (const { pos, message } of this.#document.errors) {
      this.#report(
        { source: this.#source, start: pos[0], end: Math.max(pos[0] + 1, pos[1]) },
        'scenario/yaml',
        message,
      )
    }
    if (this.diagnostics.length > 0) return []
    const parsed = scenarioShape.safeParse(this.#document.toJS({ maxAliasCount: 100 }))
    if (parsed.success) return this.#readCases(parsed.data)
    this.#reportIssues(parsed.error)
    return []
  }

  async #readCases(file: ScenarioFile): Promise<Case[]> {
    const parts = file.cases?.map((part, at) => ({ part, path: ['cases', at] as Path })) ?? []
    if (file.steps !== undefined) parts.unshift({ part: { name: '', steps: file.steps }, path: [] })
    if (parts.length === 0) this.#complain([], 'a scenario needs "steps" or "cases"')
    const cases: Case[] = []
    for (const { part, path } of parts) {
      const hostPath = part.host === undefined ? ['host'] : [...path, 'host']
      const host = this.#readHost(part.host ?? file.host, hostPath)
      const rules = [
        ...(await this.#readRules(
          part.rules ?? file.rules,
          'ipv4',
          part.rules === undefined ? ['rules'] : [...path, 'rules'],
        )),
        ...(await this.#readRules(
          part.rules6 ?? file.rules6,
          'ipv6',
          part.rules6 === undefined ? ['rules6'] : [...path, 'rules6'],
        )),
      ]
      cases.push({
        name: part.name,
        host,
        rules,
        steps: this.#readSteps(part.steps, [...path, 'steps'], host),
      })
    }
    return cases
  }

  #readHost(file: HostFile | undefined, path: Path): HostConfig {
    if (file === undefined) return bareHost
    return readHost(file, (inner, message, help) => this.#complain([...path, ...inner], message, help))
  }

  async #readRules(text: string | undefined, family: Family, path: Path): Promise<RulesText[]> {
    if (text === undefined) return []
    if (text.includes('\n') || /^\s*(\*|-A|sudo |ip6?tables)/.test(text)) {
      return [{ family, source: new SourceText(`${this.#source.name} (${path.join('.')})`, text) }]
    }
    try {
      return [
        { family: familyOfName(text, family), source: new SourceText(text, await this.#loadFile(text)) },
      ]
    } catch {
      this.#complain(
        path,
        `"${text}" cannot be read`,
        'name a file beside the scenario, or write the rules as a block: rules: |',
      )
      return []
    }
  }

  #readSteps(files: readonly StepFile[], path: Path, host: HostConfig): Step[] {
    const steps: Step[] = []
    let nowNs = 0n
    for (const [at, file] of files.entries()) {
      const stepPath = [...path, at]
      nowNs = this.#readTime(file, nowNs, stepPath)
      const everyNs = this.#readDuration(file.every ?? 0, [...stepPath, 'every'])
      const read = readAction(file, host, (inner, message, help) =>
        this.#complain([...stepPath, ...inner], message, help),
      )
      if (read === null) continue
      const expect = this.#readExpectation(file.expect, [...stepPath, 'expect'])
      for (let repetition = 0; repetition < (file.repeat ?? 1); repetition++) {
        if (repetition > 0) nowNs += everyNs
        steps.push({ number: steps.length + 1, atNs: nowNs, ...read, expect, span: this.#spanOf(stepPath) })
      }
    }
    return steps
  }

  #readTime({ at, after }: StepFile, beforeNs: bigint, path: Path): bigint {
    if (at !== undefined && after !== undefined) this.#complain(path, '"at" and "after" exclude each other')
    if (after !== undefined) return beforeNs + this.#readDuration(after, [...path, 'after'])
    if (at === undefined) return beforeNs
    const nowNs = this.#readDuration(at, [...path, 'at'])
    if (nowNs >= beforeNs) return nowNs
    this.#complain([...path, 'at'], `"${at}" lies before the step above`, 'steps stand in the order of time')
    return beforeNs
  }

  #readDuration(value: string | number, path: Path): bigint {
    const duration = parseDuration(String(value))
    if (duration === null)
      this.#complain(path, `"${value}" is no time`, 'write 500ms, 1.5s, 2m or a number of seconds')
    return duration ?? 0n
  }

  #readExpectation(file: StepFile['expect'], path: Path): Expectation | null {
    if (file === undefined) return null
    if (typeof file === 'string') return { verdict: file }
    const { verdict, by, sent, log, recent, state, delivered } = file
    return {
      ...(verdict !== undefined && { verdict }),
      ...(by !== undefined && { by }),
      ...(state !== undefined && { state }),
      ...(delivered !== undefined && { delivered }),
      ...(sent !== undefined && { sent: [sent].flat() }),
      ...(log !== undefined && { log: [log].flat() }),
      ...(recent !== undefined && { recent: this.#readRecent(recent, [...path, 'recent']) }),
    }
  }

  #readRecent(file: Readonly<Record<string, readonly string[]>>, path: Path): Record<string, string[]> {
    return Object.fromEntries(
      Object.entries(file).map(([list, addresses]) => [
        list,
        addresses.map((text, at) => {
          const address = parseAddress(text)
          if (address === null) this.#complain([...path, list, at], `"${text}" is no address`)
          return address === null ? text : printAddress(address)
        }),
      ]),
    )
  }

  #reportIssues(error: ZodError): void {
    for (const issue of error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol')
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          this.#complain([...path, key], `"${key}" has no meaning here`)
        }
      } else this.#complain(path, issue.message)
    }
  }

  #complain(path: Path, message: string, help?: string): void {
    this.#report(this.#spanOf(path), 'scenario/invalid', message, help)
  }

  #report(span: Span | null, code: string, message: string, help?: string): void {
    this.diagnostics.push({ code, severity: 'error', span, message, notes: [], help: help ?? null })
  }

  /** The place of a value, or of the nearest thing around it that stands in the file. */
  #spanOf(path: Path): Span | null {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true)
      if (isNode(node) && node.range) {
        const [start, end] = node.range
        return { source: this.#source, start, end: firstLineEnd(this.#source.text, start, end) }
      }
    }
    return null
  }
}

/** Frames show one line; a value of many is pointed at by its first. */
function firstLineEnd(text: string, start: number, end: number): number {
  const lineEnd = text.indexOf('\n', start)
  return lineEnd < 0 ? end : Math.min(end, lineEnd)
}

/** `*.v6` and names with a 6 hold IPv6 rules, as the command line has it. */
export function familyOfName(path: string, otherwise: Family = 'ipv4'): Family {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return /6/.test(name) ? 'ipv6' : otherwise
}
