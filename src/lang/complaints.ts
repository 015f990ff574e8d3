/** The catalogue of what this room says about commands and rules; extensions keep their own words. */
import type { Family } from '../net/address.ts'
import { type Refusal, say } from './diagnostic.ts'
import { oldMatches, oldTargets, otherMatches, otherTargets } from './known-names.ts'
import { protocolNames } from './names.ts'
import { nearest } from './suggest.ts'
import type { ExtensionSyntax } from './syntax.ts'

type More = Omit<Refusal, 'code' | 'message'>

/** Offers a text that replaces the whole place, when there is one. */
const offer = (text: string | null): More => (text === null ? {} : { help: text, fix: text })

// Words and options

export const noCommand = () =>
  say('command/missing', 'no command: a line needs one of -A -I -D -R -C -N -X -E -P -F -Z -L -S', {
    said: 'no command specified',
  })

/** `letters`: the short forms of the two. */
export const secondCommand = (
  second: string,
  first: string,
  near: string | null,
  letters: readonly [second: string, first: string],
) =>
  say('command/second', `${second} cannot stand beside ${first}`, {
    said: `Cannot use ${letters[0]} with ${letters[1]}`,
    notes:
      near === null ? [] : [`${second} is a command of iptables itself; the match calls its option ${near}`],
    ...offer(near),
  })

export const badArgument = (word: string, more: More = {}) =>
  say('syntax/bad-argument', `"${word}" belongs to no option`, { said: `Bad argument \`${word}'`, ...more })

export const doubleBang = () =>
  say('syntax/double-bang', 'two "!" in a row', { said: 'multiple consecutive ! not allowed' })

/** Iptables before 1.4.3 had `-s ! 10.0.0.0/8`. `said`: what the option itself says of "!". */
export const oldBang = (option: string, value: string, said?: string): Refusal =>
  say('syntax/old-bang', `"!" stands in front of the option: ! ${option} ${value}`, {
    notes: ['iptables before 1.4.3 had it between the option and its value'],
    ...offer(`! ${option} ${value}`),
    ...(said === undefined ? {} : { said }),
  })

export const trailingBang = () =>
  say('syntax/trailing-bang', 'nothing follows the "!"', { said: 'nothing appropriate following !' })

export const unknownOption = (option: string, more: More) =>
  say('option/unknown', `there is no option ${option} here`, { said: `unknown option "${option}"`, ...more })

export const nearOption = (near: string): More => offer(near)

export const optionOfOthers = (
  option: string,
  owners: readonly ExtensionSyntax[],
  protocol: string | null,
): More => {
  const names = owners.map(({ name }) => name)
  return {
    notes: [`${option} belongs to ${names.join(', ')}`],
    help:
      protocol === null
        ? names.map((name) => `-m ${name} ${option}`).join(' or ')
        : `-p ${protocol} in front of ${option}`,
  }
}

export const ambiguousOption = (option: string, candidates: readonly string[]) =>
  say('option/ambiguous', `${option} may be any of ${candidates.map((name) => `--${name}`).join(', ')}`, {
    said: `unknown option "${option}"`,
  })

export const singleDash = (word: string) =>
  say('option/single-dash', `${word} reads as -${word[1]} with the value "${word.slice(2)}"`, {
    notes: ['a long option takes two dashes'],
    ...offer(`-${word}`),
  })

export const missingValue = (option: string, metavar: string | null = null) =>
  say('option/missing-value', `${option} needs a value${metavar === null ? '' : ` (${metavar})`}`, {
    said: `option "${option}" requires an argument`,
  })

export const twoWords = (option: string, metavar: string) =>
  say('option/missing-value', `${option} needs two values (${metavar})`, {
    said: `${option} requires two args.`,
  })

export const needlessValue = (option: string, word: string) =>
  say('option/no-value', `${option} takes no value`, { said: `unknown option "${word}"` })

export const repeatedOption = (option: string) =>
  say('option/repeated', `${option} stands twice; a rule takes it once`, {
    said: `multiple ${option} flags not allowed`,
  })

export const notInvertible = (option: string) =>
  say('option/not-invertible', `${option} cannot be inverted with "!"`, {
    said: `cannot have ! before ${option}`,
  })

export const illegalOption = (option: string) =>
  say('option/not-for-command', `${option} does not go with this command`, {
    said: `Illegal option \`${option}' with this command`,
  })

export const bannedInRestore = (option: string, family: Family) =>
  say('option/not-in-restore', `${option} is not allowed in iptables-restore text`, {
    said: `The ${option} option cannot be used in ${family === 'ipv4' ? 'iptables' : 'ip6tables'}-restore.\n`,
    notes: option === '-t' ? ['the table is named by the line "*TABLE" above'] : [],
  })

