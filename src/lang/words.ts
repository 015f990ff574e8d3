/** Lines of iptables-save text cut into words, each with its place in the source. */
import { encodeText } from './bytes.ts'
import type { Span } from './source.ts'
import { SourceText } from './source.ts'

export interface Word {
  /** The word without its quotes and escapes. */
  readonly text: string
  readonly span: Span
}

/** Bytes one word may have in iptables-restore, and words in one line. Source: iptables/xshared.c, 1.8.9. */
export const restoreWordBytes = 1023
export const restoreLineWords = 255

export interface RestoreLine {
  readonly words: Word[]
  /** Where a double quote opens that the line never closes, or null. */
  readonly openQuote: Span | null
}

const quote = 0x22
const backslash = 0x5c

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0a

/** Stands for nothing in repaired text, so that offsets stay what they were. */
export const filler = '\uffff'

export const withoutFiller = (text: string): string =>
  text.includes(filler) ? text.replaceAll(filler, '') : text

/**
 * The words of `source` in [start, end) as iptables-restore cuts them: only double quotes quote, a backslash
 * escapes only inside them, and a closing quote ends the word. `text` is what to read in place of the source's,
 * repaired and of the same length. Source: `add_param_to_argv()`, iptables/xshared.c.
 */
export function splitRestoreLine(
  source: SourceText,
  start: number,
  end: number,
  text = source.text,
): RestoreLine {
  const words: Word[] = []
  let at = start
  while (at < end) {
    if (isBlank(text.charCodeAt(at))) {
      at++
      continue
    }
    const wordStart = at
    while (at < end && !isBlank(text.charCodeAt(at)) && text.charCodeAt(at) !== quote) at++
    let word = text.slice(wordStart, at)
    if (text.charCodeAt(at) === quote && at < end) {
      const openedAt = at++
      let closed = false
      while (at < end && !closed) {
        const code = text.charCodeAt(at)
        if (code === backslash && at + 1 < end) word += text[++at]
        else if (code === quote) closed = true
        else word += text[at]
        at++
      }
      if (!closed) {
        // iptables-restore lets the line end into the word, too.
        words.push({ text: withoutFiller(`${word}\n`), span: { source, start: wordStart, end } })
        return { words, openQuote: { source, start: openedAt, end: openedAt + 1 } }
      }
    }
    words.push({ text: withoutFiller(word), span: { source, start: wordStart, end: at } })
  }
  return { words, openQuote: null }
}

/** Words as a program gets them, laid out in a source of their own so that diagnostics can point at them. */
export function wordsOfArguments(name: string, args: readonly string[]): Word[] {
  const shown = args.map((arg) => (/^[\w@%+=:,./!-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
  const source = new SourceText(name, shown.join(' '))
  let at = 0
  return args.map((text, index) => {
    const start = at
    at += shown[index]!.length + 1
    return { text, span: { source, start, end: at - 1 } }
  })
}

/** The span from the first word to the last. */
export function spanOfWords(words: readonly Word[]): Span | null {
  const [first, last] = [words[0], words[words.length - 1]]
  return first && last ? { ...first.span, end: last.span.end } : null
}

/** The part of a word's span behind its first `skip` characters; the whole where quotes moved them. */
export function spanBehind({ text, span }: Word, skip: number): Span {
  return span.end - span.start === text.length ? { ...span, start: span.start + skip } : span
}

/** Length in bytes of UTF-8, which is what the kernel's fields count. */
export function byteLength(text: string): number {
  // Most words are short ASCII; encoding is for the others.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is meant.
  return /^[\x00-\x7f]*$/.test(text) ? text.length : encodeText(text).length
}

/**
 * Text as iptables-save writes it inside options: bare where every byte is one of `A-Za-z0-9_-`, otherwise in
 * double quotes with a backslash before `"`, `\` and `'`. Source: `xtables_save_string()`.
 */
export function quoteText(text: string): string {
  return /^[A-Za-z0-9_-]+$/.test(text) ? text : `"${text.replace(/["\\']/g, '\\$&')}"`
}
