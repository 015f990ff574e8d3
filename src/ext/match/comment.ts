/**
 * `-m comment`: words for people. It matches every packet.
 *
 * Kernel: net/netfilter/xt_comment.c. Syntax: iptables extensions/libxt_comment.c.
 */
import { text } from '../../lang/options.ts'
import { quoteText } from '../../lang/words.ts'
import { exactly } from '../../space/space.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Comment {
  readonly comment: string
}

const always = (): boolean => true

/** Bytes the kernel keeps, without the closing zero. Source: XT_MAX_COMMENT_LEN, xt_comment.h. */
const commentBytes = 255

export const comment = defineMatch<Comment>()({
  name: 'comment',
  families: bothFamilies,
  isRemark: true,
  doc: 'Say what the rule is for; matches every packet.',
  options: {
    comment: text({ doc: 'the words, up to 255 bytes', maxLength: commentBytes, required: true }),
  },
  examples: ['--comment ssh', '--comment "who may knock"'],

  parse: ({ comment }) => ({ comment: comment!.value }),

  print: ({ comment }) => `--comment ${quoteText(comment)}`,
  list: ({ comment }) => ` /* ${comment} */`,

  evaluate: () => true,
  compile: () => always,

  analyse: (_, space) => exactly(space.all),
})
