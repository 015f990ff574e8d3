/** `postern check`: what is wrong with rules, and what to write instead. */
import { decodeText, encodeText } from '../lang/bytes.ts'
import { fixesOf, withFixes } from '../lang/fix.ts'
import { diagnosticJson, renderDiagnostic, summarize } from '../lang/render.ts'
import { type Command, familyOptions, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { readRules } from './rules-input.ts'
import { palette } from './style.ts'

export const check: Command = {
  name: 'check',
  summary: 'read rules and say what is wrong with them',
  description:
    'Reads files of rules (what iptables-save prints, or scripts of iptables commands) and points at everything ' +
    'that iptables or the kernel would refuse, and at what is probably not meant, with the way out. ' +
    'The exit status is 1 when there is an error, 0 when there are warnings at most.\n\n' +
    'A comment "# postern: allow CODE" above a line (in scripts, also behind it) says that its warning is meant, ' +
    '"# postern: allow-file CODE" ' +
    'that it is meant everywhere in the file.',
  arguments: [{ name: '<file...>', doc: 'files of rules; - is standard input' }],
  options: [
    ...familyOptions,
    jsonOption,
    { flags: '--silence <code>', doc: 'leave out warnings of this code', repeatable: true },
    { flags: '--strict', doc: 'exit with 1 for warnings, too' },
    { flags: '--fix', doc: 'write the corrections that have one right answer into the files' },
  ],
  examples: [
    { does: 'Check an article’s rules', command: 'postern check examples/recent-options/article.sh' },
    { does: 'The same for a program', command: 'postern check --json examples/recent-options/article.sh' },
  ],
  run: runCheck,
}

async function runCheck(
  files: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  if (files.length === 0) throw new UsageError('no file given')
  const paint = palette(environment.color.stdout)
  const columns = Math.max(40, environment.columns - 12)
  let failed = false
  for (const file of files) {
    if (options.fix === true) await fixFile(file, options, environment)
    const { diagnostics, counts, omitted, rulesets } = await readRules(file, options, environment, true)
    const hasRules = counts.error > 0 || [...rulesets.values()].some(({ tables }) => tables.size > 0)
    failed ||= counts.error > 0 || (options.strict === true && counts.warning > 0)
    if (options.json) {
      for (const diagnostic of diagnostics)
        environment.stdout(`${JSON.stringify(diagnosticJson(diagnostic))}\n`)
      if (omitted > 0) environment.stdout(`${JSON.stringify({ file, omitted })}\n`)
      continue
    }
    for (const diagnostic of diagnostics) {
      environment.stdout(`${renderDiagnostic(diagnostic, { paint, columns })}\n`)
    }
    if (omitted > 0) environment.stdout(`... and ${omitted} more\n`)
    const name = file === '-' ? 'standard input' : file
    environment.stderr(`${name}: ${summarize(counts) ?? 'no problems'}${hasRules ? '' : ', and no rules'}\n`)
  }
  return failed ? exit.finding : exit.ok
}

/** Corrects, reads again, and corrects what comes to light then. */
const fixRounds = 10

async function fixFile(file: string, options: OptionValues, environment: Environment): Promise<void> {
  if (file === '-') throw new UsageError('--fix needs a file to write to, not standard input')
  for (let round = 0, fixed = 0; ; round++) {
    const { diagnostics } = await readRules(file, options, environment)
    const text = decodeText(await environment.readFile(file))
    const fixes = round < fixRounds ? fixesOf(diagnostics, text) : []
    if (fixes.length === 0) {
      if (fixed > 0) environment.stderr(`${file}: ${fixed === 1 ? '1 place' : `${fixed} places`} corrected\n`)
      return
    }
    await environment.replaceFile(file, encodeText(withFixes(text, fixes)))
    fixed += fixes.length
  }
}
