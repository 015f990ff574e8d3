/** `postern country`: whole countries refused by one rule, their networks fetched, merged and loaded in one step. */
import { join } from 'node:path'
import { decodeText } from '../lang/bytes.ts'
import { ActionFailed, runProgram } from '../linux/bans/run-program.ts'
import {
  type CountryFile,
  CountryStore,
  checkCountryFile,
  entriesInForce,
  families,
  isAsked,
  NoList,
  readCountryFile,
  removeAll,
  requireTools,
  settingsOf,
  sync,
  testAddress,
  timerUnits,
  WouldCutOff,
} from '../linux/country/index.ts'
import { administratorSessions } from '../linux/sessions.ts'
import { ZoneRefused } from '../recipe/zone.ts'
import { type Command, jsonOption, type OptionRow, type OptionValues } from './command.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'

const defaultConfig = '/etc/postern/country.yaml'
/** The daemon's, where it has a section for countries. */
const daemonConfig = '/etc/postern/postern.yaml'
const defaultState = '/var/lib/postern/country'

const stateOption: OptionRow = {
  flags: '--state <folder>',
  doc: `where good lists are kept (default: ${defaultState})`,
}
const setOption: OptionRow = { flags: '--set <name>', doc: 'the name of the set (default: country)' }
const sourceOptions: readonly OptionRow[] = [
  {
    flags: '--config <file>',
    doc: `settings as YAML, or a postern.yaml with a section country (default: ${defaultConfig}, or that section of ${daemonConfig})`,
  },
  { flags: '--countries <codes>', doc: 'codes of two letters: cn,ru' },
  { flags: '--list <file>', doc: 'a file of codes, such as the article’s langblock.cfg' },
  { flags: '--url <pattern>', doc: 'zone files, {cc} for the code; may be given again', repeatable: true },
  { flags: '--folder <folder>', doc: 'zone files of this machine instead: cn.zone, cn.v6.zone' },
  {
    flags: '--csv <file>',
    doc: 'a database as CSV instead, of MaxMind or of ranges; may be given again',
    repeatable: true,
  },
  {
    flags: '--mmdb <file>',
    doc: 'a database of MaxMind’s binary form instead, such as GeoLite2-Country.mmdb',
  },
  { flags: '--locations <file>', doc: 'MaxMind’s file of locations, for --csv' },
  { flags: '--allow <prefix>', doc: 'never refuse this; may be given again', repeatable: true },
  { flags: '--refuse <how>', doc: 'what becomes of packets (default: drop)', choices: ['drop', 'reject'] },
  { flags: '--forward', doc: 'refuse forwarded packets, too' },
  { flags: '--outgoing', doc: 'refuse what this host sends there, too' },
  { flags: '--timeout <time>', doc: 'for one file (default: 30s)' },
  { flags: '--retries <count>', doc: 'tries behind the first (default: 2)' },
  { flags: '--maximum <bytes>', doc: 'of one file (default: 33554432)' },
  setOption,
  stateOption,
]

const needs = 'root and ipset'

export const countrySync: Command = {
  name: 'country sync',
  summary: 'fetch lists of countries’ networks and refuse what comes from them',
  description:
    'Fetches the lists (only those that have changed), checks them, merges them to the fewest prefixes, loads them ' +
    'into sets of ipset that change places with those in force, and makes sure of one rule for each direction. A list ' +
    'that cannot be had, or that is none (HTML, 0.0.0.0/0, private networks, too large), leaves the last good one; ' +
    'where there is none, nothing is changed and the status is 1. The allow-list comes first. Nothing is done that would refuse the ' +
    'address you are logged in from, without --force.',
  arguments: [],
  options: [
    ...sourceOptions,
    { flags: '--force', doc: 'go on although your own address would be refused' },
    { flags: '--dry-run', doc: 'fetch and check, and change nothing in the kernel' },
    jsonOption,
  ],
  examples: [
    {
      does: 'the article’s list of countries',
      command: 'sudo postern country sync --list langblock.cfg',
      needs,
    },
    {
      does: 'lists of this machine, looked at only',
      command: 'postern country sync --folder examples/country-block/zones --countries xa --dry-run',
    },
  ],
  run: (_args, options, environment) => runSync(options, environment),
}

export const countryTest: Command = {
  name: 'country test',
  summary: 'say what the country block does with an address',
  description:
    'Says whether the block that the last sync put in force refuses an address, and by which network of which country; ' +
    'or that the allow-list lets it through. The status is 1 for an address that is refused.',
  arguments: [{ name: '<address...>', doc: 'addresses of either family' }],
  options: [stateOption, jsonOption],
  examples: [
    {
      does: 'would this client get through?',
      command: 'postern country test 198.51.100.7',
      needs: 'a country sync',
    },
  ],
  run: (addresses, options, environment) => runTest(addresses, options, environment),
}

