/** `--host`, `--address`, `--route`, `--forwarding`: the machine that packets are run on. */
import { isMap, parseDocument } from 'yaml'
import { bareHost, defaultMac, type HostConfig, parseRoute } from '../engine/config.ts'
import { complaintAboutSets } from '../engine/set/restore.ts'
import { parsePrefix } from '../net/address.ts'
import { readHost } from '../scenario/host-file.ts'
import { hostShape } from '../scenario/schema.ts'
import type { OptionRow, OptionValues } from './command.ts'
import { type Environment, UsageError } from './environment.ts'

export const hostOptions: readonly OptionRow[] = [
  { flags: '--host <file>', doc: 'take the host from a scenario file (its "host:")' },
  { flags: '--address <if=addr>', doc: 'give the host an address: eth0=203.0.113.1/24', repeatable: true },
  { flags: '--route <route>', doc: 'give the host a route: "default via 203.0.113.254"', repeatable: true },
  { flags: '--forwarding', doc: 'let the host forward packets' },
  {
    flags: '--sets <file>',
    doc: 'give the host the sets of ipset: what ipset save prints, or ipset commands',
  },
]

/** The host that the options describe; interfaces and addresses may still be missing. */
export async function hostOfOptions(options: OptionValues, environment: Environment): Promise<HostConfig> {
  let host = options.host === undefined ? bareHost : await hostOfFile(String(options.host), environment)
  for (const text of (options.address ?? []) as readonly string[]) host = withAddress(host, text)
  for (const text of (options.route ?? []) as readonly string[]) {
    const route = parseRoute(text)
    if (typeof route === 'string') throw new UsageError(`--route "${text}": ${route}`)
    host = { ...host, routes: [...host.routes, route] }
  }
  if (options.sets !== undefined)
    host = { ...host, sets: await setsOfFile(String(options.sets), environment) }
  return options.forwarding === true ? { ...host, forwarding: { ipv4: true, ipv6: true } } : host
}

async function setsOfFile(path: string, environment: Environment): Promise<string> {
  const text = new TextDecoder().decode(await environment.readFile(path))
  const complaint = complaintAboutSets(text, bareHost.profile.hz)
  if (complaint !== null) throw new UsageError(`--sets ${path}: ipset says: ${complaint}`)
  return text
}

async function hostOfFile(path: string, environment: Environment): Promise<HostConfig> {
  const document = parseDocument(new TextDecoder().decode(await environment.readFile(path)))
  const part = isMap(document.contents) ? (document.toJS().host ?? {}) : {}
  const parsed = hostShape.safeParse(part)
  if (!parsed.success) throw new UsageError(`${path}: host: ${parsed.error.issues[0]!.message}`)
  const problems: string[] = []
  const host = readHost(parsed.data, (_, message) => void problems.push(message))
  if (problems.length > 0) throw new UsageError(`${path}: host: ${problems[0]}`)
  return host
}

function withAddress(host: HostConfig, text: string): HostConfig {
  const [, name, addressText] = /^([^\s=]{1,15})=(.+)$/.exec(text) ?? []
  const prefix = parsePrefix(addressText ?? '')
  if (name === undefined || prefix === null) {
    throw new UsageError(
      `--address "${text}" is not INTERFACE=ADDRESS/LENGTH`,
      '--address eth0=203.0.113.1/24',
    )
  }
  const at = host.interfaces.findIndex((device) => device.name === name)
  const interfaces = [...host.interfaces]
  if (at < 0) interfaces.push({ name, addresses: [prefix], mac: defaultMac(interfaces.length), mtu: 1500 })
  else interfaces[at] = { ...interfaces[at]!, addresses: [...interfaces[at]!.addresses, prefix] }
  return { ...host, interfaces }
}
