/** A line of restored text as words. Source: build_argv(), lib/ipset.c, 7.17. */
import { problem } from './problem.ts'

/** The program's own name counts, and the last place stays empty. */
const mostWords = 30

/** Words between blanks; double quotes keep blanks together, and vanish. */
export function buildWords(line: string): string[] {
  if (!line.includes('"')) {
    const words = line.split(/[ \t\r\n]+/).filter((word) => word !== '')
    return words.length <= mostWords ? words : problem('parameter', 'Line is too long to parse.')
  }
  const words: string[] = []
  let word = ''
  let isQuoted = false
  for (let at = 0; at < line.length; at++) {
    if (words.length === mostWords) return problem('parameter', 'Line is too long to parse.')
    const letter = line[at]!
    const isLast = at + 1 === line.length
    if (letter === '"') {
      isQuoted = !isQuoted
      if (!isLast) continue
    } else if (/[ \r\n\t]/.test(letter)) {
      // A quotation that the line ends in takes what it holds with it.
      if (isQuoted) {
        word += letter
        continue
      }
    } else {
      word += letter
      if (!isLast) continue
    }
    if (isLast && isQuoted) return problem('parameter', 'Missing close quote!')
    if (word === '') continue
    words.push(word)
    word = ''
  }
  return words
}
