/** `postern jail`, `ban`, `unban`, `allow`, `fail2ban-client`: a running guard, asked and told. */
import {
  ask as askGuard,
  defaultSocket,
  type JailStatus,
  localSeconds,
  VerbError,
} from '../daemon/guard/index.ts'
import { parseTime } from '../guard/config/time.ts'
import { type Command, jsonOption, type OptionRow, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { cutToColumns, table } from './style.ts'

const socketOption: OptionRow = {
  flags: '--socket <file>',
  doc: `where the guard listens (default: ${defaultSocket})`,
}

type Ask = (...words: string[]) => Promise<unknown>

/** Runs a command that asks the guard; what the guard refuses is a finding. */
async function asking(
  options: OptionValues,
  environment: Environment,
  action: (ask: Ask) => Promise<number>,
): Promise<number> {
  const socket = typeof options.socket === 'string' ? options.socket : defaultSocket
  try {
    return await action((...words) => askGuard(socket, words))
  } catch (error) {
    if (!(error instanceof VerbError)) throw error
    environment.stderr(`error: ${error.message}\n`)
    return exit.finding
  }
}

export const jailList: Command = {
  name: 'jail list',
  summary: 'the jails of the running guard',
  description:
    'One line for each jail: failures that still count, addresses that are banned, and both in total.',
  arguments: [],
  options: [socketOption, jsonOption],
  examples: [{ does: 'Who is at work?', command: 'postern jail list', needs: 'a running guard' }],
  run: (_args, options, environment) =>
    asking(options, environment, async (ask) => {
      const jails = (await ask('status')) as JailStatus[]
      if (options.json) for (const jail of jails) environment.stdout(`${JSON.stringify(jail)}\n`)
      else environment.stdout(`${table([jailHead, ...jails.map(jailRow)]).join('\n')}\n`)
      return exit.ok
    }),
}

const jailHead = ['JAIL', 'FAILING', 'BANNED', 'FAILURES', 'BANS']
const jailRow = ({ name, failed, banned, totalFailed, totalBanned }: JailStatus): string[] => [
  name,
  `${failed}`,
  `${banned.length}`,
  `${totalFailed}`,
  `${totalBanned}`,
]

export const jailStatus: Command = {
  name: 'jail status',
  summary: 'one jail of the running guard: counts, files, who is banned for how long',
  description:
    'The counts of a jail, the files that it follows, and every banned address with the time that is left.',
  arguments: [{ name: '<jail>', doc: 'the name of the jail' }],
  options: [socketOption, jsonOption],
  examples: [
    {
      does: 'Who is banned, and for how long?',
      command: 'postern jail status ssh-iptables',
      needs: 'a running guard',
    },
  ],
  run: ([name = ''], options, environment) =>
    asking(options, environment, async (ask) => {
      const status = (await ask('status', name)) as JailStatus
      environment.stdout(
        options.json
          ? `${JSON.stringify(status)}\n`
          : printStatus(status, environment.nowMs(), environment.columns),
      )
      return exit.ok
    }),
}

function printStatus(status: JailStatus, nowMs: number, columns: number): string {
  const { name, failed, totalFailed, totalBanned, banned } = status
  const sources = [...status.files, ...status.journal.map((match) => `journal: ${match}`)]
  const lines = [
    name,
    `  failing  ${failed} (${totalFailed} failures in total)`,
    `  banned   ${banned.length} (${totalBanned} in total)`,
    ...sources.map((source, at) => `  ${at === 0 ? 'follows' : '       '}  ${source}`),
  ]
  const rows = banned.map(({ id, startMs, endMs, count, lines: matches }) => [
    id,
    localSeconds(startMs),
    endMs === null ? 'for ever' : `in ${span(endMs - nowMs)}`,
    `${count}`,
    matches.at(-1) ?? '',
  ])
  if (rows.length > 0) lines.push('', ...table([['ADDRESS', 'SINCE', 'ENDS', 'BANS', 'LAST LINE'], ...rows]))
  return `${lines.map((line) => cutToColumns(line, columns)).join('\n')}\n`
}

/** The two largest units of a span. */
function span(ms: number): string {
  let rest = Math.max(0, Math.ceil(ms / 1000))
  const parts: string[] = []
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds)
    rest -= count * seconds
    if (count > 0 || (unit === 's' && parts.length === 0)) parts.push(`${count}${unit}`)
  }
  return parts.slice(0, 2).join(' ')
}

