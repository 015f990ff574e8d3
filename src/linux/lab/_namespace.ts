/**
 * An anonymous network namespace: it lives as long as this process holds it, so nothing stays behind, however the
 * process ends.
 *
 * A thread is in one namespace at a time. `run` enters for the length of one synchronous action and comes back;
 * child processes started inside inherit the namespace, and files below /proc/thread-self/net and /proc/sys/net
 * are those of it.
 */
import { CLONE_NEWNET, type Libc, must, O_CLOEXEC, O_RDONLY } from '../_libc.ts'

const threadNamespace = '/proc/thread-self/ns/net'

export class NetworkNamespace {
  readonly #libc: Libc
  readonly #home: number
  readonly #descriptor: number
  /** How many `run` are on the stack; only the outermost switches. */
  #depth = 0

  constructor(libc: Libc) {
    this.#libc = libc
    this.#home = must(libc.open(threadNamespace, O_RDONLY | O_CLOEXEC), 'open the namespace of this thread')
    try {
      must(libc.unshare(CLONE_NEWNET), 'make a network namespace')
      this.#descriptor = must(libc.open(threadNamespace, O_RDONLY | O_CLOEXEC), 'open the new namespace')
    } finally {
      must(libc.setns(this.#home, CLONE_NEWNET), 'come back from the new namespace')
    }
  }

  /** Runs a synchronous action inside. Preconditions: not inside another namespace's `run`. */
  run<T>(action: () => T): T {
    if (this.#depth === 0) must(this.#libc.setns(this.#descriptor, CLONE_NEWNET), 'enter the namespace')
    this.#depth++
    try {
      return action()
    } finally {
      this.#depth--
      if (this.#depth === 0) must(this.#libc.setns(this.#home, CLONE_NEWNET), 'leave the namespace')
    }
  }

  close(): void {
    this.#libc.close(this.#descriptor)
    this.#libc.close(this.#home)
  }
}
