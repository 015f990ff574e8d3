/**
 * Postern's own filters: texts in fail2ban's language by name, for machines that have none.
 *
 * They are written from what the programs print. Each binds its address to a place that the server fills: the text
 * before it has a fixed form, or everything after it has, up to the end of the line, so that a name a client chooses
 * cannot move it. Names of hosts are not taken for addresses.
 */
import { ftpFilters } from './ftp.ts'
import { mailFilters } from './mail.ts'
import { sshd } from './sshd.ts'
import { webFilters } from './web.ts'

export const ownFilters: Readonly<Record<string, string>> = {
  sshd,
  ...ftpFilters,
  ...mailFilters,
  ...webFilters,
}
