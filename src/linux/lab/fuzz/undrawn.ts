/** Extensions that random rules never have, and why; a test holds that all others are drawn. */

export const undrawnMatches: Readonly<Record<string, string>> = {
  cgroup: 'nobody says which groups a host has, so it is unknown',
  cpu: 'the kernel chooses the processor',
}

export const undrawnTargets: Readonly<Record<string, string>> = {
  CLUSTERIP: 'this kernel refuses it',
  LED: 'this kernel refuses it',
  SECMARK: 'this kernel refuses it without SELinux',
  SET: 'a host here has no sets, so that every rule with it is refused',
  SYNPROXY: 'it is not run',
  TEE: 'nothing tells the copy that the kernel sends from the packet; its own test holds it to the kernel',
}
