/**
 * The auth port in namespaces, in front of a real nginx: port 80 opens for the address that has logged in, for no other,
 * and closes again; and what faces the network has no privilege.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtLack } from '../built.ts'
import { repositoryRoot } from '../shared.ts'
import { missingTools } from '../tools.ts'

const lack =
  (process.getuid?.() === 0 ? null : 'needs root') ??
  missingTools('ip', 'iptables', 'nginx', 'curl', 'openssl', 'python3') ??
  builtLack()

const [server, client] = [`authsrv${process.pid}`, `authcli${process.pid}`]
const folder = mkdtempSync(join(tmpdir(), 'postern-authport-'))
const at = (name: string): string => join(folder, name)
const [guest, stranger] = ['203.0.113.7', '203.0.113.8']
const sessionSeconds = 6
const children: ChildProcess[] = []
let authport: ChildProcess
let said = ''

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })
const bin = join(repositoryRoot, 'bin/postern')

function start(namespace: string, ...command: string[]): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

function curl(from: string, ...words: string[]): string {
  try {
    return execFileSync(
      'ip',
      ['netns', 'exec', client, 'curl', '-sk', '--max-time', '5', '--interface', from, ...words],
      { encoding: 'utf8', stdio: 'pipe' },
    )
  } catch {
    return ''
  }
}

const webPage = (from: string): string => curl(from, '--connect-timeout', '1', 'http://203.0.113.1/')
const api = (from: string, ...words: string[]): Record<string, unknown> => {
  const text = curl(from, '-H', 'content-type: application/json', ...words)
  return text === '' ? {} : JSON.parse(text)
}
const login = (from: string, password: string): Record<string, unknown> =>
  api(from, '-d', JSON.stringify({ user: 'alice', password }), 'https://203.0.113.1:8443/api/login')

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < 200; wait++) {
    if (holds()) return
    await pause(100)
  }
  throw new Error(`in vain for 20 s: ${what}\n${said}`)
}

async function startAuthport(): Promise<void> {
  said = ''
  authport = start(server, bin, 'authport', 'run', at('postern.yaml'), '--folder', at('run'))
  for (const stream of [authport.stdout!, authport.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  await until('the auth port listens', () => said.includes('listening'))
}

/** The process that faces the network. */
function doorPid(): string {
  const children = (pid: string): string[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  // `ip netns exec` becomes the program it runs.
  return children(`${authport.pid}`).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0door\0'),
  )!
}

