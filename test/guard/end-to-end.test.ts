/**
 * The guard in a namespace with a real sshd and vsftpd: who tries passwords is cut off, others are not, the mail arrives,
 * and after the ban time the door is open again.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtLack } from '../built.ts'
import { missingFail2ban } from '../fail2ban/installed.ts'
import { repositoryRoot } from '../shared.ts'
import { missingTools } from '../tools.ts'

const lack =
  (process.getuid?.() === 0 ? null : 'needs root') ??
  missingTools('ip', 'iptables', 'ipset', 'sshd', 'ssh', 'ssh-keygen', 'vsftpd', 'curl', 'nc', 'python3') ??
  missingFail2ban ??
  builtLack()

const [server, client] = [`guardsrv${process.pid}`, `guardcli${process.pid}`]
const folder = mkdtempSync(join(tmpdir(), 'postern-e2e-'))
const at = (name: string): string => join(folder, name)
const children: ChildProcess[] = []
const serverAddress = '203.0.113.1'
const [sshAttacker, ftpAttacker, honest] = ['203.0.113.7', '203.0.113.8', '203.0.113.9']
const banSeconds = 12

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })

function start(namespace: string, command: readonly string[]): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

function fromClient(...command: string[]): boolean {
  try {
    execFileSync('ip', ['netns', 'exec', client, ...command], { stdio: 'pipe', timeout: 10_000 })
    return true
  } catch {
    return false
  }
}

const reaches = (from: string, port: number): boolean =>
  fromClient('nc', '-z', '-w', '1', '-s', from, serverAddress, `${port}`)
const tryPassword = (from: string): boolean =>
  fromClient(
    'ssh',
    '-b',
    from,
    '-o',
    'BatchMode=yes',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'ConnectTimeout=2',
    `admin@${serverAddress}`,
    'true',
  )
const tryFtp = (from: string): boolean =>
  fromClient('curl', '-sS', '--max-time', '8', '--interface', from, `ftp://root:wrong@${serverAddress}/`)

const postern = (...words: string[]): string =>
  execFileSync(join(repositoryRoot, 'bin/postern'), words, { encoding: 'utf8', stdio: 'pipe' })
const guardLog = (): string => (existsSync(at('guard.log')) ? readFileSync(at('guard.log'), 'utf8') : '')

async function until(what: string, seconds: number, holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < seconds * 10; wait++) {
    if (holds()) return
    await pause(100)
  }
  throw new Error(`in vain for ${seconds} s: ${what}\n${guardLog()}`)
}

/** What syslogd would put before the lines of a daemon. */
function logAs(name: string, child: ChildProcess): void {
  const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    if (!existsSync(folder)) return
    const now = new Date()
    const time = now.toTimeString().slice(0, 8)
    const stamp = `${months[now.getMonth()]} ${`${now.getDate()}`.padStart(2)} ${time}`
    for (const line of text.split(/\r?\n/))
      if (line !== '') appendFileSync(at('auth.log'), `${stamp} host ${name}[4711]: ${line}\n`)
  })
}

/** Takes mail on port 25 and answers whois on port 43, in the server's namespace. */
const mailServer = `
import socketserver, threading, sys
class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b'\\r\\n')
        say('220 here')
        for line in self.rfile:
            word = line.strip().upper()
            if word == b'DATA':
                say('354 go on')
                with open(sys.argv[1], 'ab') as mails:
                    for part in self.rfile:
                        if part.strip() == b'.': break
                        mails.write(part)
                say('250 taken')
            elif word == b'QUIT': return say('221 bye')
            else: say('250 fine')
class Whois(socketserver.StreamRequestHandler):
    def handle(self):
        address = self.rfile.readline().strip().decode()
        self.wfile.write(('netname: TEST-NET-3 of %s\\r\\n' % address).encode())
socketserver.ThreadingTCPServer.allow_reuse_address = True
threading.Thread(target=socketserver.ThreadingTCPServer(('127.0.0.1', 43), Whois).serve_forever).start()
socketserver.ThreadingTCPServer(('127.0.0.1', 25), Mail).serve_forever()
`

const jails = `
[DEFAULT]
ignoreip = 127.0.0.1/8 ${honest}
findtime = 600
maxretry = 3
bantime = ${banSeconds}
backend = auto

[ssh-iptables]
enabled = true
filter = sshd
action = postern[port=ssh]
         postern-mail[dest=root, sender=root@localhost, smtp="127.0.0.1:25", whois="127.0.0.1:43"]
logpath = ${at('auth.log')}

[vsftpd-iptables]
enabled = true
filter = vsftpd
action = iptables[name=VSFTPD, port=ftp, protocol=tcp]
logpath = ${at('vsftpd.log')}
`

function writeConfiguration(): void {
  mkdirSync(at('etc'))
  for (const name of [
    'filter.d',
    'action.d',
    'jail.conf',
    'fail2ban.conf',
    'paths-common.conf',
    'paths-debian.conf',
  ])
    symlinkSync(join('/etc/fail2ban', name), at(join('etc', name)))
  writeFileSync(at('etc/jail.local'), jails)
  for (const log of ['auth.log', 'vsftpd.log']) writeFileSync(at(log), '')
  writeFileSync(at('mail.py'), mailServer)
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('host_key')])
  writeFileSync(
    at('sshd_config'),
    `Port 22\nListenAddress ${serverAddress}\nHostKey ${at('host_key')}\nUsePAM no\nMaxStartups 100\nPerSourcePenalties no\n`.replace(
      sshHasPenalties() ? '' : 'PerSourcePenalties no\n',
      '',
    ),
  )
  mkdirSync(at('empty'))
  writeFileSync(
    at('vsftpd.conf'),
    [
      'listen=YES',
      `listen_address=${serverAddress}`,
      'background=NO',
      'anonymous_enable=NO',
      'local_enable=YES',
      'xferlog_enable=YES',
      'xferlog_std_format=NO',
      `vsftpd_log_file=${at('vsftpd.log')}`,
      'use_localtime=YES',
      `secure_chroot_dir=${at('empty')}`,
      'delay_failed_login=0',
      '',
    ].join('\n'),
  )
}

