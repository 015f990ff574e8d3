/** `postern save`: what is in force, for the next start of the machine. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { readConfigFile } from '../daemon/config/index.ts'
import { pathFrom, plansOfStart, setsWithoutOwn, withoutOwn } from '../daemon/firewall/index.ts'
import { registry } from '../ext/registry.ts'
import { decodeText, encodeText } from '../lang/bytes.ts'
import { printRuleset } from '../lang/print.ts'
import type { Family } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { type InForce, requirePrivilege } from '../linux/apply/index.ts'
import { findProgram } from '../linux/apply/tools.ts'
import type { Plan } from '../recipe/index.ts'
import { RulesRefused } from '../scenario/rules-refused.ts'
import { inForceFor, stateOf, stateOption } from './apply-common.ts'
import { backendOption } from './backend-option.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UnavailableError } from './environment.ts'

const defaultConfig = '/etc/postern/postern.yaml'

export const save: Command = {
  name: 'save',
  summary: 'write what is in force to the files that are loaded at the next boot',
  description:
    'Writes rules to the files that the section rules of /etc/postern/postern.yaml names, without what postern up puts ' +
    'there itself (recipes, country blocks, bans); without such a section to /etc/iptables/rules.v4 and rules.v6 (Debian) or /etc/sysconfig/iptables and ip6tables (Red Hat), ' +
    'whichever folder there is, and sets to /etc/iptables/ipsets or /etc/sysconfig/ipset. Each file is replaced as a whole. ' +
    'While a change waits to be confirmed nothing is saved. What recency lists hold is not kept over a boot.',
  arguments: [],
  options: [
    { flags: '--v4 <file>', doc: 'write the IPv4 rules there' },
    { flags: '--v6 <file>', doc: 'write the IPv6 rules there' },
    { flags: '--sets <file>', doc: 'write the sets there' },
    { flags: '--config <file>', doc: `the configuration of postern up (default: ${defaultConfig})` },
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
  readonly files: Readonly<Partial<Record<Kind, string>>>
  /** What loads them at boot, and how to get it. */
  readonly loader: { readonly lack: string; readonly isThere: () => boolean; readonly hint: string }
  /** Recipes that are put in at each start, and so are not saved; null where everything is. */
  readonly own: readonly Plan[] | null
}

const packaged = (name: string, debianPackage: string): Home['loader'] => ({
  lack: `${name} is not installed`,
  isThere: () => findProgram(name) !== null || existsSync(name),
  hint: `apt-get install ${debianPackage}`,
})

const homes: readonly Home[] = [
  {
    files: {
      ipv4: '/etc/iptables/rules.v4',
      ipv6: '/etc/iptables/rules.v6',
      sets: '/etc/iptables/ipsets',
    },
    loader: packaged('netfilter-persistent', 'iptables-persistent'),
    own: null,
  },
  {
    files: {
      ipv4: '/etc/sysconfig/iptables',
      ipv6: '/etc/sysconfig/ip6tables',
      sets: '/etc/sysconfig/ipset',
    },
    loader: packaged('/usr/libexec/iptables/iptables.init', 'iptables-services'),
    own: null,
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
  const given: Home['files'] = Object.fromEntries(
    (['v4', 'v6', 'sets'] as const).flatMap((name) =>
      typeof options[name] === 'string' ? [[kindOf[name], options[name]]] : [],
    ),
  )
  const home =
    Object.keys(given).length > 0
      ? { files: given, loader: null, own: null }
      : ((await homeOfConfig(options, environment)) ??
        homes.find(({ files }) => existsSync(dirname(files.ipv4!))))
  if (home === undefined)
    throw new UnavailableError(
      'neither /etc/iptables nor /etc/sysconfig is there, nor a postern.yaml with rules',
      'postern init --write /etc/postern/postern.yaml',
    )
  for (const kind of ['ipv4', 'ipv6', 'sets'] as const) {
    const path = home.files[kind]
    const text = textOf(kind, inForce, options.counters === true, home.own)
    if (path === undefined) {
      if (home.own !== null && saysSomething(kind, text))
        environment.stderr(`warning: ${what[kind]} in force, and the section rules names no file for them\n`)
      continue
    }
    if (kind === 'sets' && text === '' && !existsSync(path)) continue
    await environment.replaceFile(path, encodeText(text))
    if (options.json === true) environment.stdout(`${JSON.stringify({ saved: kind, file: path })}\n`)
    else environment.stdout(`${path}\n`)
  }
  if (home.loader !== null && !home.loader.isThere())
    environment.stderr(
      `warning: nothing here loads them at boot: ${home.loader.lack}\n  try: ${home.loader.hint}\n`,
    )
  return exit.ok
}

const kindOf = { v4: 'ipv4', v6: 'ipv6', sets: 'sets' } as const
const what: Readonly<Record<Kind, string>> = {
  ipv4: 'IPv4 rules are',
  ipv6: 'IPv6 rules are',
  sets: 'sets are',
}

const saysSomething = (kind: Kind, text: string): boolean =>
  kind === 'sets' ? text !== '' : /^(\[\d+:\d+\] )?-A |^:\S+ DROP /m.test(text)

/** The files of a postern.yaml with rules; null where there is none. Throws `RulesRefused`. */
async function homeOfConfig(options: OptionValues, environment: Environment): Promise<Home | null> {
  const path = typeof options.config === 'string' ? options.config : defaultConfig
  if (typeof options.config !== 'string' && !environment.exists(path)) return null
  const file = readConfigFile(new SourceText(path, decodeText(await environment.readFile(path))))
  if (file.config === null) throw new RulesRefused([...file.diagnostics])
  const { rules } = file.config
  if (rules === undefined) return null
  const files = Object.fromEntries(
    (['v4', 'v6', 'sets'] as const).flatMap((name) =>
      rules[name] === undefined ? [] : [[kindOf[name], pathFrom(file, rules[name])]],
    ),
  )
  const loader = {
    lack: 'postern.service is not enabled',
    isThere: () => existsSync('/etc/systemd/system/multi-user.target.wants/postern.service'),
    hint: 'systemctl enable postern',
  }
  return { files, loader, own: plansOfStart(file) }
}

function textOf(
  kind: Kind,
  { texts, sets, rulesets }: InForce,
  withCounters: boolean,
  own: Home['own'],
): string {
  if (kind === 'sets') return own === null ? (sets ?? '') : setsWithoutOwn(sets ?? '', own)
  const text =
    own === null
      ? texts[kind]
      : printRuleset(withoutOwn(rulesets.get(kind)!, own), registry, { withCounters: true })
  if (withCounters) return text
  return text.replace(/^\[\d+:\d+\] /gm, '').replace(/^(:\S+ \S+) \[\d+:\d+\]$/gm, '$1 [0:0]')
}
