/** Extensions that random rules never have, and why; a test holds that all others are drawn. */

export const undrawnMatches: Readonly<Record<string, string>> = {
  ipvs: 'this kernel refuses it',
}

export const undrawnTargets: Readonly<Record<string, string>> = {
  CLUSTERIP: 'this kernel refuses it',
  LED: 'this kernel refuses it',
  SECMARK: 'this kernel refuses it without SELinux',
  SYNPROXY: 'its cookies are each host’s own; its own test holds it to the kernel',
}
