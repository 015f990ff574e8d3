import { expect, it } from 'vitest'
import { commands } from './commands.ts'

it.each(commands)('the overview says of $name what the command says', async (entry) => {
  const { name, summary, arguments: rows } = await entry.load()
  expect({ name, summary, arguments: rows.map((row) => row.name) }).toEqual({
    name: entry.name,
    summary: entry.summary,
    arguments: entry.arguments,
  })
})
