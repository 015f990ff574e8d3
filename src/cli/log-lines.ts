/** Lines of a log, read in chunks: millions of them without holding the file. */
import type { Environment } from './environment.ts'

/** Bytes of a line that are read at most; what is longer is cut there, so that no line can fill the memory. */
const longestLine = 65_536

/** Yields lines without their ends, many at a time. Invalid UTF-8 becomes U+FFFD, as fail2ban reads it. */
export async function* logLines(path: string, environment: Environment): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of environment.readChunks(path)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    if (rest.length > longestLine) rest = rest.slice(0, longestLine)
    yield lines.map(withoutReturn)
  }
  rest += decoder.decode()
  if (rest !== '') yield [withoutReturn(rest)]
}

const withoutReturn = (line: string): string => {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line
  return whole.length > longestLine ? whole.slice(0, longestLine) : whole
}
