/** The shape of the section `authport` of `postern.yaml`. */
import { z } from 'zod'

const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)])

const time = z.union([z.number(), z.string()]).describe('seconds, or a time such as `10m`, `1h30m`, `8h`')

export const authportShape = z
  .strictObject({
    listen: oneOrMany(z.string()).describe('addresses with a port: `0.0.0.0:8443`, `[::]:8443`'),
    lists: oneOrMany(z.string()).describe(
      'recency lists that who has logged in is put into; of a pair such as authok and authok6 each has one family',
    ),
    tls: z
      .strictObject({
        certificate: z.string().describe('a PEM file, the chain behind it'),
        key: z.string().describe('a PEM file'),
      })
      .optional()
      .describe('HTTPS; without it only behind a proxy, or on loopback'),
    proxies: oneOrMany(z.string())
      .optional()
      .describe('addresses and prefixes whose X-Forwarded-For is believed; of nobody else is it'),
    users: z.string().optional().describe('the file of users; /etc/postern/authport.users by default'),
    session: time.optional().describe('how long an address stays in; 1h by default, 7d at most'),
    sessions: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('how many addresses may be in at once; what the kernel keeps in a list (100) by default'),
    user: z
      .string()
      .optional()
      .describe('the account of the process that faces the network; `nobody` by default'),
    title: z.string().max(80).optional().describe('what the login page is headed with'),
    lockout: z
      .strictObject({
        failures: z.number().int().min(1).max(1000).optional().describe('of one address; 5 by default'),
        account: z.number().int().min(1).max(1000).optional().describe('for one account; 20 by default'),
        within: time.optional().describe('10m by default'),
        lasts: time.optional().describe('15m by default'),
      })
      .optional()
      .describe('when nobody may try any more'),
  })
  .describe('a login that opens a port for the address it came from')

export type AuthportSection = z.infer<typeof authportShape>
