/**
 * The systemd journal for real: a systemd-journald in namespaces of its own, programs that write to it, and a guard that
 * reads it with journalctl, is stopped, and goes on where it stood.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtLack } from '../built.ts'
import { missingFail2ban } from '../fail2ban/installed.ts'
import { repositoryRoot } from '../shared.ts'
import { missingTools } from '../tools.ts'

const journald = '/usr/lib/systemd/systemd-journald'
const hasMachineId = existsSync('/etc/machine-id') && readFileSync('/etc/machine-id', 'utf8').trim() !== ''
const lack =
  (process.getuid?.() === 0 ? null : 'needs root') ??
  missingTools('unshare', 'mount', 'mkfifo', 'systemd-cat', 'journalctl') ??
  (existsSync(journald) ? null : 'systemd-journald is not installed') ??
  (hasMachineId ? null : 'this machine has no id') ??
  missingFail2ban ??
  builtLack()

const folder = mkdtempSync(join(tmpdir(), 'postern-journal-'))
const at = (name: string): string => join(folder, name)

/** Nothing of the machine's own journal, kernel log or audit is touched. */
const begin = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/log/journal /run/systemd/journald.conf.d
[ ! -d /var/log/journal ] || mount -t tmpfs tmpfs /var/log/journal
printf '[Journal]\\nAudit=no\\nReadKMsg=no\\nStorage=volatile\\nRateLimitBurst=0\\n' > /run/systemd/journald.conf.d/own.conf
${journald} &
while [ ! -S /run/systemd/journal/socket ]; do sleep 0.05; done
set +e
# Two programs that write what they are told, both as sshd: the journal knows the one from the other.
for name in sshd other; do
  cp /bin/cat ${folder}/$name
  mkfifo ${folder}/$name.fifo
  systemd-cat -t sshd ${folder}/$name < ${folder}/$name.fifo &
done
exec 7> ${folder}/sshd.fifo 8> ${folder}/other.fifo
while read -r line; do eval "$line"; done
kill %1
`

let shell: ChildProcess
const inside = (command: string): void => void shell.stdin!.write(`${command}\n`)
const guardLog = (): string => (existsSync(at('guard.log')) ? readFileSync(at('guard.log'), 'utf8') : '')
const postern = join(repositoryRoot, 'bin/postern')
const startGuard = (): void =>
  inside(
    `${process.execPath} ${postern} guard run --watch --etc ${at('etc')} --store ${at('db')} --socket ${at('socket')} --log ${at('guard.log')} &`,
  )
const ask = (...words: string[]): string =>
  execFileSync(process.execPath, [postern, 'fail2ban-client', '-s', at('socket'), ...words], {
    encoding: 'utf8',
  })

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let wait = 0; wait < 600; wait++) {
    if (holds()) return
    await pause(50)
  }
  throw new Error(`in vain: ${what}\n${guardLog()}`)
}

/** A line in the journal, by a program of that name: the journal notes it as _COMM, whatever the line says. */
const write = (program: 'sshd' | 'other', text: string): void =>
  inside(`echo '${text}' >&${program === 'sshd' ? 7 : 8}`)
const failed = (program: 'sshd' | 'other', address: string, count: number): void => {
  for (let made = 0; made < count; made++)
    write(program, `Failed password for root from ${address} port ${4000 + made} ssh2`)
}

describe.skipIf(lack !== null)(`the journal (${lack ?? 'in namespaces'})`, () => {
  beforeAll(async () => {
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
    writeFileSync(
      at('etc/jail.local'),
      '[sshd]\nenabled = true\nbackend = systemd\nmaxretry = 3\nbantime = 1h\nfindtime = 1h\n',
    )
    shell = spawn('unshare', ['-m', '-n', '-p', '-f', '--mount-proc', '--kill-child', 'bash', '-c', begin], {
      stdio: ['pipe', 'inherit', 'inherit'],
    })
  })
  afterAll(async () => {
    const ended = new Promise((resolve) => shell.once('close', resolve))
    shell.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })

  it('is followed by journalctl, what was there before and what comes, of the units that the filter names', async () => {
    failed('sshd', '192.0.2.1', 3)
    // the same words, but by another program: no journalmatch of the filter fits
    failed('other', '192.0.2.66', 5)
    startGuard()
    await until('the old lines', () => guardLog().includes('[sshd] Ban 192.0.2.1'))
    failed('sshd', '2001:db8::7', 3)
    await until('the new lines', () => guardLog().includes('[sshd] Ban 2001:db8::7'))
    expect(ask('status', 'sshd')).toContain('Journal matches:\t_SYSTEMD_UNIT=sshd.service + _COMM=sshd\n')
    expect(guardLog()).not.toContain('192.0.2.66')
  })

  it('is read on from its cursor after a restart: nothing is lost, nothing counts twice', async () => {
    failed('sshd', '192.0.2.2', 2)
    await until('two failures', () => guardLog().split('Found 192.0.2.2').length === 3)
    ask('stop')
    await until('the end', () => guardLog().includes('Exiting Postern'))
    failed('sshd', '192.0.2.3', 3)
    startGuard()
    await until('what was written meanwhile', () => guardLog().includes('[sshd] Ban 192.0.2.3'))
    failed('sshd', '192.0.2.4', 1)
    await until('a new line', () => guardLog().includes('Found 192.0.2.4'))
    expect(guardLog().split('Found 192.0.2.2').length).toBe(3)
    failed('sshd', '192.0.2.2', 1)
    await until('the third failure', () => guardLog().includes('[sshd] Ban 192.0.2.2'))
    expect(guardLog()).not.toContain('ERROR')
    expect(guardLog()).not.toContain('WARNING')
  })
})
