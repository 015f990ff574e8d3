/** A command line of ipset: which command, on which set, with what. Source: ipset_parser(), lib/ipset.c, 7.17. */
import type { Family } from '../../net/address.ts'
import { readElement } from './element.ts'
import type { CreateAttributes, ElementAttributes, SetKernel, SetTypeName } from './kernel.ts'
import type { OutputMode } from './listing.ts'
import { createOptions, elementOptions, readOption, type ToolOption } from './options.ts'
import { IpsetProblem, problem, syntaxError } from './problem.ts'
import { defaultFamily, type ElementField, type ToolType, toolType, typeNamed } from './set-types.ts'
import { address, type Reading, setName, WrongFamily } from './values.ts'

export type Command =
  | { readonly kind: 'version' | 'quit' | 'restore' | 'interactive' | 'unknown' }
  | { readonly kind: 'help'; readonly type: string | null }
  | { readonly kind: 'list' | 'save' | 'destroy' | 'flush'; readonly set: string | null }
  | { readonly kind: 'rename' | 'swap'; readonly set: string; readonly other: string }
  | {
      readonly kind: 'create'
      readonly set: string
      readonly type: SetTypeName
      readonly family: Family | null
      readonly attributes: CreateAttributes
    }
  | {
      readonly kind: 'add' | 'del' | 'test'
      readonly set: string
      readonly toolType: ToolType
      readonly family: Family | null
      readonly element: ElementAttributes
      readonly isIpv6: boolean
    }

export type EnvironmentOption = 'sorted' | 'quiet' | 'resolve' | 'exist' | 'name' | 'terse'

export interface CommandContext {
  readonly kernel: SetKernel
  /** Lines of restored text know fewer commands. */
  readonly isRestoring: boolean
  /** In its own dialogue a command that is not known is told of, and a second `-` means nothing. */
  readonly isInteractive: boolean
  /** What was set stays set for the lines that follow. */
  readonly options: Set<EnvironmentOption>
  setMode(mode: OutputMode): void
  setFile(path: string): void
  /** Whether times may have fractions, as files have them that keep sets. */
  readonly exact: boolean
  warn(text: string): void
}

/** In the order in which they are looked for: a beginning that fits several means the first. */
const commands = [
  { name: 'create', aliases: ['new', '-N'], names: 2 },
  { name: 'add', aliases: ['-A'], names: 2 },
  { name: 'del', aliases: ['-D'], names: 2 },
  { name: 'test', aliases: ['-T'], names: 2 },
  { name: 'destroy', aliases: ['x', '-X'], names: 'optional' },
  { name: 'list', aliases: ['-L'], names: 'optional' },
  { name: 'save', aliases: ['-S'], names: 'optional' },
  { name: 'restore', aliases: ['-R'], names: 0 },
  { name: 'flush', aliases: ['-F'], names: 'optional' },
  { name: 'rename', aliases: ['e', '-E'], names: 2 },
  { name: 'swap', aliases: ['w', '-W'], names: 2 },
  { name: 'help', aliases: ['-h', '-H'], names: 'optional' },
  { name: 'version', aliases: ['-v', '-V'], names: 0 },
  { name: 'quit', aliases: [], names: 0 },
] as const

type CommandSpec = (typeof commands)[number]

/** In this order each takes its words out of the line, wherever they stand. */
const environment: readonly { readonly letter: string; readonly name: string }[] = [
  { letter: '-o', name: '-output' },
  { letter: '-s', name: '-sorted' },
  { letter: '-q', name: '-quiet' },
  { letter: '-r', name: '-resolve' },
  { letter: '-!', name: '-exist' },
  { letter: '-n', name: '-name' },
  { letter: '-t', name: '-terse' },
  { letter: '-f', name: '-file' },
]

/** The program's own name counts. */
const mostWords = 31