function sshHasPenalties(): boolean {
  try {
    return execFileSync('/usr/sbin/sshd', ['-T', '-f', '/dev/null', '-h', at('host_key')], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).includes('persourcepenalties')
  } catch {
    return false
  }
}

describe.skipIf(lack !== null)(`the guard with real servers (${lack ?? 'in namespaces'})`, () => {
  beforeAll(async () => {
    for (const name of [server, client]) {
      ip('netns', 'add', name)
      ip('-n', name, 'link', 'set', 'lo', 'up')
    }
    ip('link', 'add', 'gserver', 'netns', server, 'type', 'veth', 'peer', 'name', 'gclient', 'netns', client)
    ip('-n', server, 'addr', 'add', `${serverAddress}/24`, 'dev', 'gserver')
    for (const address of [sshAttacker, ftpAttacker, honest])
      ip('-n', client, 'addr', 'add', `${address}/24`, 'dev', 'gclient')
    ip('-n', server, 'link', 'set', 'gserver', 'up')
    ip('-n', client, 'link', 'set', 'gclient', 'up')
    writeConfiguration()
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    logAs('sshd', start(server, ['/usr/sbin/sshd', '-D', '-e', '-f', at('sshd_config')]))
    start(server, ['/usr/sbin/vsftpd', at('vsftpd.conf')])
    start(server, ['python3', at('mail.py'), at('mails')])
    await until('the servers', 20, () => [22, 21].every((port) => reaches(honest, port)))
    start(server, [
      join(repositoryRoot, 'bin/postern'),
      ...[
        'guard',
        'run',
        '--etc',
        at('etc'),
        '--store',
        at('guard.sqlite3'),
        '--socket',
        at('guard.sock'),
        '--log',
        at('guard.log'),
      ],
    ])
    await until('the guard', 30, () => guardLog().includes("Jail 'vsftpd-iptables' started"))
  })

  afterAll(() => {
    for (const child of children) child.kill()
    for (const name of [server, client]) {
      try {
        for (const pid of execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
          .split('\n')
          .filter((text) => text !== ''))
          process.kill(Number(pid), 'SIGKILL')
      } catch {
        // Nobody is left.
      }
      ip('netns', 'del', name)
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it('cuts off who tries passwords, and nobody else, and opens again', async () => {
    for (let count = 0; count < 3; count++) {
      expect(reaches(sshAttacker, 22)).toBe(true)
      tryPassword(sshAttacker)
      tryPassword(honest)
      tryPassword(honest)
    }
    await until('the ban', 10, () => guardLog().includes(`[ssh-iptables] Ban ${sshAttacker}`))
    const bannedMs = Date.now()
    await until('the door is shut', 5, () => !reaches(sshAttacker, 22))
    expect(reaches(honest, 22)).toBe(true)
    // Only the port of the jail is shut.
    expect(reaches(sshAttacker, 21)).toBe(true)
    expect(postern('fail2ban-client', '-s', at('guard.sock'), 'status', 'ssh-iptables')).toContain(
      `Banned IP list:\t${sshAttacker}\n`,
    )
    for (let count = 0; count < 3; count++) tryFtp(ftpAttacker)
    await until('the other ban', 10, () => guardLog().includes(`[vsftpd-iptables] Ban ${ftpAttacker}`))
    await until('the other door is shut', 5, () => !reaches(ftpAttacker, 21))
    expect(reaches(honest, 21)).toBe(true)
    await until(
      'the mail',
      10,
      () => existsSync(at('mails')) && readFileSync(at('mails'), 'utf8').includes('Lines:'),
    )
    const mail = readFileSync(at('mails'), 'utf8')
    expect(mail).toContain(`ssh-iptables: banned ${sshAttacker}`)
    expect(mail).toContain(`netname: TEST-NET-3 of ${sshAttacker}`)
    expect(mail).toMatch(/Invalid user admin from 203\.0\.113\.7/)
    await until('the end of the ban', banSeconds + 10, () => reaches(sshAttacker, 22))
    // The ban counts from the last failure, a moment before it was made.
    expect(Date.now() - bannedMs).toBeGreaterThan((banSeconds - 4) * 1000)
    expect(guardLog()).toContain(`[ssh-iptables] Unban ${sshAttacker}`)
    expect(guardLog()).not.toContain(`Ban ${honest}`)
    expect(guardLog()).not.toContain('ERROR')
  })

  it('cleans up behind itself', async () => {
    postern('ban', 'ssh-iptables', '198.51.100.1', '--for', '1h', '--socket', at('guard.sock'))
    postern('fail2ban-client', '-s', at('guard.sock'), 'stop')
    await until('the end', 20, () => guardLog().includes('Exiting Postern'))
    const inServer = (command: string) =>
      execFileSync('ip', ['netns', 'exec', server, command, ...(command === 'ipset' ? ['save'] : [])], {
        encoding: 'utf8',
      })
    expect(inServer('iptables-save')).not.toMatch(/postern|f2b/)
    expect(inServer('ipset')).toBe('')
  })
})
