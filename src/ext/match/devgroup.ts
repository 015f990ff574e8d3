/**
 * `-m devgroup`: the group of the devices. All of them are in group 0 here.
 *
 * Kernel: net/netfilter/xt_devgroup.c, `devgroup_mt()`. Syntax: iptables extensions/libxt_devgroup.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import type { MarkMask } from '../../lang/options.ts'
import type { Hook, Negatable } from '../../lang/rule.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'
import { namedMask, printNamedMask } from './_named-mask.ts'

export interface DevGroup {
  /** Of the device it came by; null when not asked. */
  readonly source: Negatable<MarkMask> | null
  /** Of the device it leaves by. */
  readonly destination: Negatable<MarkMask> | null
}

/** /etc/iproute2/group. */
const names = { default: 0 }
const sourceHooks: readonly Hook[] = ['PREROUTING', 'INPUT', 'FORWARD']
const destinationHooks: readonly Hook[] = ['FORWARD', 'OUTPUT', 'POSTROUTING']

export const devgroup = defineMatch<DevGroup>()({
  name: 'devgroup',
  families: bothFamilies,
  doc: 'Match by the group of the device a packet comes or leaves by; all are in group 0 here.',
  options: {
    'src-group': namedMask(names, { doc: 'of the device it came by, ANDed with MASK', invertible: true }),
    'dst-group': namedMask(names, { doc: 'of the device it leaves by, ANDed with MASK', invertible: true }),
  },
  examples: ['--src-group 0x2', '! --src-group 0x1/0xff --dst-group default'],

  parse: (given) => {
    const [source, destination] = [given['src-group'], given['dst-group']]
    if (source === undefined && destination === undefined)
      return refuse('no-group', 'devgroup needs --src-group or --dst-group')
    return {
      source: source === undefined ? null : { value: source.value, inverted: source.inverted },
      destination:
        destination === undefined ? null : { value: destination.value, inverted: destination.inverted },
    }
  },
  print: (data) => words(data, '--', names),
  list: (data, { numeric }) => ` ${words(data, '', numeric ? {} : names)}`,

  check: ({ source, destination }, _rule, place) =>
    (source === null ? null : requireHooks(sourceHooks, place, 'elsewhere a packet came by no device')) ??
    (destination === null ? null : requireHooks(destinationHooks, place, 'elsewhere it leaves by none yet')),

  evaluate: (data) => holds(data),
  analyse: (data, space) => exactly(holds(data) ? space.all : space.none),
  explain: () => 'every device is in group 0',
})

const holds = ({ source, destination }: DevGroup): boolean =>
  [source, destination].every(
    (test) => test === null || ((test.value.value & test.value.mask) === 0) !== test.inverted,
  )

const words = (
  { source, destination }: DevGroup,
  dashes: string,
  known: Readonly<Record<string, number>>,
): string =>
  [
    source === null
      ? ''
      : `${source.inverted ? '! ' : ''}${dashes}src-group ${printNamedMask(source.value, known)}`,
    destination === null
      ? ''
      : `${destination.inverted ? '! ' : ''}${dashes}dst-group ${printNamedMask(destination.value, known)}`,
  ]
    .filter((each) => each !== '')
    .join(' ')
