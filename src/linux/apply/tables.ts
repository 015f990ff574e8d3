/** Texts of iptables-save, table by table, without knowing what a rule means. */

/** Base chains of each table; what a table holds that nobody has touched. */
const baseChains: Readonly<Record<string, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
}

/** Lines from `*NAME` to `COMMIT` by name of the table; comments are left out. */
export function splitTables(text: string): Map<string, string[]> {
  const tables = new Map<string, string[]>()
  let lines: string[] | null = null
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      lines = []
      tables.set(line.slice(1).trim(), lines)
    }
    if (line === '' || line.startsWith('#')) continue
    lines?.push(line)
    if (line === 'COMMIT') lines = null
  }
  return tables
}

/** The tables of those names as a text for iptables-restore. One that the text lacks is emptied, its policies ACCEPT. */
export function onlyTables(text: string, names: readonly string[]): string {
  const tables = splitTables(text)
  return names.map((name) => `${(tables.get(name) ?? emptyTable(name)).join('\n')}\n`).join('')
}

const emptyTable = (name: string): string[] => [
  `*${name}`,
  ...(baseChains[name] ?? []).map((chain) => `:${chain} ACCEPT [0:0]`),
  'COMMIT',
]

/** What a text says but for counters, so that two moments can be compared. An empty table is as good as none. */
export function withoutCounters(text: string, names: readonly string[]): string {
  const tables = splitTables(text)
  return names
    .map((name) => {
      const lines = (tables.get(name) ?? []).map((line) =>
        line.replace(/^\[\d+:\d+\] /, '').replace(/^(:\S+ \S+) \[\d+:\d+\]$/, '$1'),
      )
      const plain = emptyTable(name).map((line) => line.replace(/ \[0:0\]$/, ''))
      // The nft backend shows only those base chains that somebody has used.
      const used = lines.filter((line) => !plain.includes(line))
      return used.length === 0 ? '' : `*${name}\n${used.join('\n')}\n`
    })
    .join('')
}
