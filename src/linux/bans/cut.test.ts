/** Open connections of somebody who is banned, in namespaces: accepted by their state before the ban is asked, and cut. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { missingTools } from '../../../test/tools.ts'
import type { Ban } from '../../guard/ban.ts'
import { ConntrackAction } from './conntrack-action.ts'
import { type RunProgram, runProgram } from './run-program.ts'

const missing = missingTools('ip', 'iptables', 'ip6tables', 'conntrack', 'ss')
const reason = process.getuid?.() === 0 ? missing : 'needs root'

const [server, client] = [`cutsrv${process.pid}`, `cutcli${process.pid}`]
const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })
const run: RunProgram = (program, args, options) =>
  runProgram('ip', ['netns', 'exec', server, program, ...args], options)
const children: ChildProcess[] = []

/** Counts what it hears; may speak by itself. */
const serverCode = `
  let heard = 0
  require('net').createServer((socket) => {
    socket.on('data', (bytes) => { heard += bytes.length }).on('error', () => {})
    if (process.argv[1] === 'speaks') setInterval(() => socket.write('tick'), 50)
  }).listen(7777, '::', () => console.log('ready'))
  setInterval(() => console.log(heard), 50)
`
const clientCode = `
  const socket = require('net').connect(7777, process.argv[1])
  socket.on('error', () => {}).on('data', () => {})
  setInterval(() => socket.write('x'), 50)
`

function start(namespace: string, code: string, word: string): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', code, word], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

const ban = (id: string): Ban => ({
  jail: 'sshd',
  id,
  startMs: 1_760_000_000_000,
  seconds: 600,
  count: 1,
  failures: 3,
  matches: [],
  groups: {},
})

describe.skipIf(reason !== null)(`cutting open connections (${reason ?? 'in namespaces'})`, () => {
  beforeAll(() => {
    for (const name of [server, client]) ip('netns', 'add', name)
    ip('link', 'add', 'e0', 'netns', server, 'type', 'veth', 'peer', 'name', 'e0', 'netns', client)
    for (const [name, host] of [
      [server, '1'],
      [client, '7'],
    ] as const) {
      ip('-n', name, 'addr', 'add', `203.0.113.${host}/24`, 'dev', 'e0')
      ip('-n', name, 'addr', 'add', `2001:db8::${host}/64`, 'dev', 'e0', 'nodad')
      ip('-n', name, 'link', 'set', 'e0', 'up')
    }
    for (const program of ['iptables', 'ip6tables'])
      for (const words of [
        ['-A', 'INPUT', '-p', 'ipv6-icmp', '-j', 'ACCEPT'],
        ['-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT'],
      ])
        execFileSync('ip', ['netns', 'exec', server, program, ...words], { stdio: 'pipe' })
  })
  afterEach(() => {
    for (const child of children.splice(0)) child.kill()
  })
  afterAll(() => {
    for (const name of [server, client]) ip('netns', 'del', name)
  })

  it.each([
    ['203.0.113', 'listens'],
    ['203.0.113', 'speaks'],
    ['2001:db8:', 'listens'],
    ['2001:db8:', 'speaks'],
  ])('%s, a server that %s', async (network, how) => {
    const join = network.includes(':') ? ':' : '.'
    const attacker = `${network}${join}7`
    const serving = start(server, serverCode, how)
    let said = ''
    serving.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const heard = (): number => Number(said.trimEnd().split('\n').at(-1))
    const until = async (holds: () => boolean, what: string): Promise<void> => {
      for (let wait = 0; wait < 200; wait++) {
        if (holds()) return
        await pause(50)
      }
      throw new Error(`in vain: ${what}; heard ${heard()}`)
    }
    await until(() => said.includes('ready'), 'the server')
    start(client, clientCode, `${network}${join}1`)
    await until(() => heard() > 5, 'the connection')
    // behind the rule that accepts what is ESTABLISHED, where a ban of fail2ban's `iptables-allports` may stand
    const rule = ['-s', attacker, '-j', 'DROP']
    const program = network.includes(':') ? 'ip6tables' : 'iptables'
    await run(program, ['-A', 'INPUT', ...rule])
    try {
      const before = heard()
      await until(() => heard() > before + 10, 'the banned is still heard')
      await new ConntrackAction('cut', run).ban([ban('192.0.2.99'), ban(attacker)])
      await pause(300)
      const after = heard()
      await pause(700)
      expect(heard()).toBe(after)
    } finally {
      await run(program, ['-D', 'INPUT', ...rule])
    }
  })
})
