/** `postern guard dry-run`: whom a jail would have banned, by logs of old. */
import { DryRun, localSeconds } from '../daemon/guard/index.ts'
import type { Ban } from '../guard/ban.ts'
import { decoderOf } from '../linux/follow/index.ts'
import { machineZone } from '../linux/machine-zone.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { readGuardFiles } from './guard-files.ts'
import { etcOption, jailsToRun } from './guard-jails.ts'
import { logBlocks } from './log-blocks.ts'
import { progressOf } from './progress.ts'
import { cutToColumns, table } from './style.ts'

export const guardDryRun: Command = {
  name: 'guard dry-run',
  summary: 'say whom a jail would have banned, by old logs',
  description:
    'Reads logs from the oldest to the newest, as the jail would have read them while they were written: their own ' +
    'times are the clock. Nothing is banned. Compressed logs (*.gz) are read as well.',
  arguments: [{ name: '<log...>', doc: 'log files, oldest first; - is standard input' }],
  options: [
    etcOption,
    { flags: '--config <file>', doc: "a postern.yaml with the jail, in the place of fail2ban's files" },
    { flags: '--jail <name>', doc: 'the jail, enabled or not', repeatable: true },
    jsonOption,
  ],
  examples: [
    {
      does: "Whom would the article's jail have banned?",
      command:
        'postern guard dry-run --etc examples/brute-force/fail2ban --jail ssh-iptables examples/brute-force/auth.log',
    },
  ],
  run: runDry,
}

async function runDry(
  paths: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const named = Array.isArray(options.jail) ? options.jail : []
  if (named.length !== 1) throw new UsageError('say which jail: --jail NAME')
  const file = typeof options.config === 'string' ? options.config : undefined
  const [settings] = jailsToRun(await readGuardFiles(file, options, environment), environment)
  const decode = decoderOf(settings!.logEncoding) ?? undefined
  const dry = new DryRun(settings!, { zone: machineZone, nowMs: environment.nowMs() })
  const progress = progressOf(environment)
  for (const path of paths) {
    for await (const block of logBlocks(path, environment, decode)) {
      dry.read(block)
      progress.show(() => {
        const { lines: count, failures, bans } = dry.result()
        return `${path}: ${count} lines, ${failures} failures, ${bans.length} bans`
      })
    }
  }
  progress.clear()
  const { lines, failures, bans } = dry.result()
  if (options.json) {
    for (const ban of bans) environment.stdout(`${JSON.stringify(ban)}\n`)
    environment.stdout(`${JSON.stringify({ end: true, lines, failures, bans: bans.length })}\n`)
  } else environment.stdout(report(settings!.name, { lines, failures, bans }, environment.columns))
  return exit.ok
}

function report(
  jail: string,
  { lines, failures, bans }: { lines: number; failures: number; bans: readonly Ban[] },
  columns: number,
): string {
  const byId = new Map<string, Ban[]>()
  for (const ban of bans) byId.set(ban.id, [...(byId.get(ban.id) ?? []), ban])
  const days = new Set(bans.map(({ startMs }) => localSeconds(startMs).slice(0, 10)))
  const rows = [...byId].map(([id, all]) => [
    id,
    `${all.length}`,
    localSeconds(all[0]!.startMs),
    localSeconds(all.at(-1)!.startMs),
    all.at(-1)!.matches.at(-1) ?? '',
  ])
  const said =
    byId.size === 0
      ? `${jail} would have banned nobody`
      : `${jail} would have banned ${byId.size} ${byId.size === 1 ? 'address' : 'addresses'}, ${bans.length} times on ${days.size} ${days.size === 1 ? 'day' : 'days'}`
  const head = [['ADDRESS', 'BANS', 'FIRST', 'LAST', 'LAST LINE']]
  return [
    ...(rows.length === 0 ? [] : table([...head, ...rows]).map((line) => cutToColumns(line, columns))),
    `${said} (${lines} lines, ${failures} failures)`,
    '',
  ].join('\n')
}
