/**
 * Profiles: what somebody knocks at again and again, by a name. A YAML file of the user's:
 *
 *     profiles:
 *       db: { host: db.example.net, knock: [icmp, tcp/7, tcp/8000], open: tcp/3306, command: [mysql, -h, db.example.net] }
 */
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'

const shape = z.strictObject({
  profiles: z.record(
    z.string(),
    z.strictObject({
      host: z.string().describe('name or address'),
      knock: z.array(z.string()).min(1).describe('knocks in order: icmp, tcp/8000, udp/53'),
      open: z.string().optional().describe('the port that opens'),
      delay: z.string().optional().describe('time between knocks'),
      wait: z.string().optional().describe('time to wait for the last port'),
      ipv6: z.boolean().optional().describe('true: IPv6 only; false: IPv4 only'),
      command: z.array(z.string()).min(1).optional().describe('run it when none is given'),
    }),
  ),
})

export type KnockProfile = z.infer<typeof shape>['profiles'][string]

/** Throws an Error that says what is wrong and where. */
export function readProfiles(text: string, file: string): Readonly<Record<string, KnockProfile>> {
  let value: unknown
  try {
    value = parse(text, { prettyErrors: true })
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    const place = error.linePos?.[0]
    throw new Error(`${file}${place ? `:${place.line}:${place.col}` : ''}: ${error.message.split('\n')[0]}`)
  }
  const read = shape.safeParse(value)
  if (read.success) return read.data.profiles
  const { path, message } = read.error.issues[0]!
  throw new Error(`${file}: ${path.join('.') || 'the whole'}: ${message}`)
}

/** The profile of that name, not one of Object's own. */
export const profileNamed = (
  profiles: Readonly<Record<string, KnockProfile>>,
  name: string,
): KnockProfile | null => (Object.hasOwn(profiles, name) ? profiles[name]! : null)