// Options of extensions

export const extensionRepeated = (name: string, option: string) =>
  say(`${name}/repeated`, `${option} stands twice; ${name} takes it once`, {
    said: `${name}: option "${option}" can only be used once.\n`,
  })

export const extensionNotInvertible = (name: string, option: string) =>
  say(`${name}/not-invertible`, `${option} cannot be inverted with "!"`, {
    said: `${name}: option "${option}" cannot be inverted.\n`,
  })

export const extensionExcludes = (name: string, option: string, other: string) =>
  say(`${name}/excluded`, `${option} cannot stand beside ${other}`, {
    said: `${name}: option "${option}" cannot be used together with "${other}".\n`,
  })

export const extensionNeeds = (name: string, option: string, other: string) =>
  say(`${name}/needs`, `${option} needs ${other} beside it`, {
    said: `${name}: option "${option}" also requires "${other}".\n`,
  })

export const extensionMissing = (name: string, option: string, metavar: string | undefined) =>
  say(`${name}/missing-option`, `${name} needs ${option}${metavar === undefined ? '' : ` ${metavar}`}`, {
    said: `${name}: option "${option}" must be specified\n`,
  })

export const unknownMatch = (name: string, known: Iterable<string>, otherFamily: string | null) =>
  say('match/unknown', `there is no match "${name}"${otherFamily === null ? '' : ` for ${otherFamily}`}`, {
    said: `Couldn't load match \`${name}':No such file or directory\n`,
    ...(isOldMatch(name) ? modernForm(oldMatches[name]!) : offer(nearest(name, [...known, ...otherMatches]))),
  })

export const unsupportedMatch = (name: string) =>
  say('match/unsupported', `the match ${name} is kept as written, but not understood`, {
    notes: ['its options are not checked, and a simulation cannot tell what it matches'],
  })

export const unsupportedTarget = (name: string) =>
  say('target/unsupported', `the target ${name} is kept as written, but not understood`, {
    notes: ['its options are not checked, and a simulation cannot tell what it does'],
  })

const isOldMatch = (name: string): boolean => Object.hasOwn(oldMatches, name)
const isOldTarget = (name: string): boolean => Object.hasOwn(oldTargets, name)

const modernForm = (form: string): More => ({
  notes: ['iptables had it long ago, and has it no more'],
  help: form,
})

export const isOtherMatch = (name: string): boolean => otherMatches.has(name)
export const isOtherTarget = (name: string): boolean => otherTargets.has(name)

// Targets

/** Words of other firewalls for the verdicts here. */
const verdictWords: Readonly<Record<string, string>> = {
  allow: 'ACCEPT',
  allowed: 'ACCEPT',
  accept: 'ACCEPT',
  permit: 'ACCEPT',
  pass: 'ACCEPT',
  ok: 'ACCEPT',
  deny: 'DROP',
  block: 'DROP',
  drop: 'DROP',
  discard: 'DROP',
  reject: 'REJECT',
  return: 'RETURN',
  log: 'LOG',
}

const noTarget = (name: string, goto: boolean): string =>
  goto ? `goto '${name}' is not a chain` : `Couldn't load target \`${name}':No such file or directory\n`

export function unknownTarget(name: string, candidates: readonly string[], goto: boolean): Refusal {
  if (/^-./.test(name) && !goto) return { ...gluedWord('target/unknown', name), said: noTarget(name, goto) }
  if (isOldTarget(name) && !goto) {
    const { code, message } = say('target/unknown', `there is no chain or target "${name}"`)
    return { code, message, said: noTarget(name, goto), ...modernForm(oldTargets[name]!) }
  }
  const word = verdictWords[name.toLowerCase()]
  const near = (word !== undefined && !goto ? word : null) ?? nearest(name, candidates)
  return say('target/unknown', `there is no chain${goto ? '' : ' or target'} "${name}"`, {
    notes:
      near === null ? [`a chain must exist before a rule can ${goto ? 'go' : 'jump'} to it: -N ${name}`] : [],
    said: noTarget(name, goto),
    ...offer(near),
  })
}

export const chainLater = (name: string, goto: boolean) =>
  say('target/chain-later', `the chain "${name}" does not exist yet here`, {
    said: noTarget(name, goto),
    notes: ['a chain must exist before a rule can jump to it'],
  })

export const jumpToBase = (name: string) =>
  say('target/base-chain', `rules cannot jump to the base chain ${name}`, {
    notes: ['only the kernel enters it'],
  })

export const badTargetName = (name: string) =>
  say('target/bad-name', name === '' ? 'the target is empty' : `"${name}" cannot be the name of a target`, {
    said:
      name === ''
        ? 'Invalid target name (too short)'
        : name.length > 28
          ? `Invalid target name \`${name}' (28 chars max)`
          : `Invalid target name \`${name}'`,
    notes: ['a name has 1 to 28 bytes and no blanks'],
  })

