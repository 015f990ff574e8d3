// Rules for benchmarks, the same in every run.

/** Numbers from a seed: a linear congruence, which is random enough here. */
export function numbers(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >>> 8) % below
  }
}

function network(draw) {
  const length = 12 + draw(13)
  const word = (((1 + draw(223)) << 24) | (draw(1 << 16) << 8) | draw(256)) & (0xffffffff << (32 - length))
  return `${[24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.')}/${length}`
}

const address = (draw) => [1 + draw(223), draw(256), draw(256), 1 + draw(254)].join('.')

/** Kinds of rules: half are a list of networks, as country blocks are, the others those of a gateway. */
const kinds = [
  (draw) => `-A web -d ${address(draw)}/32 -p tcp -m tcp --dport ${1 + draw(65000)} -j ACCEPT`,
  (draw, at) =>
    `-A web -s ${network(draw)} -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m comment --comment "rule ${at}" -j ACCEPT`,
  (draw) => `-A web -s ${network(draw)} -p tcp -m multiport --dports 80,443,8080 -j ACCEPT`,
  (draw) => `-A web -d ${address(draw)}/32 -i eth${draw(4)} -p udp -m udp --dport 53 -j RETURN`,
  (draw) => `-A web -s ${address(draw)}/32 -m limit --limit 5/min -j LOG --log-prefix "odd ${draw(100)}: "`,
]

/** A save file that refuses networks, as a country block does. */
export function networks(count) {
  const draw = numbers(7)
  const rules = Array.from({ length: count }, () => `-A country -s ${network(draw)} -j DROP`)
  const chains = [':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]', ':country - [0:0]']
  return ['*filter', ...chains, '-A INPUT -j country', ...rules, 'COMMIT', ''].join('\n')
}

/** The text of a save file, as the kernel prints it. */
export function ruleset(count) {
  const draw = numbers(7)
  const country = []
  const web = []
  for (let at = 0; at < count; at++) {
    if (at % 10 < 5) country.push(`-A country -s ${network(draw)} -j DROP`)
    else web.push(kinds[at % 5](draw, at))
  }
  return [
    '*filter',
    ':INPUT DROP [0:0]',
    ':FORWARD DROP [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':country - [0:0]',
    ':web - [0:0]',
    '-A INPUT -i lo -j ACCEPT',
    '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A INPUT -j country',
    '-A FORWARD -j web',
    ...country,
    ...web,
    'COMMIT',
    '',
  ].join('\n')
}
