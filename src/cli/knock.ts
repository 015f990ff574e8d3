/** `postern knock`: the client of a knocked port. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nearest } from '../lang/suggest.ts'
import {
  type Answer,
  type KnockProfile,
  knockAt,
  profileNamed,
  readProfiles,
  runAfter,
  targetOf,
} from '../linux/knock/index.ts'
import { type Knock, parseKnock, parseService, type Service, ValueRefused } from '../recipe/parameter.ts'
import { parseDuration } from '../scenario/duration.ts'
import type { Command } from './command.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'

export const knock: Command = {
  name: 'knock',
  summary: 'knock at ports of a host, then run a command',
  description:
    'Sends the packets of a knock in their order: an echo request by the system’s ping, SYNs to ports of TCP without ' +
    'waiting for an answer, empty datagrams to ports of UDP. Says whether the last port answered, and with --open ' +
    'whether the port has opened, which is tried until it does or the time is over. Then runs the command behind --, ' +
    'with its exit status. A host that is a profile of ~/.config/postern/knock.yaml brings its knocks with it:\n\n' +
    'profiles: { db: { host: db.example.net, knock: [icmp, tcp/7, tcp/8000], open: tcp/3306 } }',
  arguments: [
    { name: '<host>', doc: 'a name, an address, or a profile' },
    {
      name: '[words...]',
      doc: 'icmp, tcp/PORT or udp/PORT, in order; then -- and the command to run when all is knocked',
    },
  ],
  options: [
    {
      flags: '--open <port>',
      doc: 'the port that the knocks open: it must take a connection before the command runs',
    },
    { flags: '--delay <time>', doc: 'time between two packets (default: 200ms)' },
    {
      flags: '--wait <time>',
      doc: 'how long to wait for the last port, or for the port to open (default: 2s)',
    },
    { flags: '-4, --ipv4', doc: 'by IPv4' },
    { flags: '-6, --ipv6', doc: 'by IPv6' },
    { flags: '--config <file>', doc: 'profiles (default: ~/.config/postern/knock.yaml)' },
    { flags: '--json', doc: 'print what became of each packet as JSON, an object a line' },
  ],
  examples: [
    {
      does: 'knock, then log in',
      command: 'postern knock db.example.net icmp tcp/7 tcp/8000 udp/53 -- ssh db.example.net',
      needs: 'a host with a knock',
    },
    {
      does: 'wait until the port is open',
      command: 'postern knock 203.0.113.1 icmp tcp/7 tcp/8000 --open tcp/3306 -- mysql -h 203.0.113.1',
      needs: 'a host with a knock',
    },
  ],
  ownWords: true,
  run: (words, _options, environment) => runKnock(words, environment),
}

const optionTable = {
  open: { type: 'string' },
  delay: { type: 'string' },
  wait: { type: 'string' },
  ipv4: { type: 'boolean', short: '4' },
  ipv6: { type: 'boolean', short: '6' },
  config: { type: 'string' },
  json: { type: 'boolean' },
} as const

function readWords(words: readonly string[]) {
  const end = words.indexOf('--')
  const own = end < 0 ? words : words.slice(0, end)
  const command = end < 0 ? [] : words.slice(end + 1)
  try {
    const { values, positionals } = parseArgs({
      args: [...own],
      options: optionTable,
      allowPositionals: true,
    })
    return { values, positionals, command }
  } catch (error) {
    const message = (error as Error).message.split('. ')[0]!
    throw new UsageError(message.charAt(0).toLowerCase() + message.slice(1), 'postern knock --help')
  }
}

async function runKnock(words: readonly string[], environment: Environment): Promise<number> {
  const { values, positionals, command: given } = readWords(words)
  const [place, ...texts] = positionals
  if (place === undefined)
    throw new UsageError('no host to knock at', 'postern knock HOST icmp tcp/8000 -- COMMAND')
  if (values.ipv4 && values.ipv6) throw new UsageError('-4 and -6 exclude each other')
  const profile =
    texts.length > 0 && values.config === undefined
      ? null
      : await profileOf(place, values.config, environment)
  if (profile === null && texts.length === 0) {
    throw new UsageError(`no knocks for ${place}, and no profile of that name`, 'icmp tcp/8000 udp/53')
  }
  const order = {
    knocks: (texts.length > 0 ? texts : profile!.knock).map((text) => readKnock(text)),
    open: readService(values.open ?? profile?.open),
    delayMs: readTime('delay', values.delay ?? profile?.delay ?? '200ms'),
    waitMs: readTime('wait', values.wait ?? profile?.wait ?? '2s'),
  }
  const onlyIpv6 = values.ipv4 ? false : values.ipv6 ? true : profile?.ipv6
  const family = onlyIpv6 === undefined ? null : onlyIpv6 ? 'ipv6' : 'ipv4'
  const host = profile?.host ?? place
  const name = (text: string) =>
    environment.interactive ? environment.stderr(`knocking at ${host}: ${text}\n`) : undefined
  const { answers, opened } = await attempt(host, async () =>
    knockAt(await targetOf(host, family), order, name),
  )
  if (values.json === true) {
    for (const each of answers) environment.stdout(`${JSON.stringify(each)}\n`)
    if (opened !== null)
      environment.stdout(`${JSON.stringify({ open: printOpen(order.open!), answer: opened })}\n`)
  } else {
    const [asked, answer] =
      opened === null ? [answers.at(-1)!.knock, answers.at(-1)!.answer] : [printOpen(order.open!), opened]
    environment.stderr(`${host}: ${asked} ${said[answer]}\n`)
  }
  if (opened !== null && opened !== 'open' && !(order.open!.protocol === 'udp' && opened === 'silent'))
    return exit.finding
  const [program, ...args] = given.length > 0 ? given : (profile?.command ?? [])
  if (program === undefined) return exit.ok
  const status = await runAfter([program, ...args])
  if (status === 127) environment.stderr(`error: there is no command ${program}\n`)
  return status
}

const said: Readonly<Record<Answer, string>> = {
  open: 'answered: it is open',
  refused: 'was refused',
  silent: 'did not answer',
}

const printOpen = ({ protocol, port }: Service): string => `${protocol}/${port}`

/** Names that are none and packets that cannot leave are no defects of ours. */
async function attempt<T>(host: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof UnavailableError) throw error
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') throw new UsageError(`${host}: no address of that name`)
    throw new UnavailableError(`${host} cannot be knocked at: ${message}`, 'ip route get ADDRESS')
  }
}

