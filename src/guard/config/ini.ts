/**
 * One INI file, read as Python's ConfigParser reads it with fail2ban's settings.
 *
 * Read first: Python 3.11, library reference, configparser, "Supported INI File Structure". fail2ban 1.0.2 adds `;`
 * as the only prefix of comments behind values. Section names keep their case, option names lose it.
 */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import type { SourceText, Span } from '../../lang/source.ts'
import { errorOf, warningOf } from './complaint.ts'
import { indentOf, isBlank, strip, stripEnd } from './python.ts'
import { type Value, ValueBuilder } from './value.ts'

/** Options by name in lower case, in the order of the file. */
export type Section = Map<string, Value>

export interface IniFile {
  readonly source: SourceText
  /** `[DEFAULT]`. */
  readonly defaults: Section
  /** In the order of the file, without `[DEFAULT]`. */
  readonly sections: ReadonlyMap<string, Section>
}

export interface IniResult {
  readonly file: IniFile
  /** Errors are what Python refuses the whole file for. */
  readonly diagnostics: readonly Diagnostic[]
}

export interface IniOptions {
  /**
   * Take a line such as `sendmail-whois[name=SSH]` below `action = ...` for one more action, though it is not
   * indented. Python makes an option `sendmail-whois[name` of it, which nothing ever reads.
   */
  readonly joinLostActions: boolean
}

/** `source` must have plain line feeds (`readIniText`). */
export function parseIni(source: SourceText, options: IniOptions): IniResult {
  const reader = new IniReader(source, options)
  reader.read()
  return { file: reader.finish(), diagnostics: reader.diagnostics }
}

/** The text as Python reads it: every kind of line end is a line feed. */
export const plainLineEnds = (text: string): string => text.replace(/\r\n?/g, '\n')

interface OpenOption {
  readonly key: Span
  readonly builder: ValueBuilder
}

interface OpenSection {
  readonly name: string
  readonly header: Span
  readonly options: Map<string, OpenOption>
}

class IniReader {
  readonly diagnostics: Diagnostic[] = []
  readonly #source: SourceText
  readonly #options: IniOptions
  readonly #sections = new Map<string, OpenSection>()
  #section: OpenSection | null = null
  #option: { readonly name: string; readonly builder: ValueBuilder } | null = null
  #indent = 0

  constructor(source: SourceText, options: IniOptions) {
    this.#source = source
    this.#options = options
  }