export const jailReload: Command = {
  name: 'jail reload',
  summary: 'let the running guard read its configuration anew',
  description:
    'Jails whose settings changed start anew with the bans, failures and places in logs that they had.',
  arguments: [],
  options: [socketOption],
  examples: [
    { does: 'After an edit of jail.local', command: 'postern jail reload', needs: 'a running guard' },
  ],
  run: (_args, options, environment) =>
    asking(options, environment, async (ask) => {
      const problems = (await ask('reload')) as string[]
      for (const problem of problems) environment.stderr(`error: ${problem}\n`)
      if (problems.length === 0) environment.stdout('reloaded\n')
      return problems.length === 0 ? exit.ok : exit.finding
    }),
}

export const ban: Command = {
  name: 'ban',
  summary: 'ban addresses in a jail of the running guard',
  description:
    "Puts addresses or networks into a jail's bans by hand, for the jail's ban time or as long as said.",
  arguments: [
    { name: '<jail>', doc: 'the name of the jail' },
    { name: '<address...>', doc: 'addresses' },
  ],
  options: [{ flags: '--for <time>', doc: 'how long: 90, 10m, 1d12h, or -1 for ever' }, socketOption],
  examples: [
    {
      does: 'Shut a network out for a day',
      command: 'postern ban ssh-iptables 198.51.100.0/24 --for 1d',
      needs: 'a running guard',
    },
  ],
  run: ([jail = '', ...addresses], options, environment) =>
    asking(options, environment, async (ask) => {
      const made = (await ask('ban', jail, secondsOf(options.for), ...addresses)) as {
        id: string
        kind: string
      }[]
      for (const { id, kind } of made)
        environment.stdout(`${kind === 'already' ? 'already banned' : kind} ${id} in ${jail}\n`)
      return exit.ok
    }),
}

function secondsOf(text: OptionValues[string]): string {
  if (typeof text !== 'string') return ''
  const seconds = parseTime(text)
  if (seconds === null) throw new UsageError(`"${text}" is no time`, '--for 10m')
  return `${seconds}`
}

export const unban: Command = {
  name: 'unban',
  summary: 'lift bans of the running guard',
  description: 'Lifts the bans of addresses in every jail, or in one, and forgets their failures.',
  arguments: [{ name: '[address...]', doc: 'addresses as jail status shows them' }],
  options: [
    { flags: '--jail <name>', doc: 'only in this jail' },
    { flags: '--all', doc: 'every address' },
    socketOption,
  ],
  examples: [
    {
      does: 'Let somebody in again',
      command: 'postern unban --jail ssh-iptables 198.51.100.7',
      needs: 'a running guard',
    },
  ],
  run: (addresses, options, environment) =>
    asking(options, environment, async (ask) => {
      const jail = typeof options.jail === 'string' ? options.jail : '*'
      if (options.all === true) {
        environment.stdout(`unbanned ${await ask('unban-all', jail)}\n`)
        return exit.ok
      }
      if (addresses.length === 0) throw new UsageError('say which address, or --all')
      const lifted = (await ask('unban', jail, ...addresses)) as {
        jail: string
        id: string
        endMs: number | null
      }[]
      for (const { jail: from, id, endMs } of lifted) {
        const left = endMs === null ? 'for ever' : `${span(endMs - environment.nowMs())} remaining`
        environment.stdout(`unbanned ${id} from ${from} (was ${left})\n`)
      }
      const missing = addresses.filter((address) => !lifted.some(({ id }) => id === address))
      for (const address of missing) environment.stderr(`${address} is not banned\n`)
      return missing.length === 0 ? exit.ok : exit.finding
    }),
}

export const allow: Command = {
  name: 'allow',
  summary: 'never ban these addresses',
  description:
    'Lifts the bans of addresses or networks and keeps them from being banned in any jail, also after a restart.',
  arguments: [
    { name: '[address...]', doc: 'addresses or networks; without, those that are allowed are listed' },
  ],
  options: [{ flags: '--remove', doc: 'no longer' }, socketOption],
  examples: [
    { does: 'Never ban this network', command: 'postern allow 192.0.2.0/24', needs: 'a running guard' },
  ],
  run: (addresses, options, environment) =>
    asking(options, environment, async (ask) => {
      if (addresses.length === 0) {
        for (const entry of (await ask('allowed')) as string[]) environment.stdout(`${entry}\n`)
      } else if (options.remove === true) {
        for (const entry of (await ask('disallow', ...addresses)) as string[])
          environment.stdout(`${entry} is no longer allowed\n`)
      } else {
        const lifted = (await ask('allow', ...addresses)) as number
        environment.stdout(
          `allowed ${addresses.join(', ')}${lifted === 0 ? '' : `, ${lifted} bans lifted`}\n`,
        )
      }
      return exit.ok
    }),
}
