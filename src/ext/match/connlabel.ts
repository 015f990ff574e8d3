/**
 * `-m connlabel`: one of the 128 labels that a connection may bear; `--set` puts it there.
 *
 * Kernel: net/netfilter/xt_connlabel.c, connlabel_mt(), Linux 6.18. Syntax: iptables extensions/libxt_connlabel.c, 1.8.9.
 *
 * Names of labels stand in /etc/xtables/connlabel.conf, which differs from machine to machine and is absent on most; here
 * labels are numbers, as iptables prints them without that file. Connections that began while no rule spoke of labels
 * have no room for any.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, value } from '../../lang/options.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface ConnectionLabel {
  /** 0 to 65535; the kernel refuses more than 127. */
  readonly bit: number
  readonly sets: boolean
  readonly inverted: boolean
}

const noNames = 'Warning: cannot open /etc/xtables/connlabel.conf: No such file or directory\n'

/** Source: XT_CONNLABEL_MAXBIT, include/uapi/linux/netfilter/xt_connlabel.h. */
const highestBit = 127

export const connlabel = defineMatch<ConnectionLabel, 'labels'>()({
  name: 'connlabel',
  families: bothFamilies,
  doc: 'Match packets by a label of their connection.',
  stateful: true,
  saidWhenPrinted: noNames,
  needsConntrack: true,
  options: {
    label: value(parseLabel, {
      doc: 'the label, 0 to 127',
      metavar: 'LABEL',
      invertible: true,
      required: true,
    }),
    set: flag({ doc: 'label the connection first' }),
  },
  examples: ['--label "40"', '! --label "41" --set'],

  parse: ({ label, set }) => ({ bit: label!.value, sets: set !== undefined, inverted: label!.inverted }),

  print: ({ bit, sets, inverted }) => `${inverted ? '! ' : ''}--label "${bit}"${sets ? ' --set' : ''}`,
  list: ({ bit, sets, inverted }) => ` connlabel${inverted ? ' !' : ''} ${bit}${sets ? ' set' : ''}`,

  check({ bit }) {
    if (bit <= highestBit) return null
    return {
      code: 'no-such-label',
      message: `there are no labels beyond ${highestBit}`,
      said: 'Numerical result out of range',
    }
  },

  load(_data, host) {
    host.tracking.useLabels()
    return 'labels'
  },
  unload: (_state, host) => host.tracking.releaseLabels(),

  evaluate({ bit, sets, inverted }, skb, context) {
    const connection = skb.conntrack?.connection ?? null
    if (connection === null || connection.labels === null) return inverted
    const label = 1n << BigInt(bit)
    if ((connection.labels & label) !== 0n) {
      context.note?.(`its connection has label ${bit}`)
      return !inverted
    }
    if (!sets) return inverted
    connection.labels |= label
    context.note?.(`its connection gets label ${bit}`)
    return !inverted
  },

  analyse: ({ inverted }, space) => ({
    must: inverted ? space.fact('connection').not() : space.none,
    may: inverted ? space.all : space.fact('connection'),
  }),

  explain({ bit, inverted }, skb) {
    const connection = skb.conntrack?.connection ?? null
    if (connection === null) return 'it belongs to no connection'
    if (connection.labels === null) return 'its connection began while no rule spoke of labels'
    return `its connection has ${inverted ? '' : 'no '}label ${bit}`
  },
})

/** A number, of which the low 32 bits count, and of those the low 16. Source: connlabel_mt_parse(). */
function parseLabel(text: string): number {
  const number = parseNumber(text, 0n, (1n << 64n) - 1n)
  const low = number === null ? null : Number(number & 0xffff_ffffn)
  if (low !== null && low !== 0xffff_ffff) return low & 0xffff
  return refuse('unknown-label', 'is no label: 0 to 127', {
    said: "label '%value' not found or invalid value",
    saidBefore: noNames,
    notes: /^[a-z_]/i.test(text)
      ? ['names of labels differ between machines (/etc/xtables/connlabel.conf); rules here hold numbers']
      : [],
  })
}
