/** `postern help`: what a command, a match or a target does. */
import { documentExtension, type ExtensionKind, printHelp } from '../ext/doc.ts'
import { registry } from '../ext/registry.ts'
import { fold } from '../lang/display.ts'
import { nearest } from '../lang/suggest.ts'
import type { ExtensionSyntax } from '../lang/syntax.ts'
import type { Command } from './command.ts'
import { exit, UsageError } from './environment.ts'
import { table } from './style.ts'

/** The help that `--help` prints: of a command, or of the whole program for null. */
export interface CommandHelp {
  readonly names: readonly string[]
  print(name: string | null): string | Promise<string>
}

export const helpCommand = (help: CommandHelp): Command => ({
  name: 'help',
  summary: 'explain a command, a match or a target',
  description:
    'Explains a command of postern, or what can stand behind -m and -j in a rule: the options, what excludes what, ' +
    'and examples. Without a name, -m and -j list what there is.',
  arguments: [{ name: '[command...]', doc: 'a command of postern' }],
  options: [
    { flags: '-m, --match [name]', doc: 'a match: -m recent' },
    { flags: '-j, --target [name]', doc: 'a target: -j LOG' },
  ],
  examples: [
    { does: 'which options has the match that remembers?', command: 'postern help -m recent' },
    { does: 'which targets are there?', command: 'postern help -j' },
  ],

  async run(words, { match, target }, environment) {
    const name = words.length === 0 ? undefined : words.join(' ')
    const topics = [
      ...(match === undefined ? [] : [explain('match', match, environment.columns)]),
      ...(target === undefined ? [] : [explain('target', target, environment.columns)]),
      ...(name === undefined ? [] : [await explainCommand(name, help)]),
    ]
    environment.stdout(topics.length === 0 ? await help.print(null) : topics.join('\n'))
    return exit.ok
  },
})

async function explainCommand(name: string, help: CommandHelp): Promise<string> {
  if (help.names.includes(name)) return help.print(name)
  const target = extensions('target').find((one) => one.name === name)
  const match = extensions('match').find((one) => one.name === name)
  const hint = match
    ? `postern help -m ${name}`
    : target
      ? `postern help -j ${name}`
      : (nearest(name, help.names) ?? `one of: ${help.names.join(', ')}`)
  throw new UsageError(`there is no command "${name}"`, hint)
}

const extensions = (kind: ExtensionKind): readonly ExtensionSyntax[] =>
  [...(kind === 'match' ? registry.matches : registry.targets)].sort((a, b) => (a.name < b.name ? -1 : 1))

const flagOf: Readonly<Record<ExtensionKind, string>> = { match: '-m', target: '-j' }

type Named = Pick<ExtensionSyntax, 'name' | 'doc'>

/** Targets that every table knows, without a file of their own. */
const verdicts: readonly Named[] = [
  { name: 'ACCEPT', doc: 'Let the packet pass; no later rule of this table sees it.' },
  { name: 'DROP', doc: 'Throw the packet away without a word.' },
  { name: 'RETURN', doc: 'Go back to the chain that jumped here; at the top, to the policy.' },
]

function explain(kind: ExtensionKind, wanted: unknown, columns: number): string {
  const verdict = kind === 'target' ? verdicts.find(({ name }) => name === wanted) : undefined
  if (verdict !== undefined) return `-j ${verdict.name}: ${verdict.doc}\n`
  const all = extensions(kind)
  if (wanted === true) return listOf(kind, kind === 'target' ? [...verdicts, ...all] : all, columns)
  const found = all.filter(({ name, aliases }) => name === wanted || aliases?.includes(String(wanted)))
  if (found.length > 0) {
    return `${[...new Set(found)].map((one) => printHelp(documentExtension(kind, one), columns)).join('\n\n')}\n`
  }
  const near = nearest(
    String(wanted),
    all.map(({ name }) => name),
  )
  const flag = flagOf[kind]
  throw new UsageError(
    `there is no ${kind} "${wanted}"`,
    near === null ? `postern help ${flag} lists what there is` : `postern help ${flag} ${near}`,
  )
}

function listOf(kind: ExtensionKind, all: readonly Named[], columns: number): string {
  const forms = table(all.map(({ name }) => [`  ${flagOf[kind]} ${name}`, '|']))
  const lines = all.flatMap(({ doc }, at) => {
    const head = forms[at]!.slice(0, -1)
    const [first = '', ...rest] = fold(doc, ' '.repeat(head.length), columns)
    return [head + first.slice(head.length), ...rest]
  })
  return `${lines.join('\n')}\n`
}
