/** `postern sh`: an existing firewall script, run unchanged against a virtual host. */
import { resolve } from 'node:path'
import { decodeText, encodeText } from '../lang/bytes.ts'
import { runIpset } from '../lang/ipset/program.ts'
import { printRuleset } from '../lang/print.ts'
import type { Machine } from '../lang/program/answer.ts'
import { programNamed, runProgram } from '../lang/program/run.ts'
import { answerOther, inputOf } from '../linux/sandbox/other-programs.ts'
import { runInSandbox, type SandboxOutcome } from '../linux/sandbox/sandbox.ts'
import type { Command, OptionValues } from './command.ts'
import { type Environment, exit } from './environment.ts'
import { emptyMachine, withMachine } from './machine.ts'
import { dateText, inputPathOf } from './programs.ts'

export const sh: Command = {
  name: 'sh',
  summary: 'run a firewall script against a virtual host',
  description:
    'Runs an existing firewall script as it is, without root, in a sandbox: iptables and its kin change a virtual ' +
    'host instead of this machine; modprobe, sysctl, service, systemctl and writes to /proc/sys are recorded; wget ' +
    'and curl find what --files holds; files written below /etc, /usr, /var, /root, /opt and /srv are thrown away. ' +
    'Then prints the rules that came of it, which sets they have, and what was recorded.\n\n' +
    'What the script prints goes to stderr, so that stdout has the rules alone.',
  arguments: [
    { name: '<script>', doc: 'a script of any shell' },
    { name: '[args...]', doc: 'its arguments' },
  ],
  options: [
    {
      flags: '--state <file>',
      doc: 'begin with the rules of this virtual host, and keep those that come of it',
    },
    {
      flags: '--files <folder>',
      doc: 'what wget and curl find, by host and path or by the last part of the address',
    },
    {
      flags: '--root <folder>',
      doc: 'files that the script finds at their place: etc/hosts in it is /etc/hosts',
    },
    { flags: '--json', doc: 'print rules and records as one JSON object' },
  ],
  examples: [
    { does: 'Which rules does this script make?', command: 'postern sh examples/port-knock/article.sh' },
  ],
  run: runSh,
}

interface Recorded {
  readonly command: readonly string[]
}

async function runSh(
  [script, ...args]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const text = decodeText(await environment.readFile(script!))
  const command = [...interpreterOf(text), resolve(script!), ...args]
  const state = typeof options.state === 'string' ? options.state : environment.variable('POSTERN_STATE')
  const given: ScriptRun = {
    command,
    files: typeof options.files === 'string' ? options.files : null,
    root: typeof options.root === 'string' ? resolve(options.root) : '',
    asJson: options.json === true,
  }
  const runOn = (machine: Machine) => runScript(given, machine, environment)
  return state === undefined || state === ''
    ? runOn(emptyMachine(environment))
    : withMachine(state, environment, runOn)
}

/** The words of the `#!` line; `sh` where there is none, as a shell does it. */
function interpreterOf(text: string): string[] {
  const [, words] = /^#!\s*(.+)/.exec(text) ?? []
  return words === undefined ? ['sh'] : words.trim().split(/\s+/)
}

interface ScriptRun {
  readonly command: readonly string[]
  readonly files: string | null
  readonly root: string
  readonly asJson: boolean
}

async function runScript(
  { command, files, root, asJson }: ScriptRun,
  machine: Machine,
  environment: Environment,
): Promise<number> {
  const recorded: Recorded[] = []
  let calls = 0
  const outcome = await runInSandbox({
    command,
    root,
    signal: environment.signal,
    stdout: (part) => environment.stderr(part.toString()),
    stderr: (part) => environment.stderr(part.toString()),
    answer: (call, sandbox) => {
      const program = programNamed(call.program)
      if (program === null) {
        recorded.push({ command: [call.program, ...call.args] })
        return answerOther(call, files, sandbox)
      }
      calls++
      const date = dateText(environment.nowMs())
      const path = inputPathOf(program, call.args)
      const input = decodeText(inputOf(call, path === '-' ? null : path))
      const { exitCode, stdout, stderr } = runProgram(program, call.args, input, machine, date)
      return { exitCode, stdout: encodeText(stdout), stderr: encodeText(stderr) }
    },
  })
  report(outcome, recorded, calls, machine, asJson, environment)
  if (outcome.exitCode === 0) return exit.ok
  environment.stderr(
    outcome.exitCode === null
      ? 'the script was ended by a signal\n'
      : `the script ended with ${outcome.exitCode}\n`,
  )
  return exit.finding
}

function report(
  { settings, written, exitCode }: SandboxOutcome,
  recorded: readonly Recorded[],
  calls: number,
  { rulesets, syntax, ipset }: Machine,
  asJson: boolean,
  environment: Environment,
): void {
  const [ipv4, ipv6] = [rulesets.ipv4, rulesets.ipv6].map((ruleset) =>
    printRuleset(ruleset, syntax, { withCounters: false }),
  )
  if (asJson) {
    const commands = recorded.map(({ command }) => command)
    const result = {
      exitCode,
      calls,
      ipv4,
      ipv6,
      sets: ipset === undefined ? '' : runIpset(['save'], '', ipset).stdout,
      commands,
      settings: Object.fromEntries(settings),
      written,
    }
    environment.stdout(`${JSON.stringify(result)}\n`)
    return
  }
  const both = ipv4 !== '' && ipv6 !== ''
  environment.stdout(`${both ? '# ip6tables\n' : ''}${ipv6}${both ? '# iptables\n' : ''}${ipv4}`)
  for (const line of setLines(ipset)) environment.stderr(`${line}\n`)
  for (const { command } of recorded) environment.stderr(`recorded: ${command.join(' ')}\n`)
  for (const [path, value] of settings) environment.stderr(`recorded: /proc/sys/${path} = ${value}\n`)
  for (const path of written) environment.stderr(`recorded: ${path} was written, and thrown away\n`)
  environment.stderr(`${calls} ${calls === 1 ? 'call' : 'calls'} of iptables and its kin\n`)
}

/** What the script made for rules to look into; `ipset save` tells each of their members. */
function setLines(ipset: Machine['ipset']): string[] {
  const listed = ipset?.list(null) ?? 'ENOENT'
  if (listed === 'ENOENT') return []
  return listed.map(({ header, members }) => {
    const count = [...members()].length
    return `set ${header.name}: ${header.type}, ${count} ${count === 1 ? 'member' : 'members'}`
  })
}
