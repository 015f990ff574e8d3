/**
 * What word processors, web pages and other systems do to rules: found, reported, and undone so that the rest can be
 * read. The repaired text has the length of the original, so offsets hold for both.
 */
import { type Refusal, say } from './diagnostic.ts'
import type { Problems } from './problems.ts'
import type { SourceText } from './source.ts'
import { filler } from './words.ts'

const quotes = '\u201c\u201d\u201e\u201f\u2033'
const apostrophes = '\u2018\u2019\u201a\u201b\u2032'
const suspects = `${quotes}${apostrophes}\u00a0\u200b\u200c\u200d\u2060\ufeff<&`
const suspicious = new RegExp(`[${suspects}]`, 'g')

/** Tags that articles leave in rules. A redirection (`<file`) is none of them. */
const tag = /<\/?(?:br|p|pre|code|div|span|em|strong|b|i|tt|li|ul|ol|a|blockquote|h[1-6])\b[^<>\n]*>/gi

const entities: Readonly<Record<string, string>> = {
  '&quot;': '"',
  '&#34;': '"',
  '&#8220;': '"',
  '&#8221;': '"',
  '&ldquo;': '"',
  '&rdquo;': '"',
  '&#39;': "'",
  '&apos;': "'",
  '&#8217;': "'",
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&nbsp;': ' ',
  '&#8211;': '-',
  '&ndash;': '-',
}
const entity = new RegExp(Object.keys(entities).join('|'), 'gi')

/** Characters of the longest line that is looked at; longer ones are no rules. */
const longestLine = 65536

/** The text to read; problems of the characters are reported on the way. */
export function repairText(source: SourceText, problems: Problems): string {
  const text = reportLineEnds(source, problems)
  // Most texts have none, and looking for one character after the other is faster than for any of them.
  if (![...suspects].some((each) => text.includes(each))) return text
  const parts: string[] = []
  let done = 0
  for (let at = nextSuspicious(text, 0); at >= 0 && !problems.exhausted; ) {
    const start = text.lastIndexOf('\n', at) + 1
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(start, end)
    if (line.length <= longestLine && !/^\s*#/.test(line)) {
      parts.push(text.slice(done, start), new LineRepair(source, start, line, problems).run())
      done = end
    }
    at = nextSuspicious(text, end)
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done)
}

function nextSuspicious(text: string, from: number): number {
  suspicious.lastIndex = from
  return suspicious.exec(text)?.index ?? -1
}

/** A byte order mark and carriage returns: each reported once, and read as nothing. */
function reportLineEnds(source: SourceText, problems: Problems): string {
  let { text } = source
  if (text.startsWith('\ufeff')) {
    problems.error(
      say('file/bom', 'the file begins with a byte order mark', {
        notes: ['neither iptables-restore nor a shell takes it for nothing'],
        help: 'save the file as UTF-8 without BOM',
        fix: '',
      }),
      { source, start: 0, end: 1 },
    )
    text = `${filler}${text.slice(1)}`
  }
  const firstReturn = text.indexOf('\r\n')
  if (firstReturn < 0) return text
  const lines = countOf(text, '\r\n')
  problems.error(
    say('file/crlf', `${lines === 1 ? 'a line ends' : `${lines} lines end`} with a carriage return`, {
      notes: [
        'they are line ends of Windows; iptables-restore and shells take them for part of the last word',
      ],
      help: 'dos2unix, or sed -i "s/\\r$//"',
      ...(lines === 1 ? { fix: '' } : {}),
    }),
    { source, start: firstReturn, end: firstReturn + 1 },
  )
  return text.replaceAll('\r\n', `${filler}\n`)
}

function countOf(text: string, part: string): number {
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}

class LineRepair {
  readonly #source: SourceText
  readonly #offset: number
  readonly #problems: Problems
  #line: string

  constructor(source: SourceText, offset: number, line: string, problems: Problems) {
    this.#source = source
    this.#offset = offset
    this.#line = line
    this.#problems = problems
  }

  run(): string {
    this.#repairTags()
    this.#repairEntities()
    this.#repairBlanks()
    this.#repairQuotes()
    return this.#line
  }

  #report(refusal: Refusal, start: number, length: number): void {
    const at = this.#offset + start
    this.#problems.error(refusal, { source: this.#source, start: at, end: at + length })
  }

  #replace(start: number, length: number, by: string): void {
    this.#line = `${this.#line.slice(0, start)}${by}${this.#line.slice(start + length)}`
  }

  #repairTags(): void {
    for (const { 0: found, index } of this.#line.matchAll(tag)) {
      this.#report(
        say('text/html', `${found} is left over from a web page`, { help: 'leave it out', fix: '' }),
        index,
        found.length,
      )
      this.#replace(index, found.length, ' '.repeat(found.length))
      // `\<br />` at the end of a line: the backslash was meant for the line end.
      const before = this.#line.slice(0, index)
      if (before.endsWith('\\') && this.#line.slice(index).trim() === '') {
        this.#line = `${before.slice(0, -1).padEnd(this.#line.length - 1)}\\`
      }
    }
  }

  #repairEntities(): void {
    for (const { 0: found, index } of this.#line.matchAll(entity)) {
      const character = entities[found.toLowerCase()]!
      this.#report(
        say('text/html', `${found} is how a web page writes ${character === ' ' ? 'a blank' : character}`, {
          help: character === ' ' ? 'a blank' : character,
          fix: character,
        }),
        index,
        found.length,
      )
      this.#replace(index, found.length, character.padEnd(found.length, filler))
    }
  }

  #repairBlanks(): void {
    for (const { 0: found, index } of this.#line.matchAll(/\u00a0|\u200b|\u200c|\u200d|\u2060|\ufeff/g)) {
      if (this.#quotedAt(index)) continue
      const code = `U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
      const blank = found === '\u00a0'
      this.#report(
        say('text/invisible', `${blank ? 'a no-break space' : 'an invisible character'} (${code})`, {
          notes: ['it looks like nothing and is part of the word for iptables'],
          help: blank ? 'an ordinary blank' : 'leave it out',
          fix: blank ? ' ' : '',
        }),
        index,
        1,
      )
      this.#replace(index, 1, blank ? ' ' : filler)
    }
  }

  #repairQuotes(): void {
    const pair = new RegExp(
      `([${quotes}])([^${quotes}"\\n]*)([${quotes}])|(?<=^|[\\s=])([${apostrophes}])([^${apostrophes}'\\n]*)([${apostrophes}])(?=$|\\s)|[${quotes}]`,
      'g',
    )
    for (const match of this.#line.matchAll(pair)) {
      const { 0: found, index } = match
      if (this.#quotedAt(index)) continue
      const inner = match[2] ?? match[5] ?? null
      const fix = inner === null ? '"' : `"${inner}"`
      this.#report(
        say('text/curly-quote', `${found} has typographic quotes`, {
          notes: ['they are letters like any other: nothing is quoted by them'],
          help: fix,
          fix,
        }),
        index,
        found.length,
      )
      this.#replace(index, found.length, inner === null ? '"' : fix)
    }
  }

  /** Whether a place of the line lies between straight quotes. */
  #quotedAt(index: number): boolean {
    let open: string | null = null
    for (let at = 0; at < index; at++) {
      const character = this.#line[at]!
      if (character === '\\') at++
      else if (open === null && (character === '"' || character === "'")) open = character
      else if (open === character) open = null
    }
    return open !== null
  }
}
