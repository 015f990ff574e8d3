/**
 * `-m helper`: connections that a helper expected, by the name of that helper (an FTP data connection, say).
 *
 * Kernel: net/netfilter/xt_helper.c, helper_mt(), Linux 6.18. Syntax: iptables extensions/libxt_helper.c, 1.8.9.
 *
 * The connection on which the helper itself reads along does not match. Of the name given, only as much is compared as
 * the helper's own name is long: `ftp-2121` is ftp as well. An empty name is any helper.
 */
import { text } from '../../lang/options.ts'
import { quoteText } from '../../lang/words.ts'
import { exactly } from '../../space/space.ts'
import { helperOfMaster, isExpectedBy } from '../connection-questions.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface ExpectedByHelper {
  /** Empty for any. */
  readonly helper: string
  readonly inverted: boolean
}

/** Bytes the kernel keeps, without the closing zero. Source: struct xt_helper_info. */
const nameBytes = 29

export const helper = defineMatch<ExpectedByHelper>()({
  name: 'helper',
  families: bothFamilies,
  doc: 'Match connections that a helper expected.',
  stateful: true,
  needsConntrack: true,
  options: {
    helper: text({
      doc: 'expected by this one; by any if empty',
      metavar: 'NAME',
      maxLength: nameBytes,
      invertible: true,
      required: true,
    }),
  },
  examples: ['--helper ftp', '! --helper tftp', '--helper ""'],

  parse: ({ helper }) => ({ helper: helper!.value, inverted: helper!.inverted }),
  print: ({ helper, inverted }) => `${inverted ? '! ' : ''}--helper ${quoteText(helper)}`,
  list: ({ helper, inverted }) => ` helper match ${inverted ? '! ' : ''}"${helper}"`,

  evaluate: ({ helper, inverted }, skb) => isExpectedBy(helper, skb) !== inverted,

  analyse({ helper, inverted }, space) {
    const set = space.fact(`helper=${helper}`)
    return exactly(inverted ? set.not() : set)
  },

  explain({ helper, inverted }, skb) {
    if (isExpectedBy(helper, skb) !== inverted) return null
    const name = helperOfMaster(skb)
    return name === null ? 'no helper expected its connection' : `the helper ${name} expected its connection`
  },
})
