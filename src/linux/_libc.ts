/**
 * The system calls that Node does not offer, through koffi (an optional dependency, loaded when first needed).
 *
 * Every function answers as the kernel does: 0 or more on success, `-errno` on failure. Numbers of flags and
 * options are those of x86-64 and arm64; both agree on all that is used here.
 */
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { UnavailableError } from './unavailable.ts'

export interface Libc {
  open(path: string, flags: number): number
  close(fd: number): number
  /** Closes on another thread, for descriptors whose closing waits (a device waits for all readers to leave it). */
  closeElsewhere(fd: number): Promise<void>
  /** Bytes read; -EAGAIN when there is nothing to read on a non-blocking descriptor. */
  read(fd: number, buffer: Uint8Array): number
  write(fd: number, bytes: Uint8Array): number
  seek(fd: number, offset: number, whence: number): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  flock(fd: number, operation: number): number
  unshare(flags: number): number
  setns(fd: number, flags: number): number
  socket(domain: number, type: number, protocol: number): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number
  /** Fills `value` and returns how many bytes the kernel wrote. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number
  bind(fd: number, address: Uint8Array): number
  sendto(fd: number, bytes: Uint8Array, flags: number, address: Uint8Array | null): number
  recv(fd: number, buffer: Uint8Array, flags: number): number
  listen(fd: number, backlog: number): number
  /** The new descriptor; `address` is filled with the other side's. */
  accept(fd: number, address: Uint8Array, flags: number): number
  /** Bytes of a datagram; `address` is filled with the sender's. */
  recvfrom(fd: number, buffer: Uint8Array, address: Uint8Array): number
  /** Fills `address` with the descriptor's own. */
  getsockname(fd: number, address: Uint8Array): number
  shutdown(fd: number, how: number): number
  /** These two return the id that was in force before, never an error. */
  setfsuid(uid: number): number
  setfsgid(gid: number): number
  /** The monotonic clock as it stood at the kernel's last timer tick, in nanoseconds: it moves when jiffies do. */
  coarseMonotonicNs(): bigint
  /** The processor this thread runs on. */
  currentCpu(): number
  getaffinity(mask: Uint8Array): number
  setaffinity(mask: Uint8Array): number
}

export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_NONBLOCK = 0o4000
export const O_CLOEXEC = 0o2000000
export const SEEK_END = 2
export const CLONE_NEWNET = 0x40000000
const CLOCK_MONOTONIC_COARSE = 6
export const EAGAIN = constants.errno.EAGAIN

/** A system call that was refused and should not have been. */
export class SystemCallError extends Error {
  readonly errno: number
  /** `EPERM`, `ENODEV` ... */
  readonly code: string

  constructor(what: string, errno: number) {
    super(`${what}: ${errnoName(errno)}`)
    this.errno = errno
    this.code = errnoName(errno)
  }
}

export const errnoName = (errno: number): string => {
  try {
    return getSystemErrorName(-errno)
  } catch {
    return `errno ${errno}`
  }
}

/** The result of a call that must not fail. */
export function must(result: number, what: string): number {
  if (result < 0) throw new SystemCallError(what, -result)
  return result
}

let loaded: Libc | null = null

/** Throws `UnavailableError` where koffi is not installed or the machine is no Linux. */
export async function loadLibc(): Promise<Libc> {
  loaded ??= bindLibc(await importKoffi())
  return loaded
}

async function importKoffi() {
  if (process.platform !== 'linux') throw new UnavailableError('this needs Linux')
  try {
    return (await import('koffi')).default
  } catch {
    throw new UnavailableError(
      'the koffi package is not installed or does not load',
      'install it with `npm install --include=optional`',
    )
  }
}