export const countryStatus: Command = {
  name: 'country status',
  summary: 'say which countries are refused, since when, and whether rules and sets are there',
  description:
    'Says what the last sync put in force and, as root, whether the kernel still has it. The status is 1 where it has ' +
    'not.',
  arguments: [],
  options: [stateOption, jsonOption],
  examples: [{ does: 'what is refused?', command: 'sudo postern country status', needs: 'a country sync' }],
  run: (_args, options, environment) => runStatus(options, environment),
}

export const countryRemove: Command = {
  name: 'country remove',
  summary: 'take the rules and sets of the country block away',
  description:
    'Takes the rules of the block and its sets out of the kernel. The lists stay, for the next sync.',
  arguments: [],
  options: [setOption, stateOption],
  examples: [{ does: 'refuse nobody any more', command: 'sudo postern country remove', needs }],
  async run(_args, options, environment) {
    requireKernel()
    const store = storeOf(options)
    const status = await store.status()
    const set = checked({ set: options.set }).set ?? status?.set ?? 'country'
    await removeAll(set, runProgram)
    if (status !== null) await store.forgetStatus()
    environment.stderr(`the country block ${set} is gone\n`)
    return exit.ok
  },
}

export const countryTimer: Command = {
  name: 'country timer',
  summary: 'print systemd units that sync every week',
  description:
    'Prints a service and a timer of systemd that run postern country sync every week, at an hour drawn by chance. With ' +
    '--write, writes them into a folder.',
  arguments: [],
  options: [
    { flags: '--config <file>', doc: `of the sync (default: ${defaultConfig})` },
    { flags: '--write <folder>', doc: 'write them there: /etc/systemd/system' },
  ],
  examples: [{ does: 'look at them', command: 'postern country timer' }],
  async run(_args, options, environment) {
    const command = [
      process.execPath,
      process.argv[1] ?? 'postern',
      'country',
      'sync',
      '--config',
      text(options.config) ?? defaultConfig,
    ]
    for (const { name, text: unit } of timerUnits(command)) {
      if (typeof options.write === 'string') {
        await environment.replaceFile(join(options.write, name), new TextEncoder().encode(unit))
        environment.stderr(`wrote ${join(options.write, name)}\n`)
      } else environment.stdout(`# ${name}\n${unit}\n`)
    }
    if (typeof options.write === 'string')
      environment.stderr('  try: systemctl enable --now postern-country.timer\n')
    return exit.ok
  },
}

const text = (value: OptionValues[string]): string | undefined =>
  typeof value === 'string' ? value : undefined

const storeOf = ({ state }: OptionValues): CountryStore => new CountryStore(text(state) ?? defaultState)

function checked(value: unknown): CountryFile {
  try {
    return checkCountryFile(JSON.parse(JSON.stringify(value)), 'options')
  } catch (error) {
    throw new UsageError((error as Error).message, 'postern country sync --help')
  }
}

async function usualConfig(environment: Environment): Promise<string | undefined> {
  if (environment.exists(defaultConfig)) return defaultConfig
  if (!environment.exists(daemonConfig)) return undefined
  return /^country:/m.test(decodeText(await environment.readFile(daemonConfig))) ? daemonConfig : undefined
}

async function settingsFor(options: OptionValues, environment: Environment) {
  const path = text(options.config) ?? (await usualConfig(environment))
  const { countries, retries, maximum } = options
  const given = checked({
    ...(typeof countries === 'string' && { countries: countries.split(',') }),
    ...(typeof retries === 'string' && { retries: Number(retries) }),
    ...(typeof maximum === 'string' && { maximum: Number(maximum) }),
    ...Object.fromEntries(
      [
        'list',
        'url',
        'folder',
        'csv',
        'mmdb',
        'locations',
        'allow',
        'refuse',
        'forward',
        'outgoing',
        'timeout',
        'set',
        'state',
      ]
        .filter((name) => options[name] !== undefined)
        .map((name) => [name, options[name]]),
    ),
  })
  try {
    const file = path === undefined ? {} : readCountryFile(decodeText(await environment.readFile(path)), path)
    const isSourceGiven = [given.url, given.folder, given.csv, given.mmdb].some((each) => each !== undefined)
    const { url, folder, csv, mmdb, locations, ...rest } = file
    const base = isSourceGiven ? rest : file
    const areCodesGiven = given.countries !== undefined || given.list !== undefined
    const { countries: ofFile, list: listOfFile, ...others } = base
    const all: CountryFile = { ...(areCodesGiven ? others : base), ...given }
    const codes = all.list === undefined ? null : decodeText(await environment.readFile(all.list))
    return settingsOf(all, codes)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const place = error instanceof ZoneRefused ? `${given.list ?? path ?? '--countries'}: ` : ''
    throw new UsageError(`${place}${(error as Error).message}`, '--countries cn,ru or --list langblock.cfg')
  }
}