  read(): void {
    const { text } = this.#source
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf('\n', start)
      const end = newline < 0 ? text.length : newline
      this.#readLine(text.slice(start, end), start)
      start = end + 1
    }
  }

  finish(): IniFile {
    const sections = new Map<string, Section>()
    for (const [name, { options }] of this.#sections) {
      const section: Section = new Map()
      for (const [option, { key, builder }] of options) {
        section.set(option, builder.build(key, stripEnd(builder.text)))
      }
      sections.set(name, section)
    }
    const defaults = sections.get('DEFAULT') ?? new Map()
    sections.delete('DEFAULT')
    return { source: this.#source, defaults, sections }
  }

  #readLine(line: string, start: number): void {
    const commentAt = commentStart(line)
    const indent = indentOf(line)
    const content = strip(commentAt === null ? line : line.slice(0, commentAt))
    if (content === '') {
      // A comment between the lines of a value leaves no trace; an empty line stays.
      if (commentAt === null) this.#option?.builder.addText('\n')
      return
    }
    const at = start + indent
    if (this.#option !== null && indent > this.#indent) {
      this.#option.builder.addText('\n')
      this.#option.builder.addSource(this.#source, at, content)
      return
    }
    this.#indent = indent
    const header = /^\[([^\n]+)\]/.exec(content)
    if (header !== null) this.#openSection(header[1]!, at)
    else if (this.#section === null) this.#refuseLost(content, at)
    else this.#readOption(this.#section, content, at)
  }

  #openSection(name: string, at: number): void {
    const header = this.#span(at, name.length + 2)
    const before = this.#sections.get(name)
    if (before !== undefined && name !== 'DEFAULT') {
      this.diagnostics.push(
        errorOf('repeated-section', header, `[${name}] stands twice in this file`, {
          notes: ['fail2ban refuses the whole configuration'],
          help: 'put all its options under the first one',
          related: { span: before.header, message: 'the first one is here' },
        }),
      )
    }
    this.#section = before ?? { name, header, options: new Map() }
    this.#sections.set(name, this.#section)
    this.#option = null
  }

  #readOption(section: OpenSection, content: string, at: number): void {
    if (this.#joinLostAction(content, at)) return
    const delimiter = content.search(/[=:]/)
    const name = delimiter < 0 ? '' : stripEnd(content.slice(0, delimiter)).toLowerCase()
    if (name === '') {
      this.#refuseLine(content, at, delimiter)
      return
    }
    const key = this.#span(at, stripEnd(content.slice(0, delimiter)).length)
    const before = section.options.get(name)
    if (before !== undefined) {
      this.diagnostics.push(
        errorOf('repeated-option', key, `"${name}" stands twice in [${section.name}] of this file`, {
          notes: ['fail2ban refuses the whole configuration'],
          help: 'keep one of them',
          related: { span: before.key, message: 'the first one is here' },
        }),
      )
    }
    const builder = new ValueBuilder()
    const rest = content.slice(delimiter + 1)
    const skipped = indentOf(rest)
    builder.addSource(this.#source, at + delimiter + 1 + skipped, rest.slice(skipped))
    section.options.set(name, { key, builder })
    this.#option = { name, builder }
  }

  /** True when the line was one more action that has lost its indent. */
  #joinLostAction(content: string, at: number): boolean {
    const option = this.#option
    if (!this.#options.joinLostActions || option?.name !== 'action') return false
    if (!/^[\w.-]+\[[^\]]*=.*\]$/.test(content)) return false
    this.diagnostics.push(
      warningOf('lost-action', this.#span(at, content.length), 'this action has lost its indent', {
        notes: [
          'it is taken for one more line of "action"',
          `fail2ban would read an option "${content.split('=')[0]}", and ignore it`,
        ],
        help: `    ${content}`,
      }),
    )
    option.builder.addText('\n')
    option.builder.addSource(this.#source, at, content)
    return true
  }

  #refuseLost(content: string, at: number): void {
    // One complaint for the head of the file, not one a line.
    if (this.diagnostics.some(({ code }) => code === 'guard/no-section')) return
    const span = this.#span(at, content.length)
    this.diagnostics.push(
      errorOf('no-section', span, 'this line stands before the first section', {
        notes: ['fail2ban refuses the whole configuration'],
        help: content.startsWith('\uFEFF')
          ? 'the file begins with a byte order mark: save it without'
          : 'begin the file with [DEFAULT] or [jail name]',
      }),
    )
  }

  #refuseLine(content: string, at: number, delimiter: number): void {
    this.diagnostics.push(
      errorOf(
        'no-option',
        this.#span(at, content.length),
        delimiter < 0
          ? 'this is neither "option = value" nor [section]'
          : `no name stands before "${content[delimiter]}"`,
        {
          notes: ['fail2ban refuses the whole configuration'],
          help: 'indent the line when it belongs to the value above, or begin it with # as a comment',
        },
      ),
    )
    // As with Python, lines that are indented deeper still belong to the option above, if its name was no empty one.
    if (delimiter >= 0) this.#option = null
  }

  #span(start: number, length: number): Span {
    return { source: this.#source, start, end: start + length }
  }
}

/** Where a comment begins: at 0 for a line of its own, at a `;` behind a blank; null for none. */
function commentStart(line: string): number | null {
  const first = line[indentOf(line)]
  if (first === '#' || first === ';') return 0
  for (let at = line.indexOf(';'); at >= 0; at = line.indexOf(';', at + 1)) {
    if (isBlank(line[at - 1]!)) return at
  }
  return null
}
