/** `postern save`: what is in force, for the next start of the machine. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeText } from '../lang/bytes.ts'
import type { Family } from '../lang/rule.ts'
import { type InForce, requirePrivilege } from '../linux/apply/index.ts'
import { findProgram } from '../linux/apply/tools.ts'
import { inForceFor, stateOf, stateOption } from './apply-common.ts'
import { backendOption } from './backend-option.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UnavailableError } from './environment.ts'

export const save: Command = {
  name: 'save',
  summary: 'write what is in force to the files that are loaded at the next boot',
  description:
    'Writes rules to /etc/iptables/rules.v4 and rules.v6 (Debian) or /etc/sysconfig/iptables and ip6tables (Red Hat), ' +
    'whichever folder there is, and sets to /etc/iptables/ipsets or /etc/sysconfig/ipset. Each file is replaced as a whole. ' +
    'While a change waits to be confirmed nothing is saved. What recency lists hold is not kept over a boot.',
  arguments: [],
  options: [
    { flags: '--v4 <file>', doc: 'write the IPv4 rules there' },
    { flags: '--v6 <file>', doc: 'write the IPv6 rules there' },
    { flags: '--sets <file>', doc: 'write the sets there' },
    { flags: '--counters', doc: 'with what was counted' },
    backendOption,
    stateOption,
    jsonOption,
  ],
  examples: [
    { does: 'Keep the rules over the next boot', command: 'postern save', needs: 'root' },
    {
      does: 'To files of your own',
      command: 'postern save --v4 /root/rules.v4 --v6 /root/rules.v6',
      needs: 'root',
    },
  ],
  run: runSave,
}

type Kind = Family | 'sets'

interface Home {
  readonly files: Readonly<Record<Kind, string>>
  /** What loads them at boot, and the package that has it. */
  readonly loader: string
  readonly packageName: string
}

const homes: readonly Home[] = [
  {
    files: {
      ipv4: '/etc/iptables/rules.v4',
      ipv6: '/etc/iptables/rules.v6',
      sets: '/etc/iptables/ipsets',
    },
    loader: 'netfilter-persistent',
    packageName: 'iptables-persistent',
  },
  {
    files: {
      ipv4: '/etc/sysconfig/iptables',
      ipv6: '/etc/sysconfig/ip6tables',
      sets: '/etc/sysconfig/ipset',
    },
    loader: '/usr/libexec/iptables/iptables.init',
    packageName: 'iptables-services',
  },
]

async function runSave(
  _args: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  requirePrivilege('saving rules', 'sudo postern save')
  if (stateOf(options).pendingChange() !== null) {
    environment.stderr(
      'error: a change waits to be confirmed, so nothing was saved\n  try: postern confirm\n',
    )
    return exit.finding
  }
  const inForce = inForceFor('save', options)
  const home = homes.find(({ files }) => existsSync(dirname(files.ipv4)))
  const given: Readonly<Record<Kind, unknown>> = { ipv4: options.v4, ipv6: options.v6, sets: options.sets }
  const isGiven = Object.values(given).some((path) => typeof path === 'string')
  if (!isGiven && home === undefined)
    throw new UnavailableError(
      'neither /etc/iptables nor /etc/sysconfig is there',
      'apt-get install iptables-persistent',
    )
  for (const kind of ['ipv4', 'ipv6', 'sets'] as const) {
    const path = isGiven ? given[kind] : home!.files[kind]
    const text = textOf(kind, inForce, options.counters === true)
    if (typeof path !== 'string' || (kind === 'sets' && text === '' && !existsSync(path))) continue
    await environment.replaceFile(path, encodeText(text))
    if (options.json === true) environment.stdout(`${JSON.stringify({ saved: kind, file: path })}\n`)
    else environment.stdout(`${path}\n`)
  }
  if (!isGiven && findProgram(home!.loader) === null && !existsSync(home!.loader))
    environment.stderr(
      `warning: nothing here loads them at boot: ${home!.loader} is not installed\n  try: apt-get install ${home!.packageName}\n`,
    )
  return exit.ok
}

function textOf(kind: Kind, { texts, sets }: InForce, withCounters: boolean): string {
  if (kind === 'sets') return sets ?? ''
  const text = texts[kind]
  if (withCounters) return text
  return text.replace(/^\[\d+:\d+\] /gm, '').replace(/^(:\S+ \S+) \[\d+:\d+\]$/gm, '$1 [0:0]')
}
