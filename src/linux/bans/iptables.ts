/** iptables of one family, asked and told through its own programs. */
import type { Family } from '../../net/address.ts'
import { restoreWord } from './rule-words.ts'
import { ActionFailed, type RunProgram, runOrFail } from './run-program.ts'

/** Seconds to wait for others who hold the lock of xtables. */
const lockSeconds = '10'

export class Iptables {
  readonly family: Family
  readonly #run: RunProgram
  readonly #program: string

  constructor(family: Family, run: RunProgram) {
    this.family = family
    this.#run = run
    this.#program = family === 'ipv4' ? 'iptables' : 'ip6tables'
  }

  /** Whether a chain is there. */
  async hasChain(chain: string): Promise<boolean> {
    return (await this.#do(['-n', '-L', chain, '1'])).status === 0
  }

  async addChain(chain: string): Promise<void> {
    const result = await this.#do(['-N', chain])
    if (result.status !== 0 && !(await this.hasChain(chain)))
      throw new ActionFailed(this.#words(['-N', chain]), result)
  }

  async removeChain(chain: string): Promise<void> {
    await this.#do(['-F', chain])
    await this.#do(['-X', chain])
  }

  async hasRule(chain: string, words: readonly string[]): Promise<boolean> {
    return (await this.#do(['-C', chain, ...words])).status === 0
  }

  /** Puts rules at the head of a chain in their order, but for those that are there. */
  async ensureRules(chain: string, rules: readonly (readonly string[])[]): Promise<void> {
    for (const words of [...rules].reverse())
      if (!(await this.hasRule(chain, words)))
        await runOrFail(this.#run, this.#program, this.#args(['-I', chain, '1', ...words]))
  }

  /** Takes rules away, however often they are there. */
  async removeRules(chain: string, rules: readonly (readonly string[])[]): Promise<void> {
    for (const words of rules) while ((await this.#do(['-D', chain, ...words])).status === 0);
  }

  /** The rules of a chain as `iptables -S` prints them; null when there is no such chain. */
  async rules(chain: string): Promise<string[] | null> {
    const { status, stdout } = await this.#do(['-S', chain])
    return status === 0 ? stdout.split('\n').filter((line) => line.startsWith('-A ')) : null
  }

  /** Carries out many changes of table filter as one: `-A CHAIN ...`, `-D CHAIN ...`. Nothing else is touched. */
  async change(commands: readonly (readonly string[])[]): Promise<void> {
    if (commands.length === 0) return
    const lines = commands.map((words) => words.map(restoreWord).join(' '))
    const input = `*filter\n${lines.join('\n')}\nCOMMIT\n`
    const args = ['-w', lockSeconds, '--noflush']
    await runOrFail(this.#run, `${this.#program}-restore`, args, { input })
  }

  #args(words: readonly string[]): string[] {
    return ['-w', lockSeconds, ...words]
  }

  #words(words: readonly string[]): string[] {
    return [this.#program, ...words]
  }

  #do(words: readonly string[]) {
    return this.#run(this.#program, this.#args(words))
  }
}