function bindLibc(koffi: Awaited<ReturnType<typeof importKoffi>>): Libc {
  const library = koffi.load('libc.so.6')
  /** The function, with a failure turned into -errno. */
  const call = (prototype: string): ((...values: unknown[]) => number) => {
    const native = library.func(prototype)
    return (...values) => {
      const result = Number(native(...values))
      return result === -1 ? -koffi.errno() : result
    }
  }
  const open = call('int open(const char *path, int flags)')
  const nativeClose = library.func('int close(int fd)')
  const close = call('int close(int fd)')
  const read = call('long read(int fd, void *buffer, unsigned long size)')
  const write = call('long write(int fd, const void *bytes, unsigned long size)')
  const lseek = call('long lseek(int fd, long offset, int whence)')
  const ioctl = call('int ioctl(int fd, unsigned long request, void *argument)')
  const flock = call('int flock(int fd, int operation)')
  const unshare = call('int unshare(int flags)')
  const setns = call('int setns(int fd, int type)')
  const socket = call('int socket(int domain, int type, int protocol)')
  const setsockopt = call('int setsockopt(int fd, int level, int name, const void *value, unsigned int size)')
  const getsockopt = call('int getsockopt(int fd, int level, int name, void *value, void *size)')
  const bind = call('int bind(int fd, const void *address, unsigned int size)')
  const sendto = call(
    'long sendto(int fd, const void *bytes, unsigned long size, int flags, const void *address, unsigned int addressSize)',
  )
  const recv = call('long recv(int fd, void *buffer, unsigned long size, int flags)')
  const listen = call('int listen(int fd, int backlog)')
  const accept4 = call('int accept4(int fd, void *address, void *addressSize, int flags)')
  const recvfrom = call(
    'long recvfrom(int fd, void *buffer, unsigned long size, int flags, void *address, void *addressSize)',
  )
  const getsockname = call('int getsockname(int fd, void *address, void *addressSize)')
  const shutdown = call('int shutdown(int fd, int how)')
  const setfsuid = library.func('int setfsuid(unsigned int uid)')
  const setfsgid = library.func('int setfsgid(unsigned int gid)')
  const getcpu = call('int sched_getcpu(void)')
  const getaffinity = call('int sched_getaffinity(int pid, unsigned long size, void *mask)')
  const setaffinity = call('int sched_setaffinity(int pid, unsigned long size, const void *mask)')
  const clockGettime = call('int clock_gettime(int clock, void *time)')
  const optionSize = Buffer.alloc(4)
  const timespec = Buffer.alloc(16)
  const addressSize = Buffer.alloc(4)
  /** Room for a length that the kernel reads and writes. */
  const sizeOf = (address: Uint8Array): Buffer => {
    addressSize.writeUInt32LE(address.length)
    return addressSize
  }

  return {
    open: (path, flags) => open(path, flags),
    close: (fd) => close(fd),
    closeElsewhere: (fd) => new Promise((resolve) => nativeClose.async(fd, () => resolve())),
    read: (fd, buffer) => read(fd, buffer, buffer.length),
    write: (fd, bytes) => write(fd, bytes, bytes.length),
    seek: (fd, offset, whence) => lseek(fd, offset, whence),
    ioctl: (fd, request, argument) => ioctl(fd, request, argument),
    flock: (fd, operation) => flock(fd, operation),
    unshare: (flags) => unshare(flags),
    setns: (fd, flags) => setns(fd, flags),
    socket: (domain, type, protocol) => socket(domain, type, protocol),
    setsockopt: (fd, level, name, value) => setsockopt(fd, level, name, value, value.length),
    getsockopt: (fd, level, name, value) => {
      optionSize.writeUInt32LE(value.length)
      const result = getsockopt(fd, level, name, value, optionSize)
      return result < 0 ? result : optionSize.readUInt32LE()
    },
    bind: (fd, address) => bind(fd, address, address.length),
    sendto: (fd, bytes, flags, address) =>
      sendto(fd, bytes, bytes.length, flags, address, address?.length ?? 0),
    recv: (fd, buffer, flags) => recv(fd, buffer, buffer.length, flags),
    listen: (fd, backlog) => listen(fd, backlog),
    accept: (fd, address, flags) => accept4(fd, address, sizeOf(address), flags),
    recvfrom: (fd, buffer, address) => recvfrom(fd, buffer, buffer.length, 0, address, sizeOf(address)),
    getsockname: (fd, address) => getsockname(fd, address, sizeOf(address)),
    shutdown: (fd, how) => shutdown(fd, how),
    setfsuid: (uid) => Number(setfsuid(uid)),
    setfsgid: (gid) => Number(setfsgid(gid)),
    coarseMonotonicNs: () => {
      must(clockGettime(CLOCK_MONOTONIC_COARSE, timespec), 'read the clock')
      return timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8)
    },
    currentCpu: () => getcpu(),
    getaffinity: (mask) => getaffinity(0, mask.length, mask),
    setaffinity: (mask) => setaffinity(0, mask.length, mask),
  }
}
