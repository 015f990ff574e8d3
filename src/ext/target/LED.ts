/**
 * `-j LED`: let a light of the machine blink, and go on with the next rule.
 *
 * Syntax: iptables extensions/libxt_LED.c, 1.8.9. This kernel is built without it.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber, uint32Max } from '../../lang/numbers.ts'
import { flag, value } from '../../lang/options.ts'
import { byteLength } from '../../lang/words.ts'
import { absentFromKernel, absentWarning } from '../_absent.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface Led {
  readonly trigger: string
  /** Milliseconds; Infinity for ever. */
  readonly delayMs: number
  readonly alwaysBlink: boolean
}

const triggerBytes = 16

export const LED = defineTarget<Led>()({
  name: 'LED',
  families: bothFamilies,
  warning: absentWarning('LED'),
  doc: 'Let a light of the machine blink.',
  options: {
    'led-trigger-id': value(parseTrigger, { doc: 'name of the trigger', metavar: 'NAME', required: true }),
    'led-delay': value(parseDelay, { doc: 'how long it stays on, or inf', metavar: 'MILLISECONDS' }),
    'led-always-blink': flag({ doc: 'blink even when it is on' }),
  },
  examples: ['--led-trigger-id "ssh" --led-delay 1000 --led-always-blink'],

  parse: (given) => ({
    trigger: given['led-trigger-id']!.value,
    delayMs: given['led-delay']?.value ?? 0,
    alwaysBlink: given['led-always-blink'] !== undefined,
  }),

  print: ({ trigger, delayMs, alwaysBlink }) =>
    [
      `--led-trigger-id ${quoted(trigger)}`,
      // iptables means to print "inf", and does not.
      ...(delayMs === 0 ? [] : [`--led-delay ${delayMs === Number.POSITIVE_INFINITY ? -1 : delayMs | 0}`]),
      ...(alwaysBlink ? ['--led-always-blink'] : []),
    ].join(' '),

  list: ({ trigger, delayMs, alwaysBlink }) =>
    ` led-trigger-id:${quoted(trigger)} led-delay:${
      delayMs === Number.POSITIVE_INFINITY ? 'inf' : `${delayMs | 0}ms`
    }${alwaysBlink ? ' led-always-blink' : ''}`,

  check: () => absentFromKernel('LED'),
  act: () => ({ kind: 'continue' }),
})

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

function parseTrigger(text: string): string {
  return byteLength(text) <= triggerBytes
    ? text
    : refuse('too-long', `is longer than ${triggerBytes} characters`)
}

function parseDelay(text: string): number {
  if (/^inf/i.test(text)) return Number.POSITIVE_INFINITY
  const number = parseNumber(text, 0n, uint32Max)
  if (number === null) {
    return refuse('bad-delay', `is not a number from 0 to ${uint32Max}, nor "inf"`, {
      said: `Delay value must be within range 0..${uint32Max}`,
    })
  }
  return number === uint32Max ? Number.POSITIVE_INFINITY : Number(number)
}
