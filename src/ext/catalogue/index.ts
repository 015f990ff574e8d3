/**
 * Everything that `postern check` can say, with examples: `postern explain` and docs/diagnostics.md are made of it. A
 * test runs each example, and finds codes that are missing here.
 */
import type { CatalogueEntry, ExplainedCode } from './entry.ts'
import { aboutRules } from './rules.ts'
import { aboutTexts } from './text.ts'
import { aboutWords } from './words.ts'

export { type CatalogueEntry, type ExplainedCode, textOfExample } from './entry.ts'

export const catalogue: readonly CatalogueEntry[] = [...aboutTexts, ...aboutWords, ...aboutRules]

/** The entry of a code; that of `*` where every match or target may say the same. */
export const entryOf = (code: string): CatalogueEntry | null =>
  catalogue.find((entry) => entry.code === code) ??
  catalogue.find((entry) => entry.code === code.replace(/^[^/]+/, '*')) ??
  null

export interface CatalogueChapter {
  readonly title: string
  readonly intro?: string
  readonly entries: readonly ExplainedCode[]
}

/** The catalogue as a document; `more` are chapters of what other rooms say. */
export function catalogueText(more: readonly CatalogueChapter[] = []): string {
  const chapters: readonly CatalogueChapter[] = [
    { title: 'Texts', entries: aboutTexts },
    { title: 'Words', entries: aboutWords },
    { title: 'Rules', entries: aboutRules },
    ...more,
  ]
  const parts = chapters.flatMap(({ title, intro, entries }) => [
    `## ${title}`,
    ...(intro === undefined ? [] : [intro]),
    ...entries.map(sectionOf),
  ])
  return `${[head, ...parts].join('\n\n')}\n`
}

const head = `# What Postern says

Each diagnostic has a code. Errors of \`postern check\` are what iptables or the kernel refuses; warnings and notes are about what they take and people regret. \`postern explain CODE\` prints one of these entries.

A comment \`# postern: allow CODE\` above a line says that its warning is meant, \`# postern: allow-file CODE\` that it is meant everywhere in the file; \`--silence CODE\` leaves it out of one run. Errors cannot be silenced. \`postern check --fix\` writes the corrections that have one right answer.

A \`*\` in a code stands for the name of a match or target, as in \`ttl/out-of-range\`. «Marks» show the place that is pointed at; they are no part of the text.`

const sectionOf = ({ code, severity, means, wrong, mended, family, file }: ExplainedCode): string =>
  [
    `### ${code}`,
    `${severity[0]!.toUpperCase()}${severity.slice(1)}${family === 'ipv6' ? ', IPv6' : ''}. ${means}`,
    ...(file === undefined ? [] : [`In ${file}:`]),
    ...(wrong === undefined ? [] : [block(wrong)]),
    ...(mended === undefined ? [] : ['Mended:', block(mended)]),
  ].join('\n\n')

const block = (text: string): string => `\`\`\`\n${shown(text)}\n\`\`\``

const byNumber = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** An example as it can be read: characters that cannot be seen by their number, long repetitions cut short. */
export const shown = (text: string): string =>
  text
    .replace(/\n$/, '')
    .replace(/[^\n\x20-\u009f\u00a1-\u200a\u200c-\ufefe]/g, byNumber)
    .replace(/((\S{1,2} ?)\2{20})\2+/g, '$1...')
