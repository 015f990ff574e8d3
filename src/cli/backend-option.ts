/** Which iptables is meant, for commands about the running firewall. */
import type { OptionRow } from './command.ts'

export const backendOption: OptionRow = {
  flags: '--backend <name>',
  doc: "iptables-legacy or iptables-nft (default: the one that the system's iptables is)",
  choices: ['legacy', 'nft'],
}