export const natDrop = () =>
  say('table/nat-drop', 'the nat table does not filter, so iptables refuses DROP in it', {
    said: '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n',
    notes: ['only the first packet of a connection passes the nat table'],
    help: 'drop in the filter table, or in raw',
  })

export const natPolicy = () =>
  say('table/nat-policy', 'the nat table does not filter; iptables -P refuses DROP in it', {
    notes: [
      'iptables-restore takes it, and every connection that no rule of nat accepts loses its first packets',
    ],
    help: 'ACCEPT, and DROP in the filter table',
  })

// Chains and rule numbers

export const chainTooLong = (name: string) =>
  say('chain/too-long', `the chain name "${name}" is longer than 28 bytes`, {
    said: `chain name \`${name}' too long (must be under 29 chars)`,
  })

/** The same in a line of restore text that declares a chain. */
export const declaredChainTooLong = (name: string) =>
  say('chain/too-long', `the chain name "${name}" is longer than 28 bytes`, {
    said: `Invalid chain name \`${name}' (28 chars max)`,
  })

export const chainNameStart = (name: string) =>
  say('chain/bad-name', `a chain name cannot begin with "${name[0]}"`, {
    said: `chain name not allowed to start with \`${name[0]}'`,
  })

export const chainNameClash = (name: string) =>
  say('chain/bad-name', name === '' ? 'a chain needs a name' : `"${name}" is the name of a target`, {
    said: 'chain name may not clash with target name',
  })

export const chainNameBlank = (name: string) =>
  say('chain/bad-name', `the chain name "${name}" has a blank in it`, {
    said: `Invalid chain name \`${name}'`,
  })

export const badRuleNumber = (word: string) =>
  say('command/bad-number', `"${word}" is not a rule number`, {
    notes: ['rules count from 1'],
    said: `Invalid rule number \`${word}'`,
  })

export const swappedNumber = (number: string, chain: string) =>
  say('command/swapped', 'the chain comes first, the rule number behind it', {
    said: `Invalid rule number \`${chain}'`,
    ...offer(`${chain} ${number}`),
  })

export const needsNumber = () =>
  say('command/needs-number', '-R needs a rule number behind the chain', {
    said: '-R requires a rule number',
  })

export const needsNewName = () =>
  say('command/needs-name', '-E needs the old name and the new one', {
    said: '-E requires old-chain-name and new-chain-name',
  })

export const needsPolicy = () =>
  say('command/needs-policy', '-P needs a chain and a policy', { said: '-P requires a chain and a policy' })

export const unknownTable = (name: string, known: readonly string[]) =>
  say('table/unknown', `there is no table "${name}"`, {
    notes: [`tables are ${known.join(', ')}`],
    ...offer(nearest(name, known)),
  })

// Conditions

/** An option and its value in one word, where iptables takes the word for the value. */
function gluedWord(code: string, word: string): Refusal {
  const [, option, value] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? /^(-\w*?[psdioj])(.*)$/s.exec(word) ?? []
  return say(code, `"${word}" is taken as a whole`, {
    notes: ['iptables 1.8.9 wants this option and its value as two words'],
    ...offer(option === undefined || value === '' ? null : `${option} ${value}`),
  })
}

/** `other`: a protocol that another `-p` of the rule names. */
export const unknownProtocol = (name: string, other: string | null = null): Refusal => ({
  ...protocolMistake(name, other),
  said: `unknown protocol "${name.toLowerCase()}" specified`,
})

function protocolMistake(name: string, other: string | null): Refusal {
  if (/^-./.test(name)) return gluedWord('protocol/unknown', name)
  if (/^\d+$/.test(name)) {
    return say('protocol/unknown', `${name} is not a protocol: numbers go from 0 to 255`, {
      notes: ['-p names the protocol; ports are asked for with --dport or --sport'],
      help: other === null ? `-p tcp --dport ${name}` : `leave it out: the rule says -p ${other} as well`,
    })
  }
  return say('protocol/unknown', `there is no protocol "${name}"`, offer(nearest(name, protocolNames())))
}

export const protocolNever = () =>
  say('protocol/never', '"! -p all" would match nothing', {
    said: 'rule would never match protocol',
    help: 'leave the condition out',
  })

export const extensionHeader = (name: string) =>
  say('protocol/extension-header', `-p ${name} never matches in IPv6: it is an extension header`, {
    help: 'use the match of that header',
  })

const noHost = (address: string): More => ({ said: `host/network \`${address}' not found` })

export const badAddress = (address: string, family: string): Refusal => ({
  ...addressMistake(address, family),
  ...noHost(address),
})

