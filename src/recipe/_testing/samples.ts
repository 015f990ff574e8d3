/** Ways in which recipes are asked for in tests, as words behind `postern recipe`. Times are short: a kernel waits. */
import type { Family } from '../../net/address.ts'
import { type GivenWords, type Prepared, parametersOf, prepare, recipeNamed } from '../index.ts'

export const samples: readonly string[] = [
  'knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000 --within 2s --stay 3s',
  'knock --open udp/1194 --knock udp/53 --knock tcp/9000 --knock tcp/22 --within 2s --stay 2s --refuse reject --name vpn',
  'knock --open tcp/22 --knock tcp/7000 --knock tcp/6000 --knock tcp/7000 --within 2s --stay 2s --interface eth0',
  'pinhole --port tcp/3306 --stay 2s',
  'pinhole --port udp/5000 --call tcp/443 --stay 2s --interface eth0',
  'logclog --port udp/138 --every 2s',
  'logclog --port tcp/445 --count 5 --prefix clogged',
  'authport --port tcp/80 --login tcp/443 --stay 2s',
  'authport --port udp/5000 --stay 2s --list known --refuse reject',
  'ids --silence 2s',
  'ids --trap tcp/23 --trap udp/161 --interface eth0 --silence 2s',
  'autochain',
  'autochain --chain BLOCKED --log --forward --name auto',
  'portforward --port tcp/7070 --to WITHIN:80 --masquerade',
  'portforward --port udp/53 --to WITHIN:5353 --interface eth0 --hide --inside eth1',
  'country',
  'country --set nations --refuse reject --outgoing',
  'country --forward',
  'ratelimit --hits 3 --within 2s',
  'ratelimit --port tcp/8443 --refuse reject --within 2s',
  'http-recent',
]

/** Words of a command line as a recipe takes them. */
export function given(words: readonly string[]): GivenWords {
  const found: Record<string, string | true | string[]> = {}
  for (let at = 0; at < words.length; at++) {
    const name = words[at]!.replace(/^--/, '')
    const value = words[at + 1]
    if (value === undefined || value.startsWith('--')) {
      found[name] = true
      continue
    }
    const before = found[name]
    found[name] =
      before === undefined ? value : [...(Array.isArray(before) ? before : [String(before)]), value]
    at++
  }
  return found
}

export function prepareWords(line: string, family: Family): Prepared {
  const within = family === 'ipv4' ? '192.168.1.43' : '[2001:db8:f::43]'
  const [name, ...words] = line
    .replace('WITHIN', within)
    .split(' ')
    .filter((word) => word !== '')
    .filter((word) => word !== '')
  const recipe = recipeNamed(name!)
  if (recipe === null) throw new Error(`there is no recipe ${name}`)
  return prepare(recipe, given(words), family)
}

export { parametersOf }
