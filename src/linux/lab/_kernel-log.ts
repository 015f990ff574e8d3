/**
 * The kernel log, as far as netfilter's LOG writes to it.
 *
 * Inside a namespace other than the first, LOG says nothing unless `net.netfilter.nf_log_all_netns` is 1, a switch
 * of the whole machine. The first lab of all processes turns it on and the last one puts it back; advisory locks
 * tell who is first and last, so a killed process is forgotten by itself.
 *
 * Source: Documentation/ABI/testing/dev-kmsg; nf_log_dump_packet_common() in net/netfilter/nf_log_syslog.c.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { EAGAIN, type Libc, must, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR, SEEK_END } from '../_libc.ts'

const allNamespaces = '/proc/sys/net/netfilter/nf_log_all_netns'
/** Held shared by every process that has a lab open; its text is the setting to put back. */
const usersFile = '/run/postern-lab.users'
/** Held while the setting is looked at and changed, and while a step that may log runs. */
const turnFile = '/run/postern-lab.turn'

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8
const O_CREAT = 0o100
/** A record was overwritten before it was read. */
const EPIPE = 32

const buffer = Buffer.alloc(8192)

export class KernelLog {
  readonly #libc: Libc
  readonly #records: number
  readonly #turn: number
  readonly #users: number

  static #shared: KernelLog | null = null
  static #holders = 0

  /**
   * The log of this process, for one more lab. Null where the switch is out of reach: this process is itself in a
   * namespace, or there is no /dev/kmsg.
   */
  static acquire(libc: Libc): KernelLog | null {
    if (!existsSync(allNamespaces) || !existsSync('/dev/kmsg')) return null
    KernelLog.#shared ??= new KernelLog(libc)
    KernelLog.#holders++
    return KernelLog.#shared
  }

  static release(): void {
    if (--KernelLog.#holders > 0) return
    KernelLog.#holders = 0
    if (KernelLog.#shared !== null) KernelLog.#shared.#close()
    KernelLog.#shared = null
  }

  /** Puts the setting back though labs are still open: the process is ending. */
  static abandon(): void {
    KernelLog.#holders = 0
    KernelLog.release()
  }

  private constructor(libc: Libc) {
    this.#libc = libc
    this.#records = must(libc.open('/dev/kmsg', O_RDONLY | O_NONBLOCK | O_CLOEXEC), 'open /dev/kmsg')
    for (const path of [usersFile, turnFile]) if (!existsSync(path)) writeFileSync(path, '', { mode: 0o600 })
    this.#turn = must(libc.open(turnFile, O_RDWR | O_CREAT | O_CLOEXEC), `open ${turnFile}`)
    this.#users = must(libc.open(usersFile, O_RDWR | O_CREAT | O_CLOEXEC), `open ${usersFile}`)
    this.#alone(() => {
      // A text that is there already was left by those who still run, or by one who was killed.
      const saved = readFileSync(usersFile, 'latin1')
      if (saved === '') writeFileSync(usersFile, readFileSync(allNamespaces))
      writeFileSync(allNamespaces, '1\n')
      must(libc.flock(this.#users, LOCK_SH), `lock ${usersFile}`)
    })
    startWatching()
  }

  /** Runs an action and returns what was logged meanwhile. No other process's labs log at that time. */
  during(action: () => void): string[] {
    return this.#alone(() => {
      must(this.#libc.seek(this.#records, 0, SEEK_END), 'go to the end of /dev/kmsg')
      action()
      return this.#read().filter(isPacketLine)
    })
  }

  #alone<T>(action: () => T): T {
    must(this.#libc.flock(this.#turn, LOCK_EX), `lock ${turnFile}`)
    try {
      return action()
    } finally {
      this.#libc.flock(this.#turn, LOCK_UN)
    }
  }

  /** Whether an exclusive lock can be had, which ends up replacing this process's shared one. */
  #isOnlyUser(): boolean {
    return this.#libc.flock(this.#users, LOCK_EX | LOCK_NB) >= 0
  }

  #read(): string[] {
    const lines: string[] = []
    for (;;) {
      const length = this.#libc.read(this.#records, buffer)
      if (length === -EAGAIN) return lines
      if (length === -EPIPE) continue
      must(length, 'read /dev/kmsg')
      lines.push(textOfRecord(buffer.subarray(0, length)))
    }
  }

  #close(): void {
    stopWatching()
    this.#alone(() => {
      if (this.#isOnlyUser()) {
        const saved = readFileSync(usersFile, 'latin1')
        if (saved !== '') writeFileSync(allNamespaces, saved)
        writeFileSync(usersFile, '')
      }
      this.#libc.close(this.#users)
    })
    for (const descriptor of [this.#turn, this.#records]) this.#libc.close(descriptor)
  }
}

/** `LEVEL,SEQUENCE,MICROSECONDS,FLAGS;TEXT\n`, bytes outside printable ASCII written `\xNN`. */
function textOfRecord(record: Buffer): string {
  const start = record.indexOf(';') + 1
  const end = record.indexOf('\n', start)
  const escaped = record.toString('latin1', start, end < 0 ? record.length : end)
  const bytes = escaped.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Helpers of connection tracking complain in the same form about packets of any namespace, unasked. */
const isPacketLine = (line: string): boolean => /IN=\S* OUT=/.test(line) && !/^nf_ct_\w+: /.test(line)

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const onExit = (): void => KernelLog.abandon()

/** Whoever else listens decides what becomes of the process; alone, the signal does what it always does. */
function onSignal(signal: NodeJS.Signals): void {
  const isAlone = process.listenerCount(signal) === 1
  if (!isAlone) return
  KernelLog.abandon()
  process.kill(process.pid, signal)
}

function startWatching(): void {
  process.on('exit', onExit)
  for (const signal of endingSignals) process.on(signal, onSignal)
}

function stopWatching(): void {
  process.off('exit', onExit)
  for (const signal of endingSignals) process.off(signal, onSignal)
}
