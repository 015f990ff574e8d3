/** The real iptables-legacy programs and ours, given the same calls. */
import { spawnSync } from 'node:child_process'
import { expect } from 'vitest'
import { registry } from '../../src/ext/registry.ts'
import { linux618 } from '../../src/lang/profile.ts'
import type { Answer, Machine } from '../../src/lang/program/answer.ts'
import { runIptables } from '../../src/lang/program/iptables.ts'
import { runRestore } from '../../src/lang/program/restore.ts'
import { runSave } from '../../src/lang/program/save.ts'
import { newRuleset } from '../../src/lang/rule.ts'

/** One call of a program. */
export interface Line {
  /** As a test shows it. */
  readonly text: string
  readonly program: string
  readonly args: readonly string[]
  /** What it reads. */
  readonly input: string
}

/** Lines of `PROGRAM WORDS`, and with ` < TEXT` behind them what it reads, where `|` stands for a line end. */
export const linesOf = (session: string): Line[] =>
  session
    .trim()
    .split('\n')
    .map((line) => {
      const text = line.trim()
      const [command, input = ''] = text.split(' < ')
      const [program = '', ...args] = command!.split(' ')
      return { text, program, args, input: input.replaceAll('|', '\n') }
    })

const date = 'DATE'

export function ourAnswers(lines: readonly Line[]): Answer[] {
  const machine: Machine = {
    rulesets: { ipv4: newRuleset('ipv4'), ipv6: newRuleset('ipv6') },
    syntax: registry,
    profile: linux618,
  }
  return lines.map(({ program, args, input }) => {
    const family = program.startsWith('ip6') ? 'ipv6' : 'ipv4'
    if (program.endsWith('-save')) return runSave(args, family, machine, date)
    if (program.endsWith('-restore')) return runRestore(args, input, family, machine)
    return runIptables(args, family, machine)
  })
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The real programs, one after the other in a namespace of their own. */
export function theirAnswers(lines: readonly Line[]): Answer[] {
  const script = lines.map(({ program, args, input }) => {
    const [, base, rest] = /^(ip6?tables)(.*)$/.exec(program)!
    // Its own name is part of what it says.
    const command = `exec -a ${program} ${base}-legacy${rest} ${args.map(quoted).join(' ')}`
    const from = input === '' ? '</dev/null' : `< <(printf '%s' ${quoted(input)})`
    return `(${command}) >"$d/o" 2>"$d/e" ${from}; echo "$?"; cat "$d/o" "$d/1" "$d/e" "$d/2"`
  })
  const whole = `d=$(mktemp -d); trap 'rm -r "$d"' EXIT\nprintf '\\1' >"$d/1"; printf '\\2' >"$d/2"\n${script.join('\n')}\n`
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'bash'], {
    input: whole,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  expect(stderr).toBe('')
  return stdout
    .split('\u0002')
    .slice(0, -1)
    .map((answer) => {
      const end = answer.indexOf('\n')
      const [out = '', err = ''] = answer.slice(end + 1).split('\u0001')
      return {
        exitCode: Number(answer.slice(0, end)) as Answer['exitCode'],
        stdout: out.replace(/^(# (Generated|Completed).* on ).*$/gm, `$1${date}`),
        stderr: err,
      }
    })
}

/** The lines that are answered otherwise, as each side answers them. */
export function differences(lines: readonly Line[]): { readonly ours: string; readonly theirs: string }[] {
  const theirs = theirAnswers(lines)
  expect(theirs.length).toBe(lines.length)
  const shown = (answers: readonly Answer[]) =>
    lines.map(({ text }, at) => {
      const { exitCode, stdout, stderr } = answers[at]!
      return `$ ${text}\n${stdout}${stderr}rc=${exitCode}\n`
    })
  const [ours, real] = [shown(ourAnswers(lines)), shown(theirs)]
  return ours.flatMap((text, at) => (text === real[at] ? [] : [{ ours: text, theirs: real[at]! }]))
}

export function expectAlike(lines: readonly Line[]): void {
  const parted = differences(lines)
  expect(parted.map(({ ours }) => ours).join('\n')).toBe(parted.map(({ theirs }) => theirs).join('\n'))
}
