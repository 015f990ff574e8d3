/**
 * `-j LOG`: write a line about the packet to the kernel log, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_LOG.c and nf_log_syslog.c, Linux 6.18. Syntax: iptables extensions/libipt_LOG.c and
 * libip6t_LOG.c, 1.8.9.
 */

import { cutBytes } from '../../lang/bytes.ts'
import { refuse, say } from '../../lang/diagnostic.ts'
import { flag, syslogLevel, value } from '../../lang/options.ts'
import { quoteText } from '../../lang/words.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { type LogFlags, logLine } from '../log-line.ts'

export interface Log extends LogFlags {
  /** At most 29 bytes; '' for none. */
  readonly prefix: string
  /** 0 (emerg) to 7 (debug). */
  readonly level: number
}

const prefixBytes = 29
const defaultLevel = 4

/** Bits of XT_LOG_*, and words, in the order of listings. */
const listedFlags = [
  ['tcpSequence', 1, 'tcp-sequence'],
  ['tcpOptions', 2, 'tcp-options'],
  ['ipOptions', 4, 'ip-options'],
  ['uid', 8, 'uid'],
  ['macDecode', 32, 'macdecode'],
] as const

/** As listings call them. */
const levelNames = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug']

export const LOG = defineTarget<Log>()({
  name: 'LOG',
  families: bothFamilies,
  doc: 'Write a line about the packet to the kernel log.',
  options: {
    'log-level': syslogLevel({ doc: 'how urgent the line is, warning by default' }),
    'log-prefix': value(parsePrefix, { doc: 'text before the line', metavar: 'TEXT' }),
    'log-tcp-sequence': flag({ doc: 'tell the sequence numbers of TCP' }),
    'log-tcp-options': flag({ doc: 'tell the options of TCP' }),
    'log-ip-options': flag({ doc: 'tell the options of IP' }),
    'log-uid': flag({ doc: 'tell who owns the local socket that sent the packet' }),
    'log-macdecode': flag({ doc: 'tell the link header in words' }),
  },
  examples: [
    '',
    '--log-prefix "drop: " --log-level 6 --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode',
  ],

  parse: (given) => ({
    prefix: given['log-prefix']?.value ?? '',
    level: given['log-level']?.value ?? defaultLevel,
    tcpSequence: given['log-tcp-sequence'] !== undefined,
    tcpOptions: given['log-tcp-options'] !== undefined,
    ipOptions: given['log-ip-options'] !== undefined,
    uid: given['log-uid'] !== undefined,
    macDecode: given['log-macdecode'] !== undefined,
  }),

  print: (data) =>
    [
      data.prefix === '' ? '' : `--log-prefix ${quoteText(data.prefix)}`,
      data.level === defaultLevel ? '' : `--log-level ${data.level}`,
      data.tcpSequence ? '--log-tcp-sequence' : '',
      data.tcpOptions ? '--log-tcp-options' : '',
      data.ipOptions ? '--log-ip-options' : '',
      data.uid ? '--log-uid' : '',
      data.macDecode ? '--log-macdecode' : '',
    ]
      .filter((words) => words !== '')
      .join(' '),
  list(data, { numeric }) {
    const said = listedFlags.filter(([name]) => data[name])
    const bits = said.reduce((sum, [, bit]) => sum + bit, 0)
    const how = numeric
      ? `flags ${bits} level ${data.level}`
      : ['level', levelNames[data.level]!, ...said.map(([, , word]) => word)].join(' ')
    return ` LOG ${how}${data.prefix === '' ? '' : ` prefix "${data.prefix}"`}`
  },

  advise: ({ prefix }) =>
    prefix !== '' && /[\w\])]$/.test(prefix)
      ? say('LOG/prefix-without-blank', `lines begin with "${prefix}IN=": no blank ends the prefix`, {
          notes: ['programs that read the log find neither the prefix nor IN= as a word'],
          help: `--log-prefix "${prefix} "`,
        })
      : null,

  act(data, skb, context) {
    context.log(logLine(data.prefix, data, skb, context))
    return { kind: 'continue' }
  },
})

function parsePrefix(text: string): string {
  if (text === '') return refuse('too-short', 'is too short: a prefix has at least 1 character')
  if (text.includes('\n')) return refuse('newline', 'has a line break, which a prefix must not have')
  return cutBytes(text, prefixBytes)
}
