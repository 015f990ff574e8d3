import { describe, test } from 'vitest'
import { play } from './_testing/timeline.ts'

/** Chunks in hex, with their initiate tag where they have one. */
const init = (tag: number): string => `01000014${tag.toString(16).padStart(8, '0')}000010000001000100000001`
const initAck = (tag: number): string => init(tag).replace('01', '02')
const chunk = (type: number, flags = 0): string =>
  `${[type, flags].map((octet) => octet.toString(16).padStart(2, '0')).join('')}0004`
const [data, heartbeat, heartbeatAck, abort, shutdown, shutdownAck, cookieEcho, cookieAck, complete] = [
  0, 4, 5, 6, 7, 8, 10, 11, 14,
].map((type) => chunk(type)) as [string, string, string, string, string, string, string, string, string]

const packet = (tag: number, chunks: string): string => `sctp tag=${tag} payload=${chunks}`

const open = `
  0s  > ${packet(0, init(1))}       | NEW                       | CLOSED 10 unreplied
  0s  < ${packet(1, initAck(2))}    | ESTABLISHED reply         | COOKIE_WAIT 3
  0s  > ${packet(2, cookieEcho)}    | ESTABLISHED               | COOKIE_ECHOED 3
  0s  < ${packet(1, cookieAck)}     | ESTABLISHED reply assured | ESTABLISHED 210 assured`

describe('an association', () => {
  test('opens, talks, and shuts down', () =>
    play(`${open}
  1s  > ${packet(2, data)}          | ESTABLISHED assured       | ESTABLISHED 210 assured
  2s  > ${packet(2, shutdown)}      | ESTABLISHED assured       | SHUTDOWN_SENT 3 assured
  2s  < ${packet(1, shutdownAck)}   | ESTABLISHED reply assured | SHUTDOWN_ACK_SENT 3 assured
  2s  > ${packet(2, complete)}      | ESTABLISHED assured       | CLOSED 10 assured`))

  test('knows its verification tags', () =>
    play(`${open}
  1s  > ${packet(3, data)}          | INVALID                   | ESTABLISHED 209 assured
  1s  > ${packet(3, abort)}         | INVALID                   | ESTABLISHED 209 assured
  1s  > ${packet(1, chunk(6, 1))}   | ESTABLISHED assured       | CLOSED 10 assured`))

  test('a repeated INIT does not prolong what leads nowhere', () =>
    play(`
  0s  > ${packet(0, init(1))}       | NEW                       | CLOSED 10 unreplied
  5s  > ${packet(0, init(1))}       | NEW                       | CLOSED 5 unreplied`))

  test('comes up by a heartbeat on a second path', () =>
    play(`
  0s  > ${packet(2, heartbeat)}     | NEW                       | HEARTBEAT_SENT 30 unreplied
  1s  < ${packet(1, heartbeatAck)}  | ESTABLISHED reply assured | ESTABLISHED 210 assured`))

  test.each([
    ['data out of the blue', packet(1, data)],
    ['an abort out of the blue', packet(1, abort)],
    ['an INIT with a tag', packet(1, init(1))],
    ['an INIT that is not alone', packet(0, init(1) + data)],
    ['a chunk of no length', packet(0, '00000000')],
    ['no chunk', 'sctp tag=0'],
    ['a wrong checksum', `${packet(0, init(1))} badsum`],
  ])('%s is invalid', (_, text) => play(`0s > ${text} | INVALID |`))
})