function requireKernel(): void {
  if (process.geteuid?.() !== 0)
    throw new UnavailableError('changing the kernel’s sets needs root', 'sudo postern country ...')
}

async function runSync(options: OptionValues, environment: Environment): Promise<number> {
  const settings = await settingsFor(options, environment)
  const dryRun = options.dryRun === true
  if (!dryRun) {
    requireKernel()
    await requireTools(runProgram)
  }
  const connection = environment.variable('SSH_CONNECTION')?.split(' ')[0]
  const sessions = new Set([...administratorSessions(), ...(connection === undefined ? [] : [connection])])
  try {
    const { status, ownMs, programsMs } = await sync(settings, {
      force: options.force === true,
      dryRun,
      sessions: [...sessions],
      nowMs: () => environment.nowMs(),
      run: runProgram,
    })
    for (const warning of status.warnings) environment.stderr(`warning: ${warning}\n`)
    if (options.json === true)
      environment.stdout(`${JSON.stringify({ ...status, dryRun, ownMs, programsMs })}\n`)
    else {
      const { ipv4, ipv6 } = status.prefixes
      const codes = status.countries.map(({ code }) => code).join(' ')
      environment.stdout(
        `${dryRun ? 'would refuse' : 'refused'} from now on: ${codes} (${ipv4} prefixes of IPv4, ${ipv6} of IPv6)\n`,
      )
    }
    return exit.ok
  } catch (error) {
    const isKnown = error instanceof NoList || error instanceof WouldCutOff || error instanceof ActionFailed
    if (!isKnown) throw error
    const help = error instanceof WouldCutOff ? '--allow that address, or --force' : null
    environment.stderr(
      `error: ${error.message}\n${help === null ? '' : `  try: ${help}\n`}nothing was changed\n`,
    )
    return exit.finding
  }
}

async function runTest(
  addresses: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const store = storeOf(options)
  const status = await store.status()
  if (status === null)
    throw new UnavailableError(`no country block is kept in ${store.folder}`, 'postern country sync')
  let isRefused = false
  for (const each of addresses) {
    try {
      const answer = await testAddress(each, status, store)
      isRefused ||= answer.verdict === 'refused'
      environment.stdout(
        options.json === true
          ? `${JSON.stringify(answer)}\n`
          : `${each} ${answer.verdict === 'passes' ? 'passes: it is in no list' : `is ${answer.verdict}: ${answer.because}`}\n`,
      )
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError(error.message, '198.51.100.7')
      throw error
    }
  }
  return isRefused ? exit.finding : exit.ok
}

async function runStatus(options: OptionValues, environment: Environment): Promise<number> {
  const store = storeOf(options)
  const status = await store.status()
  if (status === null) {
    environment.stdout('no country is refused\n')
    return exit.ok
  }
  const live =
    process.geteuid?.() !== 0
      ? null
      : await Promise.all(
          families.map(async (family) => ({
            family,
            entries: await entriesInForce(status.set, family, runProgram),
            isAsked: await isAsked(status.set, family, runProgram),
          })),
        )
  const isWhole =
    live === null ||
    live.every(({ family, entries, isAsked: is }) => is && entries === status.prefixes[family])
  if (options.json === true) environment.stdout(`${JSON.stringify({ ...status, live, isWhole })}\n`)
  else {
    const when = new Date(status.syncedAtMs).toISOString().slice(0, 16).replace('T', ' ')
    environment.stdout(`refused since ${when} UTC, by the set ${status.set}:\n`)
    for (const { code, networks } of status.countries) environment.stdout(`  ${code}  ${networks} networks\n`)
    for (const each of status.allow) environment.stdout(`  but not ${each}\n`)
    for (const { family, entries, isAsked: is } of live ?? []) {
      const want = status.prefixes[family]
      environment.stdout(
        `  ${family}: ${entries === null ? 'the set is gone' : `${entries} prefixes${entries === want ? '' : ` instead of ${want}`}`}, ${is ? 'asked by a rule' : 'asked by no rule'}\n`,
      )
    }
    for (const warning of status.warnings) environment.stdout(`  warning: ${warning}\n`)
    if (!isWhole)
      environment.stderr(
        'the kernel has something else than the last sync put there\n  try: postern country sync\n',
      )
  }
  return isWhole ? exit.ok : exit.finding
}
