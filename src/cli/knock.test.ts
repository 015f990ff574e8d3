import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { postern } from './_testing/environment.ts'

/** A port of loopback that counts who comes. */
async function listen() {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {}).resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const datagrams = createSocket('udp4')
  let received = 0
  datagrams.on('message', () => {
    received++
  })
  await new Promise<void>((resolve) => datagrams.bind(0, '127.0.0.1', resolve))
  return {
    tcp: (server.address() as { port: number }).port,
    udp: datagrams.address().port,
    counts: () => ({ connections, received }),
    async close() {
      datagrams.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('postern knock', () => {
  it('sends each packet once and says what the last port answered', async () => {
    const there = await listen()
    const ran = await postern([
      'knock',
      '127.0.0.1',
      `tcp/${there.tcp}`,
      `udp/${there.udp}`,
      `tcp/${there.tcp}`,
      '--delay',
      '20ms',
    ])
    expect(ran).toMatchObject({
      status: 0,
      stdout: '',
      stderr: `127.0.0.1: tcp/${there.tcp} answered: it is open\n`,
    })
    expect(there.counts()).toEqual({ connections: 2, received: 1 })
    await there.close()
    const gone = await postern([
      'knock',
      '127.0.0.1',
      `udp/${there.udp}`,
      `tcp/${there.tcp}`,
      '--delay',
      '20ms',
    ])
    expect(gone).toMatchObject({ status: 0, stderr: `127.0.0.1: tcp/${there.tcp} was refused\n` })
    const shut = await postern([
      'knock',
      '127.0.0.1',
      `udp/${there.udp}`,
      '--open',
      `${there.tcp}`,
      '--wait',
      '300ms',
      '--json',
      '--',
      'false',
    ])
    expect(shut.status).toBe(1)
    expect(shut.stdout).toContain(`{"open":"tcp/${there.tcp}","answer":"refused"}`)
  })

  it('takes profiles from a file', async () => {
    const there = await listen()
    const files = {
      'k.yaml': `profiles: { a: { host: 127.0.0.1, knock: [udp/${there.udp}], open: tcp/${there.tcp}, command: ["true"] } }`,
    }
    expect(await postern(['knock', 'a', '--config', 'k.yaml'], { files })).toMatchObject({ status: 0 })
    expect(there.counts().received).toBe(1)
    await there.close()
  })

  it.each([
    [['knock'], 'no host to knock at'],
    [['knock', 'h'], 'no knocks for h'],
    [
      ['knock', 'h', 'tpc/7', 'ssh', 'h'],
      '"tpc/7" is not a knock such as icmp, tcp/8000 or udp/53 (commands stand behind --)',
    ],
    [['knock', 'h', 'tcp/0'], '"tcp/0" is not a port from 1 to 65535'],
    [['knock', 'h', 'tcp/1', '--delay', 'x'], '--delay: "x" is not a time'],
    [['knock', 'h', 'tcp/1', '-4', '-6'], '-4 and -6 exclude each other'],
    [['knock', 'h', 'tcp/1', '--nope'], "unknown option '--nope'"],
    [['knock', 'h', '--config', 'none.yaml'], 'k: no such'],
    [['knock', 'constructor', '--config', 'k.yaml'], 'k.yaml has no profile constructor'],
    [['knock', 'h', '--config', 'bad.yaml'], 'bad.yaml:1:'],
    [['knock', 'h', '--config', 'odd.yaml'], 'odd.yaml: profiles.h.knock: '],
  ])('%j is refused: %s', async (words, message) => {
    const files = {
      'k.yaml': 'profiles: { h: { host: h, knock: [tcp/1] } }',
      'bad.yaml': 'profiles: [',
      'odd.yaml': 'profiles: { h: { host: h, knock: tcp } }',
    }
    const { status, stderr } = await postern(words, { files })
    expect(status).toBe(2)
    if (!message.startsWith('k: ')) expect(stderr).toContain(message)
  })
})