function addressMistake(address: string, family: string): Refusal {
  if (/^-./.test(address)) return gluedWord('address/bad', address)
  const more: More = /^[[<{].*[\]>}]$/.test(address)
    ? { notes: ['this looks like a placeholder: write the address itself'] }
    : /^[a-zA-Z]/.test(address)
      ? { notes: ['host names are looked up when the rule is loaded; rules here hold addresses'] }
      : address === ''
        ? { notes: ['a list has no empty places'] }
        : /^[\d.]+-[\d.]+$/.test(address)
          ? {
              notes: ['-s and -d take one address or network'],
              help: `-m iprange --src-range ${address}, or --dst-range`,
            }
          : {}
  return say('address/bad', `"${address}" is not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`, more)
}

/** Bits behind the mask, which iptables takes away without a word. */
export const hostBits = (text: string, network: string) =>
  say('address/host-bits', `${text} is taken for the whole network ${network}`, {
    notes: ['the mask says which bits count; the others are dropped'],
    ...offer(network),
  })

export const addressOfOtherFamily = (address: string, family: string) =>
  say('address/family', `"${address}" is an ${family === 'ipv4' ? 'IPv6' : 'IPv4'} address`, {
    help: `put the rule among those of ${family === 'ipv4' ? 'ip6tables' : 'iptables'}`,
    ...noHost(address),
  })

export const badMask = (mask: string, bits: number) =>
  say('address/bad-mask', `"${mask}" is not a mask: a length from 0 to ${bits}, or an address`, {
    said: `invalid mask \`${mask}' specified`,
  })

export const invertedList = () =>
  say('address/inverted-list', '"!" does not go with a list of addresses', {
    said: '! not allowed with multiple source or destination IP addresses',
    notes: ['a list becomes a rule for each address, and with "!" each rule would match the others'],
    help: 'a chain of its own with one RETURN for each address',
  })

export const replaceWithList = () =>
  say('address/replace-list', '-R puts one rule in the place of one, and a list of addresses makes several', {
    said: 'Replacement rule does not specify a unique address',
  })

export const emptyInterface = (option: string) =>
  say('interface/empty', `${option} with an empty name`, {
    said: 'Empty interface is likely to be undesired',
  })

const longInterface = (name: string): string => `interface name \`${name}' must be shorter than IFNAMSIZ (15)`

export const interfaceGlued = (word: string) => ({
  ...gluedWord('interface/glued', word),
  said: longInterface(word),
})

export const interfaceTooLong = (name: string) =>
  say('interface/too-long', `the interface name "${name}" is longer than 15 bytes`, {
    said: longInterface(name),
  })

export const oddInterface = (name: string) =>
  say('interface/odd', `no interface can be called "${name}": the kernel allows neither blank nor "/"`)

export const bangInInterface = (name: string, option: string) =>
  say('interface/bang', `"${name}" is taken as the name itself`, {
    ...(name === '!' ? {} : { help: `! ${option} ${name.slice(1)}` }),
    notes: ['"!" stands in front of the option, as a word of its own'],
  })

export const interfaceInChain = (option: string, chain: string) =>
  say('interface/wrong-chain', `${option} does not go with ${chain}`, {
    said: `Can't use ${option} with ${chain}\n`,
    notes: [
      option === '-o'
        ? 'a packet has no outgoing interface before it is routed'
        : 'a packet that leaves is asked for its outgoing interface',
    ],
    help: option === '-o' ? '-i' : '-o',
  })

export const noFragmentsInIpv6 = () =>
  say('fragment/ipv6', '-f is for IPv4', {
    said: "`-f' is not supported in IPv6, use -m frag instead",
    help: '-m frag, or -m ipv6header --header frag',
  })

/** `fault`: which of them is none, or that there are no two. */
export const badCounters = (text: string, fault: 'packet' | 'byte' | 'incomplete' | null = null) =>
  say('counters/bad', `"${text}" is not a pair of counters: packets and bytes`, {
    ...(fault !== null && {
      said:
        fault === 'incomplete' ? '-c requires packet and byte counter' : `-c ${fault} counter not numeric`,
    }),
  })

export const badWait = (what: 'seconds' | 'interval') =>
  say('option/bad-wait', `-${what === 'seconds' ? 'w' : 'W'} takes a number`, {
    said: `wait ${what} not numeric`,
  })

export const noWaitInterval = () =>
  say('option/missing-value', '-W needs a value', { said: 'wait interval value required' })

export const waitIntervalIgnored = () =>
  say('option/ignored', '-W has no effect any more', { said: 'Ignoring deprecated --wait-interval option.' })

export const waitIntervalAlone = () =>
  say('option/wait-interval-alone', '-W means something beside -w only', {
    said: '--wait-interval only makes sense with --wait\n',
  })
