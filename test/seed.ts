/**
 * The seed of every random test: the same for everybody, so that a change is judged by what it
 * changes and not by a draw that nobody has seen. `SEED=N` repeats another run, `SEED=random`
 * draws one; a failure prints the seed it was found with.
 */
import fc from 'fast-check'

/** The day that the seed was fixed; any whole number does. */
const usual = 20_261_122

/** 0 to 2^31 - 1. */
export const seed = chosenSeed(process.env.SEED)

function chosenSeed(asked: string | undefined): number {
  if (asked === undefined || asked === '') return usual
  if (asked === 'random') return Math.floor(Math.random() * 2 ** 31)
  if (!/^\d{1,10}$/.test(asked) || Number(asked) >= 2 ** 31)
    throw new Error(`SEED is a whole number below 2147483648, or 'random': ${asked}`)
  return Number(asked)
}

// As the setup file of every test: properties that name no seed of their own take this one.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