async function profileOf(
  name: string,
  given: string | undefined,
  environment: Environment,
): Promise<KnockProfile | null> {
  const path =
    given ?? join(environment.variable('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'postern/knock.yaml')
  if (given === undefined && !environment.exists(path)) return null
  const text = new TextDecoder().decode(await environment.readFile(path))
  try {
    const profiles = readProfiles(text, path)
    const profile = profileNamed(profiles, name)
    if (profile === null && given !== undefined) {
      const near = nearest(name, Object.keys(profiles))
      throw new UsageError(
        `${path} has no profile ${name}`,
        near ?? (Object.keys(profiles).join(', ') || null),
      )
    }
    return profile
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message)
  }
}

function readKnock(text: string): Knock {
  return orRefuse(text, () => parseKnock(text), ' (commands stand behind --)')
}

const readService = (text: string | undefined): Service | null =>
  text === undefined ? null : orRefuse(text, () => parseService(text))

function orRefuse<T>(text: string, read: () => T, more = ''): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ValueRefused)) throw error
    throw new UsageError(`"${text}" ${error.message}${more}`, error.help)
  }
}

function readTime(option: string, text: string): number {
  const time = parseDuration(text)
  if (time === null || 3_600_000_000_000n < time)
    throw new UsageError(`--${option}: "${text}" is not a time`, '200ms, 2s')
  return Number(time / 1_000_000n)
}
