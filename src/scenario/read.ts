/** Scenario text (YAML) to a `Scenario`, with every mistake reported at its place. */
import { isMap, isNode, isScalar, parseDocument, type YAMLParseError } from 'yaml'
import { bareHost, type HostConfig } from '../engine/config.ts'
import type { Verdict } from '../engine/outcome.ts'
import { binaryKind, isBinary } from '../lang/bytes.ts'
import type { Diagnostic, Severity } from '../lang/diagnostic.ts'
import { type SourcePlace, SourceText, type Span } from '../lang/source.ts'
import { type Family, parseAddress, printAddress } from '../net/address.ts'
import { readAction } from './action.ts'
import { parseDuration, printDuration } from './duration.ts'
import { familyOfName } from './family.ts'
import { FlowReader } from './flow/read.ts'
import { type Complain, readHost, readSets, type TextPart } from './host-file.ts'
import type { Case, CaseStep, Expectation, RulesText, Scenario } from './scenario.ts'
import { type HostFile, type ScenarioFile, type StepFile, scenarioShape } from './schema.ts'
import { complaintsOf, type Path } from './shape-complaints.ts'

/** Text of a file named in the scenario, relative to it; rejects, saying why, when it cannot be read. */
export type LoadFile = (path: string) => Promise<string>

export interface ReadScenario {
  /** Null when any diagnostic is an error. */
  readonly scenario: Scenario | null
  readonly diagnostics: readonly Diagnostic[]
}

/** Diagnostics kept of one file; the rest is only counted. */
const problemLimit = 20

export async function readScenario(source: SourceText, loadFile: LoadFile): Promise<ReadScenario> {
  const reader = new Reader(source, loadFile)
  const cases = await reader.read()
  reader.conclude()
  const failed = reader.diagnostics.some(({ severity }) => severity === 'error')
  return { scenario: failed ? null : { source, cases }, diagnostics: reader.diagnostics }
}

class Reader {
  readonly diagnostics: Diagnostic[] = []
  #omitted = 0
  readonly #source: SourceText
  readonly #loadFile: LoadFile
  readonly #document: ReturnType<typeof parseDocument>

