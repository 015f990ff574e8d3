/** Names among the entries that are never banned: what they stand for now. */
import { lookup } from 'node:dns/promises'
import { type AllowList, canonicalAddress } from '../../guard/decide/index.ts'

/** Whether an entry that is no address can be a name to look up. */
const isHostName = (text: string): boolean => /^(?=.*[A-Za-z])[A-Za-z0-9.-]+$/.test(text)

export const hasNames = (allowed: AllowList): boolean => allowed.names.some(isHostName)

/** Looks up every name; one that is not found keeps what it stood for. */
export async function resolveNames(allowed: AllowList, onTrouble: (message: string) => void): Promise<void> {
  await Promise.all(
    allowed.names.filter(isHostName).map(async (name) => {
      try {
        const found = await lookup(name, { all: true })
        allowed.resolve(
          name,
          found.map(({ address }) => canonicalAddress(address) ?? address),
        )
      } catch (error) {
        onTrouble((error as Error).message)
      }
    }),
  )
}
