/**
 * The program `ipset`: one command line, restored text, or a dialogue, carried out as ipset 7.17 does it.
 *
 * Source: ipset_parser(), ipset_parse_stream(), lib/ipset.c; ipset_cmd(), lib/session.c. The messages were measured.
 */
import { emptyMessageBytes, withElement } from './batch.ts'
import { type Command, type EnvironmentOption, readCommand } from './command.ts'
import { printElement } from './element.ts'
import { help } from './help.ts'
import type { ElementAttributes, SetError, SetKernel } from './kernel.ts'
import { type OutputMode, printSets } from './listing.ts'
import { type KernelCommand, kernelMessage } from './messages.ts'
import { PlainAdds } from './plain-adds.ts'
import { IpsetProblem, problem } from './problem.ts'
import { buildWords } from './restore-words.ts'

export const ipsetVersion = '7.17'

export interface IpsetAnswer {
  readonly exitCode: 0 | 1 | 2
  readonly stdout: string
  readonly stderr: string
  /** Where `stdout` is to be written instead (`-file`). */
  readonly file?: string
}

/**
 * Runs the program on the sets. `input` is the text that `restore` and `-` read, from standard input or the file that
 * `inputFileOf` names; null where that file cannot be read. `exact` takes times with fractions, too.
 */
export function runIpset(
  args: readonly string[],
  input: string | null,
  kernel: SetKernel,
  { exact = false }: { readonly exact?: boolean } = {},
): IpsetAnswer {
  return new Session(kernel, input, exact).run(args)
}

/** The file that `restore` reads; null for standard input. */
export function inputFileOf(args: readonly string[]): string | null {
  const at = args.findIndex((word) => /^-?-f(ile)?$/.test(word))
  return at < 0 ? null : (args[at + 1] ?? null)
}

/** Ends the program, as exit() does. */
class Exit extends Error {
  readonly exitCode: 0 | 1 | 2

  constructor(exitCode: 0 | 1 | 2) {
    super(`exit ${exitCode}`)
    this.exitCode = exitCode
  }
}

/** Elements that wait to be sent, all to one set. */
interface Batch {
  readonly command: 'add' | 'del'
  readonly set: string
  readonly exist: boolean
  readonly elements: ElementAttributes[]
  readonly lines: number[]
  bytes: number
}

type ListingOrChange = Exclude<
  Command,
  { kind: 'version' | 'quit' | 'help' | 'restore' | 'interactive' | 'unknown' | 'add' | 'del' }
>

class Session {
  readonly #kernel: SetKernel
  readonly #input: string | null
  readonly #exact: boolean
  readonly #options = new Set<EnvironmentOption>()
  readonly #stdout: string[] = []
  readonly #stderr: string[] = []
  readonly #warnings: string[] = []
  #mode: OutputMode | null = null
  #file: string | null = null
  #isFileWritten = false
  #batch: Batch | null = null
  #isInteractive = false
  /** Whether `quit` was said. */
  #isOver = false
  /** What a line added. */
  #added: Extract<Command, { kind: 'add' | 'del' | 'test' }> | null = null
  /** Of restored text, from 1; 0 outside of it. */
  #line = 0

  constructor(kernel: SetKernel, input: string | null, exact: boolean) {
    this.#kernel = kernel
    this.#exact = exact
    this.#input = input
  }