  constructor(source: SourceText, loadFile: LoadFile) {
    this.#source = source
    this.#loadFile = loadFile
    this.#document = parseDocument(isBinary(source.text) ? '' : source.text, {
      prettyErrors: false,
      stringKeys: true,
    })
  }

  async read(): Promise<Case[]> {
    const stranger = misfit(this.#source)
    if (stranger !== null) {
      this.#report({ source: this.#source, start: 0, end: 0 }, 'scenario/no-scenario', ...stranger)
      return []
    }
    for (const error of this.#document.errors) this.#reportYaml(error)
    if (this.diagnostics.length > 0) return []
    const data = this.#plainData()
    if (data === undefined) return []
    const parsed = scenarioShape.safeParse(data)
    if (parsed.success) return this.#readCases(parsed.data)
    for (const { path, atKey, message, help } of complaintsOf(parsed.error.issues, data)) {
      this.#report(atKey ? this.#spanOfKey(path) : this.#spanOf(path), 'scenario/invalid', message, help)
    }
    return []
  }

  /** The document without anchors and aliases; undefined, and a complaint, when they do not resolve. */
  #plainData(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 })
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error
      const [message, help] = /Excessive/.test(error.message)
        ? ['aliases (*name) unfold to far too much', 'write out what is meant, or use repeat:']
        : ['an alias (*name) has no anchor (&name) above it', 'quote the text when it begins with a star']
      this.#report({ source: this.#source, start: 0, end: 0 }, 'scenario/alias', message!, help)
      return undefined
    }
  }

  #reportYaml({ code, pos, message }: YAMLParseError): void {
    const [start, end] = pos
    // One mistake often makes several errors at its place; the first says most.
    if (this.diagnostics.some(({ span }) => span?.start === start)) return
    const [said, help] = yamlWords[code] ?? []
    this.#report(
      { source: this.#source, start, end: firstLineEnd(this.#source.text, start, Math.max(start + 1, end)) },
      'scenario/yaml',
      said ?? `this is not YAML: ${message.length > 100 ? `${message.slice(0, 99)}…` : message}`,
      help,
    )
  }

  /** Puts diagnostics in the order of the file, and says how many there were beyond the limit. */
  conclude(): void {
    const place = ({ span }: Diagnostic): number => (span?.source === this.#source ? span.start : 0)
    this.diagnostics.sort((a, b) => place(a) - place(b))
    if (this.#omitted > 0) this.diagnostics.push(omittedNote(this.#omitted))
  }

  async #readCases(file: ScenarioFile): Promise<Case[]> {
    const parts = file.cases?.map((part, at) => ({ part, path: ['cases', at] as Path })) ?? []
    if (file.steps !== undefined) parts.unshift({ part: { name: '', steps: file.steps }, path: [] })
    if (parts.length === 0) {
      const help =
        'steps: [ { at: 0s, packet: "eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request", expect: accept } ]'
      this.#complain([], 'a scenario needs "steps" or "cases"', help)
    }
    const cases: Case[] = []
    for (const { part, path } of parts) {
      const hostPath = part.host === undefined ? ['host'] : [...path, 'host']
      const sets = part.sets ?? file.sets
      const setsPath = part.sets === undefined ? ['sets'] : [...path, 'sets']
      const host = {
        ...this.#readHost(part.host ?? file.host, hostPath),
        ...(sets !== undefined && (await this.#readSets(sets, setsPath))),
      }
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
    return readHost(
      file,
      (inner, message, help) => this.#complain([...path, ...inner], message, help),
      (inner, message, help) =>
        this.#report(this.#spanOfKey([...path, ...inner]), 'scenario/no-effect', message, help, 'warning'),
    )
  }

  /** A text of several lines is the sets themselves; else it names a file. */
  async #readSets(text: string, path: Path): Promise<Pick<HostConfig, 'sets'>> {
    const complain: Complain = (_inner, message, help) => this.#complain(path, message, help)
    if (/\n|^\s*(ipset|create|-N|n)\s/.test(text)) return readSets(text, complain)
    try {
      return readSets(await this.#loadFile(text), complain)
    } catch (error) {
      complain([], `"${text}" cannot be read: ${error instanceof Error ? error.message : String(error)}`)
      return {}
    }
  }

  async #readRules(text: string | undefined, family: Family, path: Path): Promise<RulesText[]> {
    if (text === undefined) return []
    if (text.includes('\n') || /^\s*(\*|-A|sudo |ip6?tables)/.test(text)) {
      return [{ family, source: this.#blockAt(path, text) }]
    }
    try {
      return [
        { family: familyOfName(text, family), source: new SourceText(text, await this.#loadFile(text)) },
      ]
    } catch (error) {
      this.#complain(
        path,
        `"${text}" cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        'name a file beside the scenario, or write the rules as a block: rules: |',
      )
      return []
    }
  }

  /** A text that stands in the file, so that places in it are places in the file; else it says where it is from. */
  #blockAt(path: Path, text: string): SourceText {
    const node = this.#document.getIn(path, true)
    const { name } = this.#source
    const place =
      isScalar(node) && node.type === 'BLOCK_LITERAL' && node.range
        ? placeOfBlock(this.#source, node.range[0], text)
        : null
    return place === null
      ? new SourceText(`${name} (${path.join('.')})`, text)
      : new SourceText(name, text, place)
  }

  #readSteps(files: readonly StepFile[], path: Path, host: HostConfig): CaseStep[] {
    const steps: CaseStep[] = []
    const flows = new FlowReader(host)
    if (files.length === 0) this.#complain(path, 'there are no steps here, so nothing would be tested')
    let nowNs = 0n
    for (const [at, file] of files.entries()) {
      const stepPath = [...path, at]
      nowNs = this.#readTime(file, nowNs, stepPath)
      const everyNs = this.#readDuration(file.every ?? 0, [...stepPath, 'every']) ?? 0n
      const complain: Complain = (inner, message, help, part) =>
        this.#complain([...stepPath, ...inner], message, help, part)
      const read = readAction(file, host, flows, complain)
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
    if (after !== undefined) return beforeNs + (this.#readDuration(after, [...path, 'after']) ?? 0n)
    if (at === undefined) return beforeNs
    const nowNs = this.#readDuration(at, [...path, 'at'])
    if (nowNs === null) return beforeNs
    if (nowNs >= beforeNs) return nowNs
    this.#complain(
      [...path, 'at'],
      `the step is at ${printDuration(nowNs)}, and the one above it at ${printDuration(beforeNs)}`,
      'put the steps in the order of time, or write "after: 1s" for the time since the step above',
    )
    return beforeNs
  }

  #readDuration(value: string | number, path: Path): bigint | null {
    const duration = parseDuration(String(value))
    if (duration === null)
      this.#complain(path, `"${value}" is no time`, 'write 500ms, 1.5s, 2m or a number of seconds')
    return duration
  }

  #readExpectation(file: StepFile['expect'], path: Path): Expectation | null {
    if (file === undefined) return null
    if (typeof file === 'string') return isVerdict(file) ? { verdict: file } : { flow: file }
    const { verdict, by, sent, log, recent, state, delivered, refused, flow } = file
    return {
      ...(verdict !== undefined && { verdict }),
      ...(by !== undefined && { by }),
      ...(state !== undefined && { state }),
      ...(delivered !== undefined && { delivered }),
      ...(refused !== undefined && { refused }),
      ...(flow !== undefined && { flow }),
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

  /** `part`: the piece of the text at `path` that is meant. */
  #complain(path: Path, message: string, help?: string, part?: TextPart): void {
    const narrow = part === undefined ? null : this.#spanWithin(path, part)
    this.#report(narrow ?? this.#spanOf(path), 'scenario/invalid', message, help)
  }

  #report(
    span: Span | null,
    code: string,
    message: string,
    help?: string,
    severity: Severity = 'error',
  ): void {
    // Cases that share a host warn of it once.
    const isSaid = this.diagnostics.some((one) => one.message === message && one.span?.start === span?.start)
    if (severity !== 'error' && isSaid) return
    if (this.diagnostics.length >= problemLimit) this.#omitted++
    else this.diagnostics.push({ code, severity, span, message, notes: [], help: help ?? null })
  }

  /** Where a piece of a text stands, when the file writes the text as it is. */
  #spanWithin(path: Path, { start, end }: TextPart): Span | null {
    const node = this.#document.getIn(path, true)
    if (!isScalar(node) || !node.range || typeof node.value !== 'string') return null
    const at = this.#source.text.indexOf(node.value, node.range[0])
    if (at < 0 || node.range[0] + 1 < at) return null
    return { source: this.#source, start: at + start, end: at + end }
  }

  /** The place of a key rather than of its value. */
  #spanOfKey(path: Path): Span | null {
    const around = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true)
    const pair = isMap(around)
      ? around.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
      : undefined
    if (pair === undefined || !isScalar(pair.key) || !pair.key.range) return this.#spanOf(path)
    const [start, end] = pair.key.range
    return { source: this.#source, start, end }
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

/** Where the lines of a literal block stand whose `|` is at `start`; null where they are not there as they are. */
function placeOfBlock(file: SourceText, start: number, text: string): SourcePlace | null {
  const above = file.locate(start).line
  const lines = text.replace(/\n+$/, '').split('\n')
  const first = lines.findIndex((line) => line !== '')
  const indent = file.line(above + 1 + first).length - (lines[first]?.length ?? 0)
  const isThere = lines.every((line, at) => file.line(above + 1 + at).slice(indent) === line)
  return 0 <= indent && isThere ? { linesAbove: above, columnsBefore: indent } : null
}

/** What a file is that is no scenario at all, and the way out; null when it may be one. */
function misfit({ name, text }: SourceText): [message: string, help?: string] | null {
  if (isBinary(text)) {
    const { what, help } = binaryKind(text)
    return [`this is ${what}, not a scenario`, ...(help === null ? ([] as const) : ([help] as const))]
  }
  if (/^\s*$/.test(text)) {
    return [
      'the file is empty',
      'a scenario has "rules:" and "steps:"; examples/port-knock/scenario.yaml is one',
    ]
  }
  if (/^(\*(filter|nat|mangle|raw|security)\s*$|-A \S+ |(sudo )?ip6?tables )/m.test(text.slice(0, 65536))) {
    const inScenario = /^ *(steps|cases|rules|host):/m.test(text)
    if (!inScenario) return ['these are rules, not a scenario', `postern check ${name}`]
  }
  return null
}

/** Mistakes of YAML that deserve plainer words than the parser's. */
const yamlWords: Readonly<Record<string, readonly [message: string, help?: string]>> = {
  TAB_AS_INDENT: ['a line begins with a tab', 'YAML wants blanks'],
  DUPLICATE_KEY: ['the key stands twice in this map', 'keep one of them'],
  MULTIPLE_DOCS: ['a second document begins here', 'one scenario a file; several timelines go under cases:'],
  RESOURCE_EXHAUSTION: ['the file nests or repeats far too much'],
}

const omittedNote = (count: number): Diagnostic => ({
  code: 'scenario/omitted',
  severity: 'note',
  span: null,
  message: `${count} more ${count === 1 ? 'problem is' : 'problems are'} not shown`,
  notes: [],
  help: null,
})

const verdicts: readonly string[] = ['accept', 'drop', 'reject', 'unknown'] satisfies Verdict[]
const isVerdict = (word: string): word is Verdict => verdicts.includes(word)

/** Frames show one line; a value of many is pointed at by its first. */
function firstLineEnd(text: string, start: number, end: number): number {
  const lineEnd = text.indexOf('\n', start)
  return lineEnd < 0 ? end : Math.min(end, lineEnd)
}
