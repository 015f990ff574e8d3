/** `postern confirm`: the rules that wait are kept. */
import { ChangeUnderWay, decide, requirePrivilege } from '../linux/apply/index.ts'
import { stateOf, stateOption, Talk } from './apply-common.ts'
import { type Command, jsonOption } from './command.ts'
import { exit } from './environment.ts'

export const confirm: Command = {
  name: 'confirm',
  summary: 'keep the rules that postern apply has put in force',
  description:
    'Confirms the change that waits: its rules stay, and become a generation. Best said from a second login, since it ' +
    'shows that one still gets in.',
  arguments: [],
  options: [stateOption, jsonOption],
  examples: [{ does: 'Keep them', command: 'postern confirm', needs: 'a change that waits' }],
  async run(_args, options, environment) {
    requirePrivilege('confirming rules', 'sudo postern confirm')
    const state = stateOf(options)
    const pending = state.pendingChange()
    if (pending === null) {
      environment.stderr('error: no change waits to be confirmed\n')
      return exit.finding
    }
    const phase = pending.phase?.name
    if (phase === 'prepared' || phase === 'loading') {
      environment.stderr('error: the rules are not in force yet: confirm when they are\n')
      return exit.finding
    }
    try {
      const outcome = await decide(state, { what: 'keep', why: 'confirmed' })
      return new Talk(options.json === true, environment).outcome(outcome)
    } catch (error) {
      if (!(error instanceof ChangeUnderWay)) throw error
      environment.stderr(`error: the change was made in another network namespace\n`)
      return exit.finding
    }
  },
}