/** Throws `IpsetProblem`. */
export function readCommand(args: readonly string[], context: CommandContext): Command {
  if (args.length > mostWords) return problem('parameter', 'Line is too long to parse.')
  const words = takeEnvironment([...args], context)
  const [first] = words
  if (first === '-' && !context.isInteractive && !context.isRestoring) return { kind: 'interactive' }
  const spec = first === undefined ? undefined : commands.find((each) => fits(first, each))
  if (spec === undefined) {
    if (context.isInteractive) return { kind: 'unknown' }
    return problem(
      'parameter',
      first === undefined ? 'No command specified.' : `No command specified: unknown argument ${first}`,
    )
  }
  if (context.isRestoring && ['restore', 'version', 'help'].includes(spec.name)) {
    return problem('parameter', `Command \`${spec.name}' is invalid in restore mode.`)
  }
  words.shift()
  const names = takeNames(words, spec)
  return readRest(spec.name, names, words, context)
}

/** A beginning of the name or an alias fits, also behind two dashes. */
function fits(word: string, { name, aliases }: CommandSpec): boolean {
  const text = word.startsWith('--') ? word.slice(2) : word
  if (text === '' || word === '-') return false
  return name.startsWith(text) || aliases.some((alias) => alias.startsWith(text))
}

function takeEnvironment(words: string[], context: CommandContext): string[] {
  for (const { letter, name } of environment) {
    for (let at = 0; at < words.length; ) {
      const word = words[at]!.replace(/^-(?=-)/, '')
      if (word !== letter && word !== name) {
        at++
        continue
      }
      words.splice(at, 1)
      if (name !== '-output' && name !== '-file') {
        context.options.add(name.slice(1) as EnvironmentOption)
        continue
      }
      if (at >= words.length) return problem('parameter', `Missing mandatory argument to option ${letter}`)
      const [value = ''] = words.splice(at, 1)
      if (name === '-file') context.setFile(value)
      else if (value === 'plain' || value === 'save' || value === 'xml') context.setMode(value)
      else syntaxError(`unknown output mode '${value}'`)
    }
  }
  return words
}

function takeNames(words: string[], { name, names }: CommandSpec): string[] {
  if (names === 0) return []
  if (names === 'optional') return words.splice(0, 1)
  if (words.length < 1) return problem('parameter', `Missing mandatory argument to command ${name}`)
  if (words.length < 2) return problem('parameter', `Missing second mandatory argument to command ${name}`)
  return words.splice(0, 2)
}

function readRest(
  name: CommandSpec['name'],
  [first, second]: readonly string[],
  words: readonly string[],
  context: CommandContext,
): Command {
  const noMore = (): void => {
    if (words.length > 0) problem('parameter', `Unknown argument ${words[0]}`)
  }
  switch (name) {
    case 'version':
    case 'quit':
      return { kind: name }
    case 'help':
      return { kind: name, type: first ?? null }
    case 'restore':
      noMore()
      return { kind: name }
    case 'list':
    case 'save':
    case 'destroy':
    case 'flush': {
      const set = first === undefined ? null : setName(first)
      noMore()
      return { kind: name, set }
    }
    case 'rename':
    case 'swap': {
      const [set, other] = [setName(first!), setName(second!)]
      noMore()
      return { kind: name, set, other }
    }
    case 'create':
      return readCreate(first!, second!, words, context)
    case 'add':
    case 'del':
    case 'test':
      return readElementCommand(name, first!, second!, words, context)
  }
}

function readCreate(
  setText: string,
  typeText: string,
  words: readonly string[],
  { warn }: CommandContext,
): Command {
  const set = setName(setText)
  if (typeText.length > 31) syntaxError(`typename '${typeText}' is longer than 31 characters`)
  const type = typeNamed(typeText)
  if (type === null) return syntaxError(`typename '${typeText}' is unknown`)
  if (type === 'unsupported') return problem('session', 'Kernel error received: set type not supported')
  const ignored = new Set<string>()
  const reading: Reading = {
    family: defaultFamily(type),
    create: {},
    element: {},
    command: 'create',
    exact: false,
    ignore(option, value) {
      if (!ignored.has(option)) warn(`Option '--${option} ${value}' is ignored. Please upgrade your syntax.`)
      ignored.add(option)
    },
  }
  const options = type.create.map((each) => createOptions[each]!)
  // The family comes first, wherever it stands.
  readOptions(words, options, reading, (option) => option.slot === 'family')
  readOptions(words, options, reading, (option) => option.slot !== 'family')
  checkCreate(type, reading)
  return {
    kind: 'create',
    set,
    type: type.name as SetTypeName,
    family: reading.family,
    attributes: reading.create,
  }
}

