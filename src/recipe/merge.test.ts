/** Where the rules of recipes go among those of people, and what scripts of recipes do on a real kernel. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { missingTools } from '../../test/tools.ts'
import { registry } from '../ext/registry.ts'
import { printRuleset } from '../lang/print.ts'
import { parseRules } from '../lang/read.ts'
import { SourceText } from '../lang/source.ts'
import { prepareWords, samples } from './_testing/samples.ts'
import { addRecipe, insertScript, recipesIn, removeRecipe, removeScript } from './index.ts'
import { marked } from './plan.ts'

const filter = (rules: string) =>
  `*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:LOGDROP - [0:0]\n${rules
    .trim()
    .split('\n')
    .map((rule) => `-A ${rule.trim()}\n`)
    .join('')}COMMIT\n`
const read = (text: string) => {
  const { ruleset, diagnostics, counts } = parseRules(new SourceText('rules', text), { syntax: registry })
  expect(counts.error, JSON.stringify(diagnostics.map(({ message }) => message))).toBe(0)
  return ruleset
}
/** Rules of a chain, those of recipes as their targets with a star. */
const chainOf = (text: string, chain: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`-A ${chain} `))
    .map((line) =>
      line.includes('recipe:') ? `* ${line.replace(/.* -[jg] /, '')}` : line.slice(4 + chain.length),
    )

const keep = 'INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'
const ssh = 'INPUT -p tcp -m tcp --dport 22 -j ACCEPT'

describe('the place of a recipe', () => {
  it.each([
    ['before the final deny, behind what is let in', `${keep}\n${ssh}\nINPUT -j DROP`, 2],
    ['before what is logged of it', `${keep}\n${ssh}\nINPUT -m limit --limit 3/min -j LOG\nINPUT -j DROP`, 2],
    ['before what the policy refuses is logged', `${keep}\n${ssh}\nINPUT -j LOG`, 2],
    ['at the end where the policy decides', `${keep}\n${ssh}`, 2],
    ['before a rule that lets the knocks in', `${keep}\nINPUT -p icmp -j ACCEPT\n${ssh}\nINPUT -j DROP`, 1],
    [
      'before a rule that lets everybody in at the port',
      `${keep}\n${ssh}\nINPUT -p tcp --dport 3306 -j ACCEPT`,
      2,
    ],
    [
      'behind one that lets some in',
      `${keep}\nINPUT -s 10.0.0.0/8 -p tcp --dport 3306 -j ACCEPT\nINPUT -j DROP`,
      2,
    ],
    ['before a chain that refuses', `${keep}\n${ssh}\nINPUT -j LOGDROP\nLOGDROP -j LOG\nLOGDROP -j DROP`, 2],
    [
      'behind a chain that does not',
      `${keep}\nINPUT -j LOGDROP\n${ssh}\nINPUT -j REJECT\nLOGDROP -s 192.0.2.0/24 -j DROP`,
      3,
    ],
    ['on a device', `${keep}\nINPUT -i ens3 -p icmp -j ACCEPT\n${ssh}\nINPUT -j DROP`, 1],
    ['before the deny of a device', `${keep}\n${ssh}\nINPUT -i ens3 -j DROP\nINPUT -i ens4 -j ACCEPT`, 2],
  ])('%s', (_, rules, place) => {
    const { plan } = prepareWords('knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000', 'ipv4')
    const before = read(filter(rules))
    const after = chainOf(printRuleset(addRecipe(before, plan), registry), 'INPUT')
    expect(after.indexOf('* knock-3306')).toBe(place)
    expect(after.filter((rule) => !rule.startsWith('*'))).toEqual(
      chainOf(printRuleset(before, registry), 'INPUT'),
    )
  })

  it('is kept when the recipe is put in again with other values, among others', () => {
    const knock = (more: string) =>
      prepareWords(`knock --open tcp/3306 --knock icmp --knock tcp/7 --knock tcp/8000 ${more}`, 'ipv4').plan
    const other = prepareWords('ratelimit', 'ipv4').plan
    const one = addRecipe(addRecipe(read(filter(`${keep}\nINPUT -j DROP`)), knock('')), other)
    const two = addRecipe(one, knock('--within 20s'))
    const print = (ruleset: typeof one) => printRuleset(ruleset, registry)
    expect(chainOf(print(two), 'INPUT')).toEqual(chainOf(print(one), 'INPUT'))
    expect(print(two)).toBe(print(one).replaceAll('--seconds 10 ', '--seconds 20 '))
    expect(recipesIn(two).map(({ recipe, name }) => `${recipe} ${name}`)).toEqual([
      'knock 3306',
      'ratelimit 22',
    ])
    const three = addRecipe(two, knock('--name other'))
    expect(recipesIn(three).length).toBe(3)
    expect(print(removeRecipe(three, { recipe: 'knock', name: 'other' }))).toBe(print(two))
  })

  it('leaves chains of others alone, and says so', () => {
    const { plan } = prepareWords('ratelimit', 'ipv4')
    const taken = filter('INPUT -j DROP')
      .replace(':LOGDROP', ':ratelimit-22 - [0:0]\n:LOGDROP')
      .replace('COMMIT', '-A ratelimit-22 -j DROP\nCOMMIT')
    expect(() => addRecipe(read(taken), plan)).toThrow('there is a chain ratelimit-22 already')
  })

  it('of a chain that others fill, is given back when the last of them is gone', () => {
    const { plan } = prepareWords('autochain --ban 192.0.2.1', 'ipv4')
    const filled = read(
      printRuleset(addRecipe(read(filter('INPUT -j DROP')), plan), registry).replace(
        'COMMIT',
        '-A INPUT-AUTO -s 192.0.2.9 -j DROP\nCOMMIT',
      ),
    )
    expect(chainOf(printRuleset(addRecipe(filled, plan), registry), 'INPUT-AUTO')).toEqual([
      '* DROP',
      '-s 192.0.2.9/32 -j DROP',
    ])
    expect(chainOf(printRuleset(removeRecipe(filled, plan), registry), 'INPUT-AUTO')).toEqual([
      '-s 192.0.2.9/32 -j DROP',
    ])
  })
})

