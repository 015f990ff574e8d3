/** The verbs of fail2ban-client, asked of a running guard and answered in the words of fail2ban 1.0.2. */
import { repr } from '../../guard/config/python.ts'
import { VerbError } from '../../linux/control-socket.ts'
import { localSeconds } from './guard-log.ts'
import { tree } from './jail-options.ts'
import type { JailStatus } from './verbs.ts'

type Ask = (...words: string[]) => Promise<unknown>

/** What the client prints, without the last line end. Throws `VerbError` for what is not known. */
export async function fail2banClient(words: readonly string[], ask: Ask): Promise<string> {
  const [verb = '', ...rest] = words
  if (!Object.hasOwn(verbs, verb)) throw new VerbError('Invalid command')
  return verbs[verb]!(rest, ask)
}

const verbs: Readonly<Record<string, (rest: readonly string[], ask: Ask) => Promise<string>>> = {
  ping: async (_rest, ask) => `Server replied: ${await ask('ping')}`,
  echo: async (rest) => rest.join(' '),
  version: async () => answersLike,
  // The log's file is opened anew for each entry.
  flushlogs: async (_rest, ask) =>
    `logs: ${(await ask('log-target')) === 'STDOUT' ? 'flushed' : 'rolled over'}`,
  status: async ([name, flavour], ask) => {
    if (name === undefined) return jailList((await ask('jails')) as string[])
    await known(name, ask)
    return jailStatus((await ask('status', name)) as JailStatus, flavour)
  },
  banned: async (ids, ask) => banned(await ask('banned', ...ids), ids.length > 0),
  unban: async (ids, ask) => {
    if (ids.length === 0) throw new VerbError('Invalid command')
    return ids[0] === '--all'
      ? `${await ask('unban-all', '*')}`
      : `${((await ask('unban', '*', ...ids)) as unknown[]).length}`
  },
  reload: (rest, ask) => reload(rest, ask),
  restart: (rest, ask) => reload(['--restart', ...rest], ask),
  start: async ([name], ask) => {
    if (name === undefined) throw new VerbError('the guard is at work already')
    const isAtWork = async (): Promise<boolean> => ((await ask('jails')) as string[]).includes(name)
    if (!(await isAtWork())) await ask('reload')
    await known(name, ask)
    return 'Jail started'
  },
  stop: async ([name], ask) => {
    if (name === undefined) {
      await ask('stop')
      return 'Shutdown successful'
    }
    await known(name, ask)
    await ask('stop-jail', name)
    return 'Jail stopped'
  },
  set: async ([name, option, ...values], ask) => {
    if (name === 'loglevel' && option !== undefined) return logLevel(await ask('log-level', option))
    await wellFormed(name, option, ask)
    return set(name!, option!, values, ask)
  },
  get: async ([name, option, ...values], ask) => {
    if (name === 'loglevel') return logLevel(await ask('log-level'))
    if (name === 'logtarget') return tree('Current logging target is:', [`${await ask('log-target')}`])
    await wellFormed(name, option, ask)
    return get(name!, option!, values, ask)
  },
}

/** The version whose answers these are. */
export const answersLike = '1.0.2'

const logLevel = (level: unknown): string => `Current logging level is '${level}'`

async function wellFormed(name: string | undefined, option: string | undefined, ask: Ask): Promise<void> {
  if (name === undefined || option === undefined) throw new VerbError('Sorry but the command is invalid')
  await known(name, ask)
}

/** Throws, in fail2ban's words, where there is no such jail. */
async function known(name: string, ask: Ask): Promise<void> {
  if (!((await ask('jails')) as string[]).includes(name))
    throw new VerbError(`Sorry but the jail '${name}' does not exist`)
}

async function reload(rest: readonly string[], ask: Ask): Promise<string> {
  const name = rest.find((word) => !word.startsWith('--'))
  const lift = rest.includes('--unban') ? 'unban' : ''
  const all = (await ask('jails')) as string[]
  if (name !== undefined && !all.includes(name) && rest.includes('--if-exists')) return 'OK'
  await ask('reload')
  if (name !== undefined) await known(name, ask)
  if (rest.includes('--restart') || lift !== '')
    for (const jail of name === undefined ? ((await ask('jails')) as string[]) : [name])
      await ask('restart-jail', jail, lift)
  return 'OK'
}

