/** A random case as a scenario file, with its seed and what it showed. */
import { stringify } from 'yaml'
import { type HostConfig, printMac, printRoute } from '../../../engine/config.ts'
import { printPrefix } from '../../../net/address.ts'
import { decodeFrame, decodeIp, describePacket, Packet, printPacketLine } from '../../../net/index.ts'
import type { Action } from '../../../scenario/scenario.ts'
import { type CaseDraft, saveTextOf } from './draft.ts'

export function scenarioFileOf(draft: CaseDraft, remarks: readonly string[]): string {
  const texts = new Map(draft.rules.map((rules) => [rules.family, saveTextOf(rules)]))
  // No rules at all are left out: an empty text would be the name of a file.
  const [four = '', six = ''] = [texts.get('ipv4'), texts.get('ipv6')]
  const file = {
    host: hostOf(draft.host),
    ...(four === '' ? {} : { rules: four }),
    ...(six === '' ? {} : { rules6: six }),
    steps: draft.steps.map(({ atMs, action }) => ({ at: `${atMs}ms`, ...stepOf(action) })),
  }
  const comments = [`seed ${draft.seed}`, ...remarks].flatMap((remark) => remark.split('\n'))
  return `${comments.map((line) => `# ${line}\n`).join('')}${stringify(file, { lineWidth: 0 })}`
}

function hostOf(host: HostConfig) {
  return {
    interfaces: Object.fromEntries(
      host.interfaces.map(({ name, addresses, mac, mtu }) => [
        name,
        { address: addresses.map(printPrefix), mac: printMac(mac), mtu },
      ]),
    ),
    forwarding: { ipv4: host.forwarding.ipv4, ipv6: host.forwarding.ipv6 },
    routes: host.routes.map(printRoute),
    ...(host.sets === undefined ? {} : { sets: host.sets }),
    ...(host.accounts.length === 0 ? {} : { nfacct: host.accounts.map(accountOf) }),
    ...(host.sysctls.size === 0 ? {} : { sysctls: Object.fromEntries(host.sysctls) }),
  }
}

const accountOf = ({ name, quota }: HostConfig['accounts'][number]): string =>
  quota === null ? name : `${name} ${quota.most} ${quota.unit}`

function stepOf(action: Action) {
  switch (action.kind) {
    case 'receive':
      return {
        frame: { in: action.device, hex: hexOf(action.frame), ...(action.mark ? { mark: action.mark } : {}) },
      }
    case 'send': {
      const { uid, gid } = action.socket
      const owner = uid === 0 && gid === 0 ? {} : { uid, gid }
      return { local: { hex: hexOf(action.packet), ...owner, ...(action.mark ? { mark: action.mark } : {}) } }
    }
    case 'write':
      return { write: { recent: action.list, text: action.text } }
    case 'run':
      return { run: action.command }
    case 'socket':
      throw new Error('a step of a scenario file cannot move a socket')
  }
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** One line a step, for people. */
export function timelineOf(draft: CaseDraft): string {
  return draft.steps.map(({ atMs, action }, at) => `${at + 1}. ${atMs} ms  ${lineOf(action)}`).join('\n')
}

function lineOf(action: Action): string {
  if (action.kind === 'write') return `write ${JSON.stringify(action.text)} to ${action.list}`
  if (action.kind === 'run') return action.command
  if (action.kind === 'socket') return `${action.connection} ${action.does}`
  const packet = new Packet()
  if (action.kind === 'receive') decodeFrame(packet, action.frame)
  else decodeIp(packet, action.packet)
  return printPacketLine(describePacket(packet, action.kind === 'receive' ? action.device : null))
}
