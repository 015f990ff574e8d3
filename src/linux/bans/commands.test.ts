/** fail2ban's actions as they are, with a shell; mail and whois with local servers. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { missingTools } from '../../../test/tools.ts'
import type { Ban } from '../../guard/ban.ts'
import { Fail2banAction, type Fail2banContext } from './fail2ban-action.ts'
import { fillOptions, fillTags } from './fail2ban-tags.ts'
import { makeAction } from './make-action.ts'
import { runProgram } from './run-program.ts'
import { type SmtpServer, sendBySmtp } from './smtp.ts'

let folder = ''
const servers: Server[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-actions-'))
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  rmSync(folder, { recursive: true })
})

const said: string[] = []
let nowMs = 1_760_000_000_000
const context = {
  jail: 'ssh',
  nowMs: () => nowMs,
  say: (_level: string, text: string) => void said.push(text),
}
const banOf = (id: string, more: Partial<Ban> = {}): Ban => ({
  jail: 'ssh',
  id,
  startMs: 1_760_000_000_000,
  seconds: 600,
  count: 2,
  failures: 3,
  matches: [],
  groups: {},
  ...more,
})
const first = { restored: false }

/** Lines that commands appended to the file `done`. */
const done = (): string[] =>
  existsSync(join(folder, 'done')) ? readFileSync(join(folder, 'done'), 'utf8').trimEnd().split('\n') : []
const action = (options: Record<string, string>) =>
  new Fail2banAction('x', context, { done: join(folder, 'done'), ...options }, runProgram)

describe('tags', () => {
  it('are options, those of the family first, put into each other', () => {
    const options = {
      a: '<b>-<c>',
      b: '4',
      'b?family=inet6': '6',
      c: 'x',
      'ipt_oneport/_rule': '<c>!',
      type: 'oneport',
    }
    expect(fillOptions('<a> <ipt_oneport/_rule> <ip>', options, 'inet4')).toBe('4-x x! <ip>')
    expect(fillOptions('<a>', options, 'inet6')).toBe('6-x')
    expect(() => fillOptions('<a>', { a: '<b>', b: '<a>' }, null)).toThrow('without end')
  })
  // CVE-2012-5642: signs of the shell in <matches>
  it('from logs are never text of a command', async () => {
    const evil = '"; reboot; $(reboot) `reboot` \' <ip>\n#'
    const { command, variables } = await fillTags(
      'echo "<matches>" <ip> <F-USER> <F-NONE>|<other>',
      (tag) => (tag === 'ip' ? Promise.resolve('192.0.2.1') : tag === 'matches' ? evil : undefined),
      { user: 'a b' },
    )
    expect(command).toBe('echo "$f2bV_matches" 192.0.2.1 a b |<other>')
    expect(variables).toEqual({ f2bV_matches: evil })
  })
})

describe('a file of action.d', () => {
  it('is started, bans, lifts and is stopped', async () => {
    const each = action({
      actionstart: 'echo start <name> >> <done>',
      actionban:
        'printf "%%s|" "<ip>" "<failures>" "<bantime>" "<time>" "<bancount>" "<F-USER>" "<matches>" >> <done>; echo >> <done>'.replaceAll(
          '%%',
          '%',
        ),
      actionunban: 'echo unban <ip> >> <done>',
      actionstop: 'echo stop >> <done>',
    })
    await each.start()
    const evil = banOf('192.0.2.1', {
      matches: ['$(touch evil) "; touch evil', "it's"],
      groups: { user: '`touch evil`' },
    })
    await each.ban([evil, banOf('2001:db8::1')], first)
    await each.unban([evil])
    await each.stop([banOf('2001:db8::1')])
    expect(done()).toEqual([
      'start ssh',
      '192.0.2.1|3|600|1760000000|2|`touch evil`|$(touch evil) "; touch evil',
      "it's|",
      '2001:db8::1|3|600|1760000000|2|||',
      'unban 192.0.2.1',
      'unban 2001:db8::1',
      'stop',
    ])
    expect(existsSync('evil')).toBe(false)
  })

  it('with options of families starts each at its first ban, and flushes', async () => {
    const each = action({
      actionstart: 'echo start <tool> >> <done>',
      actionban: 'echo <tool> <ip> >> <done>',
      actionunban: 'echo unban <ip> >> <done>',
      actionflush: 'echo flush <tool> >> <done>',
      actionstop: 'echo stop <tool> >> <done>',
      tool: 'four',
      'tool?family=inet6': 'six',
    })
    await each.start()
    expect(done()).toEqual([])
    await each.ban([banOf('2001:db8::1'), banOf('2001:db8::2')], first)
    await each.stop([banOf('2001:db8::1')])
    expect(done()).toEqual(['start six', 'six 2001:db8::1', 'six 2001:db8::2', 'flush six', 'stop six'])
  })

  it('is repaired when a command fails and the check agrees', async () => {
    const there = join(folder, 'there')
    const each = action({
      there,
      actionstart: 'touch <there>; echo start >> <done>',
      actioncheck: 'test -e <there>',
      actionban: 'test -e <there> && echo <ip> >> <done>',
      actionstop: 'echo stop >> <done>',
    })
    await each.start()
    rmSync(there)
    expect(await each.check()).toBe(false)
    await each.ban([banOf('192.0.2.1')], first)
    expect(done()).toEqual(['start', 'stop', 'start', '192.0.2.1'])
    await expect(
      action({ actionban: 'echo broken >&2; exit 3' }).ban([banOf('192.0.2.1')], first),
    ).rejects.toThrow('broken')
  })

  it('is ended when it takes too long, with all that it started', async () => {
    const startedMs = Date.now()
    const slow = action({ timeout: '1', actionban: 'sleep 60 & sleep 60; echo late >> <done>' })
    await expect(slow.ban([banOf('192.0.2.1')], first)).rejects.toThrow('took too long')
    expect(Date.now() - startedMs).toBeLessThan(20_000)
  })

  it('tells nobody of restored bans when it says norestored', async () => {
    await action({ norestored: '1', actionban: 'echo <ip> >> <done>' }).ban([banOf('192.0.2.1')], {
      restored: true,
    })
    expect(done()).toEqual([])
  })
})

