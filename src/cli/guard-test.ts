/** `postern guard test`: what a filter finds in a log. */
import { existsSync } from 'node:fs'
import { createFilter, everyLine, type Filter, type LineResult } from '../guard/filter/index.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { filterOf, localZone } from './guard-filter.ts'
import { logBlocks, textBlock } from './log-blocks.ts'
import { progressOf } from './progress.ts'
import { explainLine } from './report/guard-line.ts'
import { outputOf } from './report/guard-output.ts'
import { FilterTally, renderTally } from './report/guard-tally.ts'

export const guardTest: Command = {
  name: 'guard test',
  summary: 'what a filter finds in a log',
  description:
    'Runs a filter over a log, or over one line, and counts which lines matched, by which expression and which form ' +
    'of date. The filter is a name with options, as a jail gives it (sshd[mode=aggressive]), from /etc/fail2ban or ' +
    "of Postern's own; a file; or an expression with <HOST>. Expressions are Python's, as in fail2ban.\n\n" +
    'All expressions are tried on every line, so that each is seen to be needed; --first stops at the first, as the ' +
    'guard does. Lines without a real address are counted as refused: the guard bans nobody for them. The exit status ' +
    'is 1 where nothing matched.',
  arguments: [
    { name: '<log>', doc: 'a file, - for standard input, or one line of a log' },
    { name: '<filter>', doc: 'a filter with its options, a file, or an expression' },
    { name: '[ignoreregex]', doc: 'an expression for lines to be left alone' },
  ],
  options: [
    { flags: '--explain', doc: 'show for every line what was found in it, and where' },
    {
      flags: '-o, --output <what>',
      doc: 'print only this for each failure: id, ip, host, user, time, row, msg, or a text with <tags>',
    },
    { flags: '--missed', doc: 'print all lines that did not match (otherwise the first 20 at most)' },
    { flags: '--matched', doc: 'print all lines that matched' },
    { flags: '--ignored', doc: 'print all lines that were ignored' },
    { flags: '--first', doc: 'stop at the first expression that matches' },
    {
      flags: '--prefix',
      doc: 'hold the prefix expression against every line, also where no other could match',
    },
    { flags: '--raw', doc: 'take ids as they are written, also those that are no real address' },
    { flags: '-d, --datepattern <pattern>', doc: 'the form of dates' },
    { flags: '-l, --maxlines <n>', doc: 'lines that an expression may span' },
    { flags: '-t, --timezone <zone>', doc: 'the zone of dates without one: UTC, CET, +0200' },
    { flags: '-i, --ignoreregex <expression>', doc: 'an expression for lines to be left alone' },
    {
      flags: '--usedns <how>',
      doc: 'whether <HOST> may be a name',
      choices: ['yes', 'warn', 'no', 'raw'],
    },
    { flags: '--etc <folder>', doc: "the folder of fail2ban's files (default: /etc/fail2ban)" },
    jsonOption,
  ],
  examples: [
    {
      does: 'Why does this line match?',
      command:
        'postern guard test --explain ' +
        '"Nov 21 18:30:00 gate sshd[7]: Failed password for root from 198.51.100.7 port 4000 ssh2" sshd',
    },
    {
      does: 'An expression of one’s own; the address only',
      command:
        'postern guard test -o ip "Nov 21 18:30:00 gate app: login of eve from 2001:db8::7 refused" ' +
        '"login of <F-USER>.*</F-USER> from <HOST> refused$"',
    },
  ],
  run: runGuardTest,
}

/** Lines between looks at the clock and at Ctrl-C. */
const linesPerLook = 4096

async function runGuardTest(
  [log, word, ignoring]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const given = ignoring === undefined ? options : { ...options, ignoreregex: ignoring }
  const definition = filterOf(word!, given, environment)
  const filter = createFilter(definition, {
    zone: localZone,
    everyExpression: options.first !== true,
    ids: options.raw ? 'raw' : 'strict',
    newestYear: new Date(environment.nowMs()).getFullYear() + 3,
  })
  if (!reportProblems(filter, environment)) return exit.usage
  const tally = await runLines(filter, log!, options, environment)
  if (options.json) environment.stdout(`${JSON.stringify({ end: true, ...tally.json() })}\n`)
  else if (options.output === undefined && !options.explain) {
    environment.stdout(renderTally(tally, options, environment))
  }
  return tally.matched > 0 || tally.harmless > 0 ? exit.ok : exit.finding
}

function reportProblems(filter: Filter, { stderr }: Environment): boolean {
  for (const { option, index, expression, message } of filter.problems) {
    stderr(`${filter.definition.name}: ${option} ${index + 1} cannot be used: ${message}\n  ${expression}\n`)
  }
  return filter.problems.length === 0
}

async function runLines(
  filter: Filter,
  log: string,
  options: OptionValues,
  environment: Environment,
): Promise<FilterTally> {
  const tally = new FilterTally(filter, log)
  tally.countsPrefix = options.prefix === true
  tally.keepAll = Boolean(options.missed || options.matched || options.ignored)
  const show = shower(options, environment)
  const progress = progressOf(environment)
  const started = environment.nowMs()
  const isFile = log === '-' || existsSync(log)
  if (!isFile && !/\s/.test(log)) throw new UsageError(`${log}: no such file`)
  const blocks = isFile ? logBlocks(log, environment) : [textBlock(log)]
  for await (const block of blocks) {
    const nowMs = environment.nowMs()
    const source =
      show === null && canPass(filter) ? filter.sift(block, nowMs, tally.passer(block)) : everyLine(block)
    let count = 0
    for (let line = source.next(); line !== null; line = source.next()) {
      if (++count % linesPerLook === 0) environment.signal.throwIfAborted()
      // comments and empty lines are none of a log's
      if (line.startsWith('#') || line.trim() === '') continue
      const result = filter.explain(line, { nowMs })
      tally.add(line, result)
      show?.(line, result, filter)
    }
    environment.signal.throwIfAborted()
    progress.show(() => `${tally.lines} lines, ${tally.matched} matched`)
  }
  progress.clear()
  tally.seconds = (environment.nowMs() - started) / 1000
  return tally
}

/** Lines that are passed over are not asked whether they are to be ignored. */
const canPass = ({ definition }: Filter): boolean => definition.ignoreregex.length === 0

type Show = (line: string, result: LineResult, filter: Filter) => void

/** What is printed while the log is read; null where only counts are. */
function shower(options: OptionValues, environment: Environment): Show | null {
  const { stdout } = environment
  if (options.json) return (line, result) => stdout(`${JSON.stringify({ line, ...result })}\n`)
  if (options.explain) return (line, result, filter) => stdout(explainLine(line, result, filter, environment))
  if (typeof options.output !== 'string') return null
  const print = outputOf(options.output)
  return (_, result) => {
    for (const { failure, id, harmless, refused } of result.matches) {
      if (id !== undefined && !harmless && refused === undefined) stdout(`${print(failure)}\n`)
    }
  }
}