const inServer = (...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', server, ...command], { encoding: 'utf8' })
const listed = (): string => inServer('cat', '/proc/net/xt_recent/authok')
const keeperSocket = (): string => /@postern-authport-\S+/.exec(inServer('cat', '/proc/net/unix'))![0]

function namespaces(): void {
  for (const name of [server, client]) ip('netns', 'add', name)
  ip('-n', server, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client)
  ip('-n', server, 'addr', 'add', '203.0.113.1/24', 'dev', 'eth0')
  for (const address of [guest, stranger]) ip('-n', client, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
  for (const name of [server, client])
    for (const link of ['lo', 'eth0']) ip('-n', name, 'link', 'set', link, 'up')
  execFileSync('ip', ['netns', 'exec', server, 'iptables-restore'], {
    input: [
      '*filter',
      ':INPUT DROP [0:0]',
      '-A INPUT -i lo -j ACCEPT',
      '-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
      '-A INPUT -p tcp --dport 8443 -j ACCEPT',
      '-A INPUT -p tcp --dport 80 -m recent --rcheck --name authok -j ACCEPT',
      'COMMIT\n',
    ].join('\n'),
  })
}

function webServer(): void {
  mkdirSync(at('www'))
  writeFileSync(at('www/index.html'), 'the page behind\n')
  writeFileSync(
    at('nginx.conf'),
    `daemon off; pid ${at('nginx.pid')}; error_log ${at('nginx.log')}; user root; events {}
http { access_log off; server { listen 203.0.113.1:80; root ${at('www')}; } }`,
  )
  start(server, 'nginx', '-c', at('nginx.conf'))
}

describe.skipIf(lack !== null)(`the auth port before nginx${lack === null ? '' : ` (${lack})`}`, () => {
  beforeAll(async () => {
    namespaces()
    webServer()
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=door'].concat(
        '-keyout',
        at('key.pem'),
        '-out',
        at('cert.pem'),
      ),
      { stdio: 'pipe' },
    )
    execFileSync(bin, ['authport', 'user', 'add', 'alice', '--users', at('users')], {
      input: 'correct horse\n',
      stdio: 'pipe',
    })
    writeFileSync(
      at('postern.yaml'),
      `authport:
  listen: "203.0.113.1:8443"
  tls: { certificate: ${at('cert.pem')}, key: ${at('key.pem')} }
  lists: authok
  users: ${at('users')}
  session: ${sessionSeconds}
  lockout: { failures: 3 }
`,
    )
    await startAuthport()
    await until('nginx answers', () => {
      try {
        return execFileSync('ip', ['netns', 'exec', server, 'curl', '-s', 'http://203.0.113.1/'], {
          encoding: 'utf8',
        }).includes('behind')
      } catch {
        return false
      }
    })
  }, 60_000)

  afterAll(async () => {
    for (const child of children) child.kill('SIGTERM')
    await pause(500)
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    for (const name of [server, client]) {
      try {
        ip('netns', 'del', name)
      } catch {
        // It was not made.
      }
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it('keeps the users to root', () => {
    expect(statSync(at('users')).mode & 0o777).toBe(0o600)
  })

  it('faces the network without privilege', () => {
    const status = readFileSync(`/proc/${doorPid()}/status`, 'utf8')
    expect(/^Uid:\s+(.*)$/m.exec(status)![1]!.split(/\s+/)).not.toContain('0')
    expect(/^Gid:\s+(.*)$/m.exec(status)![1]!.split(/\s+/)).not.toContain('0')
    expect(/^Groups:\s*(.*)$/m.exec(status)![1]!.trim().split(' ')).not.toContain('0')
    for (const set of ['CapPrm', 'CapEff', 'CapAmb'])
      expect(new RegExp(`^${set}:\\s+(\\w+)`, 'm').exec(status)![1]).toBe('0'.repeat(16))
  })

  it('opens port 80 for who has logged in alone, and closes it at the logout', () => {
    expect(webPage(guest)).toBe('')
    expect(login(guest, 'wrong')).toEqual({ error: 'Wrong name, password or code.' })
    expect(webPage(guest)).toBe('')
    const { token, ...rest } = login(guest, 'correct horse')
    expect(rest).toEqual({ user: 'alice', address: guest, lists: ['authok'], secondsLeft: sessionSeconds })
    expect(webPage(guest)).toBe('the page behind\n')
    expect(webPage(stranger)).toBe('')
    curl(
      stranger,
      '-X',
      'DELETE',
      '-H',
      `authorization: Bearer ${token}`,
      'https://203.0.113.1:8443/api/session',
    )
    expect(webPage(guest)).toBe('')
    expect(listed()).toBe('')
  })

  it('closes when the session is over', async () => {
    login(guest, 'correct horse')
    expect(webPage(guest)).toBe('the page behind\n')
    await until('the address is out', () => listed() === '')
    expect(webPage(guest)).toBe('')
  })

  it('listens to nobody but its own door', async () => {
    const ask = `
import os, socket, sys
if len(sys.argv) > 2: os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1].replace('@', '\\0'))
s.settimeout(3)
try:
    s.send(b'{"id":1,"ask":"put","list":"authok","address":"203.0.113.8","seconds":5}\\n')
    print(s.recv(100))
except (BrokenPipeError, ConnectionResetError):
    print(b'')
`
    // Root itself, and the door's own account.
    for (const account of [[], ['nobody']]) {
      const answer = inServer('python3', '-c', ask, keeperSocket(), ...account)
      expect(answer).toBe("b''\n")
    }
    expect(listed()).toBe('')
  })

  it('puts in again who was lost when rules were loaded anew', async () => {
    login(guest, 'correct horse')
    const rules = execFileSync('ip', ['netns', 'exec', server, 'iptables-save'], { encoding: 'utf8' })
    for (const input of ['*filter\nCOMMIT\n', rules])
      execFileSync('ip', ['netns', 'exec', server, 'iptables-restore'], { input })
    expect(listed()).toBe('')
    await until('the address is in again', () => listed().includes(`src=${guest} `))
  })

  it('hangs up on who sends slowly, and on who sends much', async () => {
    const slow = `
import socket, ssl, time
context = ssl._create_unverified_context()
begin = time.time()
s = context.wrap_socket(socket.create_connection(('203.0.113.1', 8443)))
s.settimeout(30)
s.send(b'POST /api/login HTTP/1.1\\r\\nhost: x\\r\\n')
try:
    while time.time() - begin < 25 and s.recv(1000) != b'': pass
except OSError: pass
print(time.time() - begin < 20)
`
    const much = `
import socket, ssl
context = ssl._create_unverified_context()
s = context.wrap_socket(socket.create_connection(('203.0.113.1', 8443)))
s.settimeout(10)
sent = 0
try:
    s.send(b'POST /api/login HTTP/1.1\\r\\nhost: x\\r\\ncontent-type: application/json\\r\\ncontent-length: 1000000000\\r\\n\\r\\n')
    while sent < 1e9: sent += s.send(b'x' * 65536)
except OSError: pass
print(sent < 5e7)
`
    const runs = [slow, much].map(
      (text) =>
        new Promise<string>((resolve) => {
          const child = start(client, 'python3', '-c', text)
          let out = ''
          child.stdout!.setEncoding('utf8').on('data', (part: string) => {
            out += part
          })
          child.on('close', () => resolve(out))
        }),
    )
    expect(await Promise.all(runs)).toEqual(['True\n', 'True\n'])
    expect(login(stranger, 'x')).toEqual({ error: 'Wrong name, password or code.' })
  }, 40_000)

  it('takes up changes of the users at once', async () => {
    const { token } = login(guest, 'correct horse')
    expect(token).toBeDefined()
    execFileSync(bin, ['authport', 'user', 'remove', 'alice', '--users', at('users')], { stdio: 'pipe' })
    await until('who is no user any more is out', () => !listed().includes(guest))
    execFileSync(bin, ['authport', 'user', 'add', 'alice', '--users', at('users')], {
      input: 'correct horse\n',
      stdio: 'pipe',
    })
    // Tries before that would count as failures, and lock her out.
    await until('the users are read anew twice', () => said.split('read anew').length > 2)
    await pause(200)
    expect(login(guest, 'correct horse').token).toBeDefined()
  })

  it('throws everybody out when it is killed and started again', async () => {
    login(guest, 'correct horse')
    authport.kill('SIGKILL')
    await pause(300)
    await startAuthport()
    expect(listed()).toBe('')
    expect(webPage(guest)).toBe('')
  })

  it('throws everybody out at its end', async () => {
    login(guest, 'correct horse')
    expect(listed()).toContain(guest)
    const ended = new Promise((resolve) => authport.once('exit', resolve))
    authport.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(listed()).toBe('')
  })
})
