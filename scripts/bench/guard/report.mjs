// The guard's results as text, and as their section of docs/benchmarks.md, which is written anew.
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { root } from '../../ensure.mjs'
import { replaceSection } from '../report.mjs'

const number = (value) =>
  value === undefined ? '' : value.toLocaleString('en', { maximumSignificantDigits: value >= 1000 ? 4 : 3 })

export function lineOf({ name, runs, unit, load, note, sides }) {
  const lines = sides.map(
    ({ side, median, least, most, cpu, memoryMb, ratio }) =>
      `  ${side.padEnd(36)} ${number(median).padStart(9)} ${unit}  (${number(least)} to ${number(most)})` +
      `${cpu === undefined ? '' : `  processor ${number(cpu)}`}` +
      `${memoryMb === undefined ? '' : `  ${number(memoryMb)} MB`}  x ${ratio}`,
  )
  return [`${name} (${runs} runs of each, load ${load}; ${note})`, ...lines].join('\n')
}

const begin = '<!-- guard: written by npm run bench -->'
const end = '<!-- guard ends -->'

function tableOf({ name, runs, unit, load, note, sides }) {
  const rows = sides.map(
    ({ side, median, least, most, cpu, leastCpu, memoryMb, ratio }) =>
      `| ${side} | ${number(median)} | ${number(least)} to ${number(most)} | ${cpu === undefined ? '' : `${number(cpu)} (${number(leastCpu)})`} | ${number(memoryMb)} | ${number(ratio)} |`,
  )
  return [
    `### ${name.replace(/^guard: /, '')}`,
    '',
    `${runs} runs of each in turn (of fail2ban one); load of the machine ${load}. ${note}.`,
    '',
    `| side | median ${unit} | spread | of the processor (least) | MB | ratio |`,
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n')
}

/** Puts the results into their section; other sections stay. */
export function writeSection(results) {
  const path = join(root, 'docs', 'benchmarks.md')
  const [{ model }] = cpus()
  const section = [
    begin,
    '## The guard',
    '',
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${model.trim()}, Linux ${release()}, Node ${process.versions.node}. Whole programs, their start included; ratios are of the processor's time. What all sides find in a smaller log is compared first.`,
    '',
    ...results.map(tableOf),
    end,
  ].join('\n')
  replaceSection(path, { begin, end, section })
}