function jailList(names: readonly string[]): string {
  return `Status\n|- Number of jail:\t${names.length}\n\`- Jail list:\t${names.join(', ')}`
}

function jailStatus(status: JailStatus, flavour = 'basic'): string {
  const source =
    status.journal.length > 0
      ? ['Journal matches', status.journal.join(' + ')]
      : ['File list', status.files.join(' ')]
  const list = flavour === 'short' ? [] : [['Banned IP list', status.banned.map(({ id }) => id).join(' ')]]
  const groups: [string, [string, string | number][]][] = [
    [
      'Filter',
      [['Currently failed', status.failed], ['Total failed', status.totalFailed], source as [string, string]],
    ],
    [
      'Actions',
      [
        ['Currently banned', status.banned.length],
        ['Total banned', status.totalBanned],
        ...(list as [string, string][]),
      ],
    ],
  ]
  const lines = [`Status for the jail: ${status.name}`]
  for (const [at, [title, rows]] of groups.entries()) {
    const isLast = at === groups.length - 1
    lines.push(`${isLast ? '`-' : '|-'} ${title}`)
    for (const [row, [name, value]] of rows.entries())
      lines.push(`${isLast ? '   ' : '|  '}${row === rows.length - 1 ? '`-' : '|-'} ${name}:\t${value}`)
  }
  return lines.join('\n')
}

function banned(data: unknown, byAddress: boolean): string {
  if (byAddress) return repr(data as string[][])
  const jails = data as [string, string[]][]
  return `[${jails.map(([name, ids]) => `{${repr(name)}: ${repr(ids)}}`).join(', ')}]`
}

async function set(jail: string, option: string, values: readonly string[], ask: Ask): Promise<string> {
  switch (option) {
    case 'banip': {
      const answers = (await ask('ban', jail, '', ...values)) as { kind: string }[]
      return `${answers.filter(({ kind }) => kind === 'banned').length}`
    }
    case 'unbanip': {
      if (values.includes('--all')) return `${await ask('unban-all', jail)}`
      const ids = values.filter((value) => !value.startsWith('--'))
      const lifted = ((await ask('unban', jail, ...ids)) as { id: string }[]).map(({ id }) => id)
      const absent = ids.filter((id) => !lifted.includes(id))
      if (absent.length > 0 && values.includes('--report-absent'))
        throw new VerbError(`not banned: ${repr(absent)}`)
      return `${lifted.length}`
    }
    case 'attempt': {
      const [id, ...matches] = values
      if (id === undefined) throw new VerbError('Sorry but the command is invalid')
      await ask('attempt', jail, id, ...matches)
      return '1'
    }
    case 'addignoreip':
      return ignoreList((await ask('allow-in', jail, ...values)) as string[])
    case 'delignoreip':
      return ignoreList((await ask('disallow-in', jail, ...values)) as string[])
    default:
      return (await ask('set', jail, option, ...values)) as string
  }
}

const ignoreList = (entries: readonly string[]): string =>
  entries.length === 0
    ? 'No IP address/network is ignored'
    : tree('These IP addresses/networks are ignored:', entries)

async function get(jail: string, option: string, values: readonly string[], ask: Ask): Promise<string> {
  switch (option) {
    case 'ignoreip':
      return ignoreList((await ask('allowed', jail)) as string[])
    case 'banned': {
      const ids = await bannedIn(jail, ask)
      const [first, ...more] = values.map((id) => Number(ids.includes(id)))
      return first === undefined ? repr(ids) : more.length === 0 ? `${first}` : repr([first, ...more])
    }
    case 'banip':
      return values[0] === '--with-time'
        ? withTimes((await ask('status', jail)) as JailStatus)
        : (await bannedIn(jail, ask)).join(values[0] ?? ' ')
    default:
      return (await ask('get', jail, option, ...values)) as string
  }
}

const bannedIn = async (jail: string, ask: Ask): Promise<string[]> =>
  ((await ask('status', jail)) as JailStatus).banned.map(({ id }) => id)

const withTimes = ({ banned: entries }: JailStatus): string =>
  entries
    .map(({ id, startMs, seconds, endMs }) => {
      const end = endMs === null ? '9999-12-31 23:59:59' : localSeconds(endMs)
      return `${id} \t${localSeconds(startMs)} + ${Math.trunc(seconds)} = ${end}`
    })
    .join('\n')