it('a mark stands before the target, of rules without one at the end', () => {
  const use = { recipe: 'a', name: 'b' }
  expect(marked('-p tcp -j X', use)).toBe('-p tcp -m comment --comment recipe:a:b -j X')
  expect(marked('-j X', use)).toBe('-m comment --comment recipe:a:b -j X')
  expect(marked('-m recent --set', use)).toBe('-m recent --set -m comment --comment recipe:a:b')
})

const lack =
  process.getuid?.() === 0
    ? missingTools('unshare', 'iptables-legacy', 'iptables-nft', 'ipset', 'iptables-save')
    : 'needs root'

describe.skipIf(lack !== null)(`scripts on a kernel (${lack ?? 'in a namespace'})`, () => {
  it.each([
    'legacy',
    'nft',
  ])('%s: the script twice is the script once; taken out, nothing is left', (backend) => {
    const text = (['ipv4', 'ipv6'] as const).flatMap((family) =>
      samples
        .filter((_, at) => (at % 3 === 0) === (backend === 'nft'))
        .map((line) => {
          const { plan } = prepareWords(line, family)
          const program = family === 'ipv4' ? 'iptables' : 'ip6tables'
          const save = `for t in raw nat filter; do ${program}-${backend}-save -t $t | grep -v '^#' | sed 's/\\[.*\\]/[0:0]/'; done`
          const real = (script: string) =>
            script.replaceAll(/\b(ip6?tables)(-restore)?\b(?! for)/g, `$1-${backend}$2`)
          return `(unshare -n sh -s) <<'OUTER'
b=$(${save})
(
${real(insertScript(plan))}) || echo "${line}: first failed"
o=$(${save})
(
${real(insertScript(plan))}) || echo "${line}: second failed"
[ "$(${save})" = "$o" ] || echo "${line}: the second time changed something"
[ "$b" != "$o" ] || echo "${line}: nothing was put in"
${real(removeScript(plan))}
[ "$(${save} | grep -v '^[*:].*ACCEPT\\|COMMIT\\|^[*]')" = "" ] || { echo "${line}: left behind:"; ${save}; }
OUTER
`
        }),
    )
    const { stdout, stderr } = spawnSync('bash', ['-s'], { input: text.join(''), encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(stderr).toBe('')
  })
})
