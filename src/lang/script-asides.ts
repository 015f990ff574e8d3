/** What is worth saying about the parts of a script that make no rules: other commands, comments, writes to /proc. */
import type { Problems } from './problems.ts'
import * as complain from './script-complaints.ts'
import type { ShellWord } from './shell-words.ts'
import type { Span } from './source.ts'

/** Comments kept to be looked at in the end. */
const promptLimit = 200

/** Names of other commands that are told. */
const nameLimit = 8

export class ScriptAsides {
  readonly #problems: Problems
  readonly #others = new Set<string>()
  #firstOther: Span | null = null
  #commandCount = 0
  /** Comments that look like commands behind a prompt. */
  readonly #prompts: Span[] = []

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** A command of iptables was read. */
  countCommand(): void {
    this.#commandCount++
  }

  /** A command of another program was not run. */
  skip(name: string, span: Span): void {
    this.#firstOther ??= span
    if (this.#others.size < nameLimit) this.#others.add(name.slice(0, 24))
  }

  /** `# iptables ...` may be a comment, or a line behind the prompt of root. */
  readComment(span: Span): void {
    const { source, start, end } = span
    const behind = /^#+[ \t]*/.exec(source.text.slice(start, start + 80))![0].length
    const text = source.text.slice(start + behind, Math.min(end, start + 4096))
    if (/^(sudo\s+)?(\S*\/)?ip6?tables(-legacy|-nft)?\s+-/.test(text) && this.#prompts.length < promptLimit) {
      this.#prompts.push(span)
    }
    const written = /^echo\s+(?:-\w+\s+)?(\S+)\s*>>?\s*(\/proc\/net\/(?:xt|ipt)_recent\/\S+)/.exec(text)
    if (written === null) return
    const place = { source, start: start + behind, end: start + behind + written[0].length }
    this.#checkRecentText(written[1]!, written[2]!, place)
  }

  /** `echo ADDRESS > /proc/net/xt_recent/LIST`, which wants a sign in front of the address. */
  checkWrite(command: readonly ShellWord[], output: ShellWord | null): void {
    const path = output?.text ?? ''
    if (command[0]?.text !== 'echo' || !/^\/proc\/net\/(xt|ipt)_recent\//.test(path)) return
    const [word] = command.slice(1).filter(({ text }) => !/^-[neE]+$/.test(text))
    if (word !== undefined && word.needsShell === null) this.#checkRecentText(word.text, path, word.span)
  }

  #checkRecentText(text: string, path: string, span: Span): void {
    const unquoted = text.replace(/^["']|["']$/g, '')
    if (!/^[-+/]/.test(unquoted)) this.#problems.warn(complain.recentWrite(unquoted, path), span)
  }

  /** What can only be said at the end of the script. */
  report(): void {
    if (this.#firstOther !== null) {
      this.#problems.note(complain.otherCommands([...this.#others]), this.#firstOther)
    }
    // A script whose only commands are comments was copied from a page, prompt and all.
    if (this.#commandCount > 0) return
    for (const span of this.#prompts) {
      const text = span.source.text.slice(span.start, span.end).replace(/^#+\s*/, '')
      this.#problems.warn(complain.commentedCommand(text), span)
    }
  }
}
