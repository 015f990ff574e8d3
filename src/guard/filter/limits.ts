/**
 * What one line may cost, whoever wrote it: part of every log is written by attackers.
 *
 * Searches run on the thread that reads the logs, without a deadline of the clock: an expression that could take longer
 * than its text is long runs in a machine that counts its steps (`guard/regex/machine.ts`), and all expressions of a
 * filter share the steps that one line may take.
 */

/** Characters of a line that filters see; what comes after them is cut off. */
export const longestLine = 8192

/** Characters of several lines that expressions see together, where `maxlines` asks for more than one. */
export const longestBuffer = 2 * longestLine

/** Steps of the machine for one line: some hundred milliseconds at worst, which no stock filter needs. */
export const lineBudget = 2_000_000
