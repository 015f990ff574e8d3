// The kernel in a network namespace that lasts as long as a benchmark.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../ensure.mjs'

/** Why there is no kernel to compare with here; null where there is one. */
export function kernelLack() {
  const probe = spawnSync('unshare', ['--net', '--', 'python3', '-c', 'open("/dev/net/tun")'])
  if (probe.status !== 0) return 'needs root, network namespaces, python3 and /dev/net/tun'
  const restore = spawnSync('iptables-legacy-restore', ['--version'])
  return restore.status === 0 ? null : 'needs iptables'
}

export class Kernel {
  #child = spawn('unshare', ['--net', '--', 'python3', join(root, 'scripts', 'bench', 'kernel.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  #lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()

  async ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the process of the kernel ended')
    const answer = JSON.parse(value)
    if (answer.error) throw new Error(answer.error)
    return answer
  }

  close() {
    this.#child.stdin.end()
  }
}