  run(args: readonly string[]): IpsetAnswer {
    let exitCode: 0 | 1 | 2 = 0
    try {
      this.#execute(args)
    } catch (error) {
      if (!(error instanceof Exit)) throw error
      exitCode = error.exitCode
    }
    const [stdout, stderr] = [this.#stdout.join(''), this.#stderr.join('')]
    if (!this.#isFileWritten) return { exitCode, stdout, stderr }
    return { exitCode, stdout, stderr, file: this.#file! }
  }

  /** Does what a command line says; what goes wrong ends the program. */
  #execute(args: readonly string[]): void {
    try {
      const command = readCommand(args, {
        kernel: this.#kernel,
        isRestoring: this.#line > 0,
        isInteractive: this.#isInteractive,
        options: this.#options,
        exact: this.#exact,
        setMode: (mode) => {
          this.#mode = mode
        },
        setFile: (path) => {
          if (this.#file !== null) {
            problem('parameter', '-file option cannot be used when full io is activated')
          }
          this.#file = path
        },
        warn: (text) => this.#warnings.push(text),
      })
      this.#carryOut(command)
    } catch (error) {
      if (!(error instanceof IpsetProblem)) throw error
      this.#fail(error, this.#line)
    }
    this.#concludeWarnings()
  }

  #carryOut(command: Command): void {
    switch (command.kind) {
      case 'version':
        this.#stdout.push(`ipset v${ipsetVersion}, protocol version: 7\n`)
        throw new Exit(0)
      case 'quit':
        this.#isOver = true
        throw new Exit(0)
      case 'unknown':
        this.#stdout.push('No command specified\n')
        break
      case 'interactive':
        this.#converse()
        break
      case 'help': {
        const { text, unknown } = help(command.type, this.#options.has('quiet'))
        this.#stdout.push(text)
        if (unknown !== null) problem('parameter', `Unknown settype: \`${unknown}'`)
        throw new Exit(0)
      }
      case 'restore':
        if (this.#isInteractive) this.#stdout.push('Restore command is not supported in interactive mode\n')
        else this.#restore()
        break
      case 'add':
      case 'del':
        if (command.kind === 'add') this.#added = command
        this.#change(command.kind, command.set, command.element, command.isIpv6)
        break
      default:
        this.#commit()
        this.#do(command)
    }
  }

  #do(command: ListingOrChange): void {
    const kernel = this.#kernel
    const exist = this.#options.has('exist')
    switch (command.kind) {
      case 'create':
        this.#answer(
          'create',
          kernel.create(command.set, command.type, command.family, command.attributes, exist),
        )
        break
      case 'destroy':
        this.#answer('destroy', kernel.destroy(command.set, exist))
        break
      case 'flush':
        this.#answer('flush', kernel.flush(command.set))
        break
      case 'rename':
      case 'swap':
        this.#answer(command.kind, kernel[command.kind](command.set, command.other))
        break
      case 'test': {
        const answer = kernel.test(command.set, command.element)
        if (typeof answer === 'string') this.#answer('test', answer)
        else {
          // The tool forgets here that it was asked for a port of a bridge.
          const { element, toolType, family, set } = command
          this.#tellTest(answer, printElement({ ...element, physdev: false }, toolType, family), set)
        }
        break
      }
      case 'list':
      case 'save':
        this.#list(command.kind, command.set)
    }
  }

  #tellTest(isIn: boolean, element: string, set: string): void {
    const isQuiet = this.#options.has('quiet')
    if (isIn) {
      if (!isQuiet) this.#warnings.push(`${element} is in set ${set}.`)
      return
    }
    if (!isQuiet) this.#stderr.push(`${element} is NOT in set ${set}.\n`)
    throw new Exit(1)
  }

  #list(kind: 'list' | 'save', name: string | null): void {
    const sets = this.#kernel.list(name)
    if (sets === 'ENOENT') {
      this.#answer('list', sets)
      return
    }
    // The first listing of restored text decides for those that follow.
    this.#mode ??= kind === 'list' ? 'plain' : 'save'
    const text = printSets(sets, {
      mode: this.#mode,
      sorted: this.#options.has('sorted'),
      resolved: this.#options.has('resolve'),
      only: this.#options.has('name') ? 'names' : this.#options.has('terse') ? 'headers' : null,
    })
    this.#stdout.push(text)
    if (this.#file !== null) this.#isFileWritten = true
  }

  // --- A dialogue

  /** Each line is a command; what goes wrong ends none but itself. */
  #converse(): void {
    this.#isInteractive = true
    this.#stdout.push(prompt)
    for (const line of linesOf(this.#input ?? '')) {
      const text = withoutBlanks(line)
      // Empty lines and comments are answered twice.
      if (isSilent(text)) this.#stdout.push(prompt)
      else this.#answerLine(text)
      if (this.#isOver) return
      this.#stdout.push(prompt)
    }
  }

  #answerLine(text: string): void {
    try {
      this.#executeLine(text)
    } catch (error) {
      if (!(error instanceof Exit)) throw error
    }
    this.#warnings.length = 0
  }

  // --- Restored text

