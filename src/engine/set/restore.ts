/** Sets from text: what `ipset save` prints, or a script of ipset commands. */
import { runIpset } from '../../lang/ipset/program.ts'
import { Sets } from './sets.ts'

/** The text as `ipset restore` reads it: the program's name in front of commands falls away. */
export const restoreText = (text: string): string =>
  text.replace(/^[ \t]*(?:sudo +)?(?:\/\S*\/)?ipset[ \t]+/gm, '').replace(/([^\n])$/, '$1\n')

/** Makes the sets of a text. Returns null, or ipset's own complaint; what stood before it is made then. */
export function restoreSets(sets: Sets, text: string, nowTicks: number): string | null {
  const { exitCode, stderr } = runIpset(['restore'], restoreText(text), sets.at(nowTicks))
  return exitCode === 0 ? null : stderr.replace(/^ipset v[\d.]+: /, '').trim()
}

/** What is wrong with a text of sets: ipset's own complaint, or null. */
export const complaintAboutSets = (text: string, hz: number): string | null =>
  restoreSets(new Sets({ hz, random: () => 0 }), text, 0)
