/** The shape of the section `guard` of `postern.yaml`, once: validation, types and the JSON schema derive from it. */
import { z } from 'zod'

const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)])

const time = z
  .union([z.number(), z.string()])
  .describe('seconds, or a time such as `10m`, `1h30m`, `1d12h`, `4w`')

/** Options of a filter or an action, beside its name. */
const optionValue = z.union([z.string(), z.number(), z.boolean()])

const named = z
  .object({ name: z.string() })
  .catchall(optionValue)
  .describe('a name with its options: `{ name: sshd, mode: aggressive }`')

const log = z.union([
  z.string(),
  z.strictObject({
    path: z.string(),
    from: z.enum(['head', 'tail']).optional().describe('where to begin in a file not seen before'),
  }),
])

const incrementShape = z
  .strictObject({
    factor: z.number().optional(),
    formula: z.string().optional().describe('over ban.Time, ban.Count and banFactor, as in fail2ban'),
    multipliers: z.array(z.number().int()).optional().describe('by the count of bans; the last repeats'),
    maximum: time.optional().describe('no ban lasts longer'),
    random: time.optional().describe('up to so much is added by chance'),
    overalljails: z.boolean().optional().describe('count the bans of all jails'),
  })
  .describe('bans grow for those who come back')

const jailFields = {
  enabled: z.boolean().optional().describe('true by default'),
  logs: oneOrMany(log).optional().describe('files to follow, globs allowed'),
  journal: z
    .union([z.boolean(), oneOrMany(z.string())])
    .optional()
    .describe('read the systemd journal: true for what the filter asks for, or matches of journalctl'),
  encoding: z.string().optional().describe('of the logs; `auto` by default'),
  timezone: z.string().optional().describe('of dates without one, as `UTC+0200`'),
  maxretry: z.number().int().min(1).optional().describe('failures until the ban; 5 by default'),
  findtime: time.optional().describe('the time they must fall within; 10m by default'),
  bantime: time.optional().describe('how long a ban lasts, -1 for ever; 10m by default'),
  window: z
    .enum(['exact', 'rate'])
    .optional()
    .describe(
      'how failures are counted: within an exact sliding window (default), or by fail2ban’s rate estimate',
    ),
  increment: z.union([z.boolean(), incrementShape]).optional(),
  maxmatches: z.number().int().min(0).optional().describe('matched lines kept for each address'),
  ignoreip: oneOrMany(z.string()).optional().describe('addresses, prefixes and names that are never banned'),
  ignoreself: z.boolean().optional().describe('never ban this host’s own addresses; true by default'),
  ignorecommand: z.string().optional(),
  ignorecache: z.string().optional(),
  usedns: z.enum(['yes', 'warn', 'no', 'raw']).optional(),
  prefix: z
    .strictObject({
      ipv4: z.number().int().min(8).max(32).optional(),
      ipv6: z.number().int().min(16).max(128).optional(),
    })
    .optional()
    .describe('addresses of one prefix count as one: `{ ipv6: 64 }`'),
  port: z
    .union([z.number().int(), z.string()])
    .optional()
    .describe('for actions that take a port: `ssh`, `80,443`'),
  protocol: z.string().optional().describe('for actions that take one; `tcp` by default'),
  chain: z.string().optional().describe('for actions that take one'),
  actions: oneOrMany(z.union([z.string(), named]))
    .optional()
    .describe(
      'what to do with the banned, as in fail2ban: `iptables[port=ssh]`; `postern` by default, which is an ipset where there is ipset, else a chain of rules',
    ),
}

const jailShape = z
  .strictObject({
    ...jailFields,
    filter: z
      .union([z.string(), named])
      .optional()
      .describe('as in fail2ban: `sshd[mode=aggressive]`; the jail’s own name by default'),
    failregex: oneOrMany(z.string()).optional().describe('in the place of the filter’s'),
    ignoreregex: oneOrMany(z.string()).optional(),
    prefregex: z.string().optional(),
    maxlines: z.number().int().min(1).optional(),
    datepattern: z.string().optional(),
  })
  .describe('one log, one filter, one measure')

/** The section `guard`. */
export const guardShape = z
  .strictObject({
    etc: z
      .string()
      .optional()
      .describe('the folder of filter.d and action.d, from this file’s; /etc/fail2ban by default'),
    database: z.string().optional().describe('where bans are kept'),
    keep: time.optional().describe('how long bans that are over stay in the database; 1d by default'),
    log: z.string().optional().describe('where the guard writes what it does'),
    level: z.enum(['ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG']).optional(),
    defaults: z.strictObject(jailFields).optional().describe('for every jail that does not say otherwise'),
    jails: z.record(z.string(), jailShape).describe('by name'),
  })
  .describe('log lines in, bans out')

/** What the guard asks of the file: its own section. The other sections are not its business. */
export const guardFileShape = z.looseObject({ guard: guardShape })

export type PosternFile = z.infer<typeof guardFileShape>
export type JailFile = z.infer<typeof jailShape>
