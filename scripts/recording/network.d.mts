import type { ChildProcess } from 'node:child_process'

export interface Topology {
  readonly bridges: readonly string[]
}
export const street: Topology
export const gateway: Topology

export class Network {
  constructor(topology?: Topology)
  /** The network namespace of a machine. */
  namespace(machine: string): string
  build(): void
  /** What the command printed on its standard output. */
  run(
    machine: string,
    command: readonly string[],
    options?: { input?: string; holdMs?: number; mustSucceed?: boolean },
  ): Promise<string>
  start(machine: string, command: readonly string[], ready: string): Promise<ChildProcess>
  spawn(machine: string, command: readonly string[]): ChildProcess
  stop(child: ChildProcess): Promise<void>
  macOf(machine: string, device: string): string
  destroy(): void
}