function readOptions(
  words: readonly string[],
  options: readonly ToolOption[],
  reading: Reading,
  isMeant: (option: ToolOption) => boolean,
): void {
  let isFamilyGiven = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const name = word.startsWith('--') ? word.slice(2) : word
    const option = options.find((each) => each.name === name)
    if (option === undefined) throw new IpsetProblem('parameter', `Unknown argument: \`${word}'`)
    if (option.argument) at++
    const text = words[at]
    if (text === undefined) {
      throw new IpsetProblem('parameter', `Missing mandatory argument of option \`${option.name}'`)
    }
    if (!isMeant(option)) continue
    readOption(option, text, reading, isFamilyGiven)
    if (option.slot === 'family') isFamilyGiven = true
  }
}

/** A bitmap needs both ends of its range. */
function checkCreate(type: ToolType, { create }: Reading): void {
  if (!type.name.startsWith('bitmap:')) return
  const isPort = type.name === 'bitmap:port'
  const [hasFrom, hasTo] = isPort
    ? [create.port !== undefined, create.portTo !== undefined]
    : [create.ip !== undefined, create.ipTo !== undefined || create.cidr !== undefined]
  if (!hasFrom) problem('parameter', "Mandatory option `range' is missing")
  if (!hasTo) problem('parameter', "Mandatory option `to' is missing")
}

function readElementCommand(
  command: 'add' | 'del' | 'test',
  setText: string,
  elementText: string,
  words: readonly string[],
  { kernel, exact }: CommandContext,
): Command {
  const set = setName(setText)
  const found = kernel.find(set)
  if (found === null) return problem('session', 'The set with the given name does not exist')
  const type = toolType(found.type)
  const newReading = (family: Family | null): Reading => ({
    family,
    create: {},
    element: {},
    command,
    exact,
    ignore() {},
  })
  const reading = newReading(found.family)
  const options = type[command].map((each) => elementOptions[each]!)
  try {
    readElement(elementText, type, reading)
  } catch (error) {
    if (!(error instanceof WrongFamily)) throw error
    return goOnWithout(error.message, newReading(null), elementText, options, words)
  }
  const { element } = reading
  readOptions(words, options, reading, () => true)
  checkElement(command, type, found.family, element)
  const isIpv6 = found.family === 'ipv6'
  return { kind: command, set, toolType: type, family: found.family, element, isIpv6 }
}

/** What becomes of a command whose element was forgotten half way. */
function goOnWithout(
  complaint: string,
  reading: Reading,
  elementText: string,
  options: readonly ToolOption[],
  words: readonly string[],
): never {
  try {
    const [, , last] = elementText.split(',')
    if (last !== undefined) address(last, reading, 'any')
    readOptions(words, options, reading, () => true)
  } catch (error) {
    if (!(error instanceof IpsetProblem) || error.kind !== 'session') throw error
    return problem('session', complaint, ...error.lines)
  }
  if (options.length === 0) {
    return problem(
      'other',
      "There are missing mandatory flags but can't check them. It's a bug, please report the problem.",
    )
  }
  return problem('session', complaint, `Invalid ${reading.command} command: missing setname`)
}

/** The number of an option in ipset's own complaint that it cannot name it. Source: enum ipset_opt. */
const cidr2Number = 28

function checkElement(
  command: 'add' | 'del' | 'test',
  type: ToolType,
  family: Family | null,
  element: ElementAttributes,
): void {
  const allowed = command === 'test' ? type.tested : type.changed
  const isAllowed = (field: ElementField): boolean => element[field] === undefined || allowed.includes(field)
  const familyName = family === null ? 'unspec' : family === 'ipv4' ? 'inet' : 'inet6'
  const where = `is not allowed in command ${command} with set type ${type.name} and family ${familyName}`
  if (!isAllowed('ipTo')) problem('other', `FROM-TO IP range ${where}`)
  if (!isAllowed('cidr')) problem('other', `IP/CIDR range ${where}`)
  if (!isAllowed('portTo')) problem('other', `FROM-TO port range ${where}`)
  if (!isAllowed('cidr2')) {
    problem(
      'other',
      `There are not allowed options (${cidr2Number}) but can't resolve them. ` +
        "It's a bug, please report the problem.",
    )
  }
}
