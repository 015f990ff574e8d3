// Results as text for people, and as a document.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { root } from '../ensure.mjs'

const number = (value) => value.toLocaleString('en', { maximumSignificantDigits: value >= 1000 ? 4 : 3 })

export function textOf({ name, skipped, unit, runs, load, note, sides }) {
  if (skipped !== undefined) return `${name}: skipped, ${skipped}`
  const lines = sides.map(({ side, median, least, most, cpu, ratio }) => {
    const ofProcessor = cpu === undefined ? '' : `, processor ${number(cpu)}`
    return `  ${side.padEnd(34)} ${number(median).padStart(9)} ${unit}  (${number(least)} to ${number(most)}${ofProcessor})  x ${ratio}`
  })
  return [
    `${name} (${runs} runs of each, load ${load}${note === undefined ? '' : `; ${note}`})`,
    ...lines,
  ].join('\n')
}

const escaped = (text) => text.replaceAll('|', '\\|')

function sectionOf({ name, unit, runs, load, note, sides }) {
  const rows = sides.map(
    ({ side, median, least, most, cpu, leastCpu, ratio }) =>
      `| ${escaped(side)} | ${number(median)} | ${number(least)} to ${number(most)} | ${cpu === undefined ? '' : `${number(cpu)} (${number(leastCpu)})`} | ${number(ratio)} |`,
  )
  return [
    `### ${name[0].toUpperCase()}${name.slice(1)}`,
    '',
    `${runs} runs of each in turn; load of the machine ${load}.${note === undefined ? '' : ` Here: ${note}.`}`,
    '',
    `| side | median ${unit} | spread | of the processor (least) | ratio |`,
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n')
}

const titles = {
  filtering: 'A packet through rules',
  compiled: 'Interpreter and compiled rules',
  recency: 'Recency lists',
  tracking: 'Connection tracking',
  replaying: 'Replays',
  loading: 'Reading rules',
  startup: 'Start-up',
}

const head = `# Benchmarks

Made by \`npm run bench\`, which checks first that all sides do the same, and lets them run in turn; \`npm run bench -- NAME\` makes one section anew. Medians, with the least and the most; the ratio is to the first side. Where the machine is busy (its load is told) the clock says too much, and the time of the processor less so.
`

/** Puts results into the section of their benchmark; other sections stay. */
export function writeSections(name, results) {
  const path = join(root, 'docs', 'benchmarks.md')
  const [{ model }] = cpus()
  const begin = `<!-- ${name}: written by npm run bench -->`
  const end = `<!-- ${name} ends -->`
  const section = [
    begin,
    `## ${titles[name]}`,
    '',
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}.`,
    '',
    ...results.map(sectionOf),
    end,
  ].join('\n')
  replaceSection(path, { begin, end, section })
}

/** Puts a section between its marks in the place of what stood there, or behind all else. */
export function replaceSection(path, { begin, end, section }) {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : head
  const from = before.indexOf(begin)
  const to = before.indexOf(end)
  const text =
    from < 0 || to < from
      ? `${before.trimEnd()}\n\n${section}\n`
      : before.slice(0, from) + section + before.slice(to + end.length)
  writeFileSync(path, text)
}
