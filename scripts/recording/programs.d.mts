import type { Network } from './network.mjs'

type Files = Readonly<Record<string, string | Uint8Array>>

export function startNginx(network: Network, machine: string, folder: string, files: Files): Promise<void>
export function startSshd(network: Network, machine: string, folder: string): Promise<void>
export function sshLogin(
  network: Network,
  machine: string,
  folder: string,
  address: string,
  command: string,
): Promise<string>
export function startVsftpd(network: Network, machine: string, folder: string, files: Files): Promise<void>
