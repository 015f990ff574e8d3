/**
 * `-m cgroup`: the control group of the process whose socket sent the packet, or gets it (`cgroup=` and `classid=` of the
 * packet or the host; unknown where nobody said it). The root group holds all.
 *
 * Kernel: net/netfilter/xt_cgroup.c, `cgroup_mt_v2()`. Syntax: iptables extensions/libxt_cgroup.c.
 */
import { text, uint32 } from '../../lang/options.ts'
import type { Hook, Negatable } from '../../lang/rule.ts'
import { quoteText } from '../../lang/words.ts'
import type { HookContext, Skb } from '../context.ts'
import { askUnknown, bothFamilies, circumstance, defineMatch } from '../define.ts'
import { requireHooks } from './_hooks.ts'

export interface CGroup {
  /** Null when not asked, like the next. */
  readonly path: Negatable<string> | null
  readonly classId: Negatable<number> | null
}

const allowedHooks: readonly Hook[] = ['INPUT', 'OUTPUT', 'POSTROUTING']
/** XT_CGROUP_PATH_MAX less the zero behind. */
const pathBytes = 511

export const cgroup = defineMatch<CGroup>()({
  name: 'cgroup',
  families: bothFamilies,
  doc: 'Match by the control group of the process behind a local socket.',
  stateful: true,
  options: {
    path: text({ doc: 'the group or one above it', metavar: 'PATH', maxLength: pathBytes, invertible: true }),
    cgroup: uint32({ doc: 'class id, of the first version of control groups', invertible: true }),
  },
  examples: ['--cgroup 1', '! --path "/"'],

  parse: ({ path, cgroup }) => ({
    path: path === undefined ? null : { value: path.value, inverted: path.inverted },
    classId: cgroup === undefined ? null : { value: cgroup.value, inverted: cgroup.inverted },
  }),
  print: ({ path, classId }) =>
    [
      path === null ? '' : `${path.inverted ? '! ' : ''}--path ${quoteText(path.value)}`,
      classId === null ? '' : `${classId.inverted ? '! ' : ''}--cgroup ${classId.value}`,
    ]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ path, classId }) =>
    [
      ' cgroup',
      path === null ? '' : ` ${path.inverted ? '! ' : ''}${path.value}`,
      classId === null ? '' : ` ${classId.inverted ? '! ' : ''}${classId.value}`,
    ].join(''),

  check: ({ path, classId }, _rule, place) => {
    if ((path === null) === (classId === null))
      return { code: 'one-of-both', message: 'cgroup takes one of --path and --cgroup' }
    return requireHooks(allowedHooks, place, 'only what is sent or received here has a local socket')
  },

  evaluate: ({ path, classId }, skb, context) => {
    if (skb.socket === null) return false
    const isIn = path === null ? isOfClass(classId!.value, skb, context) : isBelow(path.value, skb, context)
    return isIn !== null && isIn !== (path ?? classId!).inverted
  },
  analyse: (_data, space) => ({ must: space.none, may: space.fact('socket') }),
  explain: ({ path, classId }, skb, context) => {
    if (skb.socket === null) return 'no local socket sent it'
    if (path?.value === '/') return 'every process is below /'
    const said = circumstance(classId === null ? 'cgroup' : 'classid', skb, context)
    if (said === undefined) return null
    return classId === null ? `its process is in ${said}` : `the class of its process is ${said}`
  },
})

const question = 'the control group of the process that sent it'

function isOfClass(asked: number, skb: Skb, context: HookContext): boolean | null {
  const said = circumstance('classid', skb, context)
  return said === undefined ? askUnknown(context, `classid=${asked}`, question) : said === asked
}

/** Source: cgroup_is_descendant(). */
function isBelow(asked: string, skb: Skb, context: HookContext): boolean | null {
  const path = `/${asked.replace(/^\/+|\/+$/g, '')}`
  if (path === '/') return true
  const said = circumstance('cgroup', skb, context)
  if (said === undefined) return askUnknown(context, `cgroup<${path}`, question)
  return said === path || said.startsWith(`${path}/`)
}
