import { test } from 'vitest'
import { main } from './main.ts'

test('fuzz', async () => {
  await main(
    (process.env.FUZZ ?? '--minutes 1').split(' ').filter((w) => w !== ''),
    new AbortController().signal,
  )
}, 9e6)
