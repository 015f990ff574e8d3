import { describeMatch } from '../_testing/describe-match.ts'
import { connlimit } from './connlimit.ts'

const all4 = '--connlimit-mask 32 --connlimit-saddr'
const all6 = '--connlimit-mask 128 --connlimit-saddr'

const masks4: Readonly<Record<string, string>> = {
  '0': '0',
  '31': '31',
  '33': '32',
  '0x18': '24',
  '0xffffff00': '24',
  '255.255.0.0': '16',
  '255.0.255.0': '32',
  '255.255': '32',
  '0.0.0.0': '0',
}
const masks6: Readonly<Record<string, string>> = { '64': '64', 'ffff::': '16', 'ffff::ff': '128', '::': '0' }
const maskTexts = (masks: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(masks).map(([given, printed]) => [
      `--connlimit-above 5 --connlimit-mask ${given}`,
      `--connlimit-above 5 --connlimit-mask ${printed} --connlimit-saddr`,
    ]),
  )

describeMatch(connlimit, {
  family: 'ipv4',
  text: {
    '--connlimit-above 5': `--connlimit-above 5 ${all4}`,
    '! --connlimit-above 5': `--connlimit-upto 5 ${all4}`,
    '--connlimit-upto 0x10': `--connlimit-upto 16 ${all4}`,
    '! --connlimit-upto 5': `--connlimit-above 5 ${all4}`,
    '--connlimit-above 5 --connlimit-daddr': '--connlimit-above 5 --connlimit-mask 32 --connlimit-daddr',
    ...maskTexts(masks4),
    '--connlimit-above 5 --connlimit-mask 24x': 'error connlimit/bad-mask',
    '--connlimit-above 5 --connlimit-mask ""': 'error connlimit/bad-mask',
    '--connlimit-above 5 --connlimit-mask -1': 'error connlimit/bad-mask',
    '--connlimit-above 4294967296': 'error connlimit/out-of-range',
    '--connlimit-mask 24': 'error connlimit/no-limit',
    '--connlimit-above 5 --connlimit-upto 5': 'error connlimit/excluded',
    '--connlimit-above 5 --connlimit-saddr --connlimit-daddr': 'error connlimit/excluded',
  },
})
describeMatch(connlimit, {
  family: 'ipv6',
  text: {
    '--connlimit-above 5': `--connlimit-above 5 ${all6}`,
    ...maskTexts(masks6),
    '--connlimit-above 5 --connlimit-mask 129': 'error connlimit/bad-mask',
    '--connlimit-above 5 --connlimit-mask 255.255.0.0': 'error connlimit/bad-mask',
  },
})
