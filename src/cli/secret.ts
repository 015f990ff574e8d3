/** Asks for what nobody should read over a shoulder. */
import { createInterface, type Interface } from 'node:readline'

let lines: AsyncIterator<string> | null = null

/** See `Environment.askSecret`. */
export async function askSecret(question: string): Promise<string | null> {
  if (process.stdin.isTTY === true) return readHidden(question)
  // One reader for all questions: it may have read further than the first line.
  lines ??= linesOf(createInterface({ input: process.stdin }))
  const { value, done } = await lines.next()
  return done === true ? null : value
}

const linesOf = (reader: Interface): AsyncIterator<string> => reader[Symbol.asyncIterator]()

const interrupt = '\u0003'
const endOfText = '\u0004'
const ends = ['\r', '\n', endOfText, interrupt]
const backspaces = ['\u007f', '\b']

function readHidden(question: string): Promise<string | null> {
  process.stderr.write(question)
  const { stdin } = process
  stdin.setRawMode(true).setEncoding('utf8').resume()
  return new Promise((resolve) => {
    let typed = ''
    const finish = (answer: string | null): void => {
      stdin.off('data', onData).setRawMode(false).pause()
      process.stderr.write('\n')
      resolve(answer)
    }
    const onData = (text: string): void => {
      for (const letter of text) {
        if (letter === interrupt) process.kill(process.pid, 'SIGINT')
        if (ends.includes(letter)) {
          finish(letter === '\r' || letter === '\n' || typed !== '' ? typed : null)
          break
        }
        if (backspaces.includes(letter)) typed = [...typed].slice(0, -1).join('')
        else if (letter >= ' ') typed += letter
      }
    }
    stdin.on('data', onData)
  })
}
