/** A namespace of the real kernel with one Ethernet device that a test writes frames to, for as long as one action. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { type Libc, loadLibc } from '../../linux/_libc.ts'
import { NetworkNamespace } from '../../linux/lab/_namespace.ts'
import { Tap } from '../../linux/lab/_tap.ts'
import { labLack } from '../../linux/lab/requirements.ts'
import type { Family } from '../../net/address.ts'
import { eth0 } from './samples.ts'

export interface KernelHost {
  readonly libc: Libc
  /** Lets a frame arrive on eth0; all that follows from it is done when this returns. */
  arrive(frame: Uint8Array): void
  /** Runs a command inside; throws when it fails. */
  run(command: string, args: readonly string[], input?: string): string
  /** Replaces a table by restore text. */
  load(text: string): void
  /** Packets that each rule of a chain counted, in order. */
  counters(table: string, chain: string): number[]
  /** `iptables-save -c` of a table. */
  save(table: string): string
}

/** Why no kernel host can be made here, or null when one can. */
export const kernelHostIsOutOfReach: string | null = labLack('legacy')?.message ?? null

/** A router that configures nothing by itself. */
const quiet: Readonly<Record<string, string>> = {
  'ipv6/conf/default/accept_dad': '0',
  'ipv6/conf/default/addr_gen_mode': '1',
  'ipv4/ip_forward': '1',
  'ipv6/conf/all/forwarding': '1',
}

export async function onKernelHost<T>(family: Family, action: (host: KernelHost) => T): Promise<T> {
  const libc = await loadLibc()
  const namespace = new NetworkNamespace(libc)
  let tap: Tap | null = null
  try {
    return namespace.run(() => {
      for (const [name, value] of Object.entries(quiet)) writeFileSync(`/proc/sys/net/${name}`, value)
      tap = new Tap(libc, eth0.name, eth0.index)
      const mac = Array.from(eth0.mac, (byte) => byte.toString(16).padStart(2, '0')).join(':')
      run('ip', ['link', 'set', 'dev', 'lo', 'up'])
      run('ip', ['link', 'set', 'dev', eth0.name, 'address', mac, 'up'])
      return action(hostOf(libc, tap, family === 'ipv4' ? 'iptables-legacy' : 'ip6tables-legacy'))
    })
  } finally {
    await (tap as Tap | null)?.close()
    namespace.close()
  }
}

function hostOf(libc: Libc, tap: Tap, tool: string): KernelHost {
  const save = (table: string): string => run(`${tool}-save`, ['-c', '-t', table])
  return {
    libc,
    arrive: (frame) => void tap.write(frame),
    run,
    load: (text) => void run(`${tool}-restore`, [], text),
    save,
    counters: (table, chain) =>
      [...save(table).matchAll(/^\[(\d+):\d+\] -A (\S+)/gm)]
        .filter(([, , name]) => name === chain)
        .map(([, packets]) => Number(packets)),
  }
}

function run(command: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}
