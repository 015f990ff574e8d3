/**
 * Cuts the connections that the banned have open: a rule at the head of a chain that accepts what is ESTABLISHED never
 * lets their packets come to the ban.
 *
 * Forgetting a connection is not enough. When this machine sends the next packet of it, the kernel takes it up again as a
 * connection of this machine's own (`nf_conntrack_tcp_loose`), and what the banned answer is ESTABLISHED once more: seen
 * on Linux 6.18 with a server that speaks. So sockets of this machine are closed first (`ss -K`: CONFIG_INET_DIAG_DESTROY).
 * A connection through this machine, to a server behind it that speaks, may be taken up again.
 */
import type { Ban } from '../../guard/ban.ts'
import type { BanAction } from './action.ts'
import { networkOfBan } from './action.ts'
import type { RunProgram } from './run-program.ts'

/** Networks that `ss` is asked about at once. */
const askedAtOnce = 50

export class ConntrackAction implements BanAction {
  readonly name: string
  readonly #run: RunProgram

  constructor(name: string, run: RunProgram) {
    this.name = name
    this.#run = run
  }

  async start(): Promise<void> {
    // Nothing needs to be there.
  }

  /** Both programs end with an error where there was no connection. */
  async ban(bans: readonly Ban[]): Promise<void> {
    const networks = bans.map(networkOfBan).filter((network) => network !== null)
    for (let at = 0; at < networks.length; at += askedAtOnce) {
      const wanted = networks
        .slice(at, at + askedAtOnce)
        .flatMap(({ family, text }, index) => [
          ...(index === 0 ? [] : ['or']),
          'dst',
          family === 'ipv6' ? bracketed(text) : text,
        ])
      await this.#run('ss', ['-K', '-H', '-n', '-t', '-u', ...wanted])
    }
    for (const { family, text } of networks) await this.#run('conntrack', ['-D', '-f', family, '-s', text])
  }

  async unban(): Promise<void> {
    // What was cut stays cut.
  }

  async check(): Promise<boolean> {
    return true
  }

  async stop(): Promise<void> {
    // Nothing was left behind.
  }
}

/** As `ss` reads addresses of IPv6: `[2001:db8::7]`, `[2001:db8::]/64`. */
function bracketed(text: string): string {
  const [address, length] = text.split('/')
  return `[${address}]${length === undefined ? '' : `/${length}`}`
}
