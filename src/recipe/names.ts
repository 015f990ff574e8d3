/** Names and summaries of the recipes, for overviews that load none of them; a test holds them equal. */
export const recipeNames: readonly { readonly name: string; readonly summary: string }[] = [
  { name: 'knock', summary: 'a port that opens to who knocks at other ports first' },
  { name: 'pinhole', summary: 'a port that opens to whom this host calls itself' },
  { name: 'logclog', summary: 'log the first of what happens all day, and drop the rest' },
  { name: 'authport', summary: 'a port for addresses that a login at another port has put into a list' },
  { name: 'ids', summary: 'shut out who falls into a trap, until a time of silence' },
  { name: 'autochain', summary: 'a chain in front of all rules that programs put bans into' },
  { name: 'portforward', summary: 'a port of this gateway that is a port of a machine behind it' },
  { name: 'country', summary: 'refuse whole countries with one rule, by a set of their networks' },
  { name: 'ratelimit', summary: 'so many new connections of an address within a time, and no more' },
  { name: 'http-recent', summary: 'follow TCP connections with recency lists, as a study' },
]
