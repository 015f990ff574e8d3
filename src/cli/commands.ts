/**
 * Every command, in the order in which `--help` lists them: what the overview says of it, and where its code is. Only
 * the command that is called is loaded.
 */
import { programs } from '../lang/program/programs.ts'
import { recipeNames } from '../recipe/names.ts'
import type { Command } from './command.ts'

export interface CommandEntry {
  /** One word, or two for a command of a group: `guard config`. */
  readonly name: string
  /** As the command itself says it; a test holds them equal. */
  readonly summary: string
  /** Names of its arguments. */
  readonly arguments: readonly string[]
  load(): Promise<Command>
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'check',
    summary: 'read rules and say what is wrong with them',
    arguments: ['<file...>'],
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'explain',
    summary: 'say what the code of a diagnostic means',
    arguments: ['[code...]'],
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'fmt',
    summary: 'print rules as iptables-save would after loading them',
    arguments: ['<file>'],
    load: async () => (await import('./fmt.ts')).fmt,
  },
  {
    name: 'trace',
    summary: "show a packet's way through the rules, and why",
    arguments: ['<rules>', '[packet...]'],
    load: async () => (await import('./trace.ts')).trace,
  },
  {
    name: 'test',
    summary: 'run scenarios: packets with expectations',
    arguments: ['<file...>'],
    load: async () => (await import('./test.ts')).test,
  },
  {
    name: 'replay',
    summary: 'run a capture through rules',
    arguments: ['<rules>', '<capture>'],
    load: async () => (await import('./replay.ts')).replay,
  },
  {
    name: 'sh',
    summary: 'run a firewall script against a virtual host',
    arguments: ['<script>', '[args...]'],
    load: async () => (await import('./sh.ts')).sh,
  },
  {
    name: 'apply',
    summary: 'put rules in force on this machine; undone unless confirmed',
    arguments: ['[file...]'],
    load: async () => (await import('./apply.ts')).apply,
  },
  {
    name: 'confirm',
    summary: 'keep the rules that postern apply has put in force',
    arguments: [],
    load: async () => (await import('./confirm.ts')).confirm,
  },
  {
    name: 'rollback',
    summary: 'return to the rules of an earlier generation',
    arguments: ['[generation]'],
    load: async () => (await import('./rollback.ts')).rollback,
  },
  {
    name: 'save',
    summary: 'write what is in force to the files that are loaded at the next boot',
    arguments: [],
    load: async () => (await import('./save.ts')).save,
  },
  {
    name: 'status',
    summary: 'what is in force on this machine, rule by rule with packets per second',
    arguments: [],
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'counters',
    summary: 'what the rules in force have counted, the busiest first',
    arguments: [],
    load: async () => (await import('./status.ts')).counters,
  },
  {
    name: 'recent',
    summary: "the kernel's recency lists: who was seen, when, how often",
    arguments: ['[list]'],
    load: async () => (await import('./recent.ts')).recent,
  },
  {
    name: 'recent add',
    summary: 'put addresses into a recency list, as seen now',
    arguments: ['<list>', '<address...>'],
    load: async () => (await import('./recent.ts')).recentAdd,
  },
  {
    name: 'recent del',
    summary: 'take addresses out of a recency list',
    arguments: ['<list>', '<address...>'],
    load: async () => (await import('./recent.ts')).recentDel,
  },
  {
    name: 'recent flush',
    summary: 'empty a recency list',
    arguments: ['<list>'],
    load: async () => (await import('./recent.ts')).recentFlush,
  },
  {
    name: 'guard config',
    summary: "print the guard's configuration as it takes effect",
    arguments: ['[file]'],
    load: async () => (await import('./guard-config.ts')).guardConfig,
  },
  {
    name: 'guard run',
    summary: 'follow logs and ban whom the jails say',
    arguments: ['[file]'],
    load: async () => (await import('./guard-run.ts')).guardRun,
  },
  {
    name: 'guard dry-run',
    summary: 'say whom a jail would have banned, by old logs',
    arguments: ['<log...>'],
    load: async () => (await import('./guard-dry-run.ts')).guardDryRun,
  },
  {
    name: 'jail list',
    summary: 'the jails of the running guard',
    arguments: [],
    load: async () => (await import('./jail.ts')).jailList,
  },
  {
    name: 'jail status',
    summary: 'one jail of the running guard: counts, files, who is banned for how long',
    arguments: ['<jail>'],
    load: async () => (await import('./jail.ts')).jailStatus,
  },
  {
    name: 'jail reload',
    summary: 'let the running guard read its configuration anew',
    arguments: [],
    load: async () => (await import('./jail.ts')).jailReload,
  },
  {
    name: 'ban',
    summary: 'ban addresses in a jail of the running guard',
    arguments: ['<jail>', '<address...>'],
    load: async () => (await import('./jail.ts')).ban,
  },
  {
    name: 'unban',
    summary: 'lift bans of the running guard',
    arguments: ['[address...]'],
    load: async () => (await import('./jail.ts')).unban,
  },
  {
    name: 'allow',
    summary: 'never ban these addresses',
    arguments: ['[address...]'],
    load: async () => (await import('./jail.ts')).allow,
  },
  {
    name: 'fail2ban-client',
    summary: "fail2ban-client's verbs, asked of the running guard",
    arguments: ['[words...]'],
    load: async () => (await import('./fail2ban-client.ts')).client,
  },
  {
    name: 'guard test',
    summary: 'what a filter finds in a log',
    arguments: ['<log>', '<filter>', '[ignoreregex]'],
    load: async () => (await import('./guard-test.ts')).guardTest,
  },
  ...recipeNames.map(({ name, summary }) => ({
    name: `recipe ${name}`,
    summary,
    arguments: [],
    load: async () => (await import('./recipe.ts')).commandOfRecipe(name),
  })),
  {
    name: 'up',
    summary: 'the daemon: rules, recipes, countries, auth port and guard of a postern.yaml',
    arguments: ['[file]'],
    load: async () => (await import('./up.ts')).up,
  },
  {
    name: 'up status',
    summary: 'how the sections of the running daemon stand',
    arguments: [],
    load: async () => (await import('./up-control.ts')).upStatus,
  },
  {
    name: 'up reload',
    summary: 'let the running daemon read its postern.yaml anew',
    arguments: [],
    load: async () => (await import('./up-control.ts')).upReload,
  },
  {
    name: 'config check',
    summary: 'say what is wrong with a postern.yaml',
    arguments: ['[file]'],
    load: async () => (await import('./up.ts')).configCheck,
  },
  {
    name: 'init',
    summary: 'write a postern.yaml for this machine as it is',
    arguments: [],
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'authport run',
    summary: 'a login that opens a port for the address it came from',
    arguments: ['<file>'],
    load: async () => (await import('./authport.ts')).authportRun,
  },
  {
    name: 'authport user',
    summary: 'add, list or remove who may log in at the auth port',
    arguments: ['<verb>', '[name]'],
    load: async () => (await import('./authport-user.ts')).authportUser,
  },
  {
    name: 'authport door',
    summary: 'the part of authport run that faces the network; started by it',
    arguments: [],
    load: async () => (await import('./authport.ts')).authportDoor,
  },
  {
    name: 'knock',
    summary: 'knock at ports of a host, then run a command',
    arguments: ['<host>', '[words...]'],
    load: async () => (await import('./knock.ts')).knock,
  },
  {
    name: 'country sync',
    summary: 'fetch lists of countries’ networks and refuse what comes from them',
    arguments: [],
    load: async () => (await import('./country.ts')).countrySync,
  },
  {
    name: 'country test',
    summary: 'say what the country block does with an address',
    arguments: ['<address...>'],
    load: async () => (await import('./country.ts')).countryTest,
  },
  {
    name: 'country status',
    summary: 'say which countries are refused, since when, and whether rules and sets are there',
    arguments: [],
    load: async () => (await import('./country.ts')).countryStatus,
  },
  {
    name: 'country remove',
    summary: 'take the rules and sets of the country block away',
    arguments: [],
    load: async () => (await import('./country.ts')).countryRemove,
  },
  {
    name: 'country timer',
    summary: 'print systemd units that sync every week',
    arguments: [],
    load: async () => (await import('./country.ts')).countryTimer,
  },
  {
    name: 'completion',
    summary: 'print what a shell needs to complete the words of postern',
    arguments: ['<shell>'],
    load: async () => (await import('./completion.ts')).completion,
  },
  ...programs.map((program) => ({
    name: program.name,
    summary: `${program.name} on a virtual host`,
    arguments: ['[words...]'],
    load: async () => (await import('./programs.ts')).commandOf(program),
  })),
]

/** Words that several commands begin with: `guard` of `guard config`. */
export const groups: readonly { readonly name: string; readonly summary: string }[] = [
  { name: 'guard', summary: 'log lines in, bans out: with fail2ban’s configuration or its own' },
  { name: 'jail', summary: 'the jails of the running guard' },
  { name: 'country', summary: 'whole countries refused by one rule' },
  { name: 'recipe', summary: 'rules for what people want: knocking, pinholes, port forwarding ...' },
  { name: 'config', summary: 'postern.yaml, the configuration of postern up' },
  { name: 'authport', summary: 'a login that opens a port for the address it came from' },
]

/** All of them, loaded. */
export const loadCommands = (): Promise<Command[]> => Promise.all(commands.map(({ load }) => load()))
