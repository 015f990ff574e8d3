/** `postern recent`: the kernel's recency lists, read and written. */
import { registry } from '../ext/registry.ts'
import { kernelTicks, type Ticks } from '../linux/apply/clock.ts'
import type { InForce } from '../linux/apply/index.ts'
import { listNames, parseEntry, readList, writeList } from '../linux/apply/recency.ts'
import { type Address, maskAddress, parseAddress, printAddress, sameAddress } from '../net/address.ts'
import { backendOption } from './backend-option.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'
import { liveFirewall, placeOf, rulesInForce, ruleText, show, spanText, watchOption } from './live.ts'
import { cutToColumns, table } from './style.ts'

export const recent: Command = {
  name: 'recent',
  summary: "the kernel's recency lists: who was seen, when, how often",
  description:
    'Without a name: every list that rules in force name, and how many addresses it holds. With one: each address, when it ' +
    'was seen, and how often within the times that rules ask for; and the rules that read and write the list. (The match of that name: postern help -m recent.)',
  arguments: [{ name: '[list]', doc: 'the name of a list' }],
  options: [watchOption, backendOption, jsonOption],
  examples: [
    { does: 'Which lists are there?', command: 'postern recent', needs: 'root' },
    {
      does: 'Who knocked, and when?',
      command: 'postern recent seenping --watch',
      needs: 'root and that list',
    },
  ],
  async run([name], options, environment) {
    const firewall = liveFirewall('recent', options)
    if (name !== undefined) requireList(name)
    await show(
      () => {
        const names = name === undefined ? listNames() : [name]
        const lists = names.map((each) => readLive(each, firewall, kernelTicks()))
        if (options.json === true) return lists.map((list) => JSON.stringify(list))
        const lines = name === undefined ? renderLists(lists) : lists.flatMap(renderList)
        return lines.map((line) => cutToColumns(line, environment.screen?.columns ?? 0))
      },
      options,
      environment,
    )
    return exit.ok
  },
}

interface ListUse {
  /** `IPv4 filter/INPUT:3` */
  readonly place: string
  readonly rule: string
  readonly writes: boolean
  /** Seconds; null for any age. */
  readonly windowSeconds: number | null
  /** As often must it have been seen; 0 where once is enough. */
  readonly hits: number
}

interface LiveEntry {
  readonly address: string
  readonly ttl: number
  /** Seconds ago; null where the kernel's clock is not known. */
  readonly lastSeen: number | null
  readonly firstSeen: number | null
  readonly hits: number
  /** By the seconds that rules ask for. */
  readonly within: Readonly<Record<string, number>>
}

interface LiveList {
  readonly list: string
  readonly entries: readonly LiveEntry[]
  readonly rules: readonly ListUse[]
}

function readLive(list: string, firewall: InForce, ticks: Ticks | null): LiveList {
  const rules = usesOf(list, firewall)
  const windows = [...new Set(rules.flatMap(({ windowSeconds }) => windowSeconds ?? []))].sort(
    (a, b) => a - b,
  )
  const entries = (readList(list) ?? []).flatMap((line): LiveEntry[] => {
    const entry = parseEntry(line)
    if (entry === null) return []
    const address = parseAddress(entry.address)
    const age = (stamp: number): number | null => (ticks === null ? null : (ticks.now - stamp) / ticks.hz)
    const within = windows.map((seconds) => [
      String(seconds),
      entry.stamps.filter((stamp) => (age(stamp) ?? 0) <= seconds).length,
    ])
    return [
      {
        address: address === null ? entry.address : printAddress(address),
        ttl: entry.ttl,
        lastSeen: age(entry.stamps.at(-1)!),
        firstSeen: age(entry.stamps[0]!),
        hits: entry.stamps.length,
        within: Object.fromEntries(within),
      },
    ]
  })
  return { list, entries: entries.sort((a, b) => (a.lastSeen ?? 0) - (b.lastSeen ?? 0)), rules }
}

function usesOf(list: string, firewall: InForce): ListUse[] {
  return rulesInForce(firewall).flatMap((placed) =>
    placed.rule.matches.flatMap((use) => {
      if (use.kind === 'unknown') return []
      const memory = registry.match(use.name, placed.family)?.remembers?.(use.data)
      if (memory?.list !== list) return []
      const { writes, windowSeconds, hits } = memory
      return [{ place: placeOf(placed), rule: ruleText(placed), writes, windowSeconds, hits }]
    }),
  )
}

const agoText = (seconds: number | null): string => (seconds === null ? '?' : `${spanText(seconds)} ago`)

function renderLists(lists: readonly LiveList[]): string[] {
  if (lists.length === 0) return ['no rule in force names a recency list']
  const rows = lists.map(({ list, entries, rules }) => [
    list,
    String(entries.length),
    entries[0] === undefined ? '' : agoText(entries[0].lastSeen),
    rules.map(({ place }) => place).join(', '),
  ])
  return table([['LIST', 'ADDRESSES', 'LAST SEEN', 'RULES'], ...rows])
}

