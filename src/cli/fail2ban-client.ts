/** `postern fail2ban-client`: the command line of fail2ban's client, as scripts write it. */
import { answersLike, ask, defaultSocket, fail2banClient, VerbError } from '../daemon/guard/index.ts'
import { parseTime } from '../guard/config/time.ts'
import type { Command } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { guardConfig } from './guard-config.ts'

/** What fail2ban's client ends with when something was refused. */
const refused = 255

export const client: Command = {
  name: 'fail2ban-client',
  summary: "fail2ban-client's verbs, asked of the running guard",
  description:
    'status [JAIL], banned [IP...], unban --all|IP..., set JAIL banip|unbanip|attempt|addignoreip|delignoreip|' +
    'addlogpath|..., get JAIL banip|banned|logpath|failregex|bantime|..., get|set loglevel, reload, restart, stop, ' +
    'start JAIL, flushlogs, ping: answered in the form that scripts know, with its exit status (255 for what is refused).\n\n' +
    'Of its options, -s names the socket and -c the folder of the configuration (for -t, which tests it, and -d, ' +
    'which prints it); --str2sec and -V answer as there; -v, -q, -p and others that mean nothing here are passed over.',
  arguments: [{ name: '[words...]', doc: 'a command line of fail2ban-client' }],
  options: [],
  examples: [
    {
      does: 'The list of jails, as scripts read it',
      command: 'postern fail2ban-client status',
      needs: 'a running guard',
    },
    { does: 'How many seconds is that?', command: 'postern fail2ban-client --str2sec 1d12h' },
  ],
  ownWords: true,
  run: (words, _options, environment) => {
    const { options, rest } = readOptions(words)
    const socket = options.get('socket') ?? defaultSocket
    return withoutServer(options, environment) ?? askServer(rest, socket, environment)
  },
}

async function askServer(
  words: readonly string[],
  socket: string,
  environment: Environment,
): Promise<number> {
  if (words.length === 0) throw new UsageError('no command', 'postern fail2ban-client status')
  try {
    const answer = await fail2banClient(words, (...asked) => ask(socket, asked))
    environment.stdout(`${answer}\n`)
    return exit.ok
  } catch (error) {
    if (!(error instanceof VerbError)) throw error
    environment.stdout(`${error.message}\n`)
    return refused
  }
}

/** What the client answers by itself; null where the guard is to be asked. */
function withoutServer(
  options: ReadonlyMap<string, string>,
  environment: Environment,
): Promise<number> | null {
  const { stdout } = environment
  const say = async (text: string): Promise<number> => {
    stdout(`${text}\n`)
    return exit.ok
  }
  const duration = options.get('str2sec')
  if (duration !== undefined) {
    const seconds = parseTime(duration)
    if (seconds === null)
      throw new UsageError(`"${duration}" is no time`, 'postern fail2ban-client --str2sec 1d12h')
    return say(`${seconds}`)
  }
  if (options.has('V')) return say(answersLike)
  if (options.has('version')) return say(`Postern, answering as Fail2Ban v${answersLike}`)
  if (options.has('test')) return testConfig(options, environment)
  if (options.has('d') || options.has('dump-pretty'))
    return guardConfig.run([], { ...folderOf(options), fail2ban: true }, environment)
  if (options.has('i')) throw new UsageError('there is no interactive mode')
  return null
}

async function testConfig(options: ReadonlyMap<string, string>, environment: Environment): Promise<number> {
  const quiet = { ...environment, stdout: () => {} }
  const isGood = (await guardConfig.run([], folderOf(options), quiet)) === exit.ok
  environment.stdout(isGood ? 'OK: configuration test is successful\n' : 'ERROR: test configuration failed\n')
  return isGood ? exit.ok : refused
}

const folderOf = (options: ReadonlyMap<string, string>): { etc?: string } => {
  const etc = options.get('conf')
  return etc === undefined ? {} : { etc }
}

/** Long names by their short ones, as getopt knows them; those with a value. */
const shortNames: Readonly<Record<string, string>> = { c: 'conf', s: 'socket', p: 'pidfile', t: 'test' }
const withValue = [
  'conf',
  'socket',
  'pidfile',
  'pname',
  'loglevel',
  'logtarget',
  'syslogsocket',
  'timeout',
  'str2sec',
]
const withoutValue = ['version', 'test', 'dump-pretty', 'dp', 'async']
const flags = ['V', 'd', 'i', 'v', 'q', 'x', 'b', 'f']

interface Words {
  readonly options: ReadonlyMap<string, string>
  readonly rest: readonly string[]
}

/** Options up to the first word that is none, as Python's getopt reads them. */
function readOptions(words: readonly string[]): Words {
  const options = new Map<string, string>()
  const left = [...words]
  const take = (name: string, attached: string | undefined): string => {
    const value = attached ?? left.shift()
    if (value === undefined) throw new UsageError(`option --${name} needs a value`)
    return value
  }
  while (left[0]?.startsWith('-') && left[0] !== '-') {
    const word = left.shift()!
    if (word === '--') break
    if (word.startsWith('--')) {
      const [name = '', attached] = cut(word.slice(2))
      const known = [...withValue, ...withoutValue].filter((each) => each.startsWith(name))
      const long = known.find((each) => each === name) ?? (known.length === 1 ? known[0]! : null)
      if (long === null) throw new UsageError(`option ${word} is not known`, 'postern fail2ban-client --help')
      options.set(long === 'dp' ? 'dump-pretty' : long, withValue.includes(long) ? take(long, attached) : '')
    } else readShort(word.slice(1), options, take)
  }
  return { options, rest: left }
}

/** `-vs FILE`, `-sFILE`. */
function readShort(
  letters: string,
  options: Map<string, string>,
  take: (name: string, attached: string | undefined) => string,
): void {
  for (const [at, letter] of [...letters].entries()) {
    const name = shortNames[letter] ?? letter
    if (!flags.includes(name) && shortNames[letter] === undefined)
      throw new UsageError(`option -${letter} is not known`, 'postern fail2ban-client --help')
    if (withValue.includes(name)) {
      options.set(name, take(name, letters.slice(at + 1) || undefined))
      return
    }
    options.set(name, '')
  }
}

/** `name=value`. */
function cut(text: string): [name: string, value?: string] {
  const at = text.indexOf('=')
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
