/**
 * Comments that say a warning is meant:
 *
 *   # postern: allow chain/unused            about the next line that is no comment
 *   # postern: allow-file chain/no-loopback  anywhere in the text
 *
 * In a script the first may stand behind a command, and is about its line; iptables-restore takes no comment there.
 */
import type { SourceText, Span } from './source.ts'

const comment = /^(.*[ \t])?#[ \t]*postern:[ \t]*allow(-file)?[ \t]+(.*)$/gm

/** Whether a warning or note of a code is allowed at a place of this text. */
export function allowedIn(source: SourceText): (code: string, span: Span | null) => boolean {
  if (!source.text.includes('postern:')) return () => false
  const everywhere = new Set<string>()
  const byLine = new Map<number, Set<string>>()
  for (const { index, 1: before = '', 2: isForFile, 3: codes } of source.text.matchAll(comment)) {
    const named = codes!.split(/[\s,]+/).filter((code) => code !== '')
    if (isForFile !== undefined) for (const code of named) everywhere.add(code)
    else {
      const at = source.locate(index).line
      const line = before.trim() === '' ? nextLine(source, at) : at
      byLine.set(line, new Set([...(byLine.get(line) ?? []), ...named]))
    }
  }
  return (code, span) => {
    if (everywhere.has(code)) return true
    if (span === null || span.source !== source) return false
    return byLine.get(source.locate(span.start).line)?.has(code) === true
  }
}

function nextLine(source: SourceText, after: number): number {
  let line = after + 1
  while (/^\s*#/.test(source.line(line))) line++
  return line
}
