/** What is said about scripts, as opposed to the commands in them. */
import { say } from './diagnostic.ts'

const shellNote = 'scripts are read here, not run'

export const needsShellForBlock = (keyword: string) =>
  say('script/needs-shell', `the rules inside "${keyword}" need a shell`, {
    notes: [shellNote],
    help: 'run the script and check what iptables-save prints',
  })

export const needsShellForWord = (what: string) =>
  say('script/needs-shell', `the word needs a shell: ${what}`, {
    notes: [shellNote, 'variables are understood when a line above sets them to plain text'],
  })

export const needsShellForCondition = (connection: string) =>
  say(
    'script/needs-shell',
    `whether this runs depends on the command before "${connection}", which needs a shell`,
    {
      notes: [shellNote],
    },
  )

export const restoreFromElsewhere = () =>
  say('script/needs-shell', 'the rules come from another file or command', {
    notes: [shellNote],
    help: 'check that file itself',
  })

export const openQuote = () =>
  say('text/open-quote', 'the quote is never closed', {
    notes: ['the shell would take the following lines for a part of the word'],
  })

export const prompt = (shown: string) =>
  say('script/prompt', `"${shown}" is no command: a prompt or list mark is left over`, {
    help: 'leave it out',
    fix: '',
  })

export const commentedCommand = (command: string) =>
  say('script/commented', 'the command is a comment', {
    notes: ['the file has no other command, so "#" may be the prompt of root'],
    help: command,
    fix: command,
  })

export const otherCommands = (names: readonly string[]) =>
  say('script/other-commands', `other commands are not run: ${names.join(', ')}`, {
    notes: ['only what iptables and ip6tables do is read'],
  })

export const longDash = (word: string, right: string) =>
  say('text/long-dash', `"${word}" begins with a typographic dash`, {
    notes: ['options begin with hyphens'],
    help: right,
    fix: right,
  })

export const freshNote = 'the script is read as if run on a machine without rules'

export const recentWrite = (text: string, path: string) =>
  say('script/recent-write', `xt_recent refuses "${text}": an address to add has "+" in front`, {
    notes: ['"+" adds, "-" removes, and "/" alone empties the list'],
    help: `echo +${text} > ${path}`,
  })
