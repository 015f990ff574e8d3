/** How a command is written: a table that feeds parsing, `--help` and the manual, and one function. */
import type { Environment } from './environment.ts'

export interface OptionRow {
  /** As commander reads it: `-4, --ipv4` or `--write <file>`. */
  readonly flags: string
  readonly doc: string
  readonly choices?: readonly string[]
  /** Repeatable options collect into an array. */
  readonly repeatable?: boolean
}

export interface ArgumentRow {
  /** As commander reads it: `<rules>`, `[packet...]`. */
  readonly name: string
  readonly doc: string
}

export interface Example {
  readonly does: string
  /** Runs as it stands in a checkout, from its root. */
  readonly command: string
  /** What must be there besides, said to the reader: `a running guard`. Such an example is not run by a test. */
  readonly needs?: string
}

/** What an example is for, and what it needs. */
export const purposeOf = ({ does, needs }: Example): string =>
  needs === undefined ? does : `${does} (needs ${needs})`

export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Command {
  /** One word, or two for a command of a group: `guard config`. */
  readonly name: string
  /** One line for the overview. */
  readonly summary: string
  /** A paragraph or two for `--help` and the manual. */
  readonly description: string
  readonly arguments: readonly ArgumentRow[]
  readonly options: readonly OptionRow[]
  readonly examples: readonly Example[]
  /** Whether it reads its words itself, options and all, as another program's command line. */
  readonly ownWords?: boolean
  /** Returns the exit status. `args` are the arguments as given, variadic ones flattened. */
  run(args: readonly string[], options: OptionValues, environment: Environment): Promise<number>
}

/** Options that every command reading rules takes. */
export const familyOptions: readonly OptionRow[] = [
  { flags: '-4, --ipv4', doc: 'read the rules as IPv4 (default: by file name)' },
  { flags: '-6, --ipv6', doc: 'read the rules as IPv6' },
]

export const jsonOption: OptionRow = { flags: '--json', doc: 'print the same data as JSON, an object a line' }
