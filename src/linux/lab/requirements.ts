/** What the lab needs of the machine. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { UnavailableError } from '../unavailable.ts'
import { type Backend, commandName } from './_load.ts'

/** Why a lab cannot be opened here, with the way to change it; null when it can. */
export function labLack(backend: Backend): { readonly message: string; readonly hint: string } | null {
  if (process.platform !== 'linux')
    return { message: 'the kernel as judge needs Linux', hint: 'run this on Linux' }
  if (process.geteuid?.() !== 0) {
    return { message: 'the kernel as judge needs root', hint: 'run this with sudo, or leave out --on' }
  }
  const tools = [
    { name: 'ip', debianPackage: 'iproute2' },
    ...(['ipv4', 'ipv6'] as const).flatMap((family) =>
      (['', '-restore', '-save'] as const).map((suffix) => ({
        name: commandName(family, backend, suffix),
        debianPackage: 'iptables',
      })),
    ),
  ]
  for (const { name, debianPackage } of tools) {
    if (isInPath(name)) continue
    return { message: `${name} is not installed`, hint: `apt-get install ${debianPackage}` }
  }
  if (!existsSync('/dev/net/tun')) {
    return { message: '/dev/net/tun is missing', hint: 'modprobe tun, or give the container that device' }
  }
  return null
}

/** Throws `UnavailableError` with the first thing that is missing. */
export function requireLab(backend: Backend): void {
  const lack = labLack(backend)
  if (lack !== null) throw new UnavailableError(lack.message, lack.hint)
}

function isInPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
