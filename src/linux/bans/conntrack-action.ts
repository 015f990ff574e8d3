/** Cuts the connections that the banned have open: a rule at the head of a chain may never see their packets. */
import type { Ban } from '../../guard/ban.ts'
import type { BanAction } from './action.ts'
import { networkOfBan } from './action.ts'
import type { RunProgram } from './run-program.ts'

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

  /** conntrack ends with 1 where there was no connection. */
  async ban(bans: readonly Ban[]): Promise<void> {
    for (const network of bans.map(networkOfBan)) {
      if (network === null) continue
      await this.#run('conntrack', ['-D', '-f', network.family, '-s', network.text])
    }
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