function renderList({ list, entries, rules }: LiveList): string[] {
  const windows = Object.keys(entries[0]?.within ?? {})
  const head = [
    'ADDRESS',
    'LAST SEEN',
    'FIRST',
    'TTL',
    'HITS',
    ...windows.map((seconds) => `IN ${spanText(Number(seconds))}`),
  ]
  const rows = entries.map((entry) => [
    entry.address,
    agoText(entry.lastSeen),
    agoText(entry.firstSeen),
    entry.ttl === 0 ? '-' : String(entry.ttl),
    String(entry.hits),
    ...windows.map((seconds) => String(entry.within[seconds])),
  ])
  return [
    `${list}: ${entries.length === 1 ? '1 address' : `${entries.length} addresses`}`,
    ...rules.map(({ place, rule, writes }) => `  ${writes ? 'written' : 'read'} by ${place}  ${rule}`),
    ...(entries.length === 0 ? [] : ['', ...table([head, ...rows])]),
  ]
}

/** Throws UsageError for what is no list; whatever is none of those names never becomes part of a path. */
function requireList(name: string): void {
  const names = listNames()
  if (names.includes(name)) return
  const known = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`
  throw new UsageError(`no rule in force names a recency list ${JSON.stringify(name)}: ${known}`)
}

const listArgument = { name: '<list>', doc: 'the name of a list that a rule in force names' }

export const recentAdd: Command = {
  name: 'recent add',
  summary: 'put addresses into a recency list, as seen now',
  description:
    'Each address is written to the list: it is there as seen now, whatever the TTL; one that is there already is stamped ' +
    'again. Where the rules of the list look at a part of addresses only (--mask), that part is written.',
  arguments: [listArgument, { name: '<address...>', doc: 'IPv4 or IPv6 addresses' }],
  options: [backendOption],
  examples: [
    {
      does: 'Open the door for somebody',
      command: 'postern recent add authok 198.51.100.7',
      needs: 'root and that list',
    },
  ],
  run: ([list = '', ...addresses], options, environment) =>
    changeList(list, addresses, options, environment, (address, present) => {
      write(list, `+${printAddress(address)}`)
      environment.stdout(`${printAddress(address)} is ${present ? 'stamped again' : 'now'} in ${list}\n`)
      return true
    }),
}

export const recentDel: Command = {
  name: 'recent del',
  summary: 'take addresses out of a recency list',
  description: 'Each address is forgotten, with everything that was remembered of it.',
  arguments: [listArgument, { name: '<address...>', doc: 'IPv4 or IPv6 addresses' }],
  options: [backendOption],
  examples: [
    { does: 'Shut it again', command: 'postern recent del authok 198.51.100.7', needs: 'root and that list' },
  ],
  run: ([list = '', ...addresses], options, environment) =>
    changeList(list, addresses, options, environment, (address, present) => {
      if (present) write(list, `-${printAddress(address)}`)
      if (present) environment.stdout(`${printAddress(address)} is out of ${list}\n`)
      else environment.stderr(`${printAddress(address)} is not in ${list}\n`)
      return present
    }),
}

export const recentFlush: Command = {
  name: 'recent flush',
  summary: 'empty a recency list',
  description: 'Every address of the list is forgotten.',
  arguments: [listArgument],
  options: [backendOption],
  examples: [
    { does: 'Forget everybody', command: 'postern recent flush seenping', needs: 'root and that list' },
  ],
  async run([list = ''], options, environment) {
    liveFirewall('recent flush', options)
    requireList(list)
    const count = readList(list)?.length ?? 0
    write(list, '/')
    environment.stdout(`${count === 1 ? '1 address' : `${count} addresses`} forgotten\n`)
    return exit.ok
  },
}

/** Carries out a change for each address, all of them read before the first is written. */
async function changeList(
  list: string,
  texts: readonly string[],
  options: OptionValues,
  _environment: Environment,
  change: (address: Address, present: boolean) => boolean,
): Promise<number> {
  const firewall = liveFirewall(`recent add ${list}`, options)
  requireList(list)
  const addresses = texts.map((text) => {
    const address = parseAddress(text)
    if (address === null)
      throw new UsageError(`"${text}" is no address`, 'a list holds addresses, no names or networks')
    return masked(address, list, firewall)
  })
  const done = addresses.map((address) => {
    const present = (readList(list) ?? []).some((line) => {
      const entry = parseAddress(parseEntry(line)?.address ?? '')
      return entry !== null && sameAddress(entry, address)
    })
    return change(address, present)
  })
  return done.every((each) => each) ? exit.ok : exit.finding
}

/** What the list's rules look for: the kernel does not mask what is written. */
function masked(address: Address, list: string, firewall: InForce): Address {
  const rule = usesOf(list, firewall).find(({ place }) =>
    place.startsWith(address.family === 'ipv4' ? 'IPv4' : 'IPv6'),
  )
  const mask = parseAddress(/ --mask (\S+)/.exec(rule?.rule ?? '')?.[1] ?? '')
  return mask === null || mask.family !== address.family ? address : maskAddress(address, mask)
}

function write(list: string, text: string): void {
  try {
    writeList(list, text)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EACCES' || code === 'EPERM')
      throw new UnavailableError(
        `writing to the list ${list} needs root`,
        'sudo postern recent add LIST ADDRESS',
      )
    throw new UsageError(`the kernel refuses "${text}" for ${list}: ${message}`)
  }
}
