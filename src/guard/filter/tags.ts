/**
 * fail2ban's tags in an expression (`<HOST>`, `<F-USER>`, `<SKIPLINES>`) as parts of a Python expression.
 *
 * Read first: jail.conf(5), "FILTER FILES". Addresses are matched loosely, as there; whether one is real is asked
 * afterwards (`id.ts`).
 */

const ip4 = '(?:::f{4,6}:)?(?P<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})'
const ip6 = '(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))'
const dns = '(?P<dns>[\\w\\-.^_]*\\w)'
const cidr = '(?P<cidr>\\d+)'
const address = `\\[?(?:${ip4}|${ip6})\\]?`
const host = `(?:${address}|${dns})`
const subnet = `\\[?(?:${ip4}|${ip6})(?:/${cidr})?\\]?`

const fixed: Readonly<Record<string, string>> = {
  IP4: ip4,
  'F-IP4/': ip4,
  IP6: ip6,
  'F-IP6/': ip6,
  ADDR: address,
  'F-ADDR/': address,
  CIDR: cidr,
  'F-CIDR/': cidr,
  SUBNET: subnet,
  'F-SUBNET/': subnet,
  DNS: dns,
  'F-DNS/': dns,
  'F-ID/': '(?P<fid>\\S+)',
  'F-PORT/': '(?P<fport>\\w+)',
}

const renamed: Readonly<Record<string, string>> = { id: 'fid', port: 'fport' }

/** The name of the group that a tag `<F-NAME>` fills. */
export function groupName(tag: string): string {
  const name = tag.toLowerCase()
  return renamed[name] ?? name
}

/** An expression with its tags replaced; `<HOST>` leaves names out where `usedns` is `no`. */
export function resolveTags(expression: string, usedns: string): string {
  const open = new Set<string>()
  let skipped = 0
  const resolved = expression.replace(/<\/?([\w-]+\/?)>/g, (tag, name: string) => {
    const closing = tag.startsWith('</')
    if (!closing) {
      if (name === 'HOST') return usedns === 'no' ? address : host
      if (name === 'SKIPLINES') return `\\n(?P<skiplines${skipped++}>(?:(?:.*\\n)*?))`
      const known = fixed[name]
      if (known !== undefined) return known
    }
    const own = /^F-([A-Z0-9_-]+)$/.exec(name)?.[1]
    if (own === undefined) return tag
    if (closing) return open.has(own) ? ')' : tag
    open.add(own)
    return `(?P<${groupName(own)}>`
  })
  // flags that stand alone in a group are meant for that group
  return resolved.replace(/(?<!\\)\((?:\?:)?(\(\?[a-z]+)\)/g, '$1:')
}
