/** Random commands one after the other: taken or refused by us and by iptables, with the same ruleset after each. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { registry } from '../../src/ext/registry.ts'
import { parseCommand } from '../../src/lang/command.ts'
import { printRuleset } from '../../src/lang/print.ts'
import { Problems } from '../../src/lang/problems.ts'
import { linux618 } from '../../src/lang/profile.ts'
import { newRuleset, type Ruleset } from '../../src/lang/rule.ts'
import { applyAction, copyTable, useTable } from '../../src/lang/ruleset.ts'
import { refusalsOf } from '../../src/lang/verify.ts'
import { wordsOfArguments } from '../../src/lang/words.ts'
import { seed } from '../seed.ts'
import { runs } from './budget.ts'

const chain = fc.constantFrom('INPUT', 'FORWARD', 'OUTPUT', 'a', 'a', 'b', 'b', 'Cc', 'none')
const number = fc.constantFrom('1', '1', '2', '3', '4', '0', '+1', '0x2', '99', 'x')
const rule = fc.constantFrom(
  '-j ACCEPT',
  '-p tcp',
  '-p tcp --dport 22 -j DROP',
  '-s 1.1.1.1,2.2.2.2 -j DROP',
  '-s 1.1.1.1 -j DROP',
  '-j a',
  '-g a',
  '-j b',
  '-p udp -j b',
  '-g Cc',
  '-j Cc',
  '-j none',
  '-m owner --uid-owner 0',
  '-p tcp -j REJECT --reject-with tcp-reset',
  '-j REJECT',
  '-o eth0',
  '-m recent --set --name x --mask 255.255.255.255',
  '-m recent --set --name x',
  '-j QUEUE',
)

const command = fc.oneof(
  { arbitrary: fc.tuple(chain, rule).map(([name, text]) => `-A ${name} ${text}`), weight: 8 },
  {
    arbitrary: fc.tuple(chain, number, rule).map(([name, at, text]) => `-I ${name} ${at} ${text}`),
    weight: 4,
  },
  { arbitrary: fc.tuple(chain, rule).map(([name, text]) => `-I ${name} ${text}`), weight: 2 },
  {
    arbitrary: fc.tuple(chain, number, rule).map(([name, at, text]) => `-R ${name} ${at} ${text}`),
    weight: 2,
  },
  { arbitrary: fc.tuple(chain, rule).map(([name, text]) => `-D ${name} ${text}`), weight: 4 },
  { arbitrary: fc.tuple(chain, number).map(([name, at]) => `-D ${name} ${at}`), weight: 2 },
  { arbitrary: fc.tuple(chain, rule).map(([name, text]) => `-C ${name} ${text}`), weight: 2 },
  { arbitrary: chain.map((name) => `-N ${name}`), weight: 6 },
  { arbitrary: chain.map((name) => `-X ${name}`), weight: 2 },
  { arbitrary: fc.tuple(chain, chain).map(([name, to]) => `-E ${name} ${to}`), weight: 2 },
  {
    arbitrary: fc
      .tuple(chain, fc.constantFrom('ACCEPT', 'DROP', 'drop', 'REJECT'))
      .map((words) => `-P ${words.join(' ')}`),
    weight: 2,
  },
  { arbitrary: chain.map((name) => `-F ${name}`), weight: 1 },
  { arbitrary: fc.tuple(chain, number).map(([name, at]) => `-Z ${name} ${at}`), weight: 1 },
  { arbitrary: fc.constantFrom('-X', '-F', '-Z', '-L -n', '-S', '-N LOG', '-N -x', '-X none -v'), weight: 1 },
)

interface Answer {
  readonly taken: boolean
  readonly saved: string
}

function ourAnswers(commands: readonly string[]): Answer[] {
  const ruleset = newRuleset('ipv4')
  return commands.map((text) => ({ taken: run(ruleset, text), saved: printRuleset(ruleset, registry) }))
}

/** Whether the command was taken; the table is replaced only then. */
function run(ruleset: Ruleset, text: string): boolean {
  const table = copyTable(useTable(ruleset, 'filter'))
  const context = { family: 'ipv4', syntax: registry, profile: linux618 } as const
  const environment = { ...context, problems: new Problems(), restoreTable: null, chains: () => table.chains }
  const command = parseCommand(wordsOfArguments('run', text.split(' ')), environment)
  if (command === null || applyAction(table, command.action) !== null) return false
  if (refusalsOf(table, context).length > 0) return false
  ruleset.tables.set('filter', table)
  return true
}

function kernelAnswers(commands: readonly string[]): Answer[] {
  const script = commands.map((text) =>
    [
      `iptables-legacy ${text} >/dev/null 2>&1`,
      'echo "## $?"',
      'iptables-legacy-save -t filter | grep -v "^#"',
    ].join('\n'),
  )
  const { stdout } = spawnSync('unshare', ['-n', 'sh'], { input: script.join('\n'), encoding: 'utf8' })
  const answers = stdout.split('## ').slice(1)
  expect(answers.length).toBe(commands.length)
  return answers.map((answer) => {
    const end = answer.indexOf('\n')
    return { taken: answer.slice(0, end) === '0', saved: answer.slice(end + 1) }
  })
}

const reason = kernelIsOutOfReach
const count = runs(12)

it.skipIf(reason !== null)(
  `carries out ${count} runs of commands as iptables does${reason ? ` (${reason})` : ''}`,
  () => {
    const all = fc.sample(fc.array(command, { minLength: 25, maxLength: 25, size: 'max' }), {
      seed,
      numRuns: count,
    })
    for (const commands of all) {
      const ours = ourAnswers(commands)
      const theirs = kernelAnswers(commands)
      const first = commands.findIndex((_, at) => JSON.stringify(ours[at]) !== JSON.stringify(theirs[at]))
      const shown = (answers: readonly Answer[]) =>
        first < 0
          ? ''
          : `${commands.slice(0, first + 1).join('\n')}\n${JSON.stringify(answers[first], null, 1)}`
      expect(shown(ours), `seed ${seed}`).toBe(shown(theirs))
    }
  },
)
