/** The verbs of fail2ban-client that scripts use, asked of a running guard and answered in fail2ban's form. */
import type { JailSettings } from '../../guard/jail-settings.ts'
import { localSeconds } from './guard-log.ts'
import { type JailStatus, VerbError } from './verbs.ts'

type Ask = (...words: string[]) => Promise<unknown>

/** What the client prints, without the last line end. Throws `VerbError` for what is not known. */
export async function fail2banClient(words: readonly string[], ask: Ask): Promise<string> {
  const [verb = '', ...rest] = words
  switch (verb) {
    case 'ping':
      return `Server replied: ${await ask('ping')}`
    case 'version':
      return '1.0.2'
    case 'status':
      return rest[0] === undefined
        ? jailList((await ask('jails')) as string[])
        : jailStatus((await ask('status', rest[0])) as JailStatus, rest[1])
    case 'banned':
      return banned(await ask('banned', ...rest), rest.length > 0)
    case 'unban': {
      if (rest[0] === '--all') return `${await ask('unban-all', '*')}`
      return `${((await ask('unban', '*', ...rest)) as unknown[]).length}`
    }
    case 'reload':
    case 'restart':
      await ask('reload')
      return 'OK'
    case 'stop':
      if (rest[0] === undefined) {
        await ask('stop')
        return 'Shutdown successful'
      }
      await ask('stop-jail', rest[0])
      return 'Jail stopped'
    case 'set':
      return set(rest, ask)
    case 'get':
      return get(rest, ask)
    default:
      throw new VerbError(`Invalid command '${words.join(' ')}'`)
  }
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

/** Python's `repr` of lists of strings. */
const pythonList = (texts: readonly string[]): string => `[${texts.map(pythonText).join(', ')}]`
const pythonText = (text: string): string =>
  text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replace(/[\\']/g, '\\$&')}'`

function banned(data: unknown, byAddress: boolean): string {
  if (byAddress) return `[${(data as string[][]).map(pythonList).join(', ')}]`
  const jails = data as [string, string[]][]
  return `[${jails.map(([name, ids]) => `{${pythonText(name)}: ${pythonList(ids)}}`).join(', ')}]`
}

async function set([jail = '', option = '', ...values]: readonly string[], ask: Ask): Promise<string> {
  switch (option) {
    case 'banip':
      return `${((await ask('ban', jail, '', ...values)) as { kind: string }[]).filter(({ kind }) => kind === 'banned').length}`
    case 'unbanip': {
      const ids = values.filter((value) => !value.startsWith('--'))
      if (values.includes('--all')) return `${await ask('unban-all', jail)}`
      return `${((await ask('unban', jail, ...ids)) as unknown[]).length}`
    }
    case 'addignoreip':
      return ignoreList((await ask('allow-in', jail, ...values)) as string[])
    case 'delignoreip':
      return ignoreList((await ask('disallow-in', jail, ...values)) as string[])
    default:
      throw new VerbError(`Invalid command (no set action or not yet implemented): ${option}`)
  }
}

function ignoreList(entries: readonly string[]): string {
  if (entries.length === 0) return 'No IP address/network is ignored'
  const lines = entries.map((entry, at) => `${at === entries.length - 1 ? '`-' : '|-'} ${entry}`)
  return ['These IP addresses/networks are ignored:', ...lines].join('\n')
}

async function get([jail = '', option = '', ...more]: readonly string[], ask: Ask): Promise<string> {
  if (option === 'ignoreip') return ignoreList((await ask('allowed', jail)) as string[])
  if (option === 'banip' || option === 'banned') {
    const { banned: entries } = (await ask('status', jail)) as JailStatus
    if (option === 'banned') return pythonList(entries.map(({ id }) => id))
    if (more[0] !== '--with-time') return entries.map(({ id }) => id).join(more[0] ?? ' ')
    return entries
      .map(({ id, startMs, seconds, endMs }) => {
        const end = endMs === null ? '9999-12-31 23:59:59' : localSeconds(endMs)
        return `${id} \t${localSeconds(startMs)} + ${Math.trunc(seconds)} = ${end}`
      })
      .join('\n')
  }
  const settings = (await ask('settings', jail)) as JailSettings
  switch (option) {
    case 'bantime':
      return `${settings.banTimeSeconds}`
    case 'findtime':
      return `${settings.findTimeSeconds}`
    case 'maxretry':
      return `${settings.maxRetry}`
    case 'logpath': {
      const { files } = (await ask('status', jail)) as JailStatus
      if (files.length === 0) return 'No file is currently monitored'
      const lines = files.map((path, at) => `${at === files.length - 1 ? '`-' : '|-'} ${path}`)
      return ['Current monitored log file(s):', ...lines].join('\n')
    }
    default:
      throw new VerbError(`Invalid command (no get action or not yet implemented): ${option}`)
  }
}
