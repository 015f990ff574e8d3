/** What the words of a simple command are: assignments, programs, prompts. */
import type { Problems } from './problems.ts'
import type { Family } from './rule.ts'
import { longDash } from './script-complaints.ts'
import type { ShellWord } from './shell-words.ts'
import type { Word } from './words.ts'

/** Commands that run the command behind them. */
const wrappers = ['sudo', 'doas', 'exec', 'command', 'env', 'nice', 'nohup', 'builtin']

export function isAssignment({ text, span }: ShellWord): boolean {
  const written = span.source.text.slice(span.start, span.start + 64)
  return /^[A-Za-z_]\w*=/.test(written) && /^[A-Za-z_]\w*=/.test(text)
}

export function leadingAssignments(words: readonly ShellWord[]): number {
  const at = words.findIndex((word) => !isAssignment(word))
  return at < 0 ? words.length : at
}

export interface Program {
  readonly kind: 'iptables' | 'restore' | 'save'
  readonly family: Family
  readonly word: ShellWord
  /** The words behind it. */
  readonly rest: readonly ShellWord[]
}

/** A script of the same name in init.d is another program: it starts and stops a service. */
const programName =
  /^(?!\S*\/(?:init|rc)\.d\/)(?:\S*\/)?(ip6?tables)(?:-legacy|-nft)?(?:-(restore|save)(?:-translate)?)?$/

/** The iptables program a command runs, itself or through `sudo` and its like. */
export function programOf(command: readonly ShellWord[]): Program | null {
  let at = 0
  while (at < command.length && wrappers.includes(command[at]!.text.replace(/^.*\//, ''))) {
    at++
    while (/^-/.test(command[at]?.text ?? '')) at += /^-[ugChp]$/.test(command[at]!.text) ? 2 : 1
  }
  const word = command[at]
  if (word === undefined || word.needsShell !== null) return null
  const [, name, suffix] = programName.exec(word.text) ?? []
  if (name === undefined) return null
  const kind = suffix === undefined ? 'iptables' : suffix === 'restore' ? 'restore' : 'save'
  return { kind, family: name === 'iptables' ? 'ipv4' : 'ipv6', word, rest: command.slice(at + 1) }
}

/** Whether words look like a command line of iptables that changes rules. */
export const changesRules = (words: readonly ShellWord[]): boolean =>
  words.some(({ text }) =>
    /^(-[ADIRNXEPF]|--(append|delete|insert|replace|new-chain|policy|flush))$/.test(text),
  )

/** Prompts, list numbers and bullets. */
export const isPromptWord = ({ text, quoted }: ShellWord): boolean =>
  !quoted &&
  (/^[$%#*•·-]$/.test(text) ||
    /^\(?(\d{1,4}|[a-z])[.):]?$/.test(text) ||
    /^\[?[\w.-]+@[\w.-]+[^\s]*[#$]?\]?[#$]?$/.test(text) ||
    text === 'sudo')

/** Long dashes that a word processor made of two hyphens, at the beginning of words. */
export function repairDashes<W extends Word & { readonly quoted?: boolean }>(
  words: readonly W[],
  problems: Problems,
): W[] {
  return words.map((word) => {
    const [dashes] = /^[\u2010-\u2015\u2212]+-?/.exec(word.text) ?? []
    if (dashes === undefined || word.quoted === true) return word
    const name = word.text.slice(dashes.length)
    const text = `${name.length > 1 ? '--' : '-'}${name}`
    problems.error(longDash(word.text, text), word.span)
    return { ...word, text }
  })
}
