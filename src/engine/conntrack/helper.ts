/**
 * Connection helpers: code that reads what is said on a connection, and expects the others that are arranged there.
 *
 * Since Linux 6.0 no helper comes to a connection by its port: a rule attaches it (`-j CT --helper ftp`).
 * Kernel: net/netfilter/nf_conntrack_helper.c, Linux 6.18.
 */
import { isModelledHelper, type ModelledHelper } from '../../ext/helper-names.ts'

export interface HelperDefinition {
  readonly name: string
  /** Connections that a master may expect at once; the oldest gives way. */
  readonly mostExpected: number
  /** Seconds for which one is expected. */
  readonly expectSeconds: number
}

/** Source: ftp_exp_policy, tftp_exp_policy. */
const policies: Readonly<Record<ModelledHelper, Omit<HelperDefinition, 'name'>>> = {
  ftp: { mostExpected: 1, expectSeconds: 300 },
  tftp: { mostExpected: 1, expectSeconds: 300 },
}

/** A helper that the kernel has and the engine does not know is there, too, and expects nothing. */
const helperNamed = (name: string): HelperDefinition => ({
  name,
  ...(isModelledHelper(name) ? policies[name] : { mostExpected: 0, expectSeconds: 0 }),
})

/** What a connection with a helper remembers (`struct nf_conn_help`). */
export class ConnectionHelp {
  readonly helper: HelperDefinition
  /** For ftp: sequence numbers at which a line begins, the two latest of each direction. */
  readonly lineStarts: readonly [original: number[], reply: number[]] = [[], []]

  /** By the name that rules give it. */
  constructor(name: string) {
    this.helper = helperNamed(name)
  }
}
