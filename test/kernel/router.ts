/**
 * A real Linux router to compare the engine with: a fresh network namespace whose Ethernet devices are TAPs, so that
 * a test writes frames in and reads what comes out, packet by packet, without waiting.
 *
 * The calling thread moves into the namespace for good; use it from a test file of its own (vitest gives each file its
 * own process). The namespace and all in it vanish with the process.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const cloneNewNet = 0x4000_0000
const openReadWriteNonblocking = 0o4002
/** Source: include/uapi/linux/if_tun.h. */
const tunSetInterface = 0x4004_54ca
const tapWithoutHeader = 0x1002

interface Libc {
  unshare(flags: number): number
  open(path: string, flags: number): number
  ioctl(fd: number, request: number, argument: Buffer): number
  read(fd: number, buffer: Uint8Array, length: number): number
  write(fd: number, buffer: Uint8Array, length: number): number
  close(fd: number): number
}

function loadLibc(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as {
    load(path: string): { func(prototype: string): never }
  }
  const libc = koffi.load('libc.so.6')
  return {
    unshare: libc.func('int unshare(int flags)'),
    open: libc.func('int open(const char *path, int flags)'),
    ioctl: libc.func('int ioctl(int fd, unsigned long request, void *argument)'),
    read: libc.func('long read(int fd, void *buffer, size_t length)'),
    write: libc.func('long write(int fd, void *buffer, size_t length)'),
    close: libc.func('int close(int fd)'),
  }
}

/** Why no router can be built here, or null. */
export function routerUnavailable(): string | null {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root to make a network namespace'
  try {
    readFileSync('/proc/net/nf_conntrack')
  } catch {
    return 'this kernel shows no /proc/net/nf_conntrack'
  }
  try {
    createRequire(import.meta.url).resolve('koffi')
  } catch {
    return 'koffi is not installed'
  }
  for (const tool of ['iptables-legacy-restore']) {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' })
    } catch {
      return `${tool} is not installed`
    }
  }
  return null
}

export interface RouterDevice {
  readonly mac: string
  readonly addresses: readonly string[]
  /** Hosts behind it, with the link address they are reached at. */
  readonly neighbours: Readonly<Record<string, string>>
}

export class Router {
  readonly #libc = loadLibc()
  readonly #taps = new Map<string, number>()
  readonly #buffer = new Uint8Array(70_000)

  constructor(devices: Readonly<Record<string, RouterDevice>>) {
    if (this.#libc.unshare(cloneNewNet) !== 0) throw new Error('unshare(CLONE_NEWNET) was refused')
    this.sysctl('net.ipv6.conf.all.accept_dad', 0)
    this.sysctl('net.ipv6.conf.default.accept_dad', 0)
    this.sysctl('net.ipv6.conf.default.router_solicitations', 0)
    this.sysctl('net.ipv6.conf.default.addr_gen_mode', 1)
    this.sysctl('net.ipv4.ip_forward', 1)
    this.sysctl('net.ipv6.conf.all.forwarding', 1)
    this.sysctl('net.ipv4.conf.all.rp_filter', 0)
    this.sysctl('net.ipv4.conf.default.rp_filter', 0)
    this.sysctl('net.ipv4.conf.all.send_redirects', 0)
    this.sysctl('net.ipv4.conf.default.send_redirects', 0)
    this.sysctl('net.ipv4.icmp_ratelimit', 0)
    this.sysctl('net.ipv6.icmp.ratelimit', 0)
    this.sysctl('net.ipv6.auto_flowlabels', 0)
    this.run('ip link set lo up')
    for (const [name, { mac, addresses, neighbours }] of Object.entries(devices)) {
      this.#taps.set(name, this.#openTap(name))
      this.run(`ip link set ${name} address ${mac}`)
      this.run(`ip link set ${name} up`)
      for (const address of addresses) this.run(`ip address add ${address} dev ${name}`)
      for (const [address, lladdr] of Object.entries(neighbours)) {
        this.run(`ip neighbour add ${address} lladdr ${lladdr} dev ${name} nud permanent`)
      }
    }
    this.drain()
  }

  #openTap(name: string): number {
    const fd = this.#libc.open('/dev/net/tun', openReadWriteNonblocking)
    const request = Buffer.alloc(40)
    request.write(name)
    request.writeUInt16LE(tapWithoutHeader, 16)
    if (fd < 0 || this.#libc.ioctl(fd, tunSetInterface, request) !== 0)
      throw new Error(`no TAP device ${name}`)
    return fd
  }

  sysctl(name: string, value: number): void {
    writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, String(value))
  }

  /** Runs a command in the namespace; its standard output. */
  run(command: string, input = ''): string {
    const [file, ...words] = command.split(' ')
    return execFileSync(file!, words, { input, encoding: 'utf8', stdio: 'pipe' })
  }

  /** Loads iptables-save text. */
  load(family: 'ipv4' | 'ipv6', text: string): void {
    this.run(family === 'ipv4' ? 'iptables-legacy-restore' : 'ip6tables-legacy-restore', text)
  }

  /** A frame arrives at a device; the kernel has dealt with it when this returns. */
  write(device: string, frame: Uint8Array): void {
    this.#libc.write(this.#taps.get(device)!, frame, frame.length)
  }

  /** The unicast frames that left by a device since the last call: multicast is the router's own chatter. */
  read(device: string): Uint8Array[] {
    const frames: Uint8Array[] = []
    for (;;) {
      const length = this.#libc.read(this.#taps.get(device)!, this.#buffer, this.#buffer.length)
      if (length <= 0) return frames
      if ((this.#buffer[0]! & 1) === 0) frames.push(this.#buffer.slice(0, length))
    }
  }

  drain(): void {
    for (const device of this.#taps.keys()) this.read(device)
  }

  /** `/proc/net/nf_conntrack`, one line an entry. */
  conntrack(): string[] {
    return this.#lines('/proc/net/nf_conntrack')
  }

  /** `/proc/net/nf_conntrack_expect`. */
  expectations(): string[] {
    return this.#lines('/proc/net/nf_conntrack_expect')
  }

  #lines(path: string): string[] {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  }

  close(): void {
    for (const fd of this.#taps.values()) this.#libc.close(fd)
  }
}
