import type { CaptureRecord, readCapture } from '../../src/net/capture.ts'
import type { Network } from './network.mjs'

export interface Observed {
  /** What passed the devices, by time. */
  readonly records: readonly CaptureRecord[]
  /** `iptables-save -c`, without comments. */
  readonly saved: string
  /** `/proc/net/nf_conntrack`. */
  readonly connections: string
}

export function observe(
  network: Network,
  options: {
    text: string
    devices: readonly string[]
    acts: (act: (comment: string) => Promise<void>) => Promise<void>
    readCapture: typeof readCapture
  },
): Promise<Observed>
