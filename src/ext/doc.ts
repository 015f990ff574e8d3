/** What an extension's definition says about itself, for help and manuals: as data, and as text for a terminal. */
import { fold } from '../lang/display.ts'
import { protocolName } from '../lang/names.ts'
import type { ExtensionSyntax, OptionSpec, OptionTable } from '../lang/syntax.ts'
import type { Family } from '../net/address.ts'

export type ExtensionKind = 'match' | 'target'

export interface OptionDoc {
  /** As it is written: `[!] --sport PORT[:PORT]`. */
  readonly form: string
  /** Other names, with their dashes. */
  readonly aliases: readonly string[]
  readonly doc: string
  /** What else is to know, a phrase each: `required`, `not with --syn`. */
  readonly notes: readonly string[]
}

export interface ExtensionDoc {
  readonly kind: ExtensionKind
  /** How a rule asks for it: `-m ttl`, `-j LOG`. */
  readonly form: string
  /** One sentence. */
  readonly doc: string
  readonly families: readonly Family[]
  /** Other names it is loaded by. */
  readonly aliases: readonly string[]
  /** Conditions that make its options known without `-m`: `-p tcp`. */
  readonly impliedBy: readonly string[]
  readonly options: readonly OptionDoc[]
  /** Words of a rule each, from `-p`, `-m` or `-j` on. */
  readonly examples: readonly string[]
}

export function documentExtension(kind: ExtensionKind, extension: ExtensionSyntax): ExtensionDoc {
  const form = `${kind === 'match' ? '-m' : '-j'} ${extension.name}`
  const impliedBy = (extension.impliedBy ?? []).map((number) => `-p ${protocolName(number)}`)
  return {
    kind,
    form,
    doc: extension.doc,
    families: extension.families,
    aliases: extension.aliases ?? [],
    impliedBy,
    options: Object.keys(extension.options).map((name) => documentOption(name, extension.options)),
    examples: extension.examples.map((example) =>
      [impliedBy[0] ?? '', form, example].filter((words) => words !== '').join(' '),
    ),
  }
}

function documentOption(name: string, options: OptionTable): OptionDoc {
  const spec: OptionSpec<unknown> = options[name]!
  // One of two says that they do not go together; both are told.
  const rivals = Object.keys(options).filter(
    (other) => spec.excludes?.includes(other) || options[other]!.excludes?.includes(name),
  )
  const metavar = spec.value === null ? '' : ` ${spec.metavar ?? 'VALUE'}`
  const notes = [
    spec.required ? 'required' : '',
    spec.needs?.length ? `needs ${dashed(spec.needs)}` : '',
    rivals.length > 0 ? `not with ${dashed(rivals)}` : '',
    spec.repeatable ? 'may be repeated' : '',
  ]
  return {
    form: `${spec.invertible ? '[!] ' : ''}--${name}${metavar}`,
    aliases: (spec.alias ?? []).map((alias) => `--${alias}`),
    doc: spec.doc,
    notes: notes.filter((note) => note !== ''),
  }
}

const dashed = (names: readonly string[]): string => names.map((name) => `--${name}`).join(', ')

const familyNames: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' }

/** Columns of the first, wide enough for most option forms; longer ones get a line of their own. */
const formColumns = 34

/** Help for a terminal, folded at `columns` (0: never), without a line end at the last line. */
export function printHelp(doc: ExtensionDoc, columns = 0): string {
  const head = [
    `${doc.form}: ${doc.doc}`,
    '',
    `  for ${doc.families.map((family) => familyNames[family]).join(' and ')}`,
    ...(doc.aliases.length === 0 ? [] : [`  also called ${doc.aliases.join(', ')}`]),
    ...(doc.impliedBy.length === 0 ? [] : [`  loaded by ${doc.impliedBy.join(' or ')} as well`]),
  ]
  const options =
    doc.options.length === 0
      ? []
      : ['', 'Options:', ...doc.options.flatMap((option) => printOption(option, columns))]
  const examples =
    doc.examples.length === 0 ? [] : ['', 'Examples:', ...doc.examples.map((example) => `  ${example}`)]
  return [...head, ...options, ...examples].join('\n')
}

function printOption({ form, aliases, doc, notes }: OptionDoc, columns: number): string[] {
  // Forms without `!` stand under those with it.
  const aligned = `  ${form.startsWith('[') ? form : `    ${form}`}`
  const said = [doc, ...(aliases.length === 0 ? [] : [`(also ${aliases.join(', ')})`])].join(' ')
  const indent = ' '.repeat(formColumns)
  const words = fold(said, indent, columns)
  if (aligned.length < formColumns) words[0] = aligned.padEnd(formColumns) + words[0]!.slice(formColumns)
  else words.unshift(aligned)
  return [...words, ...(notes.length === 0 ? [] : fold(notes.join('; '), indent, columns))]
}