/** A server on loopback that answers each line; returns its port. */
async function serve(answer: (socket: Socket, line: string) => void, hello = ''): Promise<number> {
  const server = createServer((socket) => {
    let rest = ''
    if (hello !== '') socket.write(hello)
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\r\n')
      rest = lines.pop()!
      for (const line of lines) answer(socket, line)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

describe('mail', () => {
  const mails: string[][] = []
  const smtp = () => {
    mails.length = 0
    let inData = false
    return serve((socket, line) => {
      if (inData) {
        mails.at(-1)!.push(line)
        if (line === '.') {
          inData = false
          socket.write('250 taken\r\n')
        }
      } else if (line.startsWith('DATA')) {
        inData = true
        socket.write('354 go on\r\n')
      } else if (line === 'QUIT') socket.end('221 bye\r\n')
      else {
        if (line.startsWith('MAIL')) mails.push([])
        mails.at(-1)?.push(line)
        socket.write(line.startsWith('EHLO') ? '250-here\r\n250 8BITMIME\r\n' : '250 fine\r\n')
      }
    }, '220 hello\r\n')
  }
  const whoisServer = () =>
    serve((socket, line) => socket.end(`netname: TEST-${line}\r\nabuse: abuse@example.net\r\n`))
  const mail = (options: Record<string, string>, its: Fail2banContext = context) =>
    makeAction(
      {
        name: 'mail',
        action: 'postern-mail',
        options: { dest: 'root, admin@example.net', sender: 'root@localhost', ...options },
      },
      its,
      runProgram,
    )

  it('goes out by SMTP with what whois says and the lines, no more than asked for', async () => {
    const options = {
      smtp: `127.0.0.1:${await smtp()}`,
      whois: `127.0.0.1:${await whoisServer()}`,
      perhour: '2',
    }
    const each = mail(options)
    await each.ban([banOf('192.0.2.1', { matches: ['.', '. a dot', 'ünï'] })], first)
    const text = mails[0]!.join('\n')
    expect(mails[0]!.slice(0, 3)).toEqual([
      'MAIL FROM:<root@localhost>',
      'RCPT TO:<root>',
      'RCPT TO:<admin@example.net>',
    ])
    expect(text).toMatch(/^Subject: \[Postern\] ssh: banned 192\.0\.2\.1 from /m)
    expect(text).toContain('192.0.2.1 has just been banned by Postern after 3 attempts against ssh.')
    expect(text).toContain('netname: TEST-192.0.2.1\nabuse: abuse@example.net')
    expect(text).toContain('\n..\n.. a dot\nünï\n')
    await each.ban(
      ['192.0.2.2', '192.0.2.3', '192.0.2.4'].map((id) => banOf(id)),
      first,
    )
    expect(mails.length).toBe(2)
    nowMs += 3_600_001
    await each.ban([banOf('192.0.2.5')], first)
    expect(mails.length).toBe(3)
    expect(mails[2]!.join('\n')).toContain(
      'Banned since the last mail:\n  192.0.2.3 after 3 attempts\n  192.0.2.4 after 3 attempts',
    )
    await each.ban([banOf('192.0.2.6')], { restored: true })
    expect(mails.length).toBe(3)
  })

  it('tells of the beginning and the end, and of all lines of an address, when asked', async () => {
    const by = { smtp: `127.0.0.1:${await smtp()}`, whois: 'no', tellstart: 'yes', lines: 'ipmatches' }
    const each = mail(by, { ...context, tagOf: (tag) => (tag === 'ipmatches' ? 'old\nnew' : undefined) })
    await each.start()
    await each.ban([banOf('192.0.2.1', { matches: ['new'] })], first)
    await each.stop([])
    expect(
      mails.map((lines) => lines.find((line) => line.startsWith('Subject'))!.split(' from ')[0]),
    ).toEqual([
      'Subject: [Postern] ssh: started',
      'Subject: [Postern] ssh: banned 192.0.2.1',
      'Subject: [Postern] ssh: stopped',
    ])
    expect(mails[1]!.join('\n')).toContain('Lines:\n\nold\nnew\n')
  })

  it('goes to sendmail, and no line of a log becomes a header or an option', async () => {
    const program = join(folder, 'sendmail')
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${folder}/args\ncat > ${folder}/mail\n`, { mode: 0o755 })
    await mail({ sendmail: program, whois: 'no' }).ban([banOf('id\nBcc: evil@example.net')], first)
    expect(readFileSync(join(folder, 'args'), 'utf8')).toBe('-i -f root@localhost root admin@example.net\n')
    expect(readFileSync(join(folder, 'mail'), 'utf8').split('\n\n')[0]).not.toMatch(/^Bcc/m)
  })

  // CVE-2021-32749: mailutils carries out lines of a mail that begin with ~!
  it('goes to sendmail as it is, whatever whois says', async () => {
    const evil = await serve((socket) => socket.end('~! touch evil\r\n.\r\nnetname: x\r\n'))
    const program = join(folder, 'sendmail')
    writeFileSync(program, `#!/bin/sh\ncat > ${folder}/mail\n`, { mode: 0o755 })
    await mail({ sendmail: program, whois: `127.0.0.1:${evil}` }).ban([banOf('192.0.2.1')], first)
    expect(readFileSync(join(folder, 'mail'), 'utf8')).toContain('\n~! touch evil\n.\nnetname: x\n')
    expect(existsSync('evil')).toBe(false)
  })

  it('says what went wrong', async () => {
    const refusing = await serve(() => {}, '554 no mail here\r\n')
    await expect(
      mail({ smtp: `127.0.0.1:${refusing}`, whois: 'no' }).ban([banOf('192.0.2.1')], first),
    ).rejects.toThrow('554 no mail here')
  })
})

const withoutTls = missingTools('openssl')

describe.skipIf(withoutTls !== null)(`mail over TLS${withoutTls === null ? '' : ` (${withoutTls})`}`, () => {
  let certificate = ''
  let key = ''
  beforeEach(() => {
    const [keyFile, file] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
    execFileSync('openssl', [...words, ...names, '-keyout', keyFile, '-out', file], { stdio: 'pipe' })
    certificate = readFileSync(file, 'utf8')
    key = readFileSync(keyFile, 'utf8')
  })

  interface Behaviour {
    /** What the server offers before and after TLS. */
    readonly bare?: readonly string[]
    readonly secure?: readonly string[]
    /** TLS from the first byte. */
    readonly implicit?: boolean
    /** Said in the clear right behind the answer to STARTTLS. */
    readonly injected?: string
  }

  /** A mail server that notes what it hears, `*` in front of what came over TLS; its port. */
  async function serveMail(heard: string[], behaviour: Behaviour): Promise<number> {
    const { bare = ['STARTTLS'], secure = ['AUTH PLAIN LOGIN'], implicit = false, injected = '' } = behaviour
    const talk = (socket: Socket, isSecure: boolean): void => {
      const mark = isSecure ? '* ' : ''
      let inData = false
      let wants = 0
      let rest = ''
      const reply: (line: string) => string | null = (line) => {
        if (inData) {
          if (line === '.') inData = false
          return line === '.' ? '250 taken' : null
        }
        if (wants > 0) return --wants > 0 ? '334 UGFzc3dvcmQ6' : '235 welcome'
        if (line.startsWith('EHLO')) {
          const offers = ['here', ...(isSecure ? secure : bare)]
          return offers.map((offer, at) => `250${at === offers.length - 1 ? ' ' : '-'}${offer}`).join('\r\n')
        }
        if (line === 'DATA') inData = true
        if (line === 'AUTH LOGIN') wants = 2
        if (line === 'AUTH LOGIN') return '334 VXNlcm5hbWU6'
        if (line.startsWith('AUTH PLAIN')) return '235 welcome'
        return line === 'DATA' ? '354 go on' : line === 'QUIT' ? '221 bye' : '250 fine'
      }
      const onData = (bytes: Buffer): void => {
        const lines = (rest + bytes.toString()).split('\r\n')
        rest = lines.pop()!
        for (const line of lines) {
          if (!inData) heard.push(mark + line)
          if (line === 'STARTTLS') {
            socket.off('data', onData)
            socket.write(`220 go ahead\r\n${injected}`)
            const safe = secured(socket)
            talk(safe, true)
            return
          }
          const answer = reply(line)
          if (answer !== null) socket.write(`${answer}\r\n`)
        }
      }
      socket.on('data', onData)
      socket.on('error', () => {})
    }
    const secured = (socket: Socket): TLSSocket =>
      new TLSSocket(socket, {
        isServer: true,
        secureContext: createSecureContext({ key, cert: certificate }),
      }).on('error', () => {}) as TLSSocket
    const server = createServer((plain) => {
      plain.on('error', () => {})
      const socket = implicit ? secured(plain) : plain
      socket.write('220 hello\r\n')
      talk(socket, implicit)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as { port: number }).port
  }

  const login = { user: 'me', password: 'secret' }
  const send = (port: number, more: Partial<SmtpServer>): Promise<void> =>
    sendBySmtp(
      { host: 'localhost', port, timeoutMs: 5000, ...more },
      { sender: 'a@example.net', recipients: ['b@example.net'] },
      'Subject: x\n\ntext\n',
    )
  const plainLogin = `AUTH PLAIN ${Buffer.from('\0me\0secret').toString('base64')}`

  it('turns to TLS where it is offered, and logs in by PLAIN or LOGIN over it alone', async () => {
    const heard: string[] = []
    await send(await serveMail(heard, {}), { ca: certificate, login })
    expect(heard.map((line) => line.replace(/^(\*? ?EHLO).*/, '$1'))).toEqual([
      'EHLO',
      'STARTTLS',
      '* EHLO',
      `* ${plainLogin}`,
      '* MAIL FROM:<a@example.net>',
      '* RCPT TO:<b@example.net>',
      '* DATA',
      '* QUIT',
    ])
    heard.length = 0
    await send(await serveMail(heard, { secure: ['AUTH LOGIN'] }), { ca: certificate, login })
    expect(heard.slice(3, 6)).toEqual(['* AUTH LOGIN', '* bWU=', '* c2VjcmV0'])
  })

  it('speaks TLS from the first byte where it is told to', async () => {
    const heard: string[] = []
    await send(await serveMail(heard, { implicit: true }), { tls: 'implicit', ca: certificate, login })
    expect(heard[1]).toBe(`* ${plainLogin}`)
  })

  it('tells no password to a server that it cannot trust, and takes TLS for what it is without one', async () => {
    const heard: string[] = []
    await expect(send(await serveMail(heard, {}), { login })).rejects.toThrow(/self.signed/)
    await expect(send(await serveMail(heard, {}), { tls: 'starttls' })).rejects.toThrow(/self.signed/)
    await expect(send(await serveMail(heard, { bare: [] }), { tls: 'starttls' })).rejects.toThrow(
      'no STARTTLS',
    )
    await expect(send(await serveMail(heard, { secure: [] }), { ca: certificate, login })).rejects.toThrow(
      'no login',
    )
    const injected = '250 AUTH PLAIN\r\n'
    await expect(send(await serveMail(heard, { injected }), { ca: certificate, login })).rejects.toThrow(
      'before TLS began',
    )
    expect(heard.join('\n')).not.toContain('AUTH')
    await send(await serveMail(heard, {}), {})
    expect(heard.at(-1)).toBe('* QUIT')
  })

  it('sends a password readable on this machine, or when told to', async () => {
    const heard: string[] = []
    const port = await serveMail(heard, { bare: ['AUTH PLAIN'] })
    await send(port, { login })
    expect(heard).toContain(plainLogin)
    await expect(send(port, { host: 'ip6-localhost.invalid', login })).rejects.toThrow()
    const action = (options: Record<string, string>) =>
      makeAction({ name: 'mail', action: 'postern-mail', options }, context, runProgram)
    expect(() => action({ smtp: 'mail', tls: 'maybe' })).toThrow('tls=maybe: it is one of auto, starttls')
    writeFileSync(join(folder, 'password'), 'secret\n')
    heard.length = 0
    const files = { passwordfile: join(folder, 'password'), user: 'me' }
    await action({ smtp: `127.0.0.1:${port}`, whois: 'no', ...files }).ban([banOf('192.0.2.1')], first)
    expect(heard).toContain(plainLogin)
  })
})