  #restore(): void {
    if (this.#input === null) {
      problem('session', `Cannot open ${this.#file ?? '-'} for reading: No such file or directory`)
    }
    const input = this.#input!
    const plain = new PlainAdds()
    for (let start = 0, end = 0; start < input.length; start = end) {
      end = endOfLine(input, start)
      this.#line++
      const element = plain.read(input, start, end)
      if (element !== null) {
        this.#guarded(() => this.#change('add', plain.set, element, false))
        continue
      }
      const text = withoutBlanks(input.slice(start, end))
      if (isSilent(text)) continue
      if (/^COMMIT\r?\n$/.test(text)) {
        this.#guarded(() => this.#commit())
        continue
      }
      this.#added = null
      this.#executeLine(text)
      if (this.#added === null) plain.forget()
      else plain.learn(input, start, end, ...this.#addedWords())
    }
    this.#guarded(() => this.#commit())
  }

  #addedWords(): [set: string, element: ElementAttributes] {
    const { set, element } = this.#added!
    return [set, element]
  }

  #executeLine(text: string): void {
    this.#guarded(() => this.#execute(buildWords(text)))
  }

  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!(error instanceof IpsetProblem)) throw error
      this.#fail(error, this.#line)
    }
  }

  #change(command: 'add' | 'del', set: string, element: ElementAttributes, isIpv6: boolean): void {
    const exist = this.#options.has('exist')
    if (this.#line === 0) {
      const error =
        command === 'add' ? this.#kernel.add(set, element, exist) : this.#kernel.delete(set, element, exist)
      this.#answer(command, error)
      return
    }
    const waiting = this.#batch
    if (waiting !== null && waiting.command === command && waiting.set === set) {
      const bytes = withElement(waiting.bytes, element, isIpv6)
      if (bytes !== null) {
        waiting.elements.push(element)
        waiting.lines.push(this.#line)
        waiting.bytes = bytes
        return
      }
    }
    this.#commit()
    const empty = emptyMessageBytes(set)
    this.#batch = {
      command,
      set,
      exist,
      elements: [element],
      lines: [this.#line],
      bytes: withElement(empty, element, isIpv6) ?? empty,
    }
  }

  /** Sends what waits. */
  #commit(): void {
    const batch = this.#batch
    if (batch === null) return
    this.#batch = null
    const { command, set, exist, elements, lines } = batch
    for (let at = 0; at < elements.length; at++) {
      const element = elements[at]!
      const error =
        command === 'add' ? this.#kernel.add(set, element, exist) : this.#kernel.delete(set, element, exist)
      if (error !== null) {
        this.#fail(new IpsetProblem('session', kernelMessage(error, command)), lines[at]!)
      }
    }
  }

  // --- Endings

  #answer(command: KernelCommand, error: SetError | null): void {
    if (error !== null) problem('session', kernelMessage(error, command))
  }

  /** Warnings are told at the end, and end even restored text. */
  #concludeWarnings(): void {
    if (this.#warnings.length === 0) return
    if (!this.#options.has('quiet')) this.#stderr.push(`Warning: ${this.#warnings.join('\n')}\n`)
    throw new Exit(0)
  }

  #fail({ kind, lines }: IpsetProblem, line: number): never {
    const exitCode = kind === 'parameter' ? 2 : 1
    if (this.#options.has('quiet') && !this.#isInteractive) throw new Exit(exitCode)
    const isNumbered = line > 0 && kind === 'session'
    const text = isNumbered ? `Error in line ${line}: ${lines.at(-1)}` : lines.join('\n')
    this.#stderr.push(`ipset v${ipsetVersion}: ${text}\n`)
    if (kind === 'parameter') this.#stderr.push("Try `ipset help' for more information.\n")
    throw new Exit(exitCode)
  }
}

const prompt = 'ipset> '

const withoutBlanks = (line: string): string => line.replace(/^[ \t\n\v\f\r]+/, '')
const isSilent = (text: string): boolean => text === '' || text.startsWith('#')

/** Lines with their ends. */
function* linesOf(text: string): Iterable<string> {
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = endOfLine(text, start)
    yield text.slice(start, end)
  }
}

/** Behind a line and its end, as fgets() reads them; a line of more than 1023 bytes comes in pieces. */
function endOfLine(text: string, start: number): number {
  const newline = text.indexOf('\n', start)
  return Math.min(newline < 0 ? text.length : newline + 1, start + longestLine)
}

const longestLine = 1023
