// A log as sshd, cron, sudo and others write it, the same in every run but for the day: 70 lines of a hundred are of
// other programs, 20 of sshd and harmless, 10 tell of a failed login.
import { closeSync, openSync, writeSync } from 'node:fs'

/** Numbers from a seed: a linear congruence, which is random enough here. */
function numbers(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >>> 8) % below
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const pad = (number, length = 2) => `${number}`.padStart(length, '0')

function stamp(timeMs, form) {
  const time = new Date(timeMs)
  const clock = `${pad(time.getUTCHours())}:${pad(time.getUTCMinutes())}:${pad(time.getUTCSeconds())}`
  const date = time.getUTCDate()
  if (form === 'syslog') return `${months[time.getUTCMonth()]} ${`${date}`.padStart(2)} ${clock}`
  const day = `${time.getUTCFullYear()}-${pad(time.getUTCMonth() + 1)}-${pad(date)}`
  return `${day}T${clock}.${pad(timeMs % 1000, 3)}000+00:00`
}

const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi']
const tried = [
  'admin',
  'test',
  'oracle',
  'postgres',
  'ubuntu',
  'git',
  'user',
  'pi',
  'ftpuser',
  'www',
  'deploy',
]
const of = (list, draw) => list[draw(list.length)]
const port = (draw) => 1024 + draw(60_000)
/** Friends come from a network that never fails. */
const friend = (draw) => `10.${draw(4)}.${draw(256)}.${1 + draw(254)}`

const others = [
  (draw) => `CRON[${draw(32768)}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)`,
  (draw) => `CRON[${draw(32768)}]: pam_unix(cron:session): session closed for user root`,
  (draw) =>
    `sudo:    ${of(people, draw)} : TTY=pts/${draw(9)} ; PWD=/home ; USER=root ; COMMAND=/usr/bin/systemctl status app${draw(50)}`,
  (draw) =>
    `sudo: pam_unix(sudo:session): session opened for user root(uid=0) by ${of(people, draw)}(uid=100${draw(8)})`,
  (draw) => `systemd-logind[811]: New session ${draw(90_000)} of user ${of(people, draw)}.`,
  (draw) => `systemd-logind[811]: Session ${draw(90_000)} logged out. Waiting for processes to exit.`,
  (draw) => `systemd-logind[811]: Removed session ${draw(90_000)}.`,
  (draw) =>
    `kernel: [${draw(900_000)}.${pad(draw(1e6), 6)}] audit: type=1400 apparmor="ALLOWED" operation="open" pid=${draw(32768)}`,
  (draw) => `postfix/smtpd[${draw(32768)}]: connect from mail${draw(90)}.example.net[192.0.2.${draw(256)}]`,
  (draw) => `dhclient[644]: DHCPREQUEST for 192.168.1.${draw(256)} on eth0 to 192.168.1.1 port 67`,
]

const harmless = [
  (draw) =>
    `Accepted publickey for ${of(people, draw)} from ${friend(draw)} port ${port(draw)} ssh2: ED25519 SHA256:${draw(1e6)}abcdefghijklmnopqrstuvwxyz0123456789`,
  (draw) =>
    `pam_unix(sshd:session): session opened for user ${of(people, draw)}(uid=100${draw(8)}) by (uid=0)`,
  (draw) => `pam_unix(sshd:session): session closed for user ${of(people, draw)}`,
  (draw) => `Received disconnect from ${friend(draw)} port ${port(draw)}:11: disconnected by user`,
  (draw) => `Disconnected from user ${of(people, draw)} ${friend(draw)} port ${port(draw)}`,
  (draw) => `Connection from ${friend(draw)} port ${port(draw)} on 203.0.113.1 port 22 rdomain ""`,
  () => 'Server listening on 0.0.0.0 port 22.',
]

const failed = [
  (draw, address) => `Failed password for root from ${address} port ${port(draw)} ssh2`,
  (draw, address) => `Failed password for ${of(people, draw)} from ${address} port ${port(draw)} ssh2`,
  (draw, address) =>
    `Failed password for invalid user ${of(tried, draw)} from ${address} port ${port(draw)} ssh2`,
  (draw, address) => `Invalid user ${of(tried, draw)} from ${address} port ${port(draw)}`,
]

/** The address of an attacker by number: scattered, none of them reserved for anything. */
export function attacker(number) {
  const word = Math.imul(number + 1, 2654435761) >>> 0
  const first = 11 + ((word >>> 24) % 89)
  return `${first}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${1 + (number % 254)}`
}

/**
 * Writes the log, lines spread over a day.
 * @param {{ lines: number, startMs: number, form?: 'syslog' | 'iso', seed?: number, addresses?: number }} what
 */
export function writeAuthLog(path, { lines, startMs, form = 'syslog', seed = 7, addresses = 20_000 }) {
  const draw = numbers(seed)
  const file = openSync(path, 'w')
  const stepMs = 86_400_000 / lines
  let text = []
  let second = -1
  let date = ''
  for (let at = 0; at < lines; at++) {
    const timeMs = startMs + Math.floor(at * stepMs)
    if (form === 'iso' || Math.floor(timeMs / 1000) !== second) date = stamp(timeMs, form)
    second = Math.floor(timeMs / 1000)
    const kind = draw(100)
    const rest =
      kind < 70
        ? of(others, draw)(draw)
        : `sshd[${1 + draw(99_999)}]: ${kind < 90 ? of(harmless, draw)(draw) : of(failed, draw)(draw, attacker(draw(addresses)))}`
    text.push(`${date} gate ${rest}\n`)
    if (text.length === 10_000) {
      writeSync(file, text.join(''))
      text = []
    }
  }
  writeSync(file, text.join(''))
  closeSync(file)
}
